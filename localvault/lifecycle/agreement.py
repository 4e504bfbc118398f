"""Whether agenda and heads tell the same story, for `check`.

Relies on the schedule. Promises: an entry that its object's schedule does not have is found, and so is one that was
never made; of notices, only those that cannot have been told yet are missed. What is not as the journal tells of it, an
entry or head taken away, is found by its digest, and passed over here.
"""

from __future__ import annotations

from collections.abc import Iterator

from localvault.agenda import PURGE, ROTATE, entry
from localvault.errors import VaultError
from localvault.journal.audit import Digests
from localvault.lifecycle.ground import Ground
from localvault.lifecycle.head import decode_head
from localvault.lifecycle.objects import deleted_key
from localvault.lifecycle.running import ACTIONS
from localvault.lifecycle.schedule import schedule
from localvault.records import AGENDA, OBJECTS, Records


class Agreement:
    """Compares the records of one snapshot."""

    def __init__(self, ground: Ground, records: Records, now: int, digests: Digests) -> None:
        """`now` (µs): the vault's clock; `digests`: what the journal tells of each record not looked at yet."""
        self._ground = ground
        self._records = records
        self._digests = digests
        try:
            self._told = max(now, ground.agenda.told(records))
            self._is_complete = ground.agenda.is_complete(records)
        except VaultError:  # told of as a problem of that record
            self._told, self._is_complete = now, False

    def of_head(self, key: bytes, plaintext: bytes) -> Iterator[str]:
        """Yield a sentence for each entry that the head at `key` of the table OBJECTS should have and has not."""
        for due in schedule(key[:1].lower() + key[1:], decode_head(plaintext)):
            told = due.action not in (PURGE, ROTATE) and due.time <= self._told
            if told or (due.action != PURGE and not self._is_complete):
                continue
            places = self._ground.agenda.places(due)
            if not any(self._is_there(AGENDA, place) for place in places):
                yield f"the agenda has no entry for its {ACTIONS[due.action]}"

    def of_entry(self, key: bytes, plaintext: bytes) -> Iterator[str]:
        """Yield a sentence if the entry at `key` of the table AGENDA is of nothing that is due."""
        due = entry(key, plaintext)
        object_key = due.kind + due.name_id
        place = deleted_key(object_key) if due.action == PURGE else object_key
        if not self._is_there(OBJECTS, place):
            yield "an entry of the agenda whose object is not there"
            return
        try:
            head = self._records.remembered(OBJECTS, place, self._ground.heads)
        except VaultError:
            return  # told of already, as a problem of the head
        if head is not None and due not in schedule(object_key, head):
            yield "an entry of the agenda that no object has due"

    def _is_there(self, table: int, key: bytes) -> bool:
        """Whether a record is there, or should be by the journal."""
        return self._records.exists(table, key) or self._digests.get((table, key)) is not None
