"""A note beside the store of how large the journal was last, so that a store put back to an older state is noticed.

Relies on `head`. Promises: the note never runs ahead of the store, so a store older than the note has been put back;
a note that is missing, old or damaged accuses nobody. Who puts back the note as well is not noticed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from localvault.errors import NewerFormat, Tampered
from localvault.journal.head import HEAD_KEY, TREE, Heads
from localvault.journal.tree import Tree
from localvault.model.problem import Problem
from localvault.store.protocol import ReadTxn, Store

NOTE_NAME = "head"
_LENGTH = 2


class Note:
    """The last head this folder's store is known to have had, in a small file beside it.

        file = length (2, big-endian) | head record as in the table TREE

    Written after each commit, with one `pwrite` and no wait for the disk: it outlives a kill, and after a loss of
    power it is older, which proves less and never accuses. Two processes may write in the wrong order; that too only
    makes it older.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NOTE_NAME
        self._descriptor: int | None = None
        self._written = b""
        self._lock = threading.Lock()

    def write(self, record: bytes) -> None:
        """Note the committed head; what cannot be written is left as it was, since the commit stands either way."""
        with self._lock:
            if record == self._written:
                return
            try:
                if self._descriptor is None:
                    flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
                    self._descriptor = os.open(self._path, flags, 0o600)
                    os.fchmod(self._descriptor, 0o600)
                os.pwrite(self._descriptor, len(record).to_bytes(_LENGTH) + record, 0)
                self._written = record
            except OSError:
                pass

    def read(self) -> bytes | None:
        """Return the head record that was noted, or None if there is no file or it cannot be read."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None
        try:
            content = os.pread(descriptor, _LENGTH + 0xFFFF, 0)
        except OSError:
            return None
        finally:
            os.close(descriptor)
        length = int.from_bytes(content[:_LENGTH])
        return content[_LENGTH : _LENGTH + length]

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            descriptor, self._descriptor = self._descriptor, None
            if descriptor is not None:
                os.close(descriptor)


class Noting:
    """The note of one vault folder, and what it says of the store."""

    def __init__(self, folder: Path, heads: Heads) -> None:
        self._note = Note(folder)
        self._heads = heads

    def write(self, committed: ReadTxn) -> None:
        """Note the head that a snapshot has."""
        record = committed.get(TREE, HEAD_KEY)
        if record is not None:
            self._note.write(record)

    def noted(self) -> Tree | None:
        """Return the tree that the note tells of, if there is a note and it is authentic."""
        record = self._note.read()
        if record is not None:
            with suppress(Tampered, NewerFormat):
                return self._heads.open(record)
        return None

    def refuse_older(self, store: Store) -> int:
        """Return how many events the store has, unless the note tells of more, or of others.

        Raises:
            Tampered: it does, or the journal's head was altered.
        """
        noted = self.noted()  # before the store is looked at: another process may be committing
        with store.read() as txn:
            tree = self._heads.read(txn)
        if noted is None:
            # A store from before a rotation of the master key cannot open a note from after it.
            record = self._note.read()
            if record is None or not self._heads.is_ahead(record):
                return tree.size
            told = "the master key has been rotated since"
        elif noted.size < tree.size or noted.frontier == tree.frontier:
            return tree.size
        else:
            told = f"it has {tree.size} events and had {noted.size}"
        raise Tampered(
            f"the vault's data file is older than its last use: {told}",
            hint=f"if you put back a backup on purpose, remove the file `{NOTE_NAME}` beside it",
        )

    def problems(self, txn: ReadTxn) -> Iterator[Problem]:
        """Yield what is wrong with the note itself; what it says of events is the audit's to compare."""
        record = self._note.read()
        if txn.get(TREE, HEAD_KEY) is not None and self.noted() is None:
            # Sealed below a master key that is gone, the note is old, which accuses nobody: a process may have written
            # it late. The next commit writes it anew.
            if record is not None and self._heads.is_behind(record):
                return
            what = "missing" if record is None else "altered"
            yield Problem(NOTE_NAME, f"the note of the journal's size is {what}")

    @contextmanager
    def copying(self, store: Store, target: Path) -> Iterator[None]:
        """While the block copies the store to `target`, remember the head, and then note it there."""
        with store.read() as txn:
            record = txn.get(TREE, HEAD_KEY)  # what is committed now is in any copy made from now on
        yield
        if record is not None:
            note = Note(target)
            note.write(record)
            note.close()

    def close(self) -> None:
        """Close the file."""
        self._note.close()
