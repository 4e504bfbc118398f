"""Version ids are UUIDv7 and sort in the order they were made."""

from __future__ import annotations

import uuid
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from localvault.model.ids import ids, last_before, next_id

TIMES = st.integers(0, 4_000_000_000_000_000)


@given(TIMES)
def test_an_id_is_a_uuid_version_7_of_its_millisecond(now: int) -> None:
    """Version, variant and the first 48 bits are as RFC 9562 has them."""
    made = uuid.UUID(bytes=next_id(now))
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert made.int >> 80 == now // 1000


@given(TIMES, TIMES)
def test_an_id_sorts_after_the_one_it_follows_whatever_the_clock(first: int, second: int) -> None:
    """A clock set back does not make a newer version sort before an older one."""
    before = next_id(first)
    assert next_id(second, after=before) > before


@given(TIMES)
def test_many_ids_of_one_moment_are_distinct_and_in_order(now: int) -> None:
    """More than one millisecond's counter can hold."""
    made = list(islice(ids(now), 5000))
    assert made == sorted(set(made))


@given(TIMES, TIMES)
def test_a_moment_parts_ids_by_their_milliseconds(made: int, moment: int) -> None:
    """What was made in an earlier millisecond sorts before, everything else after."""
    assert (next_id(made) < last_before(moment)) == (made // 1000 < moment // 1000)
    assert len(last_before(moment)) == 16
    assert last_before(-1) == bytes(16)
