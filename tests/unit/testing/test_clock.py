"""The clock that tests move."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from localvault import BadParameter
from localvault.testing.clock import FixedClock


def test_it_stands_still_until_it_is_moved() -> None:
    """At the start of 2026, in microseconds and as a time; by any span, back too."""
    clock = FixedClock()
    assert clock() == clock() == 1_767_225_600_000_000
    assert clock.now == datetime(2026, 1, 1, tzinfo=UTC)
    clock.move(days=1, microseconds=1)
    assert clock() == 1_767_312_000_000_001
    assert clock.now == datetime(2026, 1, 2, tzinfo=UTC) + timedelta(microseconds=1)
    clock.move(days=-1, microseconds=-1)
    assert clock() == FixedClock()()


def test_it_begins_where_it_is_told() -> None:
    """At any aware time, to the microsecond; without a zone it would be anybody's guess."""
    moment = datetime(2031, 5, 6, 7, 8, 9, 123456, tzinfo=timezone(timedelta(hours=5)))
    assert FixedClock(moment).now == moment
    assert FixedClock(datetime(1970, 1, 1, tzinfo=UTC))() == 0
    with pytest.raises(BadParameter):
        FixedClock(moment.replace(tzinfo=None))
