"""Rotates the master key: a new one for every slot, and every record sealed again, while others read and write.

Relies on `masters`, which all of a vault's processes follow by, on the door and on the journal. Promises: killed at any
moment, the vault opens and everything in it is readable, and calling again goes on where it stopped; once finished, no
record, slot or key in the vault can be opened with the master key there was before.

    begin    one transaction: the header with every slot holding the new key, the keyring with the old one, the place
    walk     many transactions: some thousand records each, sealed again, and the place they were reached at
    finish   one transaction: the keyring without the old key, the header that says so

Every writer compares the header when its transaction begins, so from `begin` on nobody seals below the old key, and
what the walk has passed stays as it left it: one walk is enough.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import groupby, islice
from typing import NamedTuple

import msgpack

from localvault.calls import Call
from localvault.door import Door
from localvault.errors import BadParameter
from localvault.journal.journal import Journal
from localvault.lifecycle.kinds import COLLECTIONS
from localvault.masters import JOURNAL_SCOPE, PLACE_KEY, Masters, Place, read_place
from localvault.operations import MASTER_KEY_ROTATE
from localvault.records import HEADER_KEY, VAULT, Mutation, Records, Sealers
from localvault.sealing.keyring import KEYRING_KEY
from localvault.sealing.master import MasterKey
from localvault.sealing.record import HEADER_SIZE, RecordSealer
from localvault.sealing.renewing import finished, rotated
from localvault.sealing.scopes import ROOT, Scopes
from localvault.slots import read_header
from localvault.store.layout import Table
from localvault.store.protocol import ReadTxn

Progress = Callable[[int, int], None]
Entry = tuple[bytes, bytes]

AT_ONCE = 4096  # records in one transaction: other writers wait some 30 ms
BYTES_AT_ONCE = 4 << 20  # and no more than this, whatever their sizes
_LOOKED_AT = 64  # records between two looks at how many there are
_TURN = 0.001  # s between two transactions, so that writers who wait for the lock get it
_JOURNALS_OWN = (Table.JOURNAL, Table.TREE)  # proved by the journal's tree, not told of in its events


class MasterKeyRotation(NamedTuple):
    """What a rotation came to: the generation of the master key now, and what this call did for it."""

    generation: int
    """How many master keys the vault had before this one."""
    records: int
    """Records that this call sealed again."""
    resumed: bool
    """Whether it went on with a rotation that had begun before."""


class Step(NamedTuple):
    """What one transaction of the walk did; `place` is None once there is nothing left to walk over."""

    place: Place | None
    records: int
    generation: int
    """Of the rotation it was part of: another process may have finished the one before, and begun the next."""


class MasterRotation:
    """The rotation of one open vault's master key."""

    def __init__(self, door: Door, masters: Masters, journal: Journal) -> None:
        self._door = door
        self._masters = masters
        self._journal = journal
        self._sealers = Sealers(masters.scopes, COLLECTIONS)
        self._journal_sealer = masters.scopes.sealer(JOURNAL_SCOPE)

    def run(self, progress: Progress | None = None) -> MasterKeyRotation:
        """Rotate the master key, or finish the rotation that is unfinished.

        Raises:
            BadParameter: inside a batch of this thread.
            Conflict: slots that an earlier localvault made cannot take a new master key; they are named.
            Tampered: a record is not what the vault wrote; the rotation stays unfinished, and nothing is lost.
            StoreFull, StoreBusy: what is done is done; call again.
        """
        with self._door.preparing(MASTER_KEY_ROTATE, ROOT) as look:
            if self._door.in_batch:
                raise BadParameter(
                    "the master key cannot be rotated inside a batch: it takes many transactions"
                )
            total = look(_about)
        self._masters.notice()
        resumed = self._masters.unfinished
        if not resumed:
            resumed = not self._begin(total)
        records = 0
        while True:
            step = self._door.write(MASTER_KEY_ROTATE, ROOT, self._walk)
            records += step.records
            if step.place is None:
                break
            if progress is not None:
                progress(step.place.done, step.place.total)
            time.sleep(_TURN)
        self._finish(step.generation)
        self.tidy()
        return MasterKeyRotation(self._masters.generation, records, resumed)

    def tidy(self) -> None:
        """Forget the keys of spools begun before a rotation that are gone since; nobody is to make such files anew."""
        kept = self._masters.spool_keys.kept
        # Nearly always there is none to forget, and the folder is not looked into.
        if kept and not kept <= self._journal.former_spools().keys():
            self._door.write(MASTER_KEY_ROTATE, ROOT, self._tidy)

    def _begin(self, total: int) -> bool:
        """Make the new master key; False if another process has just begun the same, which is then gone on with."""
        new = self._door.write(MASTER_KEY_ROTATE, ROOT, self._new_master, total)
        if new is None:
            return False
        # Not by its slot: that may have been removed, or its passphrase changed, since this process came in through it.
        self._masters.notice(new)
        new.wipe()
        return True

    def _new_master(self, call: Call, mutation: Mutation, total: int) -> MasterKey | None:
        if self._masters.unfinished:
            call.details = {"generation": self._masters.generation, "step": "join"}
            return None
        masters, new = self._masters, MasterKey.generate()
        header = rotated(read_header(mutation.txn), masters.master, new, masters.way, masters.transfers)
        keyring = masters.next_keyring(self._journal.former_spools(), unfinished=True).encode()
        scopes = Scopes(new, masters.vault_id, generation=header.generation)
        try:
            record = scopes.sealer(ROOT).seal(VAULT, KEYRING_KEY, keyring.view())
        finally:
            scopes.wipe()
            keyring.wipe()
        mutation.put_header(header.encode())
        mutation.put_sealed(VAULT, KEYRING_KEY, record)
        _put_place(mutation, Place(0, b"", 0, total, b""))
        call.details = {"generation": header.generation, "step": "begin"}
        return new

    def _walk(self, call: Call, mutation: Mutation) -> Step:
        generation = self._masters.generation
        call.details = {"generation": generation, "step": "walk"}
        call.count = 0
        if not self._masters.unfinished:
            return Step(None, 0, generation)  # another process has finished it
        place = read_place(mutation) or Place(0, b"", 0, 1, b"")
        if not place.last_run:
            # Not in `_new_master`: the event of its own transaction is the last that is sealed below the old key.
            place = place._replace(last_run=_last_run(mutation.txn))
        seen, reached = _after(mutation.txn, place)
        former = self._masters.oldest.to_bytes(4)
        for table, entries in seen:
            left = [
                entry for entry in entries if entry[1][4:HEADER_SIZE] == former and entry[0] != HEADER_KEY
            ]
            for _kind, group in groupby(left, _kind_of):
                self._reseal(mutation, table, list(group))
            call.count += len(left)
        if reached is not None:
            _put_place(mutation, reached)
        return Step(reached, call.count, generation)

    def _reseal(self, mutation: Mutation, table: int, entries: list[Entry]) -> None:
        sealer = self._sealer(table, entries[0][0])
        opener = self._masters.scopes.at(self._masters.oldest, sealer)
        keys, records = zip(*entries, strict=True)
        made, digests = opener.reseal_many(sealer.batch(), table, keys, records)
        mutation.replace(table, keys, made, None if table in _JOURNALS_OWN else digests)

    def _sealer(self, table: int, key: bytes) -> RecordSealer:
        return self._journal_sealer if table in _JOURNALS_OWN else self._sealers.of(table, key)

    def _finish(self, generation: int) -> None:
        # What living processes have in their spools up to now goes into the journal, and the note of its size is sealed
        # below the new key: the old one opens neither from here on.
        self._journal.fold()
        self._journal.settle()
        if self._masters.unfinished:
            self._door.write(MASTER_KEY_ROTATE, ROOT, self._end, generation)
            self._masters.notice()

    def _end(self, call: Call, mutation: Mutation, generation: int) -> None:
        header = read_header(mutation.txn)
        call.details = {"generation": generation, "step": "finish"}
        # A walk to the end speaks for its own rotation: one that somebody else began since is for them to finish.
        if not header.unfinished or header.generation != generation:
            return
        self._put_keyring(mutation)
        mutation.put_header(finished(header, self._masters.master).encode())
        mutation.delete(VAULT, PLACE_KEY)

    def _tidy(self, call: Call, mutation: Mutation) -> None:
        call.details = {"generation": self._masters.generation, "step": "tidy"}
        # Somebody may have begun a rotation meanwhile: then the keyring has a former master key to hold on to.
        if not self._masters.unfinished:
            self._put_keyring(mutation)

    def _put_keyring(self, mutation: Mutation) -> None:
        keyring = self._masters.next_keyring(self._journal.former_spools(), unfinished=False).encode()
        mutation.put(VAULT, KEYRING_KEY, keyring.view())
        keyring.wipe()


def _about(call: Call, records: Records) -> int:
    return records.txn.entries()


def _last_run(txn: ReadTxn) -> bytes:
    return next(txn.scan(Table.JOURNAL, reverse=True, keys_only=True))[0]


def _put_place(mutation: Mutation, place: Place) -> None:
    packed: bytes = msgpack.packb(place)
    mutation.put(VAULT, PLACE_KEY, packed)


def _after(txn: ReadTxn, place: Place) -> tuple[list[tuple[int, list[Entry]]], Place | None]:
    """Return some entries from a place on, by table, and the place of the last; None if there are no more."""
    seen: list[tuple[int, list[Entry]]] = []
    left, size = AT_ONCE, 0
    for table in Table:
        if table < place.table:
            continue
        entries: list[Entry] = []
        seen.append((table, entries))
        # From behind the last key on: no key stands between one and itself with a zero byte at its end.
        start = place.key + b"\0" if table == place.table and place.key else None
        found = txn.scan(table, start=start)
        while part := list(islice(found, _LOOKED_AT)):
            entries += part
            left -= len(part)
            size += sum(len(record) for _key, record in part)
            if table == Table.JOURNAL and part[-1][0] >= place.last_run:
                break  # however little is left of the limit, or the walk could follow the journal's end for ever
            if left <= 0 or size >= BYTES_AT_ONCE:
                done = place.done + AT_ONCE - left
                return seen, place._replace(table=table, key=part[-1][0], done=done)
    return seen, None


def _kind_of(entry: Entry) -> bytes:
    """Return what tells one scope's records of a table from another's: the first byte of the key, at most."""
    return entry[0][:1]
