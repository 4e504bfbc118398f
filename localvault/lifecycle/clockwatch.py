"""Whether the vault's clock was set back since the agenda was last run.

Relies on a record in the table `vault`: the latest time anything was done at, and how often the clock was set back,
msgpack `[µs, times]`. Promises: a clock more than a minute behind the latest time is told in one event and one
notice, by whichever process is first, and changes nothing else; looking writes nothing.

The record is written only together with what else is done, so that an agenda with nothing to do writes nothing. What
this open vault has seen since is remembered beside it; the count tells whether that is still worth anything.
"""

from __future__ import annotations

import threading

from msgpack import packb, unpackb

from localvault.calls import Call
from localvault.lifecycle.ground import Ground
from localvault.lifecycle.notices import note_clock
from localvault.model.clock import MICROSECONDS, to_datetime
from localvault.operations import AGENDA_LIST, CLOCK_SET_BACK
from localvault.records import VAULT, Mutation, Records
from localvault.store.turn import Turn

CLOCK_KEY = b"agenda-clock"
TOLERANCE = 60 * MICROSECONDS  # what clocks are put right by without anybody noticing


class ClockWatch:
    """Watches the clock for one open vault."""

    def __init__(self, ground: Ground, turn: Turn) -> None:
        self._ground = ground
        self._turn = turn
        self._lock = threading.Lock()
        self._seen: tuple[int, int] | None = None  # the latest time, and how often it was set back before

    def look(self) -> None:
        """Tell of it, once, if the clock was set back.

        Raises:
            AccessDenied: the principal may not look at the agenda.
            StoreFull, StoreBusy: it could not be told; the next look does it.
        """
        if self._find() is None or self._ground.door.read_only:
            return
        # Whoever tells has the lock and the turn meanwhile, so nobody tells it twice. Nobody waits for either: who has
        # the one is telling just now, who has the other looks for himself.
        if not self._lock.acquire(blocking=False):
            return
        try:
            if self._turn.take(self):
                latest = self._find()
                if latest is not None:
                    self._seen = self._ground.door.write(CLOCK_SET_BACK, "/", self._tell, latest)
        finally:
            self._turn.give(self)
            self._lock.release()

    def keep(self, call: Call, mutation: Mutation) -> None:
        """Note, in a transaction that writes anyway, that the agenda was run at `call.now`."""
        stored = _stored(mutation)
        if stored is None or call.now > stored[0] + TOLERANCE:
            mutation.put(VAULT, CLOCK_KEY, packb((call.now, 0 if stored is None else stored[1])))

    def _find(self) -> int | None:
        """Return the latest time, in µs, if the clock is behind it."""
        with self._ground.door.preparing(AGENDA_LIST, "/") as look:
            return look(self._judge)

    def _judge(self, call: Call, records: Records) -> int | None:
        stored, seen = _stored(records), self._seen
        latest, times = stored or (call.now, 0)
        if seen is not None and seen[1] == times:
            latest = max(latest, seen[0])
        if call.now < latest - TOLERANCE:
            return latest
        self._seen = (max(latest, call.now), times)
        return None

    def _tell(self, call: Call, mutation: Mutation, latest: int) -> tuple[int, int]:
        stored = _stored(mutation)
        now = (call.now, 1 if stored is None else stored[1] + 1)
        mutation.put(VAULT, CLOCK_KEY, packb(now))
        back_from, to = to_datetime(latest).isoformat(), to_datetime(call.now).isoformat()
        call.details = {"from": back_from, "to": to}
        note_clock(call, self._ground, back_from, to)
        return now


def _stored(records: Records) -> tuple[int, int] | None:
    record = records.get(VAULT, CLOCK_KEY)
    return None if record is None else tuple(unpackb(record))
