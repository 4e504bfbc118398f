"""How a new value of a secret is made, as plain data: rules of a password, random bytes, a callable or a command.

Relies on `names`. Promises: a `Generator` that one of its makers returned, or `from_dict` read, is within the limits;
it holds no value. What carries it out is `lifecycle.generators`.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Self

from localvault.errors import BadParameter
from localvault.model.names import NAME_MAX, check_name
from localvault.model.properties import SecretProperties

Maker = Callable[[str, SecretProperties | None], str | bytes]
"""What an application registers: given a secret's name and the properties of its current version, if it has one."""

# Verifiers may hand out random secrets from 6 characters on, digits only if need be (NIST SP 800-63B, 5.1.1.1).
LENGTH_MIN, LENGTH_MAX, LENGTH_DEFAULT = 6, 256, 32
# Below 128 bits a random key can be searched for (NIST SP 800-57 part 1, table 2).
BYTES_MIN, BYTES_MAX = 16, 1 << 20
# ASCII's punctuation without what shells, URLs, quotes and connection strings so often trip over.
SYMBOLS_DEFAULT: Final = "!#%*+-.:=?@^_~"
TIMEOUT_DEFAULT, TIMEOUT_MAX = 60.0, 3600.0  # s
_ARGUMENTS_MAX, _ARGUMENT_MAX = 64, 4096  # how many, and characters each
_CLASSES: Final = {"lower": string.ascii_lowercase, "upper": string.ascii_uppercase, "digits": string.digits}


class Generator:
    """One way to make a secret's value; made by `password`, `bytes`, `base64url`, `hex`, `named` or `command`."""

    __slots__ = ("_data",)

    def __init__(self, data: dict[str, Any]) -> None:
        """Not to be called: the makers below check what they take."""
        self._data = data

    @classmethod
    def password(
        cls,
        length: int = LENGTH_DEFAULT,
        *,
        lower: bool = True,
        upper: bool = True,
        digits: bool = True,
        symbols: str = SYMBOLS_DEFAULT,
        exclude: str = "",
        at_least: int = 1,
    ) -> Self:
        """Return the generator of a random password; each that fits the rules is as likely as any other.

        Args:
            length: characters, 6 to 256.
            lower: whether it has letters of a to z.
            upper: whether it has letters of A to Z.
            digits: whether it has digits.
            symbols: ASCII punctuation it has some of; none if empty.
            exclude: characters it has none of, such as `0O1lI`.
            at_least: how many it has at least of each class: lower, upper, digits, symbols.

        Raises:
            BadParameter: one of the above does not hold, or leaves nothing to choose from.
        """
        _check_int("length", length, LENGTH_MIN, LENGTH_MAX)
        _check_int("at_least", at_least, 0, LENGTH_MAX)
        if {type(flag) for flag in (lower, upper, digits)} != {bool}:
            raise BadParameter("lower, upper and digits are either True or False")
        if not _is_text(symbols, LENGTH_MAX) or set(symbols) - set(string.punctuation):
            raise BadParameter(
                "symbols are characters of ASCII's punctuation", hint=f"choose among {string.punctuation}"
            )
        if not _is_text(exclude, LENGTH_MAX):
            raise BadParameter(f"what is excluded is text of at most {LENGTH_MAX} characters")
        data = {
            "kind": "password",
            "length": length,
            "lower": lower,
            "upper": upper,
            "digits": digits,
            "symbols": "".join(dict.fromkeys(symbols)),  # twice in it would be twice as likely
            "exclude": exclude,
            "at_least": at_least,
        }
        classes = classes_of(data)
        if not all(classes) or sum(map(len, classes)) < 2:
            raise BadParameter("there is nothing to choose a password's characters from")
        if at_least * len(classes) > length:
            raise BadParameter(
                f"{length} characters cannot have {at_least} of each of {len(classes)} classes"
            )
        return cls(data)

    @classmethod
    def bytes(cls, size: int) -> Self:
        """Return the generator of so many random bytes (16 to 1 MiB).

        Raises:
            BadParameter: another size.
        """
        return cls._random("bytes", size)

    @classmethod
    def base64url(cls, size: int) -> Self:
        """Return the generator of so many random bytes (16 to 1 MiB) as base64url text without padding (RFC 4648).

        Raises:
            BadParameter: another size.
        """
        return cls._random("base64url", size)

    @classmethod
    def hex(cls, size: int) -> Self:
        """Return the generator of so many random bytes (16 to 1 MiB) as hex text, two digits each.

        Raises:
            BadParameter: another size.
        """
        return cls._random("hex", size)

    @classmethod
    def named(cls, name: str) -> Self:
        """Return the generator that an application registers under `name` (`vault.secrets.register`).

        Raises:
            BadParameter: not 1 to 127 of `0-9 A-Z a-z -`.
        """
        if not _is_text(name, NAME_MAX):
            raise BadParameter(f"a generator's name is text of at most {NAME_MAX} characters")
        return cls({"kind": "named", "name": check_name(name)})

    @classmethod
    def command(cls, arguments: Sequence[str], *, timeout: float = TIMEOUT_DEFAULT) -> Self:
        """Return the generator that runs a program, without a shell, and takes what it writes to standard output.

        The end of its last line is left out. It is run only by who says so: `commands=True`.

        Args:
            arguments: the program (found on PATH unless it is a path) and its arguments: 1 to 64 texts of at most 4096
                characters. Everyone on the machine can read them while it runs: no place for a secret.
            timeout: seconds after which it is killed, more than 0 and at most 3600.

        Raises:
            BadParameter: one of the above does not hold.
        """
        given: object = arguments  # whatever a caller without types handed in
        if not isinstance(given, list | tuple) or not 1 <= len(given) <= _ARGUMENTS_MAX:
            raise BadParameter(
                f"a command is a list of 1 to {_ARGUMENTS_MAX} texts",
                hint='such as ["pwgen", "-s", "32", "1"]',
            )
        if not all(_is_text(part, _ARGUMENT_MAX) for part in given) or not given[0]:
            raise BadParameter(
                f"a command is a program and its arguments, each text of at most {_ARGUMENT_MAX} characters"
            )
        if type(timeout) not in (int, float) or not 0 < timeout <= TIMEOUT_MAX:
            raise BadParameter(f"a command's timeout is more than 0 and at most {TIMEOUT_MAX:.0f} seconds")
        return cls({"kind": "command", "arguments": list(arguments), "timeout": float(timeout)})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the generator that `to_dict` told of.

        Raises:
            BadParameter: it did not.
        """
        given: object = data  # whatever was stored, or came in a backup
        if isinstance(given, Mapping):
            rest = dict(given)
            kind = rest.pop("kind", None)
            makers: dict[object, Callable[..., Self]] = {
                "password": cls.password,
                "bytes": cls.bytes,
                "base64url": cls.base64url,
                "hex": cls.hex,
                "named": cls.named,
                "command": cls.command,
            }
            make = makers.get(kind) if isinstance(kind, str) else None
            if make is not None:
                with suppress(TypeError):  # a part too many, too few or of another name
                    return make(**rest)
        raise BadParameter("this is not a generator")

    @property
    def kind(self) -> str:
        """`password`, `bytes`, `base64url`, `hex`, `named` or `command`."""
        return str(self._data["kind"])

    def to_dict(self) -> dict[str, Any]:
        """Return the generator as plain data, for the vault and for JSON."""
        return {name: list(part) if isinstance(part, list) else part for name, part in self._data.items()}

    @classmethod
    def _random(cls, kind: str, size: int) -> Self:
        _check_int("size", size, BYTES_MIN, BYTES_MAX)
        return cls({"kind": kind, "size": size})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Generator) and self._data == other._data

    def __hash__(self) -> int:
        return hash(repr(self._data))

    def __repr__(self) -> str:
        parts = ", ".join(f"{name}={part!r}" for name, part in self._data.items() if name != "kind")
        return f"Generator.{self.kind}({parts})"


def classes_of(rules: Mapping[str, Any]) -> list[str]:
    """Return the characters of each class that a password by these rules is made of."""
    whole = [letters for name, letters in _CLASSES.items() if rules[name]]
    if rules["symbols"]:
        whole.append(rules["symbols"])
    return ["".join(c for c in letters if c not in rules["exclude"]) for letters in whole]


def _check_int(what: str, value: object, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise BadParameter(f"{what} must be a whole number from {low} to {high}")


def _is_text(text: object, most: int) -> bool:
    """Whether `text` is that, of at most so many characters, and can be written down and handed to a program."""
    if not isinstance(text, str) or len(text) > most or "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
