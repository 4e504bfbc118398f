"""The agenda's index: what is due at a moment, held against a plain list, whatever was added, removed and done."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.agenda import HOUR, PURGE, Agenda, Due
from localvault.native.memory import Locked
from localvault.sealing.master import NameIndex
from localvault.store.layout import Table

KINDS = (b"k", b"s")
AGENDA = int(Table.AGENDA)


class Plain:
    """Records in the clear: what reading and changing the agenda needs of a mutation, counting what is looked at."""

    def __init__(self) -> None:
        self.records: dict[tuple[int, bytes], bytes] = {}
        self.scans = 0
        self.opened = 0

    def get(self, table: int, key: bytes) -> bytes | None:
        """Return what is at `key`."""
        return self.records.get((table, key))

    def scan(self, table: int, prefix: bytes, *, start: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        """Yield what begins with `prefix`."""
        self.scans += 1
        for place, value in sorted(self.records.items()):
            if place[0] == table and place[1].startswith(prefix):
                self.opened += 1
                yield place[1], value

    def count(self, table: int) -> int:
        """Return how many there are."""
        return sum(place[0] == table for place in self.records)

    def put(self, table: int, key: bytes, plaintext: bytes) -> None:
        """Put it there."""
        self.records[table, key] = plaintext

    def delete(self, table: int, key: bytes) -> None:
        """Take it away."""
        del self.records[table, key]


def agenda() -> Agenda:
    """The agenda of some vault."""
    return Agenda(NameIndex(Locked.of(b"the index key of some test vault")), KINDS)


def due(time: int, number: int = 0, kind: bytes = b"s") -> Due:
    """An entry for the object of that number."""
    return Due(time, kind, number.to_bytes(16), PURGE)


TIMES = st.one_of(
    st.integers(-3 * HOUR, 3 * HOUR),
    st.integers(0, 50).map(lambda hours: hours * HOUR),
    st.integers(-(10**17), 10**18),
)
ENTRIES = st.builds(due, TIMES, st.integers(0, 5), st.sampled_from(KINDS))


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("add"), ENTRIES),
            st.tuples(st.just("remove"), ENTRIES),
            st.tuples(st.just("done"), TIMES),
        ),
        max_size=25,
    ),
    TIMES,
)
def test_what_is_due_is_all_that_was_entered_until_then(steps: list[tuple[str, Any]], now: int) -> None:
    """In order of time, after any adding, removing and doing, by whichever way the index is looked through.

    Of one object and action there is one entry an hour, the last one entered.
    """
    index, records = agenda(), Plain()
    model: dict[tuple[bytes, bytes, int], Due] = {}
    for step, what in steps:
        if step == "add":
            index.add(records, what)
            model[_place(what)] = what
        elif step == "remove":
            index.remove(records, what)
            if model.get(_place(what)) == what:
                del model[_place(what)]
        else:
            for entry in index.due(records, what):
                index.remove(records, entry)
                del model[_place(entry)]
            index.done_before(records, what)
        assert index.due(records, now) == sorted(entry for entry in model.values() if entry.time <= now)
        assert index.upcoming(records) == sorted(model.values())


def _place(entry: Due) -> tuple[bytes, bytes, int]:
    return entry.kind, entry.name_id, entry.time // HOUR


@pytest.mark.parametrize(
    ("entries", "hours"), [(1, 8_000_000), (0, 8_000_000), (500, 3), (500, 249), (500, 251)]
)
def test_looking_costs_the_hours_or_the_entries_whichever_are_fewer(entries: int, hours: int) -> None:
    """Never millions of hours for a handful of entries, nor every entry for an hour."""
    index, records = agenda(), Plain()
    for number in range(entries):
        index.add(records, due(number * HOUR + 1, number))
    records.scans = records.opened = 0
    found = index.due(records, hours * HOUR - 1)
    assert len(found) == min(entries, hours)
    assert records.scans <= min(len(KINDS) * hours, entries + len(KINDS))
    assert records.opened <= entries


def test_looking_from_an_hour_that_is_past_costs_nothing() -> None:
    """On a clock set back there is no hour to look at, and nothing is opened."""
    index, records = agenda(), Plain()
    index.add(records, due(10 * HOUR))
    records.scans = 0
    assert index.due(records, 9 * HOUR) == []
    assert records.scans == 0


def test_what_is_done_is_not_looked_at_again() -> None:
    """The next look begins at the hour of the last one, in which something may be left."""
    index, records = agenda(), Plain()
    for number in range(100):
        index.add(records, due(number * HOUR, number))
    for entry in index.due(records, 50 * HOUR):
        index.remove(records, entry)
    index.done_before(records, 50 * HOUR)
    index.add(records, due(50 * HOUR + 1, 7))
    records.scans = 0
    assert index.due(records, 50 * HOUR + 1) == [due(50 * HOUR + 1, 7)]
    assert records.scans == len(KINDS)


def test_done_before_never_goes_back() -> None:
    """A run on a clock set back, or one of two at once that is late, does not make hours be looked at again."""
    index, records = agenda(), Plain()
    index.add(records, due(0))
    index.done_before(records, 50 * HOUR)
    noted = dict(records.records)
    index.done_before(records, 20 * HOUR)
    assert records.records == noted


def test_an_entry_tells_its_exact_time_and_its_key_does_not() -> None:
    """Entries of one hour stand together, of two hours apart; the time itself is in the sealed value only."""
    index, records = agenda(), Plain()
    for number, time in enumerate((HOUR, 2 * HOUR - 1, 2 * HOUR)):
        index.add(records, due(time, number))
    places = [key for table, key in records.records if table == AGENDA]
    hours = [key[1:9] for key in sorted(places, key=lambda key: key[9:25])]
    assert hours[0] == hours[1] != hours[2]
    assert all(len(key) == 26 for key in places)
    values = [msgpack.unpackb(value) for (table, _), value in records.records.items() if table == AGENDA]
    assert sorted(values) == [HOUR, 2 * HOUR - 1, 2 * HOUR]


def test_two_kinds_of_one_hour_share_no_prefix() -> None:
    """Else the folder would show that a key and a secret fall due together."""
    index, records = agenda(), Plain()
    for kind in KINDS:
        index.add(records, due(HOUR, 1, kind))
    prefixes = {key[1:9] for table, key in records.records if table == AGENDA}
    assert len(prefixes) == 2


def test_removing_what_is_not_there_does_nothing() -> None:
    """Also another entry of the same object, or of the same hour, or of both, stays."""
    index, records = agenda(), Plain()
    entries: list[Due] = []
    for entry in (due(HOUR, 1), due(HOUR, 2), due(5 * HOUR, 1), due(HOUR, 1, b"k")):
        index.add(records, entry)
        insort(entries, entry)
    index.remove(records, due(HOUR, 3))
    index.remove(records, due(9 * HOUR, 1))
    index.remove(records, due(HOUR + 1, 1))
    assert index.upcoming(records) == entries
    index.remove(records, due(HOUR, 1))
    entries.remove(due(HOUR, 1))
    assert index.upcoming(records) == entries
