"""Durations as ISO 8601 writes them (`P90D`, `P2M`, `P1Y6M`, `P4W`, `PT12H`), counted along the calendar.

Source: ISO 8601-1, section 5.5.2, in its basic form: whole numbers, no sign, weeks by themselves. Relies on `clock`.
Promises: the text is kept as it was given, since Key Vault tells it back so; adding and subtracting stay within the
times a `datetime` can tell; what is no duration, however hostile, is `BadParameter`.

Months and years are steps in the calendar (UTC) and not a number of days: a day that the month does not have becomes
its last one. So a duration with them has no one length; `shortest` and `longest` bound it, for rules.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import datetime, timedelta
from functools import lru_cache

from localvault.errors import BadParameter
from localvault.model.clock import DAY, EARLIEST, LATEST, MICROSECONDS, from_datetime, to_datetime

_WEEKS = re.compile(r"P([0-9]{1,5})W")
_PARTS = re.compile(
    r"P(?:([0-9]{1,5})Y)?(?:([0-9]{1,5})M)?(?:([0-9]{1,6})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,6})H)?(?:([0-9]{1,7})M)?(?:([0-9]{1,9})S)?)?"
)
_TEXT_MAX = 60
_REMEMBERED = 1024
# How few and how many days there can be between a day and the same day so many months on (index 0 to 12).
_FEWEST = (0, 28, 59, 89, 120, 150, 181, 212, 242, 273, 303, 334, 365)
_MOST = (0, 31, 62, 92, 123, 153, 184, 215, 245, 276, 306, 337, 366)


class Duration:
    """A length of time of at least a second, as `parse` reads it."""

    __slots__ = ("_micros", "_months", "text")

    def __init__(self, text: str, months: int, micros: int) -> None:
        self.text = text
        self._months = months
        self._micros = micros

    def after(self, moment: int) -> int:
        """Return the time (µs) this long after `moment`; years and months first, then the rest."""
        return _within(_moved(moment, self._months) + self._micros)

    def before(self, moment: int) -> int:
        """Return the time (µs) this long before `moment`; years and months first, then the rest."""
        return _within(_moved(moment, -self._months) - self._micros)

    @property
    def shortest(self) -> int:
        """The least time (µs) it can be, whichever months it runs over."""
        years, months = divmod(self._months, 12)
        return (365 * years + _FEWEST[months]) * DAY + self._micros

    @property
    def longest(self) -> int:
        """The most time (µs) it can be, whichever months it runs over."""
        years, months = divmod(self._months, 12)
        return (366 * years + _MOST[months]) * DAY + self._micros

    def __repr__(self) -> str:
        return f"Duration({self.text!r})"


def duration_text(given: object, what: str) -> str:
    """Return the ISO 8601 text of `given`: a duration as text, which stays as it is, or a `timedelta`.

    Raises:
        BadParameter: neither, or one that is not longer than nothing, or not whole seconds; it calls it `what`.
    """
    if isinstance(given, timedelta):
        return _written(given, what)
    if not isinstance(given, str):
        raise BadParameter(f"{what} is a duration such as 'P90D' or a timedelta, not {type(given).__name__}")
    try:
        parse(given)
    except BadParameter as error:
        raise BadParameter(f"{what}: {error.message}", hint=error.hint) from None
    return given


@lru_cache(_REMEMBERED)
def parse(text: str) -> Duration:
    """Return the duration that `text` says.

    Raises:
        BadParameter: it says none, or one of no length.
    """
    if found := _WEEKS.fullmatch(text):
        months, days, seconds = 0, 7 * int(found[1]), 0
    elif found := _PARTS.fullmatch(text):
        years, months, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
        months += 12 * years
        seconds += 60 * (minutes + 60 * hours)
    else:
        shown = repr(text if len(text) <= _TEXT_MAX else text[:_TEXT_MAX] + "…")
        raise BadParameter(
            f"{shown} is not a duration", hint="ISO 8601 has P90D, P2M, P1Y6M, P4W, PT12H, in whole numbers"
        )
    micros = days * DAY + seconds * MICROSECONDS
    if not (months or micros):
        raise BadParameter("a duration is longer than nothing")
    return Duration(text, months, micros)


def _written(given: timedelta, what: str) -> str:
    if given <= timedelta(0) or given.microseconds:
        raise BadParameter(f"{what} is longer than nothing, in whole seconds")
    minutes, seconds = divmod(given.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days = f"{given.days}D" if given.days else ""
    time = "".join(
        f"{number}{unit}" for number, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if number
    )
    text = f"P{days}T{time}" if time else f"P{days}"
    parse(text)  # a timedelta can be longer than what is read again
    return text


def _moved(moment: int, months: int) -> int:
    """Return `moment` so many months on (or back), on the same day or the last one that month has."""
    if not months:
        return moment
    start = to_datetime(moment)
    year, month = divmod(12 * start.year + start.month - 1 + months, 12)
    if not datetime.min.year <= year <= datetime.max.year:
        return LATEST if months > 0 else EARLIEST
    day = min(start.day, monthrange(year, month + 1)[1])
    moved = from_datetime(start.replace(year=year, month=month + 1, day=day), "a time")
    assert moved is not None, "a moment is no None"
    return moved


def _within(moment: int) -> int:
    return moment if EARLIEST <= moment <= LATEST else LATEST if moment > 0 else EARLIEST
