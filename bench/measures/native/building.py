"""A build from source: the extension alone, and the step of `make` that everything else waits for.

Relies on `source`. Promises: nothing but a C compiler is asked for; where no package index is reached, the line that
needs one says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from bench.figures import Figure, Goal, Line, missing
from bench.peers import PeerMissing
from bench.setting import Setting
from bench.timing import Spread

_GOAL = Goal(60, unit="s")
_EXTENSION = "a build from source: `python setup.py build_ext --force`"
_STEP = "a build from source: `make .venv/.core`"


def lines(setting: Setting) -> Iterator[Line]:
    """Yield both lines."""
    yield Line(_EXTENSION, partial(_figure, setting, _EXTENSION, _extension, "a C compiler alone, in a copy"))
    yield Line(
        _STEP, partial(_figure, setting, _STEP, _step, "compiles and installs; the environment is there")
    )


def _extension(setting: Setting) -> float:
    return setting.build().seconds


def _step(setting: Setting) -> float:
    return setting.build().make()


def _figure(setting: Setting, what: str, build: Callable[[Setting], float], note: str) -> Figure:
    try:
        return Figure(what, _GOAL, Spread.of([build(setting)]), "", "", note)
    except PeerMissing as missed:
        return missing(what, _GOAL, str(missed))
