"""How many threads large calls may use while something is measured.

Relies on `localvault.threads`. Promises: what was set before holds again afterwards. A version that has no threads
works on one, and says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import localvault


def offered() -> bool:
    """Return whether this version can use more than one."""
    return "threads" in localvault.__all__


def use(count: int) -> int:
    """Set how many, and return how many it was."""
    before: int = localvault.threads(count) if offered() else 1
    return before


@contextmanager
def limited_to(count: int) -> Iterator[None]:
    """Use `count` threads in the `with` block."""
    before = use(count)
    try:
        yield
    finally:
        use(before)
