"""The agenda's index: what is due at a moment, held against a plain list, whatever was added, removed and done."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterator
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
SECOND = 1_000_000
WITHIN = 50  # places of a kind to look at within the hour that has not passed: 12 + 12 + 25, and one more
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

    def putter(self, table: int, key: bytes) -> Callable[[bytes, bytes], None]:
        """Put one at a time."""
        return lambda key, plaintext: self.put(table, key, plaintext)

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
    st.integers(-4, 4).map(lambda halves: halves * SECOND // 2),
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

    Of one object and action there is one entry a second, the last one entered.
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
    return entry.kind, entry.name_id, entry.time // SECOND


@pytest.mark.parametrize(
    ("entries", "hours"), [(1, 8_000_000), (0, 8_000_000), (500, 3), (500, 249), (500, 251)]
)
def test_looking_costs_the_hours_or_the_entries_whichever_are_fewer(entries: int, hours: int) -> None:
    """Never millions of hours for a handful of entries, nor every entry for an hour; the last hour by its parts."""
    index, records = agenda(), Plain()
    for number in range(entries):
        index.add(records, due(number * HOUR + 1, number))
    records.scans = records.opened = 0
    found = index.due(records, hours * HOUR - 1)
    assert len(found) == min(entries, hours)
    assert records.scans <= min(len(KINDS) * hours, entries + len(KINDS)) + len(KINDS) * WITHIN
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
    assert records.scans <= len(KINDS) * WITHIN


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
    hours = [key[1:9] for key in sorted(places, key=lambda key: key[15:31])]
    assert hours[0] == hours[1] != hours[2]
    assert all(len(key) == 32 for key in places)
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


@pytest.mark.parametrize("late", [1, 24, 59 * 60, HOUR // SECOND - 1])
def test_what_falls_due_later_in_this_hour_is_not_opened(late: int) -> None:
    """Thousands of entries of one second, or of each second of the hour, cost nothing until theirs has come."""
    index, records = agenda(), Plain()
    now = 7 * HOUR + SECOND // 2
    for number in range(2000):
        index.add(records, due(7 * HOUR + late * SECOND, number))
        index.add(records, due(7 * HOUR + (1 + number) * SECOND, number, b"k"))
    index.done_before(records, 7 * HOUR)
    index.add(records, due(7 * HOUR, 1))
    records.opened = 0
    assert index.due(records, now) == [due(7 * HOUR, 1)]
    assert records.opened <= 1


@given(st.lists(st.integers(0, 3 * HOUR - 1), max_size=20), st.integers(0, 3 * HOUR))
def test_many_are_entered_as_one_by_one(times: list[int], now: int) -> None:
    """In the same places, with the same hour to look from."""
    index, one_by_one, together = agenda(), Plain(), Plain()
    entries = [due(time, number) for number, time in enumerate(times)]
    for entry in entries:
        index.add(one_by_one, entry)
    index.add_many(together, {index.key(entry): entry for entry in entries})
    assert together.records == one_by_one.records
    assert index.due(together, now) == sorted(entry for entry in entries if entry.time <= now)


def old_place(entry: Due) -> bytes:
    """Where the first released version entered a purge (docs/format.md, section 11)."""
    index = NameIndex(Locked.of(b"the index key of some test vault"))
    hour = index.blind(b"a", f"{entry.kind.decode()}{entry.time // HOUR}")[:8]
    return entry.kind + hour + entry.name_id + entry.action


def test_an_entry_of_the_first_released_version_is_found_and_removed() -> None:
    """Once its hour has passed; until then it stays among what is coming."""
    index, records = agenda(), Plain()
    entry = due(5 * HOUR + 7, 1)
    index.add(records, due(4 * HOUR, 2))
    records.records[AGENDA, old_place(entry)] = msgpack.packb(entry.time)
    assert index.upcoming(records) == [due(4 * HOUR, 2), entry]
    assert index.due(records, 6 * HOUR) == [due(4 * HOUR, 2), entry]
    index.remove(records, due(5 * HOUR + 8, 1))
    assert entry in index.upcoming(records)
    index.remove(records, entry)
    assert index.upcoming(records) == [due(4 * HOUR, 2)]


def test_what_was_told_is_remembered_up_to_the_last_of_it() -> None:
    """Never less than before."""
    index, records = agenda(), Plain()
    assert index.told(records) < -(10**18)
    for time, want in ((5, 5), (3, 5), (9, 9)):
        index.tell(records, time)
        assert index.told(records) == want


def test_how_far_the_last_look_is_behind() -> None:
    """In hours, this one included; nothing if there is nothing to look at."""
    index, records = agenda(), Plain()
    assert index.hours_behind(records, 5 * HOUR) == 0
    index.add(records, due(5 * HOUR))
    assert index.hours_behind(records, 4 * HOUR) == 0
    assert index.hours_behind(records, 5 * HOUR) == 1
    assert index.hours_behind(records, 9 * HOUR + 1) == 5
