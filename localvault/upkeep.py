"""Looking after the vault as a whole: check everything, copy it while it is in use, write it anew without free pages.

Relies on the store for copies and structure, on the journal for what every record should be. Promises: `check` goes on
past the first problem and changes nothing; a copy is complete under its final name or not there.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from localvault.calls import Call
from localvault.errors import BadParameter, Damaged, Tampered, VaultError
from localvault.journal.audit import Digests
from localvault.journal.journal import Journal
from localvault.lifecycle.agreement import Agreement
from localvault.lifecycle.ground import SETTINGS_KEY, Ground, encode_settings
from localvault.lifecycle.head import decode_head
from localvault.lifecycle.kinds import COLLECTIONS, KINDS
from localvault.masters import Masters, read_place
from localvault.model.problem import Problem
from localvault.model.settings import Settings, changed
from localvault.native.features import doctor
from localvault.native.memory import wipe_bytes
from localvault.operations import (
    VAULT_BACKUP,
    VAULT_CHECK,
    VAULT_COMPACT,
    VAULT_GET,
    VAULT_UPDATE,
    Operation,
)
from localvault.records import AGENDA, HEADER_KEY, OBJECTS, VAULT, VERSIONS, Mutation, Records
from localvault.sealing.record import digest
from localvault.store.faults import told
from localvault.store.layout import Table
from localvault.store.lmdb import LmdbStore

Progress = Callable[[int, int], None]

# The journal's own tables are proved by its tree, not by digests in its events.
_DIGESTED = (Table.VAULT, Table.OBJECTS, Table.VERSIONS, Table.AGENDA, Table.ACCESS)
_PROGRESS_EVERY = 4096


class Upkeep:
    """Check, backup and compact of one open vault."""

    def __init__(self, ground: Ground, store: LmdbStore, journal: Journal, masters: Masters) -> None:
        self._masters = masters
        self._ground = ground
        self._store = store
        self._journal = journal

    def settings(self) -> Settings:
        """Return the settings as they are on disk now."""
        return self._ground.door.read(VAULT_GET, "/", lambda call, records: self._ground.settings(records))

    def configure(self, changes: dict[str, Any]) -> Settings:
        """Change settings by name; returns all of them as they are then.

        Raises:
            BadParameter: no such setting, or a value out of range; nothing was changed.
        """
        settings = self._ground.door.write(VAULT_UPDATE, "/", self._configure, changes)
        self._ground.home = settings.home  # not before it is written
        return settings

    def status(self) -> dict[str, Any]:
        """Return counts and sizes, and what the native core found on this machine."""
        return self._ground.door.read(VAULT_GET, "/", self._status)

    def check(self, progress: Progress | None = None) -> list[Problem]:
        """Walk everything; returns every problem, an empty list if all is as it was written."""
        with self._ground.door.preparing(VAULT_CHECK, "/"):
            noted = self._journal.note_problems()
            # What keeps events from being folded, an altered header above all, is found below in its place.
            with suppress(Damaged, Tampered):
                self._journal.fold()
        return noted + self._ground.door.read(VAULT_CHECK, "/", self._check, progress)

    def backup(self, path: Path) -> None:
        """Write a copy of the vault as it is at one moment into the new folder `path`, while others read and write."""
        self._copy(VAULT_BACKUP, path, self._store.backup)

    def compact(self, path: Path) -> None:
        """As `backup`, leaving out free pages and with them what was purged or overwritten."""
        self._copy(VAULT_COMPACT, path, self._store.compact)

    def _copy(self, operation: Operation, path: Path, copy: Callable[[Path], None]) -> None:
        door = self._ground.door
        with door.preparing(operation, "/"):
            self._check_place(path)
            self._journal.fold()
            with told(path), self._journal.copying(path):
                copy(path)
        try:
            door.note(operation, "/")
        except BaseException:
            shutil.rmtree(path)  # a result whose event cannot be written is withheld
            raise

    def _check_place(self, path: Path) -> None:
        if not path.parent.is_dir():
            raise BadParameter(f"there is no folder {path.parent} for the copy", hint="make it first")
        if path.parent.resolve().is_relative_to(self._store.folder.resolve()):
            # A vault's folder holds its own files and nothing else.
            raise BadParameter("a copy cannot be inside the vault's own folder", hint="name another place")

    def _configure(self, call: Call, mutation: Mutation, changes: dict[str, Any]) -> Settings:
        settings = changed(self._ground.settings(mutation), changes)
        mutation.put(VAULT, SETTINGS_KEY, encode_settings(settings))
        call.details = changes
        return settings

    def _status(self, call: Call, records: Records) -> dict[str, Any]:
        settings = self._ground.settings(records)
        head = self._journal.head()
        place = read_place(records)
        counts = {
            prefix + kind.collection: sum(1 for _ in records.txn.scan(OBJECTS, byte, keys_only=True))
            for kind in KINDS.values()
            for prefix, byte in (("", kind.byte), ("deleted_", kind.byte.upper()))
        }
        return {
            "name": settings.name,
            "url": settings.home.url,
            "settings": settings._asdict(),
            "counts": counts | {"versions": records.txn.count(VERSIONS)},
            "journal": head.to_dict(),
            "master_key": {
                "generation": self._masters.generation,
                "unfinished_rotation": None if place is None else round(place.share, 3),
            },
            "bytes": sum(entry.stat().st_size for entry in self._store.folder.iterdir()),
            "native": doctor(),
        }

    def _check(self, call: Call, records: Records, progress: Progress | None) -> list[Problem]:
        problems = [Problem("data.mdb", sentence) for sentence in self._store.verify_structure()]
        digests: Digests = {}
        problems += self._journal.problems(records.txn, digests)
        names: dict[bytes, str] = {}
        agreement = Agreement(self._ground, records, call.now, digests)
        total = len(digests)
        call.count = 0
        for table in _DIGESTED:
            try:
                for key, record in records.txn.scan(table):
                    call.count += 1
                    if progress is not None and call.count % _PROGRESS_EVERY == 0:
                        progress(call.count, total)
                    expected = digests.pop((table, key), None)
                    problems += _compare(records, table, key, record, expected, names, agreement)
            except VaultError as error:
                problems.append(Problem(table.name.lower(), error.message))
        for (table_number, key), expected in digests.items():
            if expected is not None:
                place = _place(table_number, key, names)
                problems.append(Problem(place, "the record the journal tells of is not there"))
        return problems


def _compare(
    records: Records,
    table: int,
    key: bytes,
    record: bytes,
    expected: bytes | None,
    names: dict[bytes, str],
    agreement: Agreement,
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
    if intact and table in (OBJECTS, AGENDA):
        of_record = agreement.of_head if table == OBJECTS else agreement.of_entry
        for sentence in of_record(key, plaintext):
            yield Problem(_place(table, key, names), sentence)
    wipe_bytes(plaintext)
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
    shown = key.decode("ascii", "backslashreplace") if table == VAULT else key.hex()
    return f"{Table(table).name.lower()} {shown}"
