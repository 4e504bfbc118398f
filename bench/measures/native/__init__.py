"""What the native core does in bulk, and what the vault makes of it: one file for each theme.

Relies on the themes, each a function that yields lines. Promises: everything runs on one thread unless a line says
otherwise; a theme's vaults and peers are there as long as its lines are asked for, and gone afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench import threads
from bench.figures import Figure, Line
from bench.measures.native import building, bulk, calls, forced, records, signatures, together, tokens
from bench.setting import Setting

THEMES: dict[str, Callable[[Setting], Iterator[Line]]] = {
    "bulk": bulk.lines,
    "records": records.lines,
    "forced": forced.lines,
    "signatures": signatures.lines,
    "together": together.lines,
    "tokens": tokens.lines,
    "calls": calls.lines,
    "building": building.lines,
}


def measure(setting: Setting) -> Iterator[Figure]:
    """Yield the figures of all themes."""
    with threads.limited_to(1):
        for theme in THEMES.values():
            for line in theme(setting):
                setting.say(line.what)
                yield line.measure()
