"""Reading what a command works on: files, standard input, values of secrets.

Relies on `prompts`. Promises: a file and standard input given as `-` are taken byte for byte; standard input without
being asked for is taken as `echo` writes it, less the end of its last line.
"""

from __future__ import annotations

import base64
import os
import sys
from pathlib import Path

from localvault.cli.failures import CannotUse, warn
from localvault.cli.options import GlobalOptions
from localvault.cli.prompts import ask_twice

_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_WHY = "every process on this machine can read a command line, and shells keep it in their history"
_HOW = "type it when asked, or give it on standard input or with --file"


def read_bytes(options: GlobalOptions, file: str | Path, what: str) -> bytes:
    """Return the content of `file`, of standard input if it is `-`."""
    if str(file) != "-":
        return Path(file).read_bytes()
    options.claim_stdin(what)
    return sys.stdin.buffer.read()


def read_line(options: GlobalOptions, file: str, what: str) -> bytes:
    """Return the content of a file that holds one secret line, without the end of that line."""
    if file != "-" and Path(file).stat().st_mode & 0o077:
        warn(f"others may read {file}: chmod 600 {file}")
    return without_line_end(read_bytes(options, file, what))


def read_recovery_key(options: GlobalOptions, file: str | None) -> str | None:
    """Return the recovery key in a file, as text for the library to check; None where no file was given."""
    return None if file is None else read_line(options, file, "the recovery key").decode("ascii", "replace")


def read_descriptor(number: int) -> bytes:
    """Return what can be read from a file descriptor, without the end of its last line, and close it."""
    try:
        with os.fdopen(number, "rb") as stream:
            return without_line_end(stream.read())
    except OSError as error:
        raise CannotUse(f"cannot read file descriptor {number}: {error.strerror}") from None


def read_value(
    options: GlobalOptions,
    source: str | None,
    file: str | None,
    value: str | None,
    *,
    as_bytes: bool,
    forced: bool,
) -> str | bytes:
    """Return a secret's value from `-`, a file, a prompt, standard input or (forced) the command line."""
    if source not in (None, "-"):
        # Not repeated: it is the value, and an error may end in a log.
        raise CannotUse(f"a value is no argument: {_WHY}", hint=_HOW)
    if sum(way is not None for way in (source, file, value)) > 1:
        raise CannotUse("there is more than one value: -, --file or --value")
    data = _value_bytes(options, file if source is None else source, value, forced)
    return data if as_bytes else as_text(data)


def as_text(data: bytes) -> str:
    """Return `data` as text, or say how to keep bytes."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise CannotUse("the value is not text in UTF-8", hint="--bytes keeps it as bytes") from None


def text_or_bytes(data: bytes) -> str | bytes:
    """Return a passphrase as text where it is UTF-8, so that its Unicode form can be made one; otherwise as it is."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def from_base64(data: bytes, what: str) -> bytes:
    """Return the bytes of base64 or base64url text (RFC 4648), with or without padding and ends of lines."""
    plain = b"".join(data.split()).rstrip(b"=").translate(_TO_STANDARD)
    try:
        return base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    except ValueError:
        raise CannotUse(f"{what} is not base64") from None


def without_line_end(data: bytes) -> bytes:
    """Return `data` less one end of line, if it ends with one."""
    return data.removesuffix(b"\n").removesuffix(b"\r") if data.endswith(b"\n") else data


def _value_bytes(options: GlobalOptions, file: str | None, value: str | None, forced: bool) -> bytes:
    if value is not None:
        if not forced:
            raise CannotUse(_WHY, hint=f"{_HOW}; --force-value-on-command-line takes it all the same")
        return os.fsencode(value)
    if file is not None:
        return read_bytes(options, file, "the value")
    if sys.stdin.isatty():
        return os.fsencode(ask_twice("value", hint="--file reads it from a file"))
    return without_line_end(read_bytes(options, "-", "the value"))
