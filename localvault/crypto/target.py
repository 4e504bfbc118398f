"""Where a file verb writes: a new file that is there once it is complete, or whatever the caller has open.

Relies on files without a name (Linux), and on links and renames. Promises: what makes a file has mode 0600 and shows
nothing under its name before `appear`; if `appear` is not reached nothing is left, and an existing file is as it was.
A process that is killed leaves nothing either, but for one file that begins with `.new.`: where the system has no files
without a name, or, complete, in the instant in which it takes the place of another.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from localvault.crypto.source import Identity, Place, identity_of, status_of
from localvault.errors import BadParameter
from localvault.store.faults import told, told_if_full
from localvault.store.files import FILE_MODE, SCRATCH, sync_folder

_NAMELESS: int | None = getattr(os, "O_TMPFILE", None)
_NO_NAMELESS = frozenset({errno.EISDIR, errno.ENOENT, errno.EOPNOTSUPP, errno.EINVAL})
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
_HELD_BACK = 16  # bytes: the last chunk's tag


class Target(Protocol):
    """Takes bytes one after another, and shows all of them at the end."""

    @property
    def identity(self) -> Identity | None:
        """Which file is written or will be replaced, if it is one that is there."""

    def write(self, window: memoryview) -> None:
        """Take all of `window`."""

    def complete(self) -> None:
        """Have everything where it cannot fail any more, but for its last step."""

    def appear(self) -> None:
        """Take that step."""


class Writable(Protocol):
    """A binary file object, such as a pipe; it has to wait until its bytes are taken."""

    def write(self, data: memoryview, /) -> int | None:
        """Write `data` and return how many bytes of it that were."""

    def flush(self) -> None:
        """Hand on what was written."""


class Outgoing:
    """What the caller has open. The last 16 bytes are held back: without them nothing opens."""

    def __init__(self, stream: Writable) -> None:
        self._stream = stream
        self._held = b""
        self.identity = identity_of(status_of(stream))

    def write(self, window: memoryview) -> None:
        """Hand on what came before, and this up to its end.

        Raises:
            StoreFull: no space left.
        """
        with told_if_full():
            self._hand_on(memoryview(self._held))
            self._hand_on(window[:-_HELD_BACK])
        self._held = bytes(window[-_HELD_BACK:])

    def complete(self) -> None:
        """Have all that was handed on leave.

        Raises:
            StoreFull: no space left.
        """
        with told_if_full():
            self._stream.flush()

    def appear(self) -> None:
        """Hand on the rest.

        Raises:
            StoreFull: no space left.
        """
        with told_if_full():
            self._hand_on(memoryview(self._held))
            self._stream.flush()

    def _hand_on(self, data: memoryview) -> None:
        while data:
            size = self._stream.write(data)
            if not size:
                raise BadParameter("the target takes no bytes now and does not wait until it does")
            data = data[size:]


class NewFile:
    """A file that is made, and seen by nobody before it is complete."""

    def __init__(self, path: Path, *, replace: bool) -> None:
        self._path = path
        self._replace = replace
        self._hidden: Path | None = None
        with told(path):
            self._check_place()
            self._descriptor = self._make()

    @property
    def identity(self) -> Identity | None:
        """The file there, through links."""
        with suppress(OSError):
            return identity_of(self._path.stat())
        return None

    def be_like(self, status: os.stat_result) -> None:
        """Take over mode and owner of a file whose place this one is to take.

        Raises:
            VaultError: the owner is another one, and cannot be made that of this file.
        """
        with told(self._path):
            mine = os.fstat(self._descriptor)
            if (status.st_uid, status.st_gid) != (mine.st_uid, mine.st_gid):
                os.fchown(self._descriptor, status.st_uid, status.st_gid)
            os.fchmod(self._descriptor, stat.S_IMODE(status.st_mode))

    def write(self, window: memoryview) -> None:
        """Write to the file.

        Raises:
            StoreFull: no space left.
            VaultError: the disk failed.
        """
        with told(self._path):
            while window:
                window = window[os.write(self._descriptor, window) :]

    def complete(self) -> None:
        """Put the bytes on disk.

        Raises:
            StoreFull: no space left.
            VaultError: the disk failed.
        """
        with told(self._path):
            os.fsync(self._descriptor)

    def appear(self) -> None:
        """Give the file its name, all at once, and put that on disk.

        Raises:
            BadParameter: something has come to be there meanwhile.
            StoreFull, VaultError: the file system would not have it.
        """
        with told(self._path):
            if self._replace:
                self._name().replace(self._path)
                self._hidden = None
            else:
                self._take_free_name()
            sync_folder(self._path.parent)

    def discard(self) -> None:
        """Let go of the file; what has not appeared is gone."""
        os.close(self._descriptor)
        if self._hidden is not None:
            self._hidden.unlink(missing_ok=True)

    def _check_place(self) -> None:
        if not self._path.parent.is_dir():
            raise BadParameter(f"there is no folder {self._path.parent} for the file", hint="make it first")
        if not os.path.lexists(self._path):
            return
        if not self._replace:
            raise _taken(self._path)
        # A rename puts a file in the place of whatever has the name: of a link itself and not of what it leads to, and
        # of /dev/null as well, for whoever may.
        mode = self._path.lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
            raise BadParameter(f"{self._path} is not a file, so it cannot be replaced by one")

    def _make(self) -> int:
        descriptor = self._make_nameless()
        if descriptor is None:
            self._hidden = self._new_hidden()
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self._hidden, flags, FILE_MODE)
        os.fchmod(descriptor, FILE_MODE)  # whatever the umask
        return descriptor

    def _make_nameless(self) -> int | None:
        """Open a file without a name, of which a kill leaves nothing; None where there is no such thing."""
        if _NAMELESS is None:
            return None
        try:
            descriptor = os.open(self._path.parent, _NAMELESS | os.O_WRONLY | os.O_CLOEXEC, FILE_MODE)
        except OSError as error:
            if error.errno in _NO_NAMELESS:
                return None
            raise
        if Path(_by_number(descriptor)).exists():  # it gets its name through /proc
            return descriptor
        os.close(descriptor)
        return None

    def _name(self) -> Path:
        """Return the hidden name, after giving the file one if it has none."""
        if self._hidden is None:
            hidden = self._new_hidden()
            self._link(hidden)
            self._hidden = hidden
        return self._hidden

    def _take_free_name(self) -> None:
        try:
            self._link(self._path)
        except FileExistsError:
            raise _taken(self._path) from None
        except OSError as error:
            if self._hidden is None or error.errno not in _NO_LINKS:
                raise
            # A file system without links: between the look and the rename somebody's file could be lost.
            if os.path.lexists(self._path):
                raise _taken(self._path) from None
            self._hidden.rename(self._path)
            self._hidden = None

    def _link(self, to: Path) -> None:
        """Give the file a further name; an existing one is never taken away."""
        if self._hidden is not None:
            os.link(self._hidden, to)
            return
        # The folder's descriptor is not looked at, since the path is absolute; it makes this a linkat(2) that follows
        # the link to the file (open(2), O_TMPFILE).
        os.link(_by_number(self._descriptor), to, src_dir_fd=self._descriptor)

    def _new_hidden(self) -> Path:
        return self._path.parent / f"{SCRATCH}{secrets.token_hex(8)}"


@contextmanager
def new_file(place: Place, *, replace: bool, outside: Path) -> Iterator[NewFile]:
    """Make a file for the `with` block, which has `appear` called before it ends if all is well.

    Raises:
        BadParameter: there is something at `place` (that cannot be replaced), no folder for it, or that one is in
            `outside`, the vault's own folder.
        StoreFull, VaultError: the file system would not have it.
    """
    path = Path(place)
    if path.parent.resolve().is_relative_to(outside.resolve()):
        raise BadParameter("the file cannot be inside the vault's own folder", hint="name another place")
    made = NewFile(path, replace=replace)
    try:
        yield made
    finally:
        made.discard()


def _by_number(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"


def _taken(path: Path) -> BadParameter:
    return BadParameter(
        f"there is something at {path} already", hint="name another file, or have it replaced"
    )
