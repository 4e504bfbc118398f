"""What falls due when: one index, ordered by blinded time, that shows nobody what it holds.

Relies on `sealing`'s name index. An entry stands under `kind (1) | hour (8) | five minutes (2) | 25 seconds (2) |
second (2) | name id (16) | action (1)`, all four times blinded, and its sealed value is the exact time. Promises: the
due entries of a vault are found by looking at the hours that have passed since the last look, and within the hour that
has not at fewer than fifty places of each kind, whatever the number of entries not yet due, also where very many fall
due later in that hour; or at every entry, where those are fewer than the hours: a clock that was years off, or a `now`
centuries ahead, costs no more than that.

The rejected alternative, the due time as a readable key, would tell anyone who can read the folder when each object
was deleted and when each key expires. What does show: which entries fall due within one second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple, Protocol

import msgpack

from localvault.model.clock import MICROSECONDS
from localvault.sealing.master import NameIndex
from localvault.store.layout import Table

AGENDA, VAULT = int(Table.AGENDA), int(Table.VAULT)
PURGE, ROTATE, NEAR_EXPIRY, EXPIRED = b"p", b"r", b"n", b"x"
HOUR = 3600 * MICROSECONDS
# In table `vault`: that every head's entries have been made. A vault written before there were other entries than
# purges has no such record, and gets it once they have been made.
COMPLETE_KEY, COMPLETE = b"agenda complete", b"\x01"
_FIRST_HOUR = b"agenda"
_TOLD = b"agenda told"
_REMEMBERED = 1024  # seconds, whose blinded times many entries in a row may share
_MANY_LOOKS = 2_000  # some ten milliseconds, and six weeks without a look
# The spans of time that an entry's key names, each within the one before, and the bytes of it there. An hour's eight
# bytes keep hours apart; where two of the shorter spans meet, they are only looked at together.
_SPANS = ((HOUR, 8), (300 * MICROSECONDS, 2), (25 * MICROSECONDS, 2), (MICROSECONDS, 2))
_NAME_ID = slice(-17, -1)


class Reading(Protocol):
    """The part of a transaction's records that reading the agenda needs."""

    def get(self, table: int, key: bytes) -> bytes | None:
        """Return the opened record at `key`."""

    def scan(self, table: int, prefix: bytes, *, start: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        """Yield keys with `prefix` and their opened records, in key order."""

    def count(self, table: int) -> int:
        """Return how many records the table has, without reading them."""


class Writing(Reading, Protocol):
    """The part of a mutation that changing the agenda needs."""

    def put(self, table: int, key: bytes, plaintext: bytes) -> None:
        """Seal and put a record."""

    def putter(self, table: int, key: bytes) -> Callable[[bytes, bytes], None]:
        """Return a quicker `put(key, plaintext)` for many records of the table and kind `key` belongs to."""

    def delete(self, table: int, key: bytes) -> None:
        """Remove a record."""


class Due(NamedTuple):
    """One entry: at `time` (µs), do `action` to the object `kind | name id`."""

    time: int
    kind: bytes
    name_id: bytes
    action: bytes


class Agenda:
    """The index of one vault, written within the mutations that make things fall due."""

    def __init__(self, index: NameIndex, kinds: tuple[bytes, ...]) -> None:
        self._index = index
        self._kinds = kinds
        self._prefix = lru_cache(_REMEMBERED)(self._compute_prefix)

    def add(self, mutation: Writing, due: Due) -> None:
        """Enter `due`; it takes the place of another time of the same second for the same object and action."""
        mutation.put(AGENDA, self.key(due), msgpack.packb(due.time))
        self._look_from(mutation, due.time // HOUR)

    def add_many(self, mutation: Writing, entries: Mapping[bytes, Due]) -> None:
        """As `add` for many of one kind, sealed together; each is given with the `key` it stands at."""
        if entries:
            put, pack = mutation.putter(AGENDA, next(iter(entries))), msgpack.Packer().pack
            for key, due in entries.items():
                put(key, pack(due.time))
            self._look_from(mutation, min([due.time for due in entries.values()]) // HOUR)

    def _look_from(self, mutation: Writing, hour: int) -> None:
        if hour < self._first_hour(mutation, default=hour + 1):
            mutation.put(VAULT, _FIRST_HOUR, msgpack.packb(hour))

    def remove(self, mutation: Writing, due: Due) -> None:
        """Take `due` out; a no-op if it is not there."""
        for key in self.places(due):
            value = mutation.get(AGENDA, key)
            # What stands there may be another time of that second, entered since by somebody else: that one stays.
            if value is not None and msgpack.unpackb(value) == due.time:
                mutation.delete(AGENDA, key)

    def has(self, records: Reading, due: Due) -> bool:
        """Return whether `due` is entered."""
        value = records.get(AGENDA, self.key(due))
        return value is not None and bool(msgpack.unpackb(value) == due.time)

    def due(self, records: Reading, now: int) -> list[Due]:
        """Return every entry due at `now` (µs), the earliest first."""
        last = now // HOUR
        hours = range(self._first_hour(records, default=last + 1), last + 1)
        looks = len(hours) * len(self._kinds)
        # Counting looks at every entry, so it is only worth it where the hours are many.
        by_hour = looks < _MANY_LOOKS or looks < records.count(AGENDA)
        found = self._of_hours(records, hours, now) if by_hour else self._all(records)
        return sorted({entry for entry in found if entry.time <= now})

    def upcoming(self, records: Reading) -> list[Due]:
        """Return every entry there is, the earliest first (opens them all)."""
        return sorted(self._all(records))

    def done_before(self, mutation: Writing, now: int) -> None:
        """Remember that nothing is left due before the hour of `now`, so that it is not looked at again."""
        hour = now // HOUR
        if self._first_hour(mutation, default=hour) < hour:
            mutation.put(VAULT, _FIRST_HOUR, msgpack.packb(hour))

    def hours_behind(self, records: Reading, now: int) -> int:
        """Return how many hours, `now`'s own included, a look at what is due has to look at."""
        hour = now // HOUR
        return hour + 1 - min(self._first_hour(records, default=hour + 1), hour + 1)

    def tell(self, mutation: Writing, time: int) -> None:
        """Remember that notices due until `time` (µs) may have been told, or passed over, and be gone."""
        if self.told(mutation) < time:
            mutation.put(VAULT, _TOLD, msgpack.packb(time))

    def told(self, records: Reading) -> int:
        """Return the last time (µs) up to which notices may be gone; of later ones each has its entry."""
        value = records.get(VAULT, _TOLD)
        return -(1 << 63) if value is None else int(msgpack.unpackb(value))

    def is_complete(self, records: Reading) -> bool:
        """Whether every head's entries have been made."""
        return records.get(VAULT, COMPLETE_KEY) is not None

    def set_complete(self, mutation: Writing) -> None:
        """Remember that every head's entries have been made."""
        mutation.put(VAULT, COMPLETE_KEY, COMPLETE)

    def key(self, due: Due) -> bytes:
        """Return where `due` stands in the table AGENDA."""
        return self._prefix(due.kind, due.time // MICROSECONDS) + due.name_id + due.action

    def _compute_prefix(self, kind: bytes, second: int) -> bytes:
        time = second * MICROSECONDS
        return kind + b"".join(
            [self._blind(kind, level, time // span) for level, (span, _) in enumerate(_SPANS)]
        )

    def places(self, due: Due) -> Iterator[bytes]:
        """Yield the keys at which `due` may stand: `key`, and where it was entered before there was that form."""
        yield self.key(due)
        if due.action == PURGE:
            # Where versions before 0.2 entered a purge, which was all they entered.
            yield due.kind + self._blind(due.kind, 0, due.time // HOUR) + due.name_id + due.action

    def _of_hours(self, records: Reading, hours: range, now: int) -> Iterator[Due]:
        for hour in hours:
            for kind in self._kinds:
                prefix = kind + self._blind(kind, 0, hour)
                if hour < now // HOUR:
                    yield from _entries(records, prefix)
                else:
                    yield from self._within(records, prefix, kind, hour, 0, now)

    def _within(
        self, records: Reading, prefix: bytes, kind: bytes, slot: int, level: int, now: int
    ) -> Iterator[Due]:
        """Yield the entries of the span number `slot` of a level, which holds `now`, in its parts up to `now`."""
        if level + 1 == len(_SPANS):
            yield from _entries(records, prefix)
            return
        span, part = _SPANS[level][0], _SPANS[level + 1][0]
        last = now // part
        for number in range(slot * span // part, last):
            yield from _entries(records, prefix + self._blind(kind, level + 1, number))
        inner = prefix + self._blind(kind, level + 1, last)
        yield from self._within(records, inner, kind, last, level + 1, now)

    def _all(self, records: Reading) -> Iterator[Due]:
        for kind in self._kinds:
            yield from _entries(records, kind)

    def _first_hour(self, records: Reading, *, default: int) -> int:
        value = records.get(VAULT, _FIRST_HOUR)
        return default if value is None else int(msgpack.unpackb(value))

    def _blind(self, kind: bytes, level: int, number: int) -> bytes:
        # Cut short: two spans that meet are only looked at together, and every entry tells its own time.
        label = f"{kind.decode()}{number}" if level == 0 else f"{kind.decode()}{level}:{number}"
        return self._index.blind(b"a", label)[: _SPANS[level][1]]


def entry(key: bytes, value: bytes) -> Due:
    """Return the entry that stands at `key` of the table AGENDA with the opened record `value`."""
    return Due(msgpack.unpackb(value), key[:1], key[_NAME_ID], key[-1:])


def _entries(records: Reading, prefix: bytes) -> Iterator[Due]:
    for key, value in records.scan(AGENDA, prefix):
        yield entry(key, value)
