"""Looking after the vault as a whole: check everything, copy it while it is in use, write it anew without free pages.

Relies on the store for copies and structure, on the journal for what every record should be. Promises: `check` goes on
past the first problem and changes nothing; a copy is complete under its final name or not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from localvault.door import Call
from localvault.errors import VaultError
from localvault.journal.journal import Journal
from localvault.lifecycle.ground import Ground
from localvault.lifecycle.head import decode_head
from localvault.lifecycle.kinds import COLLECTIONS
from localvault.model.problem import Problem
from localvault.operations import VAULT_BACKUP, VAULT_CHECK, VAULT_COMPACT
from localvault.records import HEADER_KEY, OBJECTS, VAULT, VERSIONS, Records
from localvault.sealing.record import digest
from localvault.store.layout import Table
from localvault.store.protocol import Store

Progress = Callable[[int, int], None]
Digests = dict[tuple[int, bytes], bytes | None]

# The journal's own tables are proved by its tree, not by digests in its events.
_DIGESTED = (Table.VAULT, Table.OBJECTS, Table.VERSIONS, Table.AGENDA, Table.ACCESS)
_PROGRESS_EVERY = 4096


class Upkeep:
    """Check, backup and compact of one open vault."""

    def __init__(self, ground: Ground, store: Store, journal: Journal) -> None:
        self._ground = ground
        self._store = store
        self._journal = journal

    def check(self, progress: Progress | None = None) -> list[Problem]:
        """Walk everything; returns every problem, an empty list if all is as it was written."""
        self._journal.fold()
        return self._ground.door.read(VAULT_CHECK, "/", self._check, progress)

    def backup(self, path: Path) -> None:
        """Write a copy of the vault as it is at one moment into the new folder `path`, while others read and write."""
        self._journal.fold()
        self._ground.door.note(VAULT_BACKUP, "/")
        self._store.backup(path)

    def compact(self, path: Path) -> None:
        """As `backup`, leaving out free pages and with them what was purged or overwritten."""
        self._journal.fold()
        self._ground.door.note(VAULT_COMPACT, "/")
        self._store.compact(path)

    def _check(self, call: Call, records: Records, progress: Progress | None) -> list[Problem]:
        problems = [Problem("data.mdb", sentence) for sentence in self._store.structure_problems()]
        problems += [Problem("journal", sentence) for sentence in self._journal.problems(records.txn)]
        digests = self._journal.latest_digests(records.txn)
        names: dict[bytes, str] = {}
        total = len(digests)
        call.count = 0
        for table in _DIGESTED:
            try:
                for key, record in records.txn.scan(table):
                    call.count += 1
                    if progress is not None and call.count % _PROGRESS_EVERY == 0:
                        progress(call.count, total)
                    expected = digests.pop((table, key), None)
                    problems += _compare(records, table, key, record, expected, names)
            except VaultError as error:
                problems.append(Problem(table.name.lower(), error.message))
        for (table_number, key), expected in digests.items():
            if expected is not None:
                place = _place(table_number, key, names)
                problems.append(Problem(place, "the record the journal tells of is not there"))
        return problems


def _compare(
    records: Records, table: int, key: bytes, record: bytes, expected: bytes | None, names: dict[bytes, str]
) -> Iterator[Problem]:
    intact = expected is not None and digest(record) == expected
    if (table, key) == (VAULT, HEADER_KEY):
        # The header stands outside the sealing (it is what unlocks it); opening the vault has authenticated it.
        if not intact:
            yield Problem("vault header", "an older state of the slot list was put back")
        return
    try:
        plaintext = records.open(table, key, record)
    except VaultError as error:
        yield Problem(_place(table, key, names), error.message)
        return
    if table == OBJECTS:
        names[key[1:]] = decode_head(plaintext).name
    if intact:
        return
    # It opens, so this vault wrote it there once: only the journal knows that something newer was written since.
    sentence = (
        "an older state of this record was put back" if expected else "the journal tells of no such record"
    )
    yield Problem(_place(table, key, names), sentence)


def _place(table: int, key: bytes, names: dict[bytes, str]) -> str:
    """Return the scope of a record as people know it, or its store key where the name is not known."""
    if table in (OBJECTS, VERSIONS):
        collection = COLLECTIONS[key[:1].lower()]
        name = names.get(key[1:17], "(name id " + key[1:17].hex() + ")")
        return f"{collection}/{name}" + (f"/{key[17:].hex()}" if table == VERSIONS else "")
    return f"{Table(table).name.lower()} {key.decode('ascii', 'backslashreplace') if table == Table.VAULT else key.hex()}"
