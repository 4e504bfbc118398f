"""The chart: one bar for each goal, as SVG written by plain code.

Relies on nothing. (matplotlib was the alternative: thirty megabytes to draw a dozen rectangles, and its output changes
with its version.) Promises: the same figures give the same bytes; it reads on light and on dark ground.

A bar's length is how much of the goal's room is used: at the line the goal is exactly met, short of it there is room.
Longer bars than twice the goal are cut there and carry their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bench.figures import MET, Figure

_ROW, _TOP, _LABEL, _WIDTH, _NUMBER = 30, 46, 520, 360, 200  # px
_LONGEST = 2.0  # times the goal
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2328}.dim{fill:#59636e}.met{fill:#1a7f37}.missed{fill:#bc4c00}"
    ".goal{stroke:#1f2328;stroke-width:1.5}.all{stroke:#d1d9e0}"
    "@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.dim{fill:#9198a1}.met{fill:#3fb950}.missed{fill:#db6d28}"
    ".goal{stroke:#f0f6fc}.all{stroke:#3d444d}}"
)


def draw(figures: Sequence[Figure]) -> str:
    """Return the chart of all figures that have a goal and were measured."""
    rows = [figure for figure in figures if figure.goal is not None and figure.measured is not None]
    height = _TOP + _ROW * len(rows) + 12
    goal_at = _LABEL + _WIDTH / _LONGEST
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LABEL + _WIDTH + _NUMBER} {height}" role="img">',
        "<title>How much of each goal's room is used</title>",
        f"<style>{_STYLE}</style>",
        f'<text x="{goal_at}" y="18" text-anchor="middle">goal</text>',
        f'<text class="dim" x="{_LABEL}" y="18">better</text>',
        *(_bar(figure, _TOP + _ROW * number) for number, figure in enumerate(rows)),
        f'<line class="goal" x1="{goal_at}" x2="{goal_at}" y1="26" y2="{height - 8}"/>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _bar(figure: Figure, y: int) -> str:
    assert figure.goal is not None, "only goals are drawn"
    assert figure.measured is not None, "only what was measured is drawn"
    used = figure.goal.used(figure.measured.median)
    length = _WIDTH * min(used, _LONGEST) / _LONGEST
    kind = "met" if figure.verdict == MET else "missed"
    label = escape(figure.what.replace("`", ""))
    number = escape(f"{figure.shown().split(' (')[0]}, goal {figure.goal}")
    return (
        f'<line class="all" x1="{_LABEL}" x2="{_LABEL + _WIDTH}" y1="{y + 9}" y2="{y + 9}"/>'
        f'<rect class="{kind}" x="{_LABEL}" y="{y}" width="{length:.1f}" height="18" rx="3"/>'
        f'<text x="{_LABEL - 10}" y="{y + 14}" text-anchor="end">{label}</text>'
        f'<text class="dim" x="{_LABEL + _WIDTH + 10}" y="{y + 14}">{number}</text>'
    )
