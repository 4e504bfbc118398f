"""What a file verb reads: a file by its path, or whatever the caller has open.

Relies on POSIX. Promises: a folder and a device without an end are refused; a read is as long as was asked for, or the
source has ended; a file that changed while it was read is noticed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol, TypeAlias, runtime_checkable

from localvault.errors import BadParameter
from localvault.store.faults import told

Place: TypeAlias = str | os.PathLike[str]
Identity: TypeAlias = tuple[int, int]


@runtime_checkable
class Reads(Protocol):
    """A binary file object, such as a pipe; it has to wait for its bytes."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Read into `buffer` and return how many bytes that were, 0 at the end."""


class Source:
    """Something to read to its end; `path` is None for what the caller has open, which stays open."""

    def __init__(self, reads: Reads, path: Place | None) -> None:
        self._reads = reads
        self._path = path
        self._status = status_of(reads)

    @property
    def total(self) -> int | None:
        """How many bytes there are to read, as far as that can be known."""
        # What the caller has open may stand anywhere in its file.
        if self._path is None or self._status is None or not stat.S_ISREG(self._status.st_mode):
            return None
        return self._status.st_size

    @property
    def status(self) -> os.stat_result:
        """What the system knew of it when it was opened.

        Raises:
            BadParameter: it is no file of the system's.
        """
        if self._status is None:
            raise BadParameter("the source is no file")
        return self._status

    @property
    def identity(self) -> Identity | None:
        """Which file this is, if it is one."""
        return identity_of(self._status)

    def read(self, window: memoryview) -> int:
        """Fill `window` and return its size; less only where the source ends.

        Raises:
            BadParameter: a source that does not wait for its bytes.
            VaultError: the disk failed.
        """
        if self._path is None:
            return self._fill(window)
        with told(Path(self._path)):
            return self._fill(window)

    def check_unchanged(self) -> None:
        """Return if what was read is a file as it was at one moment, as far as its size and time of change tell.

        Raises:
            BadParameter: somebody wrote to it meanwhile.
        """
        if self.is_changed():
            raise BadParameter(
                f"{self._path} changed while it was read", hint="seal a copy that stays as it is"
            )

    def is_changed(self) -> bool:
        """Whether it is a file to which, as far as its size and time of change tell, somebody wrote meanwhile."""
        before, after = self._status, status_of(self._reads)
        if self._path is None or before is None or after is None or not stat.S_ISREG(before.st_mode):
            return False
        return (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns)

    def _fill(self, window: memoryview) -> int:
        have = 0
        while have < len(window):
            size = self._reads.readinto(window[have:])
            if size is None:
                raise BadParameter("the source has no bytes yet and does not wait for them")
            if size == 0:
                break
            have += size
        return have


Readable: TypeAlias = Reads | BinaryIO


@contextmanager
def reading(source: Place | Readable) -> Iterator[Source]:
    """Open a path for the `with` block, or take what is open.

    Raises:
        BadParameter: it cannot be read, is a folder, or a device whose end nobody knows.
    """
    if isinstance(source, Reads):
        yield Source(source, None)
        return
    if not isinstance(source, str | os.PathLike):
        raise TypeError("a source is a path or a binary file object with readinto()")
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        raise BadParameter(f"{source} cannot be read: {error.strerror}") from None
    try:
        # What was opened is looked at, not the path, which could come to mean something else meanwhile.
        _check_ends(source, os.fstat(descriptor).st_mode)
        with os.fdopen(descriptor, "rb", buffering=0, closefd=False) as opened:
            yield Source(opened, source)
    finally:
        os.close(descriptor)


def _check_ends(source: Place, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise BadParameter(
            f"{source} is a folder", hint="put it into an archive first: tar -c … and seal that"
        )
    if stat.S_ISCHR(mode):
        # /dev/zero would go on until the disk is full. Disks are block devices, and end.
        raise BadParameter(f"{source} is a device whose end nobody knows", hint="hand it in as an open file")


def status_of(opened: object) -> os.stat_result | None:
    """Return what the system knows of an open file; None where it is no file of the system's."""
    with suppress(AttributeError, OSError, ValueError):
        return os.fstat(opened.fileno())  # type: ignore[attr-defined]  # what has none is one of the errors
    return None


def identity_of(status: os.stat_result | None) -> Identity | None:
    """Return which file `status` is of; None for pipes and the like, which have both ends at once."""
    if status is None or not stat.S_ISREG(status.st_mode):
        return None
    return status.st_dev, status.st_ino
