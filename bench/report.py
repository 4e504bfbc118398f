"""How the figures are told: on the terminal, in README.md between its markers, in results.json, as a chart.

Relies on `figures`, `chart` and `machine`. Promises: README.md keeps everything outside the markers as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench import chart, curves
from bench.figures import MET, MISSED, Figure

HERE = Path(__file__).parent
_BEGIN, _END = "<!-- results: written by run.py -->", "<!-- end of results -->"
_HEADINGS = ("what", "goal", "measured (quartiles)", "verdict", "this vault", "against", "note")
_LOG_WIDTH = 170  # columns
_COLOURS = {MET: "green", MISSED: "red"}
_CORE = "native"  # the part that has a table of its own


class Results(NamedTuple):
    """All that a full run found."""

    parts: Mapping[str, Sequence[Figure]]
    throughput: Mapping[str, curves.Curve]
    singles: Sequence[Any]
    machine: Mapping[str, str]

    def of_vault(self) -> list[Figure]:
        """Return the figures of everything but the core."""
        return [figure for part, figures in self.parts.items() if part != _CORE for figure in figures]

    def of_core(self) -> Sequence[Figure]:
        """Return the core's figures."""
        return self.parts[_CORE]


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


def write(results: Results, command: str) -> None:
    """Write README.md's results, results.json and the charts."""
    readme = HERE / "README.md"
    head, _, rest = readme.read_text().partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    written = "\n".join((_BEGIN, "", *_markdown(results, command), "", _END))
    readme.write_text(head + written + tail)
    (HERE / "chart.svg").write_text(chart.draw(results.of_vault()))
    (HERE / "throughput.svg").write_text(curves.draw(results.throughput))
    (HERE / "results.json").write_text(
        json.dumps(_plain(results, command), indent=1, ensure_ascii=False) + "\n"
    )


def _markdown(results: Results, command: str) -> list[str]:
    about, today = results.machine, datetime.now(UTC).date().isoformat()
    lines = [
        f"`{command}` on {about['processor']}, level {about['level of the core']} of the core, {today}:",
        "",
    ]
    lines += _table(_HEADINGS, [_cells(figure) for figure in results.of_vault()])
    lines += ["", "![How much of each goal's room is used](chart.svg)", ""]
    lines += [
        "The native core, and what the vault makes of it; the goals are for a processor with AVX-512:",
        "",
    ]
    lines += _table(_HEADINGS, [_cells(figure) for figure in results.of_core()])
    lines += ["", "![Throughput of sealing over the size of a record](throughput.svg)", ""]
    lines += ["Single operations by pytest-benchmark, in µs:", ""]
    lines += _table(
        ("operation", "median", "quartiles apart", "a second"),
        [(s.name, f"{s.median:,.2f}", f"{s.spread:,.2f}", f"{1e6 / s.median:,.0f}") for s in results.singles],
    )
    return [*lines, "", *_table(("on", ""), list(about.items()))]


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(headings)} |", "|" + "---|" * len(headings)]
    return lines + [f"| {' | '.join(cell.replace('|', '¦') for cell in row)} |" for row in rows]


def _cells(figure: Figure) -> tuple[str, ...]:
    goal = "–" if figure.goal is None else str(figure.goal)
    return figure.what, goal, figure.shown(), figure.verdict, figure.ours, figure.theirs, figure.note


def _plain(results: Results, command: str) -> dict[str, Any]:
    return {
        "command": command,
        "taken": datetime.now(UTC).date().isoformat(),
        "machine": dict(results.machine),
        "goals": [_plain_figure(figure) for figure in (*results.of_vault(), *results.of_core())],
        "throughput": {
            name: [{"size": size, "bytes a second": round(rate)} for size, rate in curve]
            for name, curve in results.throughput.items()
        },
        "single operations": [dict(single._asdict()) for single in results.singles],
    }


def _plain_figure(figure: Figure) -> dict[str, Any]:
    return {
        "what": figure.what,
        "goal": None if figure.goal is None else figure.goal._asdict(),
        "measured": None if figure.measured is None else figure.measured._asdict(),
        "verdict": figure.verdict,
        "ours": figure.ours,
        "theirs": figure.theirs,
        "note": figure.note,
    }
