"""What falls due when: one index, ordered by the hour, that shows nobody what it holds.

Relies on `sealing`'s name index. An entry stands under `kind (1) | blinded hour (8) | name id (16) | action (1)`, and
its sealed value is the exact time. Promises: the due entries of a vault are found by looking at the hours that have
passed since the last look, whatever the number of entries not yet due; or at every entry, where those are fewer than
the hours: a clock that was years off, or a `now` centuries ahead, costs no more than that.

The rejected alternative, the due time as a readable key, would tell anyone who can read the folder when each object
was deleted and when each key expires.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import msgpack

from localvault.sealing.master import NameIndex
from localvault.store.layout import Table

AGENDA, VAULT = int(Table.AGENDA), int(Table.VAULT)
PURGE = b"p"
HOUR = 3_600_000_000  # µs
_FIRST_HOUR = b"agenda"
_MANY_LOOKS = 2_000  # some ten milliseconds, and six weeks without a look
_NAME_ID = slice(9, 25)
_KEY_LENGTH = 26


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

    def add(self, mutation: Writing, due: Due) -> None:
        """Enter `due`; it takes the place of another time of the same hour for the same object and action."""
        mutation.put(AGENDA, self._key(due), msgpack.packb(due.time))
        hour = due.time // HOUR
        if hour < self._first_hour(mutation, default=hour + 1):
            mutation.put(VAULT, _FIRST_HOUR, msgpack.packb(hour))

    def remove(self, mutation: Writing, due: Due) -> None:
        """Take `due` out; a no-op if it is not there."""
        key = self._key(due)
        value = mutation.get(AGENDA, key)
        # What stands there may be another time of that hour, entered since by somebody else: that one stays.
        if value is not None and msgpack.unpackb(value) == due.time:
            mutation.delete(AGENDA, key)

    def due(self, records: Reading, now: int) -> list[Due]:
        """Return every entry due at `now` (µs), the earliest first."""
        last = now // HOUR
        hours = range(self._first_hour(records, default=last + 1), last + 1)
        looks = len(hours) * len(self._kinds)
        # Counting looks at every entry, so it is only worth it where the hours are many.
        by_hour = looks < _MANY_LOOKS or looks < records.count(AGENDA)
        found = self._of_hours(records, hours) if by_hour else self._all(records)
        return sorted(entry for entry in found if entry.time <= now)

    def upcoming(self, records: Reading) -> list[Due]:
        """Return every entry there is, the earliest first (opens them all)."""
        return sorted(self._all(records))

    def done_before(self, mutation: Writing, now: int) -> None:
        """Remember that nothing is left due before the hour of `now`, so that it is not looked at again."""
        hour = now // HOUR
        if self._first_hour(mutation, default=hour) < hour:
            mutation.put(VAULT, _FIRST_HOUR, msgpack.packb(hour))

    def _of_hours(self, records: Reading, hours: range) -> Iterator[Due]:
        for hour in hours:
            for kind in self._kinds:
                for key, value in records.scan(AGENDA, self._prefix(kind, hour)):
                    yield _entry(key, value)

    def _all(self, records: Reading) -> Iterator[Due]:
        for kind in self._kinds:
            for key, value in records.scan(AGENDA, kind):
                yield _entry(key, value)

    def _first_hour(self, records: Reading, *, default: int) -> int:
        value = records.get(VAULT, _FIRST_HOUR)
        return default if value is None else int(msgpack.unpackb(value))

    def _prefix(self, kind: bytes, hour: int) -> bytes:
        # Eight bytes of HMAC: two hours that meet would only be looked at together, and every entry tells its own time.
        return kind + self._index.blind(b"a", f"{kind.decode()}{hour}")[:8]

    def _key(self, due: Due) -> bytes:
        return self._prefix(due.kind, due.time // HOUR) + due.name_id + due.action


def _entry(key: bytes, value: bytes) -> Due:
    return Due(msgpack.unpackb(value), key[:1], key[_NAME_ID], key[_KEY_LENGTH - 1 :])
