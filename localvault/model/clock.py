"""Time, as the vault keeps it: whole microseconds since 1970-01-01 UTC.

Relies on nothing. Promises: nothing in localvault reads the clock except through a `Clock` handed in at `create` or
`open`, so tests move time instead of sleeping. Public faces take and give aware `datetime` objects.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from localvault.errors import BadParameter

Clock = Callable[[], int]
MICROSECONDS = 1_000_000
DAY = 86_400 * MICROSECONDS
EARLIEST = -62_135_596_800_000_000  # 0001-01-01T00:00:00Z, the first moment a `datetime` can tell
LATEST = 253_402_300_799_999_999  # 9999-12-31T23:59:59.999999Z, the last moment a `datetime` can tell
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def system_clock() -> int:
    """Return the system's time in microseconds since the epoch."""
    return time.time_ns() // 1000


def to_datetime(micros: int) -> datetime:
    """Return microseconds since the epoch as an aware UTC `datetime`."""
    return _EPOCH + timedelta(microseconds=micros)


def from_datetime(moment: datetime | None, what: str) -> int | None:
    """Return an aware `datetime` as microseconds since the epoch; None stays None.

    Raises:
        BadParameter: `moment` has no time zone: guessing one would move an expiry by hours; or it is no `datetime`.
    """
    if moment is None:
        return None
    given: object = moment  # whatever a caller without types handed in
    if not isinstance(given, datetime):
        raise BadParameter(f"{what} is a datetime, not {type(given).__name__}")
    if moment.tzinfo is None:
        raise BadParameter(f"{what} has no time zone", hint="use datetime(..., tzinfo=datetime.UTC)")
    return (moment - _EPOCH) // timedelta(microseconds=1)
