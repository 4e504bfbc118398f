"""The agenda as callers see it: what is coming, and doing what is due.

Relies on the agenda's index and on the door. Promises: `run_due` does each due thing in a transaction that also takes
it off the agenda, so a kill in the middle repeats nothing and loses nothing; a clock set back makes nothing due.
"""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import NamedTuple

from localvault.agenda import PURGE, Due
from localvault.door import Call
from localvault.lifecycle import deletion
from localvault.lifecycle.ground import Ground
from localvault.lifecycle.kinds import KINDS
from localvault.lifecycle.objects import Objects
from localvault.model.clock import from_datetime, to_datetime
from localvault.operations import AGENDA_LIST, AGENDA_RUN
from localvault.records import OBJECTS, Mutation, Records

_AT_ONCE = 256  # due things done in one transaction: a sync is shared, and other writers do not wait long


class Entry(NamedTuple):
    """One thing on the agenda: what will be done (`purge`), to which object (`/secrets/db`), when (UTC)."""

    action: str
    target: str
    due_on: datetime

    def to_dict(self) -> dict[str, str]:
        """Return the entry under its names, the time as ISO 8601 text, for JSON."""
        return {"action": self.action, "target": self.target, "due_on": self.due_on.isoformat()}


class AgendaVerbs:
    """The agenda of one vault (`vault.agenda`)."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._objects = {byte: Objects(ground, kind) for byte, kind in KINDS.items()}

    def upcoming(self) -> list[Entry]:
        """Return everything on the agenda, the earliest first.

        Raises:
            VaultClosed, Damaged, Tampered: as for everything that looks into the vault.
        """
        return self._ground.door.read(AGENDA_LIST, "/", self._upcoming)

    def run_due(self, now: datetime | None = None) -> list[Entry]:
        """Do everything that is due at `now` (the vault's clock unless given); returns what was done.

        With purge protection, what is due only later than the vault's clock stays, whatever `now` says.

        Raises:
            BadParameter: `now` has no time zone.
            StoreFull, StoreBusy: what was done before is done; call again.
        """
        due = iter(self._ground.door.read(AGENDA_LIST, "/", self._due, now))
        done: list[Entry] = []
        while part := list(islice(due, _AT_ONCE)):
            done += self._ground.door.write(AGENDA_RUN, "/", self._run, part)
        return done

    def _upcoming(self, call: Call, records: Records) -> list[Entry]:
        entries = [self._entry(records, due) for due in self._ground.agenda.upcoming(records)]
        call.count = len(entries)
        return entries

    def _due(self, call: Call, records: Records, now: datetime | None) -> list[Due]:
        moment = from_datetime(now, "now")
        if moment is None:
            moment = call.now
        elif self._ground.settings(records).purge_protection:
            moment = min(moment, call.now)  # else naming a later `now` would purge what `purge` refuses to
        found = self._ground.agenda.due(records, moment)
        call.count = len(found)
        return found

    def _run(self, call: Call, mutation: Mutation, part: list[Due]) -> list[Entry]:
        done = []
        for due in part:
            name = deletion.purge_due(mutation, self._objects[due.kind], due)
            if name is not None:
                done.append(self._named(due, name))
        # Somebody may have entered something earlier since `part` was read; it must stay in sight.
        last = part[-1].time
        left = set(self._ground.agenda.due(mutation, last)).difference(part)
        self._ground.agenda.done_before(mutation, min((due.time for due in left), default=last))
        call.count = len(done)
        # The names go into the event's sealed part: a purge by the agenda is told as fully as one by hand.
        call.details = {"done": [f"{entry.action} {entry.target}" for entry in done]}
        return done

    def _entry(self, records: Records, due: Due) -> Entry:
        head = records.remembered(OBJECTS, due.kind.upper() + due.name_id, self._ground.heads)
        return self._named(due, "?" if head is None else head.name)

    def _named(self, due: Due, name: str) -> Entry:
        assert due.action == PURGE, "purges are all there is to do so far"
        return Entry("purge", f"/{KINDS[due.kind].collection}/{name}", to_datetime(due.time))
