"""One open data file of this process, shared by every handle on it.

Relies on py-lmdb (data format 0.9), on `metas` and `guard` for what to believe of a file, on `gate` for
growing the map. Promises: the engine is given a file only after its first pages were checked; a file is open once in a
process however often it is asked for, because the engine's locks belong to the process and the file; a process that
was forked off never touches what its parent had open.
"""

from __future__ import annotations

import os
import threading
import weakref
from pathlib import Path
from threading import get_ident

import lmdb

from localvault.errors import (
    Damaged,
    ReadOnlyVault,
    StoreBusy,
    StoreFull,
    VaultClosed,
    VaultError,
    VaultForked,
)
from localvault.store import metas
from localvault.store.faults import fault, told_if_full
from localvault.store.files import make_file, scratch_folder
from localvault.store.freepages import FreePages
from localvault.store.gate import Gate
from localvault.store.guard import Guard
from localvault.store.metas import Meta
from localvault.store.pagefile import PageFile
from localvault.store.structure import Progress, find_problems
from localvault.store.trust import Trust

DATA_FILE, LOCK_FILE = "data.mdb", "lock.mdb"
# Address space, not disk: the file grows page by page inside its map. 256 MiB hold some 200,000 secrets, so most vaults
# never outgrow it; doubling from there replays a transaction or two in the life of a large one.
MAP_START = 256 << 20
_TRANSACTIONS_MAX = 1022  # open at once for reading, over all processes; 64 bytes each in the lock file
_NOT_WRITTEN_MAX = (
    1 << 18
)  # pages at the end of the file that may be missing (see `_set_guard`) and are looked for


class Environment:
    """An open data file, the engine's environment on it, and who uses it."""

    __slots__ = (
        "_copies",
        "_descriptor",
        "_engine",
        "_map_size",
        "_writer_lock",
        "folder",
        "gate",
        "guard",
        "identity",
        "read_only",
        "references",
        "trust",
        "writer",
    )

    def __init__(
        self, folder: Path, *, read_only: bool = False, new: bool = False, alone: bool = False
    ) -> None:
        """Open the data file in `folder`.

        `new`: it is empty. `alone`: no other process can know of it, so no lock file is needed.

        Raises:
            NotAVault, NewerFormat, Damaged: what is there cannot be opened.
            ReadOnlyVault, StoreFull, StoreBusy, VaultError: the operating system does not let it be opened.
        """
        self.folder = str(folder)
        self.read_only = read_only
        self.references = 0
        self.guard: Guard | None = None
        self.writer: int | None = None
        self._writer_lock = threading.Lock()
        self._copies: list[int] = []
        self._descriptor = os.open(folder / DATA_FILE, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        self.identity = identity(os.fstat(self._descriptor))
        try:
            self._map_size = _fitting(MAP_START, 0 if new else self._inspect())
            self._engine = self._open_engine(read_only, alone)
        except BaseException:
            os.close(self._descriptor)
            raise
        self.gate = Gate(self._engine.begin)
        self.trust = Trust(self.gate, self._trust_the_file)
        try:
            self._engine.reader_check()
            if not new:
                self._set_guard()
        except BaseException:
            self._shut()
            raise

    def _inspect(self) -> int:
        """Check the first pages; returns how many bytes the map needs."""
        meta = self._newest()
        pages = os.fstat(self._descriptor).st_size // meta.page_size
        if meta.last_page > pages + _NOT_WRITTEN_MAX:
            raise _cut_off(pages, meta)
        return (meta.last_page + 1) * meta.page_size

    def _open_engine(self, read_only: bool, alone: bool) -> lmdb.Environment:
        try:
            # On a medium that cannot be written nobody can write, so nobody has to be kept out.
            lock = not alone and _make_lock_file(Path(self.folder), optional=read_only)
            return lmdb.open(
                self.folder,
                map_size=self._map_size,
                mode=0o600,
                create=False,
                max_readers=_TRANSACTIONS_MAX,
                # A spare transaction would hold a reader's slot that a forked child would free under its parent.
                max_spare_txns=0,
                lib_version=0,
                readonly=read_only,
                lock=lock,
            )
        except lmdb.Error as error:
            raise fault(error, self.folder) from error

    def _set_guard(self) -> None:
        # The transaction keeps every page of this state from being used again while it is looked at.
        with self._engine.begin():
            meta = self._newest()
            pages = PageFile(self._descriptor, meta.page_size)
            there = os.fstat(self._descriptor).st_size // meta.page_size
            # The engine does not write pages that were freed by the very transaction that added them, so the last
            # pages may be missing: free ones.
            missing = range(there, meta.last_page + 1)
            if missing and 0 in FreePages(pages, meta).marks[there:]:
                raise _cut_off(there, meta)
            self.guard = Guard(pages, meta)

    def enter_writer(self) -> None:
        """Wait until no other thread of this process writes.

        Raises:
            ReadOnlyVault: the vault was opened read-only.
            StoreBusy: this thread has a write transaction open already.
        """
        if self.read_only:
            raise ReadOnlyVault("the vault is open read-only")
        if self.writer == get_ident():
            raise StoreBusy("a write transaction of this thread is open already", hint="use that one")
        self._writer_lock.acquire()
        self.writer = get_ident()

    def leave_writer(self) -> None:
        """Let the next thread write."""
        if self.writer is not None:  # None: this is a child forked off inside the write transaction
            self.writer = None
            self._writer_lock.release()

    def grow(self) -> None:
        """Double the map.

        Raises:
            StoreBusy: a read does not end, which keeps the map where it is.
            VaultError: there is no address space for it.
        """
        # A reader that died may be all that keeps free pages from being used again.
        self._engine.reader_check()
        self.gate.move(self._double)

    def follow_growth(self) -> None:
        """Make the map as large as other processes have made the file.

        Raises:
            StoreBusy, VaultError: as for `grow`.
        """
        self.gate.move(self._follow)

    def entries(self) -> int:
        """Return how many entries the state committed last has."""
        return int(self._engine.stat()["entries"])

    def forget_dead_readers(self) -> None:
        """Free what processes that were killed while reading still hold."""
        self._engine.reader_check()

    def _double(self) -> None:
        self._set_map_size(self._map_size * 2)

    def _follow(self) -> None:
        meta = self._newest()
        needed = (meta.last_page + 1) * meta.page_size
        if needed > self._map_size:
            self._set_map_size(_fitting(self._map_size, needed))

    def _set_map_size(self, size: int) -> None:
        try:
            self._engine.set_mapsize(size)
        except lmdb.Error as error:
            self.gate.stop(
                VaultError,
                "there was no address space for the vault's file: close the vault and open it again",
            )
            raise fault(error, self.folder) from error
        self._map_size = size

    def _newest(self) -> Meta:
        return metas.newest(lambda offset, size: os.pread(self._descriptor, size, offset))

    def _trust_the_file(self) -> None:
        self.guard = None

    def problems(self, progress: Progress | None) -> list[str]:
        """Return what is wrong with the state committed last; needs an open transaction."""
        meta = self._newest()
        return find_problems(PageFile(self._descriptor, meta.page_size), meta, progress)

    def copy(self, descriptor: int, *, compact: bool) -> None:
        """Write a copy of the data file to `descriptor`; needs an open transaction, so that the map stays.

        Raises:
            StoreBusy: this thread has a write transaction open.
            StoreFull: no space.
        """
        if self.writer == get_ident():
            raise StoreBusy("a copy cannot be made inside a write transaction")
        self._copies.append(descriptor)
        try:
            self._engine.copyfd(descriptor, compact=compact)
        except lmdb.Error as error:
            raise fault(error, self.folder) from error
        finally:
            self._copies.remove(descriptor)

    def close(self) -> None:
        """Close the file once the transactions of other threads have ended (10 s at most)."""
        self.gate.stop(VaultClosed, "the vault is closed")
        self.gate.wait_until_empty()
        self._shut()

    def _shut(self) -> None:
        self._engine.close()
        os.close(self._descriptor)
        # Its map holds a descriptor of the file, which would stay open until the collector comes by.
        self.guard = None

    def forked(self) -> bool:
        """In a forked child: let nobody use what the parent has open; returns whether the file could be let go of.

        Closing frees the slots of open read transactions in the lock file, which are the parent's, and waits for
        operations the parent's threads were in: with any of those, everything stays as it is until the child ends.
        """
        self.gate.stop(VaultForked, "the vault was opened by the process this one was forked from")
        transactions = [
            weakref.ref(txn) for reader in list(self.gate.inside) if (txn := reader.detach(self.gate.begin))
        ]
        idle = self.writer is None and not self._copies and not any(txn() is not None for txn in transactions)
        self.writer = None
        self._writer_lock = threading.Lock()
        if idle:
            self._shut()
        return idle


def _cut_off(pages: int, meta: Meta) -> Damaged:
    return Damaged(
        f"the data file was cut off: it has {pages} of {meta.last_page + 1} pages",
        hint="restore the vault from a backup",
    )


def _make_lock_file(folder: Path, *, optional: bool) -> bool:
    """Make the lock file if it is missing, so that its mode is ours; returns whether there is one that can be used.

    Never opens one that is there: closing it again would let go of every lock this process has on it.
    """
    path = folder / LOCK_FILE
    try:
        while not os.path.lexists(path):
            _new_lock_file(path)
    except (OSError, StoreFull) as error:
        if optional:
            return False
        if isinstance(error, StoreFull):
            raise
        raise ReadOnlyVault(
            f"the vault's folder cannot be written to: {error.strerror}", hint="open it read-only"
        ) from None
    return not optional or os.access(path, os.R_OK | os.W_OK)


def _new_lock_file(path: Path) -> None:
    # The engine maps it. Left to the engine it has holes, and the first touch of one on a full disk ends the process
    # (SIGBUS); so all of it is on the disk before it has its name. Writing it under its name could overwrite what
    # another process has put there in between.
    try:
        with told_if_full(), scratch_folder(path.parent) as scratch:
            make_file(
                scratch / LOCK_FILE, bytes(64 * (_TRANSACTIONS_MAX + 2))
            )  # as long as the engine makes it
            os.link(scratch / LOCK_FILE, path)
    except FileExistsError:
        return  # another process was quicker
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise
        # Another process took our unfinished one for a dead one's and removed it: once more.


def _fitting(size: int, needed: int) -> int:
    """Return `size` doubled until it has twice the room that is `needed`."""
    while size < 2 * needed:
        size *= 2
    return size


def identity(status: os.stat_result) -> tuple[int, int]:
    """Return what tells one file from another, whatever paths lead to it."""
    return status.st_dev, status.st_ino
