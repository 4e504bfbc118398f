"""What every part of the demo tells its numbers by, and ends with if one is not as it should be."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """Return what `work` returned and the seconds it took."""
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started


def rate(count: int, seconds: float) -> str:
    """Return a rate for people."""
    return f"{count / seconds:,.0f} a second"


def expect(holds: bool, sentence: str) -> None:
    """End the demo with `sentence` if it does not hold."""
    if not holds:
        raise SystemExit(f"demo failed: {sentence}")
