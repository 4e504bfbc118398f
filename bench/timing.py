"""How two things are timed against each other.

Relies on the monotonic clock alone. Promises: the two sides take turns within one run (A B A B …), so that a machine
that slows down slows both; what is reported is the median of many rounds, and the ratio is the median of the ratios of
neighbouring rounds, not of figures taken minutes apart.

The garbage collector runs once before every round and stays switched on during it, as it is in an application.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median, quantiles
from time import perf_counter
from typing import NamedTuple

Round = Callable[
    [], float
]  # runs one round and returns what it measured, seconds for one operation as a rule


class Spread(NamedTuple):
    """The median of a measurement and the quartiles around it."""

    median: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of `values`, of which there is at least one."""
        if len(values) < 2:
            return cls(values[0], values[0], values[0], len(values))
        low, _, high = quantiles(values, n=4, method="inclusive")
        return cls(median(values), low, high, len(values))

    def scaled(self, factor: float) -> Spread:
        """Return the same spread in another unit."""
        return Spread(self.median * factor, self.low * factor, self.high * factor, self.rounds)


class Comparison(NamedTuple):
    """Two sides that took turns, and how many times slower the first was than the second."""

    ours: Spread
    theirs: Spread
    ratio: Spread


def compare(ours: Round, theirs: Round, rounds: int) -> Comparison:
    """Run both sides in turn, once unmeasured to warm up and then `rounds` times."""
    _turn(ours), _turn(theirs)
    pairs = [(_turn(ours), _turn(theirs)) for _ in range(rounds)]
    return Comparison(
        Spread.of([ours for ours, _ in pairs]),
        Spread.of([theirs for _, theirs in pairs]),
        Spread.of([ours / theirs for ours, theirs in pairs]),
    )


def repeat(side: Round, rounds: int) -> Spread:
    """Run one side `rounds` times, where there is nothing to take turns with."""
    return Spread.of([_turn(side) for _ in range(rounds)])


def _turn(side: Round) -> float:
    gc.collect()
    return side()


class Stopwatch:
    """Seconds that went by in a `with` block."""

    seconds = 0.0


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """Time the `with` block."""
    watch = Stopwatch()
    started = perf_counter()
    yield watch
    watch.seconds = perf_counter() - started
