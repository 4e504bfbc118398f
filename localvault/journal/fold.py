"""Takes events from spools into the journal: one's own, dead processes', and, where asked, living ones'.

Relies on `frames` to read and on `Pen` to write. Promises: how far each spool has been read is recorded in the same
transaction as the events, so none is folded twice and none is left out, whoever is killed when; a spool is removed
only when the committed record says that all of it is in the journal.

Files are looked for inside the write transaction. So between finding a file and recording its position nobody else can
fold it, nor drop the record of a file that has just been removed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress

from localvault.errors import Tampered
from localvault.journal.entry import pack_fields
from localvault.journal.frames import (
    START,
    Beginning,
    Mark,
    Position,
    Reading,
    SpoolFile,
    id_of,
    name_of,
    read_header,
)
from localvault.journal.head import TREE
from localvault.journal.leaf import Fields
from localvault.journal.pen import Pen
from localvault.journal.spool import Spool
from localvault.model.clock import Clock
from localvault.model.event import FAILURE
from localvault.model.problem import Problem
from localvault.native.memory import Locked
from localvault.sealing.record import RecordSealer
from localvault.store.protocol import ReadTxn

OPERATION = "JournalFold"
PRINCIPAL = "localvault"
TARGET = "/journal"
_PREFIX = b"spool"
_LOOKING = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Spools:
    """All spools in a vault's folder, `spool` being this process's."""

    def __init__(self, spool: Spool, sealer: RecordSealer, clock: Clock) -> None:
        self._spool = spool
        self._sealer = sealer
        self._clock = clock
        # Only a hint where to look: what is removed is decided by what is committed.
        self._dead: set[bytes] = set()

    def fold_own(self, pen: Pen) -> None:
        """Fold what this process has written."""
        if not self._spool.waiting:
            return
        for file, end in self._spool.files():
            if file.folded >= end:
                continue
            mark = self.mark(pen.txn, file.spool_id)
            position = max(mark.position, file.begins)
            if position < end and not mark.flawed:
                reading = self._fold(pen, file, self._spool.process, position, end.offset, end.number)
                if reading.position < end:
                    # What this process wrote is not there any more as it was.
                    self._spool.retire(file)
                    self._report(pen, file, reading)

    def fold_others(self, pen: Pen, limit: int, *, living: bool) -> None:
        """Fold up to `limit` events of dead processes' spools, and of living ones' too if `living`."""
        present = {file.spool_id for file, _end in self._spool.files()}
        with ExitStack() as opened:
            # Earlier spools first, so that a process which had to begin another is told in its own order.
            for begin, file, dead in sorted(self._others(opened, present, living=living), key=_when):
                if limit > 0:
                    with suppress(OSError):
                        limit -= self._other(pen, file, begin, limit, dead=dead)
        for key, _nothing in list(pen.txn.scan(TREE, _PREFIX, keys_only=True)):
            if key[len(_PREFIX) :] not in present:
                pen.txn.delete(TREE, key)

    def mark(self, txn: ReadTxn, spool_id: bytes) -> Mark:
        """Return what the journal records of a spool.

        Raises:
            Tampered: the record of it was altered.
        """
        key = _PREFIX + spool_id
        record = txn.get(TREE, key)
        return Mark() if record is None else Mark.unpack(self._sealer.open(TREE, key, record))

    def settle(self, txn: ReadTxn) -> None:
        """Remove or set aside the files that `txn`, a snapshot of what is committed, says are done with."""
        if self._spool.waiting:
            files = self._spool.files()
            self._spool.settle({file.spool_id: self.mark(txn, file.spool_id) for file, _end in files})
        while self._dead:
            spool_id = self._dead.pop()
            with suppress(OSError):
                self._bury(spool_id, self.mark(txn, spool_id))

    def strangers(self) -> bool:
        """Return whether there are spools that are not this process's."""
        mine = {file.spool_id for file, _end in self._spool.files()}
        return any(spool_id not in mine for spool_id in self._listed())

    def former(self) -> dict[bytes, Locked]:
        """Return, by id, the keys of the spools there are that were begun under an earlier master key."""
        found = {}
        for spool_id in self._listed():
            with suppress(OSError):
                descriptor = os.open(self._spool.folder / name_of(spool_id), _LOOKING)
                try:
                    key = self._spool.keys.former_key(read_header(descriptor), spool_id)
                finally:
                    os.close(descriptor)
                if key is not None:
                    found[spool_id] = key
        return found

    def problems(self) -> Iterator[Problem]:
        """Yield the files that hold, or should hold, events which cannot be taken into the journal."""
        for path in sorted(self._spool.folder.glob("spool-*")):
            spool_id = id_of(path.name)
            if path.suffix == ".bad":
                yield Problem(
                    path.name, "part of this spool is not what was written; the journal says from where on"
                )
            elif spool_id is not None:
                sound = False
                with suppress(OSError):
                    file = self._open(spool_id)
                    if file is not None:
                        try:
                            sound = file.begin() is not None or file.finished(START)
                        finally:
                            file.close()
                if not sound and path.exists():
                    yield Problem(
                        path.name, "this spool cannot be read, or does not begin as one of this vault"
                    )

    def _listed(self) -> Iterator[bytes]:
        for name in os.listdir(self._spool.folder):  # noqa: PTH208  a path object for each name takes longer than the rest
            spool_id = id_of(name)
            if spool_id is not None:
                yield spool_id
            elif name.startswith("spool-") and name.endswith(".new"):
                self._stillborn(name)

    def _stillborn(self, name: str) -> None:
        # Made by a process that died before it gave the file its name. If it lives after all, it makes another.
        path = self._spool.folder / name
        with suppress(OSError):
            descriptor = os.open(path, _LOOKING)
            try:
                if SpoolFile.lock(descriptor):
                    path.unlink()
            finally:
                os.close(descriptor)

    def _open(self, spool_id: bytes) -> SpoolFile | None:
        return SpoolFile.open(self._spool.folder, spool_id, self._spool.keys)

    def _others(
        self, opened: ExitStack, present: set[bytes], *, living: bool
    ) -> list[tuple[Beginning, SpoolFile, bool]]:
        """Return the spools that are not in `present`, each with its beginning and whether its process is dead."""
        found = []
        for spool_id in self._listed():
            if spool_id in present:
                continue
            present.add(spool_id)
            # A file that cannot be read, or vanishes, is left to whoever can read it.
            with suppress(OSError):
                file = self._open(spool_id)
                if file is None:
                    continue
                opened.callback(file.close)
                dead = file.dead()
                begin = file.begin() if dead or living else None
                if begin is not None:
                    found.append((begin, file, dead))
                elif dead:
                    self._dead.add(spool_id)
        return found

    def _other(self, pen: Pen, file: SpoolFile, begin: Beginning, limit: int, *, dead: bool) -> int:
        """Fold up to `limit` events of another process's spool; returns how many."""
        mark = self.mark(pen.txn, file.spool_id)
        if mark.flawed:
            self._dead.update([file.spool_id] if dead else [])
            return 0
        position = max(mark.position, begin.first)
        limit += position.number
        reading = self._fold(pen, file, begin.process, position, file.size(), limit)
        if dead and reading.flawed:
            self._report(pen, file, reading)
        if dead and reading.position.number < limit:
            self._dead.add(file.spool_id)
        return reading.position.number - position.number

    def _fold(
        self, pen: Pen, file: SpoolFile, process: str, position: Position, end: int, number: int
    ) -> Reading:
        """Fold the frames from `position` up to the byte `end` or the frame `number`, and record how far it went."""
        reading = Reading(file, position, end)
        for frames, begin in reading.batches(number - position.number):
            added = pen.add_many(frames, process)
            if added < frames.count:
                # Authentic and yet no event: a mistake of the version that wrote it. Kept for people to look at.
                reading.position, reading.flawed = begin.past(frames, added), True
                break
        if reading.position > position:
            pen.put(_PREFIX + file.spool_id, Mark(reading.position).pack())
        return reading

    def _report(self, pen: Pen, file: SpoolFile, reading: Reading) -> None:
        # What cannot be folded must not stop everything after it: it is told in the journal, and the file is kept.
        position = reading.position
        details = f'{{"offset":{position.offset},"spool":"{file.spool_id.hex()}"}}'
        outcome = (FAILURE, Tampered.code, 0, None, 1, details)
        fields: Fields = (self._clock(), OPERATION, PRINCIPAL, TARGET, None, *outcome)
        pen.add(pack_fields(fields), self._spool.process)
        pen.put(_PREFIX + file.spool_id, Mark(position, flawed=True).pack())

    def _bury(self, spool_id: bytes, mark: Mark) -> None:
        file = self._open(spool_id)
        if file is None:
            return
        begin = file.begin()
        position = mark.position if begin is None else max(mark.position, begin.first)
        if file.dead() and mark.flawed:
            file.set_aside()
        elif file.dead() and file.finished(position):
            file.remove()
        else:
            file.close()


def _when(spool: tuple[Beginning, SpoolFile, bool]) -> Beginning:
    return spool[0]
