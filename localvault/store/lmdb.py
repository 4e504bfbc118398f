"""The embedded store: an LMDB environment in the vault's folder.

Relies on `environment` for the open file and on `reading` and `writing` for transactions. Promises what
`protocol.Store` says, for many threads and processes at once; a commit that returned survives a kill and a power cut;
a file damaged at rest gives `Damaged` where it is damaged and never stops the process.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from localvault.errors import Damaged, NotAVault, ReadOnlyVault, StoreBusy, VaultClosed, VaultExists
from localvault.store.environment import DATA_FILE, LOCK_FILE, Environment
from localvault.store.faults import Restart, told_if_full
from localvault.store.files import make_file, make_folder, remove_scratch, scratch_folder, sync_folder
from localvault.store.permissions import check_folder
from localvault.store.protocol import WriteTxn
from localvault.store.reading import GuardedReadTxn, LmdbReadTxn
from localvault.store.registry import attach, detach
from localvault.store.structure import Progress
from localvault.store.writing import GuardedWriteTxn, LmdbWriteTxn

T = TypeVar("T")
_ATTEMPTS = 20


class LmdbStore:
    """A handle on the store in one folder; all handles of a process on one folder share what is behind them."""

    __slots__ = ("_environment", "_read_only", "folder")

    def __init__(self, folder: Path, environment: Environment, *, read_only: bool) -> None:
        self.folder = folder.absolute()  # the process may go elsewhere while the store is open
        self._environment: Environment | None = environment
        self._read_only = read_only

    @classmethod
    def create(cls, folder: Path, first: Callable[[WriteTxn], None] | None = None) -> LmdbStore:
        """Make a store in `folder`, which must not be there (its parent must) or be empty, and open it.

        `first` writes what a store must never be without: killed at any moment, there is either no store at `folder`
        or one that has it.

        Raises:
            VaultExists: there is something at `folder`; it is left as it is.
            StoreFull: no space.
            OSError: the operating system does not let it be made.
        """
        with told_if_full():
            made = make_folder(folder)
        linked = False
        try:
            with told_if_full(), scratch_folder(folder) as scratch:
                _make_data_file(scratch, first)
                _link(scratch / DATA_FILE, folder)
                linked = True
            remove_scratch(folder)
            return cls(folder, attach(folder.absolute(), read_only=False, trusted=True), read_only=False)
        except BaseException as error:
            if linked:
                _take_back(folder)
            if made:
                with suppress(OSError):
                    folder.rmdir()
            if isinstance(error, FileNotFoundError) and (folder / DATA_FILE).exists():
                raise _overtaken(folder) from None  # and our own unfinished one was removed
            raise

    @classmethod
    def open(cls, folder: Path, *, read_only: bool = False) -> LmdbStore:
        """Open the store in `folder`. Time does not depend on its size.

        `read_only` is for media that cannot be written; nothing must write to the folder meanwhile.

        Raises:
            NotAVault: there is none.
            InsecureFolder: others could write to it.
            NewerFormat, Damaged: what is there cannot be read.
            ReadOnlyVault: it cannot be written, and `read_only` was not asked for.
        """
        _check_data_file(folder)
        check_folder(folder)
        store = cls(folder, attach(folder.absolute(), read_only=read_only), read_only=read_only)
        if not read_only:
            remove_scratch(folder)
        return store

    @property
    def read_only(self) -> bool:
        """Whether every write raises `ReadOnlyVault`."""
        return self._read_only

    def read(self) -> LmdbReadTxn:
        """Open a snapshot for the `with` block; see `protocol.Store`, also for what follows."""
        environment = self._environment
        if environment is None:
            raise VaultClosed("the vault is closed")
        guard = environment.guard
        return LmdbReadTxn(environment) if guard is None else GuardedReadTxn(environment, guard)

    def write(self) -> LmdbWriteTxn:
        """Open a write transaction for the `with` block."""
        environment = self._used()
        if self._read_only:
            raise ReadOnlyVault("the vault is open read-only")
        guard = environment.guard
        return LmdbWriteTxn(environment) if guard is None else GuardedWriteTxn(environment, guard)

    def transact(self, work: Callable[[WriteTxn], T]) -> T:
        """Return `work(txn)` once what it wrote is on disk."""
        for _ in range(_ATTEMPTS):
            with suppress(Restart), self.write() as txn:
                return work(txn)
        raise StoreBusy("other processes keep writing to the vault: nothing was written", hint="try again")

    def still_open(self) -> Callable[[], bool]:
        """Return what tells whether any transaction that is open now is still open; see `protocol.Store`."""
        inside = self._used().gate.inside
        now = set(inside)
        return lambda: not now.isdisjoint(inside)

    def backup(self, target: Path) -> None:
        """Copy the state committed last to the new folder `target` while readers and writers go on.

        Raises:
            VaultExists: there is something at `target`.
            StoreFull: no space; nothing is left at `target`.
            StoreBusy: inside a write transaction of this thread.
            OSError: `target` cannot be made.
        """
        self._copy(target, compact=False)

    def compact(self, target: Path) -> None:
        """Copy the state committed last to the new folder `target` without free pages and what they once held.

        Raises:
            Damaged: the file must be whole for this.
            VaultExists, StoreFull, StoreBusy, OSError: as for `backup`.
        """
        self._copy(target, compact=True)

    def verify_structure(self, progress: Progress | None = None) -> list[str]:
        """Walk the whole file; returns a sentence for each thing wrong in it (none: it is sound).

        Readers and writers go on meanwhile. `progress(done, of)` is called with numbers of pages.
        """
        with self.read():
            return self._used().problems(progress)

    def close(self) -> None:
        """Let go of the store; the last handle of the process closes the file."""
        environment, self._environment = self._environment, None
        if environment is not None:
            detach(environment)

    def _used(self) -> Environment:
        if self._environment is None:
            raise VaultClosed("the vault is closed")
        return self._environment

    def _copy(self, target: Path, *, compact: bool) -> None:
        if os.path.lexists(target):
            raise VaultExists(
                f"there is something at {target} already", hint="choose a path where there is nothing yet"
            )
        with told_if_full(), self.read(), scratch_folder(target.parent) as scratch:
            environment = self._used()
            # The engine's compaction follows every pointer there is, and trusts them.
            if compact and environment.guard is not None and environment.problems(None):
                raise Damaged(
                    "the data file is damaged, so it cannot be compacted", hint="run `localvault check`"
                )
            make_file(scratch / DATA_FILE)
            descriptor = os.open(scratch / DATA_FILE, os.O_WRONLY | os.O_CLOEXEC)
            try:
                environment.copy(descriptor, compact=compact)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            sync_folder(scratch)
            scratch.rename(target)
            sync_folder(target.parent)


def _check_data_file(folder: Path) -> None:
    """Tell a folder that is no vault from an insecure one: /etc has links in it, and they are no fault of it."""
    try:
        (folder / DATA_FILE).lstat()
    except FileNotFoundError:
        raise NotAVault(f"there is no vault at {folder}") from None
    except OSError:
        return  # `check_folder` says what is wrong


def _make_data_file(folder: Path, first: Callable[[WriteTxn], None] | None) -> None:
    make_file(folder / DATA_FILE)
    environment = Environment(folder, new=True, alone=True)
    try:
        if first is not None:
            with LmdbWriteTxn(environment) as txn:
                first(txn)
    finally:
        environment.close()


def _link(data_file: Path, folder: Path) -> None:
    """Give a finished data file its name, unless another process has just done the same."""
    try:
        os.link(data_file, folder / DATA_FILE)
    except FileExistsError:
        raise _overtaken(folder) from None
    try:
        sync_folder(folder)
    except BaseException:
        _take_back(folder)
        raise


def _take_back(folder: Path) -> None:
    """Remove a new data file, unless it has a lock file already: then another process may be using it."""
    if not os.path.lexists(folder / LOCK_FILE):
        with suppress(OSError):
            (folder / DATA_FILE).unlink()


def _overtaken(folder: Path) -> VaultExists:
    return VaultExists(f"another process has just made a vault at {folder}")
