"""Where the result of a bulk call goes: a buffer of the caller's, or a new one.

Relies on `errors` and the core. Promises: a caller's buffer is used only if it is writable, contiguous, large enough
and apart from what is read meanwhile; what lies behind the result in it is not touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localvault.errors import BadParameter
from localvault.model.packed import Packed
from localvault.native.core import ffi

if TYPE_CHECKING:
    from typing_extensions import Buffer


def target(out: memoryview | None, size: int) -> memoryview:
    """Return a window of `size` bytes to write to.

    Raises:
        BadParameter: `out` is read-only, not contiguous, or shorter than `size`.
    """
    if out is None:
        return memoryview(bytearray(size))
    if out.readonly or not out.c_contiguous:
        raise BadParameter("the output must be a writable contiguous buffer")
    window = out.cast("B")
    if window.nbytes < size:
        raise BadParameter(f"the output needs {size} bytes and has {window.nbytes}")
    return window[:size]


def callers_target(out: Buffer, size: int, items: Packed) -> memoryview:
    """Return a window of `size` bytes in a buffer of the caller's, who packed `items`.

    The core writes records of another length than those it reads, so an output that has memory in common with its
    input would overwrite what is still to be read.

    Raises:
        BadParameter: `out` is no buffer, read-only, not contiguous, too short, or has memory in common with `items`.
    """
    try:
        given = memoryview(out)
    except TypeError:
        raise BadParameter(f"the output must be a buffer, not {type(out).__name__}") from None
    window = target(given, size)
    first, end = _span(window)
    for part in (items.data[items.offsets[0] : items.offsets[-1]], items.offsets):
        begins, ends = _span(part)
        if first < ends and begins < end:
            raise BadParameter("the output must not have memory in common with the input")
    return window


def _span(window: memoryview) -> tuple[int, int]:
    start = int(ffi.cast("uintptr_t", ffi.from_buffer(window)))
    return start, start + window.nbytes
