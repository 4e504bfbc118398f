"""The journal of one open vault: what the door writes to, and what an audit reads.

Relies on `spool` and `fold` for events that only read, on `pen` for those that wrote, on `audit` to prove the whole.
Promises: an event that `note` or `append` took is in the journal exactly once, whoever is killed when; a mutation and
its event commit together; nothing an event tells can be changed, removed or reordered unnoticed by who has no key.

What is not noticed: the whole folder put back to an older copy (keep a tree head elsewhere), and the end of a dead
process's spool cut off, or all of it removed, before it was folded.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Set
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from localvault.errors import Tampered, VaultError
from localvault.journal.audit import Audit, Digests
from localvault.journal.entry import pack_fields, with_text
from localvault.journal.fold import Spools
from localvault.journal.head import Heads
from localvault.journal.leaf import Fields
from localvault.journal.noting import Noting
from localvault.journal.pen import Pen
from localvault.journal.reading import Wanted, last_times, read_events
from localvault.journal.spool import Spool
from localvault.model.clock import Clock, system_clock
from localvault.model.event import Event, TreeHead
from localvault.model.problem import Problem
from localvault.native.memory import Locked
from localvault.sealing.record import RecordSealer
from localvault.store.protocol import ReadTxn, Store, WriteTxn

__all__ = ["Fields", "Journal"]

_LOOK_AROUND = 2.0  # seconds between two looks for dead processes' spools while writing
_SETTLE_EVERY = (
    0.05  # seconds; a killed process leaves a note older by that much, which proves that much less
)
_AT_ONCE = 1024  # events of theirs that one mutation folds on the way
_ALL = 1 << 62


def _not_written(fields: Fields) -> bool:
    """Take an event where nothing can be written; see `Journal.note`."""
    return False


class Journal:
    """May be used by several threads; other processes have theirs on the same store and folder."""

    def __init__(self, store: Store, sealer: RecordSealer, spool: Spool, clock: Clock = system_clock) -> None:
        """`sealer` is the scope `/journal`'s; `spool` is taken over, and its folder is the vault's."""
        self._store = store
        self._sealer = sealer
        self._spool = spool
        self._spooled = _not_written if store.read_only else spool.append
        self._spools = Spools(spool, sealer, clock)
        self._heads = Heads(sealer)
        self._noting = Noting(spool.folder, self._heads)
        self._gathering: tuple[int, WriteTxn, Pen] | None = None
        self._relieving = threading.Lock()
        self._looked_around = 0.0
        self._settled = 0.0

    # Writing

    def note(self, fields: Fields) -> None:
        """Write the event of an operation that wrote nothing; its result may be returned afterwards.

        Does nothing where the store was opened read-only: nothing may be written there, and whoever asked for it has
        been told that nothing done so is journalled.

        Raises:
            JournalUnavailable: it could not be written, and the result must be withheld.
            VaultClosed, VaultForked: the journal cannot be used any more.
            TypeError, ValueError: a field is not of its type.
        """
        if self._spooled(fields):
            self._relieve()

    def append(self, txn: WriteTxn, fields: Fields, writes: bytes) -> None:
        """Write the event of a mutation into its own transaction, after those waiting in this process's spool.

        `writes` is `table (1) | length of key (1) | key | digest (16, zero for a removal)`, repeated. The transaction
        may be run again; `committed` is to be called when it is on disk.

        Raises:
            Tampered: the journal's head was altered, or does not fit its events.
            TypeError, ValueError: a field is not of its type.
        """
        fields = with_text(fields)
        gathering = self._gathering
        if gathering is not None and gathering[1] is txn:
            gathering[2].add(pack_fields(fields), self._spool.process, writes)
            return
        pen = self._begin(txn)
        pen.add(pack_fields(fields), self._spool.process, writes)
        pen.finish()

    @contextmanager
    def gathering(self, txn: WriteTxn) -> Iterator[None]:
        """Within the block, let many `append`s to `txn` share one head: for `batch()`, where it is the dearest part.

        Meanwhile this thread's `note` folds nothing, since it would wait for its own transaction.

        Raises:
            Tampered: as for `append`.
        """
        pen = self._begin(txn)
        self._gathering = (threading.get_ident(), txn, pen)
        try:
            yield
            pen.finish()
        finally:
            self._gathering = None

    def committed(self) -> None:
        """Take note that transactions with `append`s are on disk, at most twenty times a second.

        Raises nothing that concerns the vault: what was committed stands, and the next call does what is left.
        """
        now = time.monotonic()
        if now - self._settled > _SETTLE_EVERY:
            self._settled = now
            self._settle()

    def fold(self) -> None:
        """Take everything that waits in any spool into the journal, living processes' events up to now included.

        Not to be called while this thread has a transaction open. Does nothing where nothing can be written.

        Raises:
            Tampered: the journal's head was altered, or does not fit its events.
            StoreFull, StoreBusy: nothing was folded; it all still waits.
        """
        if self._store.read_only or self._gathered_here():
            return
        if self._spool.waiting or self._spools.strangers():
            self._store.transact(self._fold_all)
            self._settle()

    def former_spools(self) -> dict[bytes, Locked]:
        """Return, by id, the keys of the spools there are that were begun under an earlier master key.

        Inside a write transaction, and called when everybody who begins one looks for a new master key, it misses none.
        """
        return self._spools.former()

    def settle(self) -> None:
        """Write the note of the journal's size now, and be done with spools all of which is in the journal.

        Raises nothing that concerns the vault, as `committed`.
        """
        self._settle()

    def recover(self) -> None:
        """To be called when the vault has been opened: refuse a store that was put back, fold what the dead left.

        Raises:
            Tampered: the store is older than its note, or the journal's head was altered.
        """
        size = self._noting.refuse_older(self._store)
        if not self._store.read_only:
            if self._spools.strangers():
                self._store.transact(self._fold_dead)
                self._settle()
            elif size <= 1:
                self._settle()  # a new vault: from here on a missing note is worth telling

    def copying(self, target: Path) -> AbstractContextManager[None]:
        """Wrap around the copying of the store to the folder `target`: the copy has a note from its first day.

        So it too is refused if something still older takes its place.
        """
        return self._noting.copying(self._store, target)

    def close(self) -> None:
        """Fold what this process has written and let go of its files.

        What cannot be folded, for whatever reason, is left for whoever opens the vault next, and so is the reason.
        """
        try:
            if not self._store.read_only:
                if self._spool.waiting:
                    with suppress(VaultError):
                        self._store.transact(self._fold_dead)
                self._settle()
        finally:
            self._spool.close()
            self._noting.close()

    # Reading

    def head(self) -> TreeHead:
        """Return the size and root of the journal as stored, without recomputing them.

        Raises:
            Tampered: the head was altered, or does not fit the events.
        """
        with self._store.read() as txn:
            tree = self._heads.read(txn)
        return TreeHead(tree.size, tree.root())

    def events(
        self,
        *,
        operation: str | None = None,
        principal: str | None = None,
        target: str | None = None,
        result: str | None = None,
        since: int | None = None,
        until: int | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> Iterator[Event]:
        """Fold, then yield the events there are now that fit, in their order, or the last first if `reverse`.

        `target` fits itself and everything below it; `since` (inclusive) and `until` (exclusive) are µs since the
        epoch, and look at the operation's own time, which across processes need not rise with the sequence. Reads a
        few hundred events at a time, and holds no transaction between them.

        Raises:
            Tampered: when it comes to an event that is not what was written (`verify` says more).
        """
        self.fold()
        wanted = Wanted(operation, principal, target, result, since, until)
        return read_events(self._store, self._sealer, wanted, limit, reverse=reverse)

    def last_times(self, operations: Set[str], enough: int) -> dict[str, int]:
        """Fold, then return when (µs) each target last saw one of `operations` succeed, by its path in lower case.

        Reads backwards, and no further than to the `enough`th target.

        Raises:
            Tampered: when it comes to an event that is not what was written.
        """
        self.fold()
        return last_times(self._store, self._sealer, operations, enough)

    def verify(self) -> TreeHead:
        """Fold, recompute the whole tree from the events, and return its size and root.

        Raises:
            Tampered: an event was changed, removed, moved, repeated or added; it names the first one.
        """
        self.fold()
        with self._store.read() as txn:
            audit = Audit(txn, self._sealer)
            for problem in audit.walk():
                raise Tampered(
                    f"{problem.place}: {problem.sentence}", hint="run check() to see everything that is wrong"
                )
        return TreeHead(audit.tree.size, audit.tree.root())

    def problems(self, txn: ReadTxn, digests: Digests | None = None) -> Iterator[Problem]:
        """Yield everything that is wrong with the journal and its spools, without stopping at the first.

        `digests` is filled with what the events say of every record, as by `latest_digests`, in the same walk.
        """
        audit = Audit(txn, self._sealer, self._noting.noted())
        if digests is not None:
            audit.digests = digests
        yield from audit.walk()
        yield from self._spools.problems()

    def note_problems(self) -> list[Problem]:
        """Return what is wrong with the note of the journal's size; folding writes it anew, so ask before."""
        with self._store.read() as txn:
            return list(self._noting.problems(txn))

    def latest_digests(self, txn: ReadTxn) -> Digests:
        """Return, for each record any mutation has written, its digest (16 bytes), or None if it was removed.

        Events that cannot be read are passed over: `problems` tells of them.
        """
        audit = Audit(txn, self._sealer)
        for _problem in audit.walk():
            pass
        return audit.digests

    # Parts

    def _settle(self) -> None:
        """Write the note of the head, and be done with spools all of which is committed."""
        with suppress(VaultError, OSError), self._store.read() as txn:
            self._noting.write(txn)
            self._spools.settle(txn)

    def _begin(self, txn: WriteTxn) -> Pen:
        pen = self._pen(txn)
        self._spools.fold_own(pen)
        now = time.monotonic()
        if now - self._looked_around > _LOOK_AROUND:
            self._looked_around = now
            self._spools.fold_others(pen, _AT_ONCE, living=False)
        return pen

    def _pen(self, txn: WriteTxn) -> Pen:
        return Pen(txn, self._heads, self._sealer.batch())

    def _fold_all(self, txn: WriteTxn) -> None:
        self._fold(txn, living=True)

    def _fold_dead(self, txn: WriteTxn) -> None:
        self._fold(txn, living=False)

    def _fold_own(self, txn: WriteTxn) -> None:
        pen = self._pen(txn)
        self._spools.fold_own(pen)
        pen.finish()

    def _fold(self, txn: WriteTxn, *, living: bool) -> None:
        pen = self._pen(txn)
        self._spools.fold_own(pen)
        self._spools.fold_others(pen, _ALL, living=living)
        pen.finish()

    def _gathered_here(self) -> bool:
        gathering = self._gathering
        return gathering is not None and gathering[0] == threading.get_ident()

    def _relieve(self) -> None:
        """Fold because much is waiting; if that fails, the events are safe in the spool and it is tried again later."""
        if self._gathering is not None:
            # The open batch may be this very thread's, or may be waiting for it.
            self._spool.postpone()
            return
        if not self._relieving.acquire(blocking=False):
            return
        try:
            self._store.transact(self._fold_own)
            self._settle()
        except VaultError:
            self._spool.postpone()
        finally:
            self._relieving.release()
