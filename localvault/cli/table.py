"""A table on a terminal.

Relies on `rich`. Promises: cells are text, never markup; nothing is cut off, long cells fold.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text


def write_table(titles: Sequence[str] | None, rows: Sequence[Sequence[str]]) -> None:
    """Write `rows` under `titles`, or without any."""
    table = Table(box=box.SIMPLE_HEAD, show_header=titles is not None, pad_edge=False)
    for place in range(len(rows[0])):
        title = titles[place] if titles else ""
        table.add_column(Text(title), overflow="fold", style="cyan" if place == 0 else None)
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)
