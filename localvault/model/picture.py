"""The picture of a report: a line of time for each object, drawn as SVG by plain code.

Relies on nothing. (A plotting library was the alternative: tens of megabytes for some lines and dots.) Promises: the
same report gives the same bytes; whatever stands in a name is text in the picture and nothing else; it reads on light
and on dark ground, and without telling its colours apart: what is overdue says so in words.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localvault.model.report import Report, ReportRow

_LABEL, _TIME, _NOTE, _ROW, _TOP = 230, 620, 220, 26, 92  # px
_LABEL_LENGTH = 28  # characters of a name
_SHORTEST = timedelta(days=30)  # what is drawn of the past and of what is to come, at least
_NEVER = datetime.max.replace(tzinfo=UTC)
_LONGEST = timedelta(days=5 * 365)  # and at most: what lies further away stands at the edge
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2328}.big{font-size:17px;font-weight:600}.dim{fill:#59636e}"
    ".life{stroke:#8c959f;stroke-width:2}.ahead{stroke:#8c959f;stroke-width:2;stroke-dasharray:2 5}"
    ".now{stroke:#0969da;stroke-width:1.5}.grid{stroke:#d8dee4}.made{fill:#1f2328}.rotate{fill:#1a7f37}"
    ".expire{stroke:#bc4c00;stroke-width:2.5}.use{fill:none;stroke:#0969da;stroke-width:1.5}"
    ".late{fill:#cf222e;font-weight:600}"
    "@media(prefers-color-scheme:dark){text,.made{fill:#f0f6fc}.dim{fill:#9198a1}.grid{stroke:#30363d}"
    ".now,.use{stroke:#4493f8}.rotate{fill:#3fb950}.expire{stroke:#db6d28}.late{fill:#f85149}}"
)


def draw(report: Report, limit: int) -> str:
    """Return the picture of the first `limit` rows."""
    rows = list(report[:limit])
    scale = _Scale(report.at, rows)
    height = _TOP + _ROW * len(rows) + 40
    width = _LABEL + _TIME + _NOTE
    left_out = len(report) - len(rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        f"<title>Age of the keys and secrets of {escape(report.vault)}</title>",
        f"<style>{_STYLE}</style>",
        f'<text class="big" x="12" y="26">{escape(report.vault)}: {len(report)} keys and secrets</text>',
        _summary(report),
        *_years(scale, height),
        *(part for number, row in enumerate(rows) for part in _line(scale, row, _TOP + _ROW * number)),
        f'<line class="now" x1="{scale.now:.1f}" x2="{scale.now:.1f}" y1="{_TOP - 22}" y2="{height - 34}"/>',
        f'<text class="dim" x="{scale.now:.1f}" y="{_TOP - 28}" text-anchor="middle">now</text>',
        f'<text class="dim" x="12" y="{height - 12}">{_LEGEND}{_more(left_out)}</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


_LEGEND = "● version made   ○ last use   ◆ next rotation   | expires"


class _Scale:
    """Where a moment stands from left to right."""

    def __init__(self, at: datetime, rows: list[ReportRow]) -> None:
        ahead = [moment for row in rows for moment in (row.next_rotation, row.expires_on) if moment]
        past = max([_SHORTEST, *(at - row.created for row in rows)])
        coming = max([_SHORTEST, *(moment - at for moment in ahead)])
        self.begin, self.end = at - min(past, _LONGEST), at + min(coming, _LONGEST)
        self.now = self.x(at)

    def x(self, moment: datetime) -> float:
        """Return the place of a moment, at an edge if it lies beyond."""
        share = (moment - self.begin) / (self.end - self.begin)
        return _LABEL + _TIME * min(max(share, 0.0), 1.0)


def _summary(report: Report) -> str:
    late, soon = len(report.overdue), report.at + timedelta(days=30)
    due = sum(_coming(row) <= soon for row in report if not row.overdue)
    never = sum(row.next_rotation is None for row in report)
    words = f"{report.at.date().isoformat()}: {late} overdue, {due} due within 30 days, {never} not rotated by policy"
    return f'<text class="{"late" if late else "dim"}" x="12" y="48">{words}</text>'


def _coming(row: ReportRow) -> datetime:
    return min((moment for moment in (row.next_rotation, row.expires_on) if moment), default=_NEVER)


def _years(scale: _Scale, height: int) -> Iterator[str]:
    for year in range(scale.begin.year + 1, scale.end.year + 1):
        x = scale.x(datetime(year, 1, 1, tzinfo=scale.begin.tzinfo))
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 14}" y2="{height - 34}"/>'
        yield f'<text class="dim" x="{x + 4:.1f}" y="{_TOP - 12}">{year}</text>'


def _line(scale: _Scale, row: ReportRow, y: int) -> Iterator[str]:
    name = row.name if len(row.name) <= _LABEL_LENGTH else row.name[: _LABEL_LENGTH - 1] + "…"
    late = ' class="late"' if row.overdue else ""
    yield f'<text x="12" y="{y + 4}"{late}>{escape(name)}</text>'
    yield f'<text class="dim" x="{_LABEL - 12}" y="{y + 4}" text-anchor="end">{row.kind}</text>'
    first = scale.x(row.created)
    yield f'<line class="life" x1="{first:.1f}" x2="{scale.now:.1f}" y1="{y}" y2="{y}"/>'
    last = max(
        (scale.x(moment) for moment in (row.next_rotation, row.expires_on) if moment), default=scale.now
    )
    if last > scale.now:
        yield f'<line class="ahead" x1="{scale.now:.1f}" x2="{last:.1f}" y1="{y}" y2="{y}"/>'
    for moment in row.made:
        yield f'<circle class="made" cx="{scale.x(moment):.1f}" cy="{y}" r="3.5"/>'
    if row.last_use is not None:
        yield f'<circle class="use" cx="{scale.x(row.last_use):.1f}" cy="{y}" r="6.5"/>'
    if row.next_rotation is not None:
        x = scale.x(row.next_rotation)
        yield f'<path class="rotate" d="M{x - 6:.1f} {y}L{x:.1f} {y - 6}L{x + 6:.1f} {y}L{x:.1f} {y + 6}Z"/>'
    if row.expires_on is not None:
        x = scale.x(row.expires_on)
        yield f'<line class="expire" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 8}" y2="{y + 8}"/>'
    yield f'<text class="{"late" if row.overdue else "dim"}" x="{_LABEL + _TIME + 14}" y="{y + 4}">{_note(row)}</text>'


def _note(row: ReportRow) -> str:
    days = row.age // timedelta(days=1)
    versions = "1 version" if row.versions == 1 else f"{row.versions} versions"
    if row.overdue:
        return f"{'expired' if row.overdue == 'expired' else 'rotation overdue'}, {days} days old"
    return f"{days} days old, {versions}" + ("" if row.enabled else ", disabled")


def _more(left_out: int) -> str:
    return f"   and {left_out} more, less urgent" if left_out else ""
