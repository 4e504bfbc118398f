"""How old every key and secret is, and what is to come: what `vault.keys.report()` returns.

Relies on `clock`. Promises: plain data without material; the same report gives the same table, JSON and picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from localvault.model.clock import LATEST, to_datetime

VERSIONS_DRAWN = 32  # of each object, the latest: what a picture can show


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One key or secret as it is at the time of the report; times in UTC."""

    kind: str
    """`key` or `secret`."""
    name: str
    id: str
    """Its URL without a version."""
    enabled: bool
    """Whether the current version may be used."""
    versions: int
    """How many versions there are."""
    created: datetime
    """When the oldest version was made."""
    renewed: datetime
    """When the current version was made: its age counts from here."""
    age: timedelta
    """How old the current version is."""
    expires_on: datetime | None
    """When the current version expires."""
    next_rotation: datetime | None
    """When the rotation policy makes the next version; None without such a policy."""
    last_use: datetime | None
    """When it was last used, as far as the journal was asked; None if it was not."""
    overdue: str | None
    """Why it wants attention: `expired`, or `rotation` that was due before now; None if it does not."""
    made: tuple[datetime, ...]
    """When its latest versions were made, 32 at most, the oldest first."""

    def to_dict(self) -> dict[str, Any]:
        """Return all fields under their names for JSON: times as ISO 8601 text, the age in days."""
        return {
            "kind": self.kind,
            "name": self.name,
            "id": self.id,
            "enabled": self.enabled,
            "versions": self.versions,
            "created": _iso(self.created),
            "renewed": _iso(self.renewed),
            "age_days": round(self.age / timedelta(days=1), 3),
            "expires_on": _iso(self.expires_on),
            "next_rotation": _iso(self.next_rotation),
            "last_use": _iso(self.last_use),
            "overdue": self.overdue,
        }


class Report(Sequence[ReportRow]):
    """The rows of a report, the most urgent first: overdue, then by what is due next, then the oldest."""

    def __init__(self, vault: str, at: int, rows: list[ReportRow]) -> None:
        """`vault`: the vault's name; `at`: µs since the epoch."""
        self.vault = vault
        self.at = to_datetime(at)
        self._rows = sorted(rows, key=_urgency)

    @property
    def overdue(self) -> list[ReportRow]:
        """The rows that want attention."""
        return [row for row in self._rows if row.overdue]

    def to_dict(self) -> dict[str, Any]:
        """Return everything for JSON."""
        return {
            "vault": self.vault,
            "at": _iso(self.at),
            "overdue": len(self.overdue),
            "objects": [row.to_dict() for row in self._rows],
        }

    def to_svg(self, limit: int = 40) -> str:
        """Return a picture of the `limit` most urgent rows: each one's versions up to now, and what is to come.

        It is one SVG image (W3C SVG 2) without scripts and references, fit for light and dark ground.
        """
        from localvault.model.picture import draw

        return draw(self, limit)

    def __getitem__(self, place: Any) -> Any:
        return self._rows[place]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[ReportRow]:
        return iter(self._rows)

    def __str__(self) -> str:
        """A table in plain text."""
        cells = [_TITLES, *map(_cells, self._rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)

    def __repr__(self) -> str:
        return f"<Report of {self.vault}: {len(self)} objects, {len(self.overdue)} overdue>"


_TITLES = ("", "name", "age", "versions", "next rotation", "expires on", "last use", "overdue")


def _cells(row: ReportRow) -> tuple[str, ...]:
    days = row.age // timedelta(days=1)
    last_use = "never" if row.last_use is None else _day(row.last_use)
    due = (_day(row.next_rotation), _day(row.expires_on), last_use, row.overdue or "")
    return (row.kind, row.name, f"{days} d", str(row.versions), *due)


def _urgency(row: ReportRow) -> tuple[bool, datetime, datetime, str, str]:
    coming = [moment for moment in (row.next_rotation, row.expires_on) if moment is not None]
    return (row.overdue is None, min(coming, default=to_datetime(LATEST)), row.renewed, row.kind, row.name)


def _day(moment: datetime | None) -> str:
    return "" if moment is None else moment.date().isoformat()


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
