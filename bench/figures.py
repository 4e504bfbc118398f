"""What a measurement comes out as: a goal, what was measured, a verdict.

Relies on `timing`. Promises: a peer that is not there gives a row that says so, never a figure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from bench.timing import Comparison, Spread

MET, MISSED, NOT_MEASURED, NO_GOAL = "met", "missed", "not measured", "–"


class Goal(NamedTuple):
    """What a figure should be; `limit` bounds it from above, or from below if `at_least`."""

    limit: float
    unit: str = "×"
    at_least: bool = False

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {_number(self.limit)}{_unit(self.unit)}"

    def verdict(self, value: float) -> str:
        """Say whether `value` meets the goal."""
        return MET if (value >= self.limit if self.at_least else value <= self.limit) else MISSED

    def used(self, value: float) -> float:
        """Return how much of the goal's room `value` takes: 1 is exactly the goal, less is better."""
        return self.limit / value if self.at_least else value / self.limit


class Figure(NamedTuple):
    """One row of the table."""

    what: str
    goal: Goal | None
    measured: Spread | None
    ours: str
    theirs: str
    note: str = ""
    more_is_better: bool = False

    @property
    def verdict(self) -> str:
        """One word: met, missed, not measured, or a dash where there is no goal."""
        if self.measured is None:
            return NOT_MEASURED
        return NO_GOAL if self.goal is None else self.goal.verdict(self.measured.median)

    @property
    def unit(self) -> str:
        """The unit of what was measured."""
        return "×" if self.goal is None else self.goal.unit

    def shown(self) -> str:
        """Return the median and, in brackets, the quartiles."""
        if self.measured is None:
            return "–"
        median, low, high, _ = self.measured
        return f"{_number(median)}{_unit(self.unit)} ({_number(low)}–{_number(high)})"


def slower(
    what: str, limit: float | None, compared: Comparison, ours: str, theirs: str, note: str = ""
) -> Figure:
    """Return the row for "we may take at most `limit` times as long as the peer"."""
    goal = None if limit is None else Goal(limit)
    return _row(what, goal, compared.ratio, compared, ours, theirs, note)


def faster(
    what: str, limit: float | None, compared: Comparison, ours: str, theirs: str, note: str = ""
) -> Figure:
    """Return the row for "we must be at least `limit` times as fast as the peer"."""
    median, low, high, rounds = compared.ratio
    ratio = Spread(1 / median, 1 / high, 1 / low, rounds)
    goal = None if limit is None else Goal(limit, at_least=True)
    return _row(what, goal, ratio, compared, ours, theirs, note, more_is_better=True)


def _row(
    what: str,
    goal: Goal | None,
    ratio: Spread,
    compared: Comparison,
    ours: str,
    theirs: str,
    note: str,
    *,
    more_is_better: bool = False,
) -> Figure:
    sides = f"{ours} {duration(compared.ours)}", f"{theirs} {duration(compared.theirs)}"
    return Figure(what, goal, ratio, *sides, note, more_is_better)


def duration(spread: Spread) -> str:
    """Return a time in the unit that suits it."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs"), (1e9, "ns")):
        if spread.median * factor >= 1 or unit == "ns":
            return f"{_number(spread.median * factor)} {unit}"
    raise AssertionError("the last unit takes what is left")


def rate(what: str, goal: Goal, count: int, seconds: Spread, note: str = "") -> Figure:
    """Return the row for `count` operations that took `seconds`."""
    median, low, high, rounds = seconds
    measured = Spread(count / median, count / high, count / low, rounds)
    return Figure(what, goal, measured, f"{count:,} in {duration(seconds)}", "", note, more_is_better=True)


def missing(what: str, goal: Goal | None, reason: str) -> Figure:
    """Return the row for what could not be measured here."""
    return Figure(what, goal, None, "–", "–", reason)


class Line(NamedTuple):
    """A row that can be measured, and measured again; what it needs is there while its maker waits to go on."""

    what: str
    measure: Callable[[], Figure]


Progress = Callable[[str], None]


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def _unit(unit: str) -> str:
    return unit if unit == "×" else f" {unit}"
