"""Reading what a command works on: files, standard input, values of secrets.

Relies on `prompts`. Promises: a file and standard input given as `-` are taken byte for byte; standard input without
being asked for is taken as `echo` writes it, less the end of its last line.
"""

from __future__ import annotations

import base64
import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO, Final

from localvault.cli.failures import CannotUse, warn
from localvault.cli.options import GlobalOptions
from localvault.cli.prompts import ask_twice

VALUE_MAX: Final = 64 * 1024 * 1024  # bytes; no vault can be set to take more
_LINE_MAX: Final = 64 * 1024  # of a passphrase, password or recovery key; the library's own limits are lower
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_WHY = "every process on this machine can read a command line, and shells keep it in their history"
_HOW = "type it when asked, or give it on standard input or with --file"


def read_bytes(options: GlobalOptions, file: str | Path, what: str, *, limit: int | None = None) -> bytes:
    """Return the content of `file`, of standard input if it is `-`.

    Raises:
        CannotUse: there are more than `limit` bytes; no more are read, so a device without an end does no harm.
    """
    if str(file) == "-":
        options.claim_stdin(what)
        data = _read(sys.stdin.buffer, limit)
    else:
        with Path(file).open("rb") as stream:
            data = _read(stream, limit)
    if limit is not None and len(data) > limit:
        raise CannotUse(f"{what} has more than {limit} bytes, which is more than it can have")
    return data


def read_line(options: GlobalOptions, file: str, what: str) -> bytes:
    """Return the content of a file that holds one secret line, without the end of that line."""
    if file != "-":
        mode = Path(file).stat().st_mode
        if stat.S_ISREG(mode) and mode & 0o077:  # what <(…) makes is a pipe, and nobody else's
            warn(f"others may read {file}: chmod 600 {file}")
    return without_line_end(read_bytes(options, file, what, limit=_LINE_MAX))


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
        return read_bytes(options, file, "the value", limit=VALUE_MAX)
    if sys.stdin.isatty():
        return os.fsencode(ask_twice("value", hint="--file reads it from a file"))
    data = read_bytes(options, "-", "the value", limit=VALUE_MAX)
    if not data:
        # Standard input that nobody connected, as under cron, must not empty a secret.
        raise CannotUse("there is no value on standard input", hint=f"{_HOW}; - takes an empty one")
    return without_line_end(data)


def _read(stream: BinaryIO, limit: int | None) -> bytes:
    return stream.read() if limit is None else stream.read(limit + 1)
