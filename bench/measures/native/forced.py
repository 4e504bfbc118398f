"""The levels of the core: what is left where a processor has AES instructions and nothing wider.

Relies on a process for each level. Promises: it takes turns with the loop in this process.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from bench import batch, levels
from bench.figures import Figure, Goal, Line, faster, missing
from bench.measures.native.bulk import ROUNDS, size_name
from bench.peers.aesgcm import AesGcmLoop
from bench.setting import Setting
from bench.timing import compare, steady

_AESNI = "aesni"
_GOALS = {64: 18.0, 1024: 2.3}


def lines(setting: Setting) -> Iterator[Line]:
    """Yield the lines of the level that any x86-64 of the last ten years has."""
    for size, goal in _GOALS.items():
        what = f"`seal_many`, packed, {size_name(size)}, AES-NI alone, against the loop"
        yield Line(what, partial(_figure, setting, what, size, goal))


def _figure(setting: Setting, what: str, size: int, goal: float) -> Figure:
    if _AESNI not in levels.usable():
        return missing(what, Goal(goal, at_least=True), "this processor has no AES-NI")
    records = batch.of_size(size)
    theirs = steady(AesGcmLoop().seal(records), len(records))
    with levels.started(_AESNI) as level:
        compared = compare(level.sealing(size), theirs, setting.rounds(ROUNDS))
    return faster(
        what, goal, compared, "record", "call", f"LOCALVAULT_NATIVE={_AESNI}, in a process of its own"
    )
