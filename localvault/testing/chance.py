"""Random choices that are the same every time, on every machine and version of Python.

Relies on SHAKE-128. Promises nothing about secrecy: for tests only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Chance:
    """The same surprises every time."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._drawn = 0

    def bytes(self, size: int) -> bytes:
        """Return `size` bytes."""
        self._drawn += 1
        return hashlib.shake_128(b"%d %d" % (self._seed, self._drawn)).digest(size)

    def below(self, bound: int) -> int:
        """Return a number from 0 up to below `bound`."""
        return int.from_bytes(self.bytes(8), "big") % bound

    def one_of(self, choices: Sequence[T]) -> T:
        """Return one of `choices`."""
        return choices[self.below(len(choices))]
