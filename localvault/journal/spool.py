"""A process's own append-only file of events not yet folded into the journal.

Relies on `frames` for the form and on the system's append: one `write(2)` a frame, which a kill cannot undo once it has
returned. Promises: when `append` returns, the event survives the process (with `durable`, the machine's power too);
when it raises, the event is not in the file and the caller must withhold its result. May be used by several threads.

This is what every read pays, so the price is kept to packing, one AES-GCM call and one system call.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from weakref import WeakSet

import msgpack

from localvault.errors import JournalUnavailable
from localvault.journal.entry import FIELDS_BYTES, pack_fields, with_text
from localvault.journal.frames import (
    ID,
    START,
    Beginning,
    Mark,
    Position,
    SpoolFile,
    SpoolKeys,
    name_of,
)
from localvault.journal.leaf import Fields
from localvault.model.clock import Clock, system_clock
from localvault.native.frame import FrameKey
from localvault.native.memory import forks, refusal

PENDING_BYTES = 512 << 10  # about 4,000 events: then `append` asks for folding
ROTATE_BYTES = 1 << 20  # a file longer than this and all in the journal makes room for a new one
_ATTEMPTS = 50
_PAUSE = 0.001  # s: who looks around for dead processes' files has gone on by then
# A file without a name: nobody finds it before it is locked, and a kill leaves nothing of it. Where the system or the
# file system has no such thing, or no /proc to name it by, these are the errors.
_NAMELESS = getattr(os, "O_TMPFILE", os.O_DIRECTORY)
_NO_NAMELESS = frozenset({errno.EISDIR, errno.ENOENT, errno.EOPNOTSUPP, errno.EINVAL, errno.EXDEV})
_HINT = "make room on the disk and do it again: what was asked for was not done, or its result was withheld"


class OwnFile(SpoolFile):
    """A spool file this process writes, with where its events begin, where the next goes, and what is folded."""

    def __init__(self, path: Path, spool_id: bytes, descriptor: int, key: FrameKey, epoch: int = 0) -> None:
        super().__init__(path, spool_id, descriptor, key)
        self.epoch = epoch
        self.begins = self.folded = START
        self.end, self.number = START

    @property
    def next(self) -> Position:
        """Where the next frame goes, and its number."""
        return Position(self.end, self.number)


class Spool:
    """The spool of one open vault in one process; its file is made with the first event."""

    def __init__(
        self,
        folder: Path,
        keys: SpoolKeys,
        process: str | None = None,
        *,
        durable: bool = False,
        clock: Clock = system_clock,
    ) -> None:
        """Write to `folder`, each file under a key of its own from `keys`, which are taken over.

        `process` is what events tell of where they happened; `durable` waits for the disk at each event.
        """
        self.folder = folder
        self.keys = keys
        self.watch: Callable[[], None] = _nothing_new
        """Called around the making of a file: the vault may have got a new master key, and with it other keys here."""
        self.process = this_process() if process is None else process
        self._durable = durable
        self._clock = clock
        self._begun = 0
        self._lock = threading.Lock()
        self._file: OwnFile | None = None
        self._retired: list[OwnFile] = []
        self._forks = forks()
        self._due = PENDING_BYTES
        self._pack = msgpack.Packer(autoreset=True).pack  # used under the lock only
        _alive.add(self)

    def append(self, fields: Fields) -> bool:
        """Write one event; returns whether so many wait to be folded that it is time to.

        Raises:
            JournalUnavailable: it could not be written, for want of space above all.
            VaultClosed, VaultForked: the spool cannot be used any more.
            TypeError, ValueError: a field is not of its type, details have something JSON does not have.
        """
        if fields[10] is not None:
            fields = with_text(fields)
        with self._lock:
            try:
                packed: bytes = self._pack(fields)
            except UnicodeEncodeError:
                packed = pack_fields(fields)
            if len(packed) > FIELDS_BYTES:
                packed = pack_fields(fields)
            file = self._file or self._begin()
            if file.epoch != self.keys.epoch:
                self._retire(file)
                file = self._begin()
            number = file.number
            # The number is the nonce. It is new: this process alone appends to the file, the file's key is its own, a
            # forked child has lost both, and after a write that failed no frame follows in this file (see `_undo`).
            frame = file.key.seal_frame(number, packed)
            try:
                written = os.write(file.descriptor, frame)
                if self._durable:
                    os.fdatasync(file.descriptor)
            except OSError as error:
                raise self._undo(file, str(error)) from error
            if written != len(frame):
                raise self._undo(file, "no space left")
            file.number = number + 1
            file.end = end = file.end + written
            return end > self._due

    def files(self) -> list[tuple[OwnFile, Position]]:
        """Return this process's files with where each ends now, the oldest first."""
        with self._lock:
            return [(file, file.next) for file in self._all()]

    @property
    def waiting(self) -> bool:
        """Whether there is an event that is not known to be in the journal."""
        file = self._file
        return bool(self._retired) or (file is not None and file.next != file.folded)

    def settle(self, committed: dict[bytes, Mark]) -> None:
        """Take note of what is in the journal for good; remove files that are done with, set flawed ones aside."""
        with self._lock:
            for file in self._all():
                mark = committed.get(file.spool_id, Mark())
                file.folded = max(file.folded, mark.position)
                if mark.flawed:
                    self._drop(file).set_aside()
                elif file.folded >= file.next and (file is not self._file or file.end > ROTATE_BYTES):
                    self._drop(file).remove()
            if self._file:
                self._due = self._file.folded.offset + PENDING_BYTES

    def retire(self, file: OwnFile) -> None:
        """Write no more to `file`: the next event begins a new one."""
        with self._lock:
            self._retire(file)

    def postpone(self) -> None:
        """Ask for folding only after as many events again: it did not work this time."""
        with self._lock:
            if self._file:
                self._due = self._file.end + PENDING_BYTES

    def close(self) -> None:
        """Let go of the files: removed if all is in the journal, left to be folded by whoever comes next if not."""
        with self._lock:
            for file in self._all():
                closing = self._drop(file)
                if closing.folded >= closing.next:
                    with suppress(
                        OSError
                    ):  # all of it is in the journal: whoever comes next removes the file
                        closing.remove()
                else:
                    closing.close()
            self._forks = -1
            self.keys.wipe()

    def _all(self) -> list[OwnFile]:
        return [*self._retired, self._file] if self._file else list(self._retired)

    def _drop(self, file: OwnFile) -> OwnFile:
        if file is self._file:
            self._file = None
            self._due = PENDING_BYTES
        else:
            self._retired.remove(file)
        return file

    def _begin(self) -> OwnFile:
        if self._forks != forks():
            raise refusal(forks() if self._forks == -1 else self._forks)
        try:
            self._file = file = self._make_current()
        except OSError as error:
            raise JournalUnavailable(f"the journal's spool cannot be made: {error}", hint=_HINT) from error
        self._due = PENDING_BYTES
        return file

    def _make_current(self) -> OwnFile:
        """Make a file of the vault's present epoch.

        Once a rotation of the master key ends, only those files of earlier epochs are read that were there then. So it
        is looked for a new master key when the file has its name: if none had come by then, whoever ends a rotation
        finds the file; else it is given up, with no event in it.
        """
        while True:
            self.watch()
            file = self._make()
            try:
                self.watch()
            except BaseException:
                file.remove()
                raise
            if file.epoch == self.keys.epoch:
                return file
            file.remove()

    def _make(self) -> OwnFile:
        return self._make_nameless() or self._make_named()

    def _make_nameless(self) -> OwnFile | None:
        """Make the file without a name, and give it one when it is locked; None where the system cannot do that."""
        try:
            descriptor = os.open(self.folder, _NAMELESS | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if error.errno in _NO_NAMELESS:
                return None
            raise
        file = self._own(os.urandom(ID), descriptor)
        try:
            file.dead()  # takes the lock, which nobody else can have
            self._header(file)
            # The folder's descriptor is not looked at, since the path is absolute; it makes this a linkat(2) that
            # follows the link to the file (open(2), O_TMPFILE).
            os.link(f"/proc/self/fd/{descriptor}", file.path, src_dir_fd=descriptor)
            self._named()
        except BaseException as error:
            file.close()
            if isinstance(error, OSError) and error.errno in _NO_NAMELESS:
                return None
            raise
        return file

    def _make_named(self) -> OwnFile:
        for _attempt in range(_ATTEMPTS):
            spool_id = os.urandom(ID)
            unborn = (self.folder / name_of(spool_id)).with_suffix(".new")
            descriptor = os.open(
                unborn, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600
            )
            file = self._own(spool_id, descriptor)
            try:
                # Locked before it has its name: whoever finds a spool by name without its lock may take it for dead.
                if file.dead() and self._header(file):
                    unborn.rename(file.path)
                    self._named()
                    return file
            except FileNotFoundError:
                pass  # another process, cleaning up, took the file for a dead one's before it was locked
            except BaseException:
                unborn.unlink(missing_ok=True)
                file.close()
                raise
            unborn.unlink(missing_ok=True)
            file.close()
            time.sleep(_PAUSE)
        raise OSError("another process keeps removing it")

    def _own(self, spool_id: bytes, descriptor: int) -> OwnFile:
        epoch = self.keys.epoch
        key = self.keys.key(spool_id, epoch)
        return OwnFile(self.folder / name_of(spool_id), spool_id, descriptor, key, epoch)

    def _header(self, file: OwnFile) -> bool:
        os.fchmod(file.descriptor, 0o600)  # whatever the umask took away
        # Later than the one before whatever the clock says: files of one process are folded in this order.
        self._begun = max(self._clock(), self._begun + 1)
        first = file.key.seal_frame(0, Beginning(self._begun, self.process, START).pack())
        header = self.keys.header(file.spool_id, file.epoch) + first
        if os.write(file.descriptor, header) != len(header):
            raise OSError("no space left")
        if self._durable:
            os.fsync(file.descriptor)
        file.begins = file.folded = Position(len(header), 1)
        file.end, file.number = file.begins
        return True

    def _named(self) -> None:
        if self._durable:
            _sync_folder(
                self.folder
            )  # under another name, or none, a loss of power would leave nothing to fold

    def _undo(self, file: OwnFile, reason: str) -> JournalUnavailable:
        """Take back what a failed write may have left, and write no more to this file.

        Its next number may already stand on the disk under another text, and a nonce must not serve twice: the next
        event begins a new file. If even taking back fails, what is left is a torn frame that nobody reads, or an event
        of an operation that was refused.
        """
        with suppress(OSError):
            os.ftruncate(file.descriptor, file.end)
        self._retire(file)
        return JournalUnavailable(f"the event could not be written: {reason}", hint=_HINT)

    def _retire(self, file: OwnFile) -> None:
        if file is self._file:
            self._retired.append(file)
            self._file = None

    def _forget(self) -> None:
        # In a child process: the parent's lock on the file lives as long as any descriptor of it is open.
        for file in self._all():
            with suppress(OSError):
                os.close(file.descriptor)
        self._lock = threading.Lock()
        self._file, self._retired = None, []


def _nothing_new() -> None:
    """What `watch` is until there is somebody to ask."""


def this_process() -> str:
    """Return this process's number and, after `@`, eight hex digits of the machine's current start where it tells."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
    except OSError:
        boot = "-"
    return f"{os.getpid()}@{boot}"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_alive: WeakSet[Spool] = WeakSet()


def _forget_all() -> None:
    for spool in list(_alive):
        spool._forget()
    _alive.clear()


os.register_at_fork(after_in_child=_forget_all)
