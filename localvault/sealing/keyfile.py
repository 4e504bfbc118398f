"""Key files: one line of text that opens a slot, for machines that have nobody to type a passphrase.

Relies on armour.py. Promises: a new file is 0600, and gone again if it could not be written; an existing one is never
overwritten; one that others could read or change is refused; what is read goes straight into locked memory.
docs/format.md, section 2.

    localvault-keyfile-1 <56 characters>
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from localvault.errors import BadParameter, Damaged, InsecureFolder, NewerFormat, UnlockFailed
from localvault.native.memory import Locked
from localvault.sealing import armour
from localvault.sealing.credentials import Credential, keyfile_secret
from localvault.sealing.hkdf import KEY_SIZE

_WORD: Final = b"localvault-keyfile-"
_FIRST_WORD: Final = b"localvault-keyfile-1 "
_LABEL = b"localvault key file v1"
_SIZE_MAX = 512
# Others may not so much as read it, and only the owner may write. The owner's group may read: that is how
# orchestrators hand secrets to a process that runs under its own user.
_FORBIDDEN = stat.S_IRWXO | stat.S_IWGRP


def new_keyfile(path: Path) -> Credential:
    """Write a new key file to `path` and return what it holds.

    Raises:
        BadParameter: there is something at `path` already, or no folder to put it in.
        OSError: it could not be written; nothing is left at `path`.
    """
    credential = keyfile_secret(Locked.random(KEY_SIZE))
    line = _FIRST_WORD + armour.encode(credential.secret, _LABEL).encode() + b"\n"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise BadParameter(
            f"there is a file at {path} already", hint="a key file is never overwritten"
        ) from None
    except FileNotFoundError:
        raise BadParameter(f"there is no folder {path.parent} for the key file") from None
    try:
        _write(handle, line)
        _sync_folder(path.parent)
    except OSError:
        path.unlink()
        raise
    finally:
        os.close(handle)
    return credential


def read_keyfile(path: Path) -> Credential:
    """The secret in the key file at `path`.

    Raises:
        UnlockFailed: there is no such file, it cannot be read, or it is no key file.
        InsecureFolder: others can read or change it.
        Damaged: its checksum does not fit.
        NewerFormat: made by a later localvault.
    """
    content = _read(path)
    word, rest = _parts(content)
    if not word.startswith(_WORD):
        raise UnlockFailed(f"{path} is not a key file made by localvault")
    if word != _FIRST_WORD:
        raise NewerFormat(f"{path} was made by a newer localvault", hint="update localvault")
    try:
        return keyfile_secret(armour.decode(map(chr, rest), _LABEL))
    except armour.Misspelt as error:
        raise Damaged(f"the key file {path} is damaged: {error}") from None


def _read(path: Path) -> Locked:
    content = Locked.zero(_SIZE_MAX)
    try:
        # Not blocking, so that a pipe somebody put there cannot hold up the caller; on a file it changes nothing.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise _unreadable(path, error) from None
    try:
        # The open file is looked at, not the path, which could come to mean another one meanwhile.
        _check_permissions(os.fstat(handle), path)
        os.readv(handle, [content.view()])
    except OSError as error:
        raise _unreadable(path, error) from None
    finally:
        os.close(handle)
    return content


def _parts(content: Locked) -> tuple[bytes, memoryview]:
    """The word a key file begins with, and where its secret stands; zeros after it are what was not read."""
    window = content.view()
    word = bytes(window[: len(_FIRST_WORD)])
    end = next((at for at, byte in enumerate(window) if not byte), len(window))
    return word, window[len(_FIRST_WORD) : end]


def _unreadable(path: Path, error: OSError) -> UnlockFailed:
    return UnlockFailed(f"the key file {path} cannot be read: {error.strerror}")


def _check_permissions(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise UnlockFailed(f"{path} is not a file")
    if status.st_mode & _FORBIDDEN:
        raise InsecureFolder(f"others can read or change the key file {path}", hint=f"chmod 600 {path}")
    if status.st_uid not in (0, os.geteuid()):
        raise InsecureFolder(
            f"the key file {path} belongs to another user", hint=f"chown it and chmod 600 {path}"
        )


def _write(handle: int, data: bytes) -> None:
    os.fchmod(handle, 0o600)
    written = os.write(handle, data)
    if written != len(data):
        raise OSError(f"only {written} of {len(data)} bytes could be written")
    os.fsync(handle)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
