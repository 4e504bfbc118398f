"""The chart of throughput over the size of records, as SVG written by plain code; as `chart`, which says why.

Relies on nothing. Promises: the same numbers give the same bytes; it reads on light and on dark ground. Both axes are
logarithmic: a step to the right is twice the bytes, a step up ten times the throughput.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, log2, log10

_LEFT, _TOP, _WIDTH, _HEIGHT = 70, 20, 640, 320  # px; of the field
_LEGEND = 22  # px a line, below the axis
_COLOURS = (
    ("#0969da", "#4493f8"), ("#8250df", "#ab7df8"), ("#1a7f37", "#3fb950"), ("#bc4c00", "#db6d28"),
    ("#9a6700", "#d29922"), ("#59636e", "#9198a1"),
)  # fmt: skip
_MARK = 3.5  # px
_UNITS = ((1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B"))

Curve = Sequence[tuple[int, float]]


def draw(curves: Mapping[str, Curve]) -> str:
    """Return the chart of these curves: bytes of a record, and bytes a second."""
    field = _Field(curves)
    height = _TOP + _HEIGHT + 52 + _LEGEND * len(curves)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 30} {height}" role="img">',
        "<title>Throughput of sealing over the size of a record</title>",
        f"<style>{_style()}</style>",
        *field.grid(),
    ]
    for number, (name, curve) in enumerate(curves.items()):
        parts += [*field.curve(number, curve), *_legend(number, name)]
    return "\n".join((*parts, "</svg>")) + "\n"


class _Field:
    """Where a size and a throughput are on the page."""

    def __init__(self, curves: Mapping[str, Curve]) -> None:
        points = [point for curve in curves.values() for point in curve]
        self._sizes = sorted({size for size, _ in points})
        self._low = floor(log10(min(rate for _, rate in points)))
        self._high = ceil(log10(max(rate for _, rate in points)))

    def _x(self, size: int) -> float:
        first, last = log2(self._sizes[0]), log2(self._sizes[-1])
        return _LEFT + _WIDTH * (log2(size) - first) / max(1, last - first)

    def _y(self, rate: float) -> float:
        return _TOP + _HEIGHT * (self._high - log10(rate)) / max(1, self._high - self._low)

    def grid(self) -> list[str]:
        """Return the lines of both axes and what stands beside them."""
        parts = []
        for power in range(self._low, self._high + 1):
            y = self._y(10.0**power)
            parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_LEFT + _WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(
                f'<text class="dim" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_rate(power)}</text>'
            )
        for size in self._sizes:
            at = f'x="{self._x(size):.1f}" y="{_TOP + _HEIGHT + 18}"'
            parts.append(f'<text class="dim" {at} text-anchor="middle">{_size(size)}</text>')
        middle = f'x="{_LEFT + _WIDTH / 2}" y="{_TOP + _HEIGHT + 38}"'
        return [*parts, f'<text {middle} text-anchor="middle">size of a record; one thread</text>']

    def curve(self, number: int, curve: Curve) -> list[str]:
        """Return one curve and its marks."""
        places = [(self._x(size), self._y(rate)) for size, rate in curve]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        marks = [f'<circle class="m{number}" cx="{x:.1f}" cy="{y:.1f}" r="{_MARK}"/>' for x, y in places]
        return [f'<polyline class="c{number}" points="{line}"/>', *marks]


def _legend(number: int, name: str) -> list[str]:
    y = _TOP + _HEIGHT + 60 + _LEGEND * number
    return [
        f'<line class="c{number}" x1="{_LEFT}" x2="{_LEFT + 26}" y1="{y - 4}" y2="{y - 4}"/>',
        f'<circle class="m{number}" cx="{_LEFT + 13}" cy="{y - 4}" r="{_MARK}"/>',
        f'<text x="{_LEFT + 36}" y="{y}">{escape(name)}</text>',
    ]


def _style() -> str:
    common = "text{font:13px system-ui,sans-serif;fill:#1f2328}.dim{fill:#59636e}.grid{stroke:#d1d9e0}"
    dark = "text{fill:#f0f6fc}.dim{fill:#9198a1}.grid{stroke:#3d444d}"
    for number, (on_light, on_dark) in enumerate(_COLOURS):
        common += f".c{number}{{stroke:{on_light};stroke-width:2;fill:none}}.m{number}{{fill:{on_light}}}"
        dark += f".c{number}{{stroke:{on_dark}}}.m{number}{{fill:{on_dark}}}"
    return f"{common}@media(prefers-color-scheme:dark){{{dark}}}"


def _size(size: int) -> str:
    unit, name = next((unit, name) for unit, name in _UNITS if size >= unit)
    return f"{size // unit} {name}"


def _rate(power: int) -> str:
    return (
        f"{10 ** (power - 9)} GB/s"
        if power >= 9
        else f"{10 ** (power - 6)} MB/s"
        if power >= 6
        else f"{10**power} B/s"
    )
