"""A look at every offset of a `Packed`, at the speed of memory.

Relies on the core. Promises: what `model.offsets.look` promises, which does the same in Python.
"""

from __future__ import annotations

from localvault.native.core import lib
from localvault.native.xaes import numbers


def look(offsets: memoryview) -> int:
    """As `model.offsets.look`."""
    return lib.lv_offsets_stride(numbers(offsets), len(offsets) - 1)
