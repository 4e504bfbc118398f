"""Time is whole microseconds inside and aware datetimes outside, and the two never part."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import BadParameter
from localvault.model.clock import LATEST, from_datetime, system_clock, to_datetime
from localvault.testing.clock import FixedClock

EARLIEST = -62_135_596_800_000_000
ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.integers(EARLIEST, LATEST))
def test_microseconds_come_back(micros: int) -> None:
    """From the first to the last moment a `datetime` can tell, without rounding."""
    assert from_datetime(to_datetime(micros), "x") == micros


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 12, 31), timezones=ZONES))
def test_a_moment_comes_back_whatever_its_zone(moment: datetime) -> None:
    """In UTC, and the same moment."""
    micros = from_datetime(moment, "x")
    assert micros is not None
    back = to_datetime(micros)
    assert back == moment
    assert back.tzinfo is UTC


def test_the_ends_of_time() -> None:
    """The epoch is 0; the first and last moments are as named."""
    assert from_datetime(datetime(1970, 1, 1, tzinfo=UTC), "x") == 0
    assert to_datetime(LATEST) == datetime.max.replace(tzinfo=UTC)
    assert to_datetime(EARLIEST) == datetime.min.replace(tzinfo=UTC)


def test_none_stays_none() -> None:
    """No date is no date."""
    assert from_datetime(None, "x") is None


@pytest.mark.parametrize("moment", [datetime(2030, 1, 1), date(2030, 1, 1), "2030-01-01", 5, 0.0], ids=repr)
def test_what_has_no_zone_is_refused(moment: Any) -> None:
    """A guess would be hours off; the sentence names the argument."""
    with pytest.raises(BadParameter, match="expires_on"):
        from_datetime(moment, "expires_on")


def test_the_systems_clock_is_the_systems() -> None:
    """In microseconds."""
    before = time.time_ns() // 1000
    assert before <= system_clock() <= time.time_ns() // 1000


def test_a_fixed_clock_stands_until_it_is_moved() -> None:
    """Forward and back, and tells the same in both forms."""
    clock = FixedClock(datetime(2030, 1, 1, tzinfo=UTC))
    assert clock() == clock() == from_datetime(clock.now, "x")
    clock.move(days=1, microseconds=1)
    assert clock.now == datetime(2030, 1, 2, 0, 0, 0, 1, tzinfo=UTC)
    clock.move(days=-1)
    assert clock.now == datetime(2030, 1, 1, 0, 0, 0, 1, tzinfo=UTC)
