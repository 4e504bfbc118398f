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
from time import perf_counter, thread_time
from typing import NamedTuple

Round = Callable[
    [], float
]  # runs one round and returns what it measured, seconds for one operation as a rule
Clock = Callable[[], float]  # seconds since some moment
Work = Callable[[], object]  # what `steady` makes rounds of
STEADY_SECONDS = 0.004  # a round of it: long for the clock, short against a machine's slow and fast phases


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


def in_turn(sides: Sequence[Round], rounds: int) -> list[Spread]:
    """Run any number of sides in turn, as `compare` does two."""
    for side in sides:
        _turn(side)
    columns = zip(*([_turn(side) for side in sides] for _ in range(rounds)), strict=True)
    return [Spread.of(column) for column in columns]


def steady(work: Work, operations: int, clock: Clock = thread_time) -> Round:
    """Return a round that does `work` over and over for `STEADY_SECONDS`, and returns the seconds for an operation.

    `operations` is how many one call of `work` does; how often it is called is found out now. The clock counts this
    thread's processor time, the system's calls included, so that other processes of a busy machine have no part in it;
    work that waits, or that several threads share, is to be timed with `perf_counter`.
    """
    work()
    started = clock()
    work()
    times = max(1, round(STEADY_SECONDS / (clock() - started)))

    def one_round() -> float:
        started = clock()
        for _ in range(times):
            work()
        return (clock() - started) / (times * operations)

    return one_round


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
