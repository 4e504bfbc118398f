"""A clock that stands still until a test moves it.

Relies on nothing. Promises: `FixedClock` fits `clock=` of `localvault.create` and `localvault.open`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from localvault.model.clock import from_datetime, to_datetime

_START = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z


class FixedClock:
    """Time as a test wants it, in microseconds since the epoch when called."""

    def __init__(self, now: datetime | None = None) -> None:
        self._micros = _START if now is None else (from_datetime(now, "now") or 0)

    def __call__(self) -> int:
        """Return the time it shows."""
        return self._micros

    @property
    def now(self) -> datetime:
        """The time it shows, as an aware `datetime`."""
        return to_datetime(self._micros)

    def move(self, **span: float) -> None:
        """Move by a `timedelta(**span)`, back if it is negative."""
        self._micros += timedelta(**span) // timedelta(microseconds=1)
