"""What the engine's errors mean to a caller.

Relies on py-lmdb's error codes. Promises: every error of the engine becomes one of ours, with a sentence that says
what to do; a full disk is told from a damaged file.
"""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lmdb

from localvault.errors import (
    BadParameter,
    Damaged,
    ReadOnlyVault,
    StoreBusy,
    StoreFull,
    VaultClosed,
    VaultError,
)

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EROFS, errno.EPERM}
# The engine reports a write that was cut short as EIO, whatever cut it. Below this much room it was the room.
_LITTLE_ROOM = 64 << 20


class Restart(StoreBusy):
    """Another process committed while a transaction was being replayed: run it again from the start."""


def fault(error: lmdb.Error, folder: str) -> VaultError | BadParameter:
    """Return what to raise instead of the engine's `error` about the vault in `folder`."""
    code = getattr(error, "code", 0)
    if isinstance(error, lmdb.BadValsizeError):
        return BadParameter("a key of the store has 1 to 200 bytes")
    if code in _FULL or isinstance(error, lmdb.MapFullError):
        return full()
    if code == errno.EIO:
        return full() if _little_room(folder) else VaultError("the disk failed: input/output error")
    if isinstance(error, lmdb.ReadersFullError):
        return StoreBusy(
            "too many readers use the vault", hint="close some of the processes that have it open"
        )
    if isinstance(error, lmdb.PanicError):
        return VaultError(
            "an earlier write failed half-way and the engine stopped",
            hint="nothing acknowledged is lost: close the vault and open it again",
        )
    if code in _DENIED or isinstance(error, lmdb.ReadonlyError):
        return ReadOnlyVault("the operating system lets the vault be read only")
    if code == errno.ENOMEM or isinstance(error, lmdb.MemoryError):
        return VaultError("out of memory or address space")
    if isinstance(error, lmdb.BadTxnError):
        return VaultError("the transaction failed before: nothing of it is written")
    if code == 0:
        return VaultClosed("the transaction has ended")
    return Damaged(
        f"the data file is damaged: {error}", hint="run `localvault check`, then restore from a backup"
    )


@contextmanager
def told_if_full() -> Iterator[None]:
    """Turn the operating system's ways of saying that there is no space, in the `with` block, into `StoreFull`."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise full() from error
        raise


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what the operating system has against `path`, in the `with` block, into an error of ours."""
    try:
        with told_if_full():
            yield
    except OSError as error:
        raise VaultError(f"{path} cannot be used: {error.strerror or error}") from error


def full() -> StoreFull:
    """Return the error for a disk with no room."""
    return StoreFull(
        "no space left to write to: nothing was changed", hint="make room on the disk, then do it again"
    )


def _little_room(folder: str) -> bool:
    status = os.statvfs(folder)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    return limit != resource.RLIM_INFINITY or status.f_bavail * status.f_frsize < _LITTLE_ROOM
