"""The agenda as callers see it: what is coming, and doing what is due.

Relies on the agenda's index, on `running` for doing a part of what is due, and on the door. Promises: `run_due` does
each due thing in a transaction that also takes it off the agenda, so a kill in the middle repeats nothing and loses
nothing, and of two processes that do it at once each thing is done by one; a clock set back makes nothing due, and is
told.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from localvault.agenda import Due
from localvault.calls import Call
from localvault.errors import BadParameter, ReadOnlyVault
from localvault.lifecycle.clockwatch import ClockWatch
from localvault.lifecycle.completing import complete
from localvault.lifecycle.ground import Ground
from localvault.lifecycle.kinds import KINDS
from localvault.lifecycle.objects import Objects, deleted_key
from localvault.lifecycle.runner import INTERVAL, Failed, Runner, Wait
from localvault.lifecycle.running import ACTIONS, Running
from localvault.model.clock import DAY, from_datetime, to_datetime
from localvault.operations import AGENDA_LIST, AGENDA_WATCH
from localvault.records import OBJECTS, Records
from localvault.store.turn import Turn

# Due things done in one transaction: a sync is shared, and so are the pages written. Other writers wait 0.2 s.
_AT_ONCE = 1024
_HOURS_BEHIND = 24  # hours to look at, from which on it is worth a write not to look at them again
# How far (µs) to look ahead for the next few entries before looking at all: very many may stand within one hour.
_HORIZONS = (DAY // 1440, DAY // 144, DAY // 24, DAY, 8 * DAY, 64 * DAY)


class Entry(NamedTuple):
    """One thing on the agenda: what (`purge`, `rotate`, `near-expiry`, `expired`), of which object, when (UTC)."""

    action: str
    target: str
    due_on: datetime

    def to_dict(self) -> dict[str, str]:
        """Return the entry under its names, the time as ISO 8601 text, for JSON."""
        return {"action": self.action, "target": self.target, "due_on": self.due_on.isoformat()}


class _Look(NamedTuple):
    """What a look at the agenda found: at which time, what is due, and what there is to be done first."""

    moment: int
    due: list[Due]
    is_complete: bool
    hours_behind: int


class AgendaVerbs:
    """The agenda of one vault (`vault.agenda`)."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._objects = {byte: Objects(ground, kind) for byte, kind in KINDS.items()}
        self._turn = Turn(ground.folder)
        self._clock = ClockWatch(ground, self._turn)
        self._runner: Runner | None = None

    def upcoming(self, until: datetime | None = None, limit: int | None = None) -> list[Entry]:
        """Return what is on the agenda, the earliest first: everything, or what is due by `until`, or the next few.

        Raises:
            BadParameter: `until` has no time zone, or `limit` is below 0.
            VaultClosed, Damaged, Tampered: as for everything that looks into the vault.
        """
        return self._ground.door.read(AGENDA_LIST, "/", self._upcoming, until, limit)

    def run_due(self, now: datetime | None = None, *, commands: bool = False) -> list[Entry]:
        """Do everything that is due at `now` (the vault's clock unless given); returns what was done.

        Deleted objects are purged; keys, and secrets with a generator, get a new version if their policy says so; that
        an object is near its expiry, or has expired, is told in the journal. What cannot be rotated (a disabled key,
        say) is told there as a failure, stands in nobody's way and is due again an hour later. With purge protection,
        what is due only later than the vault's clock stays, whatever `now` says.
        `commands`: whether generators that are commands may run their programs.

        Raises:
            BadParameter: `now` has no time zone.
            StoreFull, StoreBusy: what was done before is done; call again.
            Damaged, Tampered: an object cannot be read; everything else that was due is done.
        """
        self._clock.look()
        door = self._ground.door
        seen = door.read(AGENDA_LIST, "/", self._look, now)
        if not seen.is_complete:
            complete(self._ground, self._objects)
            seen = door.read(AGENDA_LIST, "/", self._look, now)
        running = Running(self._ground, self._objects, seen.moment, self._clock, commands=commands)
        if not seen.due and seen.hours_behind > _HOURS_BEHIND:
            running.do([], until=seen.moment)
        done = []
        for first in range(0, len(seen.due), _AT_ONCE):
            part = seen.due[first : first + _AT_ONCE]
            is_last = first + _AT_ONCE >= len(seen.due)
            done += running.do(part, until=seen.moment if is_last else None)
        if running.unread is not None:
            raise running.unread
        return [_entry(due, name) for due, name in done]

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

    def _upcoming(
        self, call: Call, records: Records, until: datetime | None, limit: int | None
    ) -> list[Entry]:
        if limit is not None and limit < 0:
            raise BadParameter("limit is how many entries to return: 0 or more")
        end, agenda = from_datetime(until, "until"), self._ground.agenda
        if end is not None:
            found = agenda.due(records, end)
        elif limit is not None:
            found = self._next(call, records, limit)
        else:
            found = agenda.upcoming(records)
        found = found[:limit]
        call.count = len(found)
        return [_entry(due, self._name(records, due)) for due in found]

    def _next(self, call: Call, records: Records, limit: int) -> list[Due]:
        for horizon in _HORIZONS:
            found = self._ground.agenda.due(records, call.now + horizon)
            if len(found) >= limit:
                return found
        return self._ground.agenda.upcoming(records)

    def _look(self, call: Call, records: Records, now: datetime | None) -> _Look:
        agenda = self._ground.agenda
        moment = from_datetime(now, "now")
        if moment is None:
            moment = call.now
        elif self._ground.settings(records).purge_protection:
            moment = min(moment, call.now)  # else naming a later `now` would purge what `purge` refuses to
        found = agenda.due(records, moment)
        call.count = len(found)
        return _Look(moment, found, agenda.is_complete(records), agenda.hours_behind(records, moment))

    def _name(self, records: Records, due: Due) -> str:
        key = due.kind + due.name_id
        for place in (key, deleted_key(key)):
            head = records.remembered(OBJECTS, place, self._ground.heads)
            if head is not None:
                return head.name
        return "?"


def _entry(due: Due, name: str) -> Entry:
    return Entry(ACTIONS[due.action], f"/{KINDS[due.kind].collection}/{name}", to_datetime(due.time))
