"""A look at every offset of a `Packed`, at the speed of memory.

Relies on the core. Promises: what `model.offsets.look` promises, which does the same in Python.
"""

from __future__ import annotations

from array import array
from typing import Any

from localvault.native.core import ffi, lib

_ALIGNMENT = 8


def look(offsets: memoryview) -> int:
    """As `model.offsets.look`."""
    return lib.lv_offsets_stride(_numbers(offsets), len(offsets) - 1)


def _numbers(offsets: memoryview) -> Any:
    window = ffi.from_buffer("int64_t[]", offsets)
    if int(ffi.cast("uintptr_t", window)) % _ALIGNMENT == 0:
        return window
    # What a caller cut out of some bytes may begin anywhere, and C's numbers may not.
    return ffi.from_buffer("int64_t[]", array("q", bytes(offsets)))
