"""The core's levels side by side: each in a process of its own that was told to use it.

Relies on `worker`. Promises: a process does its rounds only when it is asked to, so that levels take turns with
whatever they are compared with; all of them end with the `with` block.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.timing import Round
from localvault.native.levels import CHOSEN, VARIABLE, levels

_WORKER = Path(__file__).parent / "worker.py"


def usable() -> list[str]:
    """Return the names of the levels that this machine can use, best first."""
    return [level.name for level in levels() if level.usable]


def chosen() -> str:
    """Return the name of the level that this process uses."""
    return "cryptography" if CHOSEN is None else CHOSEN.name


class Level:
    """A process that uses one level."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def sealing(self, size: int) -> Round:
        """Return a round that seals records of `size` bytes there."""
        return lambda: self._round(size)

    def _round(self, size: int) -> float:
        assert self._process.stdin is not None, "it was started with a pipe"
        assert self._process.stdout is not None, "it was started with a pipe"
        self._process.stdin.write(f"{size}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


@contextmanager
def started(name: str) -> Iterator[Level]:
    """Start a process that uses the level `name`, and end it afterwards."""
    process = subprocess.Popen(
        [sys.executable, str(_WORKER)],
        env=os.environ | {VARIABLE: name},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:  # which closes the worker's input, and the worker ends
        yield Level(process)
