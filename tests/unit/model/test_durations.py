"""Durations: read strictly, kept as they were written, counted along the calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import BadParameter
from localvault.model.clock import DAY, EARLIEST, LATEST, from_datetime, to_datetime
from localvault.model.durations import duration_text, parse

MOMENTS = st.integers(EARLIEST, LATEST)
SMALL = st.integers(0, 40)


def at(text: str) -> int:
    """A moment of 2024 or so, as µs."""
    moment = from_datetime(datetime.fromisoformat(text).replace(tzinfo=UTC), "a time")
    assert moment is not None
    return moment


@pytest.mark.parametrize(
    ("text", "start", "after", "before"),
    [
        ("P90D", "2024-01-01", "2024-03-31", "2023-10-03"),
        ("P4W", "2024-01-01", "2024-01-29", "2023-12-04"),
        ("P1M", "2024-01-31", "2024-02-29", "2023-12-31"),
        ("P1M", "2023-01-31", "2023-02-28", "2022-12-31"),
        ("P2M", "2024-12-31", "2025-02-28", "2024-10-31"),
        ("P1Y", "2024-02-29", "2025-02-28", "2023-02-28"),
        ("P4Y", "2024-02-29", "2028-02-29", "2020-02-29"),
        ("P1Y6M", "2024-08-31", "2026-02-28", "2023-02-28"),
        ("P1M1D", "2024-01-31", "2024-03-01", "2023-12-30"),
        ("PT12H", "2024-01-01", "2024-01-01T12:00", "2023-12-31T12:00"),
        ("P1DT1H1M1S", "2024-01-01", "2024-01-02T01:01:01", "2023-12-30T22:58:59"),
        ("PT36H", "2024-02-28T12:00", "2024-03-01", "2024-02-27"),
    ],
)
def test_a_duration_is_counted_along_the_calendar(text: str, start: str, after: str, before: str) -> None:
    """Months and years first, on the same day or the last there is; then days and hours."""
    duration = parse(text)
    assert duration.text == text
    assert to_datetime(duration.after(at(start))) == to_datetime(at(after))
    assert to_datetime(duration.before(at(start))) == to_datetime(at(before))


@pytest.mark.parametrize(
    "text",
    [
        *("", "P", "PT", "90D", "p90d", "P90d", "P90", "P-90D", "-P90D", "+P90D", "P+90D", "P1.5D", "P1,5D", "P90D "),
        *(" P90D", "P90D\n", "P 90D", "P1D1M", "P1H", "PT1D", "P1WT1H", "P1W1D", "P1Y4W", "PT1S1M", "P1DT"),
        *("P٣D", "P３D", "P1Y1Y", "P" + "9" * 10_000 + "D", "P1\0D", "90 days"),
        *("P0D", "P0Y0M0D", "PT0S", "P0W", "P123456789D", "P99999999Y"),
    ],
)  # fmt: skip
def test_what_is_no_duration_is_refused(text: str) -> None:
    """Signs, fractions, other orders, other digits, nothing at all; and a message stays short."""
    with pytest.raises(BadParameter) as refused:
        parse(text)
    assert len(str(refused.value)) < 200


@given(st.text(max_size=20) | st.text("PYMWDTHS0123456789", max_size=12))
def test_a_text_is_a_duration_or_refused(text: str) -> None:
    """Nothing else happens, whatever it is; and what is one can be counted from any moment."""
    try:
        duration = parse(text)
    except BadParameter:
        return
    for moment in (EARLIEST, 0, LATEST):
        assert EARLIEST <= duration.before(moment) <= moment <= duration.after(moment) <= LATEST


@given(MOMENTS, SMALL, SMALL, SMALL, SMALL)
def test_it_is_never_shorter_or_longer_than_its_bounds(
    moment: int, years: int, months: int, days: int, hours: int
) -> None:
    """Whatever it is counted from, where the end of time is not in the way."""
    text = f"P{years}Y{months}M{days}DT{hours + 1}H"
    duration = parse(text)
    for span in (duration.after(moment) - moment, moment - duration.before(moment)):
        assert span <= duration.longest
    if EARLIEST + duration.longest <= moment <= LATEST - duration.longest:
        assert duration.after(moment) - moment >= duration.shortest
        # Back from a day the month does not have, the last one is nearer by up to three days.
        assert moment - duration.before(moment) >= duration.shortest


@pytest.mark.parametrize("months", range(1, 25))
def test_the_bounds_of_months_are_met(months: int) -> None:
    """Over the days of eight years some run of so many months is as short as the least, and some as long as the most.

    But for a day: the most is the most of whole years and of the months that are left, each by itself.
    """
    duration = parse(f"P{months}M")
    start = at("2021-01-01")
    days = [duration.after(start + n * DAY) - start - n * DAY for n in range(8 * 366)]
    assert min(days) == duration.shortest
    assert max(days) <= duration.longest <= max(days) + DAY


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (timedelta(days=90), "P90D"),
        (timedelta(weeks=4), "P28D"),
        (timedelta(hours=12), "PT12H"),
        (timedelta(days=1, hours=2, minutes=3, seconds=4), "P1DT2H3M4S"),
        (timedelta(seconds=60), "PT1M"),
        ("P2M", "P2M"),
        ("P0Y2M", "P0Y2M"),
    ],
)
def test_a_text_stays_as_it_is_and_a_timedelta_gets_one(given: Any, text: str) -> None:
    """Key Vault tells a duration back as it was sent."""
    assert duration_text(given, "it") == text


@given(st.integers(1, 999_999 * 86_400))
def test_a_timedelta_is_as_long_as_its_text(seconds: int) -> None:
    """To the second."""
    duration = parse(duration_text(timedelta(seconds=seconds), "it"))
    assert duration.shortest == duration.longest == seconds * 1_000_000


@pytest.mark.parametrize(
    "given",
    [None, 90, 90.0, b"P90D", True, [], timedelta(0), timedelta(days=-1), timedelta(microseconds=1), timedelta.max],
)  # fmt: skip
def test_what_is_neither_is_refused_by_name(given: Any) -> None:
    """The message says which of a caller's arguments it was."""
    with pytest.raises(BadParameter):
        duration_text(given, "expires_in")


def test_a_refused_text_is_called_by_its_name() -> None:
    """So that a policy's error tells which of its times is meant."""
    with pytest.raises(BadParameter, match="expires_in"):
        duration_text("90 days", "expires_in")
