"""Every public thing says what it does, and which errors of the tree it raises; every file says what it is for.

Which errors a verb can raise is found out in two ways: by reading its source (and that of the helpers in its own
module) for `raise`, and by calling it on a vault that has been closed.
"""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import localvault
from localvault import Generator, errors
from localvault.model.key_access import KEY_ACCESS
from localvault.testing.profiles import CHEAPEST

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "localvault").rglob("*.py"))
C_SOURCES = sorted(path for path in (ROOT / "csrc").rglob("*.[ch]"))
# What a verb is called with here, by the names of its arguments; with a closed vault it does not matter what it is.
ARGUMENTS: dict[str, Any] = {
    "access": KEY_ACCESS,
    "algorithm": "A256GCM",
    "blob": b"",
    "changes": {},
    "ciphertext": b"",
    "ciphertexts": [b""],
    "count": 1,
    "context": b"",
    "counts": localvault.VersionCounts("a", {}, {}, 0),
    "digest": bytes(32),
    "digests": [bytes(32)],
    "encrypted_key": b"",
    "encrypted_keys": [b""],
    "generator": Generator.hex(16),
    "items": [b""],
    "keep": 1,
    "key": bytes(16),
    "maker": None,
    "keys": [bytes(16)],
    "kty": "oct",
    "material": {"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAA"},
    "name": "a",
    "names": ["a"],
    "new": "a new passphrase",
    "old": "an old passphrase",
    "passphrase": "a new passphrase",
    "path": "there",
    "paths": [],
    "plaintext": b"",
    "policy": localvault.VersionPolicy(latest_minus=0),
    "signature": b"",
    "source": "there",
    "subscriber": print,
    "target": "new",
    "signatures": [b""],
    "slot_id": "00" * 16,
    "token": b"",
    "tokens": [b""],
    "type": "*",
    "value": "v",
    "values": {"a": "v"},
    "version": "00" * 16,
    "wrapped": b"",
    "wrapped_keys": [b""],
}
# These do not need the vault open; everything else must not work on a closed one.
QUIET = {"Vault.close", "Vault.crypto", "Vault.id", "Vault.path", "Secrets.close", "Keys.close"}
QUIET |= {"AgendaVerbs.close", "Secrets.register"}

# What these call refuses only what they have made sure of.
GUARDED = {"Key.to_dict": "BadParameter"}
# Any verb may end with these; the docstring of `Vault` tells it once for all.
COMMON = ("VaultClosed", "VaultForked", "JournalUnavailable", "Damaged", "Tampered", "StoreBusy")


class Thing(NamedTuple):
    """A public function, method or property, or a public class."""

    name: str
    value: Any
    owner: type | None

    @property
    def function(self) -> Callable[..., Any] | None:
        """What runs when it is used; None for a class."""
        if isinstance(self.value, property | functools.cached_property):
            found = self.value.fget if isinstance(self.value, property) else self.value.func
        else:
            found = getattr(self.value, "__func__", self.value)
        return found if inspect.isfunction(found) else None

    @property
    def doc(self) -> str:
        """The docstring as written; an overriding method has its own or none."""
        return inspect.cleandoc((self.function or self.value).__doc__ or "")

    @property
    def raises(self) -> list[str]:
        """The names in the section "Raises:"."""
        section = re.search(r"^Raises:\n((?:    .*\n?|\n)+)", self.doc, flags=re.MULTILINE)
        lines = re.findall(r"^    (?! )([^:\n]+):", section[1], flags=re.MULTILINE) if section else []
        return [name.strip() for line in lines for name in line.split(",")]


def _members(cls: type) -> Iterator[Thing]:
    yield Thing(cls.__name__, cls, None)
    seen: set[str] = set()
    for base in cls.__mro__:
        if not base.__module__.startswith("localvault"):
            continue
        for name, value in vars(base).items():
            if name in seen or (name.startswith("_") and name != "__init__"):
                continue
            seen.add(name)
            thing = Thing(f"{cls.__name__}.{name}", value, base)
            if thing.function is not None and (name != "__init__" or cls in _CALLED):
                yield thing


def _handed_out() -> dict[str, type]:
    """The classes of public names and of what an open vault hands out, found by reading annotations."""
    from localvault.audit import Audit
    from localvault.crypto.client import Crypto
    from localvault.keys import Keys
    from localvault.lifecycle.due import AgendaVerbs, Entry
    from localvault.lifecycle.key import DeletedKey
    from localvault.lifecycle.listing import Listing, Page
    from localvault.lifecycle.notices import Subscription
    from localvault.lifecycle.runner import Runner
    from localvault.model import results
    from localvault.model.secret import DeletedSecret
    from localvault.sealing.slots import SlotInfo
    from localvault.secrets import Secrets
    from localvault.slots import Slots

    found: list[type] = [
        value for name in localvault.__all__ if inspect.isclass(value := getattr(localvault, name))
    ]
    found += [
        Audit,
        Crypto,
        AgendaVerbs,
        Entry,
        Keys,
        DeletedKey,
        Secrets,
        DeletedSecret,
        Slots,
        SlotInfo,
    ]
    found += [Listing, Page, Runner, Subscription]
    made = (value for value in vars(results).values() if inspect.isclass(value))
    found += [value for value in made if value.__module__ == results.__name__]
    return {cls.__name__: cls for cls in found}


CLASSES = _handed_out()
# Callers make these themselves; everything else is handed to them.
_CALLED = {localvault.Packed}
FUNCTIONS = [
    Thing(name, value, None)
    for name in localvault.__all__
    if inspect.isfunction(value := getattr(localvault, name))
]
THINGS = FUNCTIONS + [thing for cls in CLASSES.values() for thing in _members(cls)]
FACES = ("Vault", "Secrets", "Keys", "Crypto", "Audit", "AgendaVerbs", "Slots")


def test_the_public_things_are_found() -> None:
    """What is examined below is all of the public face, not a corner of it."""
    names = {thing.name for thing in THINGS}
    assert len(names) > 150
    assert names >= {"create", "open", "Vault.batch", "Secrets.set", "Keys.delete", "Crypto.seal_many"}
    assert names >= {"Audit.verify", "AgendaVerbs.run_due", "Slots.remove", "Packed.of", "Secret.value"}


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: thing.name)
def test_every_public_thing_says_what_it_does(thing: Thing) -> None:
    """A docstring whose first line is a sentence."""
    assert thing.doc, f"{thing.name} says nothing"
    assert re.match(r"[^\n]{8,}", thing.doc)
    assert thing.doc.split("\n\n")[0].rstrip().endswith((".", ":"))


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: thing.name)
def test_what_its_source_raises_is_told(thing: Thing) -> None:
    """An error that the source raises is in the section "Raises:", by its own name or that of a wider class."""
    function = thing.function
    if function is None:
        return
    told = [getattr(errors, name) for name in thing.raises if hasattr(errors, name)]
    for name in sorted(_raised(function, thing.owner) - {GUARDED.get(thing.name)}):
        error = getattr(errors, name)
        assert any(issubclass(error, wider) for wider in told), f"{thing.name} does not tell of {name}"


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: thing.name)
def test_what_is_told_exists(thing: Thing) -> None:
    """The names under "Raises:" are exceptions of the tree or of Python."""
    for name in thing.raises:
        found = getattr(errors, name, getattr(builtins, name, None))
        assert inspect.isclass(found), name
        assert issubclass(found, Exception), name
    assert ("Raises:" in thing.doc) == bool(thing.raises)


@pytest.mark.parametrize(
    "thing", [t for t in THINGS if t.name.split(".")[0] in FACES and "." in t.name], ids=lambda thing: thing.name
)  # fmt: skip
def test_a_closed_vault_is_an_error_and_told(thing: Thing, closed: dict[str, Any], tmp_path: Path) -> None:
    """Every verb refuses to work on a closed vault, and has a section "Raises:"."""
    face, name = thing.name.split(".")
    if thing.name in QUIET:
        getattr(closed[face], name)
        return
    with pytest.raises(localvault.VaultClosed):
        _use(closed[face], name, tmp_path)
    assert thing.raises or isinstance(thing.value, property)


@pytest.mark.parametrize(
    "thing", [t for t in THINGS if t.name.split(".")[0] in ("Secrets", "Keys", "Crypto")], ids=lambda thing: thing.name
)  # fmt: skip
def test_what_happens_is_told(thing: Thing, vault: localvault.Vault, tmp_path: Path) -> None:
    """A verb on an object that is missing, deleted, disabled or no object at all fails with an error it tells of."""
    face, _, verb = thing.name.partition(".")
    if not verb or thing.name in QUIET:
        return
    told = tuple(getattr(errors, name, ()) for name in (*thing.raises, *COMMON))
    for name in ("live", "missing", "deleted", "disabled", "no_name"):
        faces = {"Secrets": vault.secrets, "Keys": vault.keys, "Crypto": vault.crypto(name)}
        with pytest.raises((*told, _UndoneError)):
            _use_in_vain(vault, faces[face], verb, tmp_path, name)


class _UndoneError(Exception):
    """It worked, and is taken back."""


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localvault.Vault]:
    """A vault with objects in every state."""
    path = tmp_path_factory.mktemp("open") / "app.vault"
    with localvault.create(
        path, passphrase="a passphrase of the tests", kdf=CHEAPEST, allow_weak=True
    ) as vault:
        for name in ("live", "deleted", "disabled"):
            vault.secrets.set(name, "v", enabled=name != "disabled")
            vault.keys.create(name, "oct", enabled=name != "disabled")
        vault.secrets.delete("deleted")
        vault.keys.delete("deleted")
        yield vault


def test_what_any_verb_may_raise_is_told_once() -> None:
    """The docstring of `Vault` has the errors that are nobody's argument's fault."""
    assert [name for name in COMMON if f"`{name}`" not in CLASSES["Vault"].__doc__] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_is_for(path: Path) -> None:
    """A module opens with a docstring: what it is for, in a sentence at least."""
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert doc
    assert doc.split("\n\n")[0].rstrip().endswith((".", ":", "?"))


@pytest.mark.parametrize("path", C_SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_c_file_says_what_it_is_for(path: Path) -> None:
    """A file of the core opens with a comment of more than a few words."""
    assert re.match(r"/\*[^*]{20,}|//.{20,}", path.read_text(encoding="utf-8"))


def test_there_are_files() -> None:
    """An empty list would pass the two above."""
    assert len(SOURCES) > 50
    assert any(path.name == "lv_core.h" for path in C_SOURCES)


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The faces of a vault that has been closed."""
    path = tmp_path_factory.mktemp("closed") / "app.vault"
    with localvault.create(
        path, passphrase="a passphrase of the tests", kdf=CHEAPEST, allow_weak=True
    ) as vault:
        vault.keys.create("a", "oct")
        crypto = vault.crypto("a")
    return {
        "Vault": vault,
        "Secrets": vault.secrets,
        "Keys": vault.keys,
        "Crypto": crypto,
        "Audit": vault.audit,
        "AgendaVerbs": vault.agenda,
        "Slots": vault.slots,
    }


def _use(face: Any, verb_name: str, folder: Path, **more: Any) -> None:
    """Use a property or verb to its end: what is iterated, or entered, does its work only then."""
    verb = getattr(face, verb_name)
    if not callable(verb):
        return
    needed = [
        parameter.name
        for parameter in inspect.signature(verb).parameters.values()
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
    ]
    given = {argument: (ARGUMENTS | more)[argument] for argument in needed}
    if "path" in given:
        given["path"] = folder / "there"
    result = verb(**given)
    if isinstance(result, localvault.DataKey):
        result.close()
    elif hasattr(result, "__enter__"):
        with result:
            face.secrets.set("a", "v")
    elif hasattr(result, "__iter__"):
        list(result)


def _use_in_vain(vault: localvault.Vault, face: Any, verb: str, folder: Path, name: str) -> None:
    with vault.batch():
        _use(face, verb, folder, name=name)
        raise _UndoneError


def _raised(function: Callable[..., Any], owner: type | None) -> set[str]:
    """Names of errors of the tree that `function` raises, itself or in helpers of its own module and class."""
    seen: set[Callable[..., Any]] = set()
    waiting = [function]
    found: set[str] = set()
    while waiting:
        function = waiting.pop()
        if function in seen:
            continue
        seen.add(function)
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                found.add(node.id)  # an error is named in order to be raised, sometimes by a helper's caller
            if isinstance(node, ast.Call):
                waiting += _helper(node.func, function, owner)
    return {name for name in found if hasattr(errors, name)}


def _helper(called: ast.expr, caller: Callable[..., Any], owner: type | None) -> list[Callable[..., Any]]:
    found: object = None
    if isinstance(called, ast.Name):
        found = caller.__globals__.get(called.id)
    elif (
        isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id == "self"
    ):
        found = getattr(owner, called.attr, None)
    return [found] if inspect.isfunction(found) and found.__module__ == caller.__module__ else []
