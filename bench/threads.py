"""How many threads large calls may use while something is measured.

Relies on `localvault.threads`. Promises: what was set before holds again afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import localvault


@contextmanager
def limited_to(count: int) -> Iterator[None]:
    """Use `count` threads in the `with` block."""
    before = localvault.threads(count)
    try:
        yield
    finally:
        localvault.threads(before)
