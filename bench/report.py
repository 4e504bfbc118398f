"""How the figures are told: on the terminal, in README.md between its markers, in results.json, as a chart.

Relies on `figures`, `chart` and `machine`. Promises: README.md keeps everything outside the markers as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench.chart import draw
from bench.figures import MET, MISSED, Figure

HERE = Path(__file__).parent
_BEGIN, _END = "<!-- results: written by run.py -->", "<!-- end of results -->"
_HEADINGS = ("what", "goal", "measured (quartiles)", "verdict", "this vault", "against", "note")
_LOG_WIDTH = 170  # columns
_COLOURS = {MET: "green", MISSED: "red"}


def show(figures: Sequence[Figure]) -> None:
    """Print the table on the terminal."""
    table = Table(*_HEADINGS[:-1], title="localvault: goals and measurements", box=SIMPLE_HEAD)
    for figure in figures:
        *cells, _note = _cells(figure)
        colour = _COLOURS.get(figure.verdict, "")
        table.add_row(*(cell.replace("`", "") for cell in cells), style=colour)
    console = Console()
    # In a pipe or a log there is no width to keep to.
    (console if console.is_terminal else Console(width=_LOG_WIDTH)).print(table)


def write(
    figures: Sequence[Figure], machine: Mapping[str, str], command: str, singles: Sequence[Any]
) -> None:
    """Write README.md's results, results.json and the chart."""
    readme = HERE / "README.md"
    head, _, rest = readme.read_text().partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    results = "\n".join((_BEGIN, "", *_markdown(figures, machine, command, singles), "", _END))
    readme.write_text(head + results + tail)
    (HERE / "chart.svg").write_text(draw(figures))
    document = {
        "command": command,
        "taken": datetime.now(UTC).date().isoformat(),
        "machine": dict(machine),
        "goals": [_plain(figure) for figure in figures],
        "single operations": [dict(single._asdict()) for single in singles],
    }
    (HERE / "results.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def _markdown(
    figures: Sequence[Figure], machine: Mapping[str, str], command: str, singles: Sequence[Any]
) -> list[str]:
    lines = [f"`{command}` on {machine['processor']}, {datetime.now(UTC).date().isoformat()}:", ""]
    lines += _table(_HEADINGS, [_cells(figure) for figure in figures])
    lines += ["", "![How much of each goal's room is used](chart.svg)", ""]
    if singles:
        lines += ["Single operations by pytest-benchmark, in µs:", ""]
        lines += _table(
            ("operation", "median", "quartiles apart", "a second"),
            [(s.name, f"{s.median:,.2f}", f"{s.spread:,.2f}", f"{1e6 / s.median:,.0f}") for s in singles],
        )
        lines.append("")
    return lines + _table(("on", ""), list(machine.items()))


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(headings)} |", "|" + "---|" * len(headings)]
    return lines + [f"| {' | '.join(cell.replace('|', '¦') for cell in row)} |" for row in rows]


def _cells(figure: Figure) -> tuple[str, ...]:
    goal = "–" if figure.goal is None else str(figure.goal)
    return figure.what, goal, figure.shown(), figure.verdict, figure.ours, figure.theirs, figure.note


def _plain(figure: Figure) -> dict[str, Any]:
    return {
        "what": figure.what,
        "goal": None if figure.goal is None else figure.goal._asdict(),
        "measured": None if figure.measured is None else figure.measured._asdict(),
        "verdict": figure.verdict,
        "ours": figure.ours,
        "theirs": figure.theirs,
        "note": figure.note,
    }
