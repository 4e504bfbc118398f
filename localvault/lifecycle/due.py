"""The agenda as callers see it: what is coming, and doing what is due.

Relies on the agenda's index and on the door. Promises: `run_due` does each due thing in a transaction that also takes
it off the agenda, so a kill in the middle repeats nothing and loses nothing; a clock set back makes nothing due, and is
told.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from localvault.agenda import PURGE, Due
from localvault.door import Call
from localvault.errors import BadParameter, ReadOnlyVault
from localvault.lifecycle import deletion
from localvault.lifecycle.clockwatch import ClockWatch
from localvault.lifecycle.ground import Ground
from localvault.lifecycle.kinds import KINDS
from localvault.lifecycle.objects import Objects
from localvault.lifecycle.runner import INTERVAL, Failed, Runner, Wait
from localvault.model.clock import from_datetime, to_datetime
from localvault.operations import AGENDA_LIST, AGENDA_RUN, AGENDA_WATCH
from localvault.records import OBJECTS, Mutation, Records
from localvault.store.turn import Turn

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
        self._turn = Turn(ground.folder)
        self._clock = ClockWatch(ground, self._turn)
        self._runner: Runner | None = None

    def upcoming(self) -> list[Entry]:
        """Return everything on the agenda, the earliest first.

        Raises:
            VaultClosed, Damaged, Tampered: as for everything that looks into the vault.
        """
        return self._ground.door.read(AGENDA_LIST, "/", self._upcoming)

    def run_due(self, now: datetime | None = None, *, commands: bool = False) -> list[Entry]:
        """Do everything that is due at `now` (the vault's clock unless given); returns what was done.

        With purge protection, what is due only later than the vault's clock stays, whatever `now` says.
        `commands`: whether generators that are commands may run their programs.

        Raises:
            BadParameter: `now` has no time zone.
            StoreFull, StoreBusy: what was done before is done; call again.
        """
        self._clock.look()
        due = iter(self._ground.door.read(AGENDA_LIST, "/", self._due, now))
        done: list[Entry] = []
        while part := list(islice(due, _AT_ONCE)):
            done += self._ground.door.write(AGENDA_RUN, "/", self._run, part)
        return done

    def start(
        self, interval: float = INTERVAL, *, commands: bool = False, wait: Wait | None = None
    ) -> Runner:
        """Do what is due from now on in a background thread, at every interval and when something falls due.

        One process at a time works; others that have called this stand by. Subscribers are called in that thread.

        Args:
            interval: seconds between two rounds, 0.01 to 86,400.
            commands: whether generators that are commands may run their programs.
            wait: called with seconds instead of waiting; true ends the runner.

        Raises:
            BadParameter: an interval out of range, or a runner of this open vault is running already.
            ReadOnlyVault: nothing can be done there.
        """
        if self._runner is not None and self._runner.running:
            raise BadParameter("the agenda of this open vault is being run in the background already")
        self._runner = self._new_runner(interval, commands, wait).start()
        return self._runner

    def watch(
        self,
        interval: float = INTERVAL,
        *,
        commands: bool = False,
        wait: Wait | None = None,
        failed: Failed | None = None,
    ) -> Iterator[Entry]:
        """As `start`, in the thread that iterates: yields what was done as it is done, until `wait` says stop.

        `failed` is called with the error of each round that failed; without it they are only logged and journalled.

        Raises:
            BadParameter: an interval out of range.
            ReadOnlyVault: nothing can be done there.
        """
        return self._new_runner(interval, commands, wait).entries(failed)

    def close(self) -> None:
        """End the background runner, if there is one."""
        if self._runner is not None:
            self._runner.stop()

    def _new_runner(self, interval: float, commands: bool, wait: Wait | None) -> Runner:
        runner = Runner(
            self._ground, self.run_due, self._turn, self._clock,
            interval=interval, commands=commands, wait=wait,
        )  # fmt: skip
        if self._ground.door.read_only:
            raise ReadOnlyVault("the vault is open read-only, so nothing that is due can be done")
        self._ground.door.note(AGENDA_WATCH, "/", {"interval": interval, "commands": commands})
        return runner

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
            name = deletion.purge_due(call, mutation, self._objects[due.kind], due)
            if name is not None:
                done.append(self._named(due, name))
        # Somebody may have entered something earlier since `part` was read; it must stay in sight.
        last = part[-1].time
        left = set(self._ground.agenda.due(mutation, last)).difference(part)
        self._ground.agenda.done_before(mutation, min((due.time for due in left), default=last))
        self._clock.keep(call, mutation)
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
