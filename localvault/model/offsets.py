"""The offsets of a `Packed`: where each item begins and the last one ends, as a row of int64.

Relies on `errors`. Promises: what passes `check` never goes back and lies within the data. A look at every offset is
slow in Python, so `native` puts the core's in its place once it is loaded (`look_with`): this room may not import that.
"""

from __future__ import annotations

import operator
from array import array
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from localvault.errors import BadParameter

if TYPE_CHECKING:
    from typing_extensions import Buffer

MIXED: Final = -1
"""What `stride` says of items that have not all the same length."""
BACK: Final = -2
"""What it says where an offset goes back."""
_OFFSET_BYTES = 8
_REMEMBERED = 1 << 16  # items of a row that is worth keeping: half a megabyte
_WRONG = "the offsets of a Packed must be integers or one contiguous buffer of native int64"

_look: Callable[[memoryview], int] | None = None


def look_with(look: Callable[[memoryview], int]) -> None:
    """Have `stride` ask `look`, which says the same sooner."""
    global _look
    _look = look


def stride(offsets: memoryview) -> int:
    """Return the length all items have; `MIXED` if they differ or there is none, `BACK` if an offset goes back."""
    if len(offsets) < 2:  # a row of one offset has no item
        return MIXED
    return look(offsets) if _look is None else _look(offsets)


def look(offsets: memoryview) -> int:
    """As `stride`, for a row of two or more, in Python."""
    if not all(map(operator.le, offsets, offsets[1:])):
        return BACK
    size = offsets[1] - offsets[0]
    sizes = map(operator.sub, offsets[1:], offsets)
    return int(size) if all(map(size.__eq__, sizes)) else MIXED


def check(offsets: memoryview, size: int) -> None:
    """Make sure that every item lies within `size` bytes.

    Raises:
        BadParameter: one does not, or there is no offset at all.
    """
    if len(offsets) == 0:
        raise BadParameter("the offsets of a Packed are one more than its items, so at least one")
    # Rising offsets between a first >= 0 and a last <= size all lie within the data.
    if offsets[0] < 0 or offsets[-1] > size:
        raise BadParameter(f"the offsets of a Packed must lie within its {size} bytes of data")
    if stride(offsets) == BACK:
        raise BadParameter("the offsets of a Packed must not go back")


def regular(count: int, size: int) -> array[int]:
    """Return the offsets of `count` items of `size` bytes; not to be changed, others may have the same row."""
    return _regular(count, size) if count <= _REMEMBERED else _new_regular(count, size)


def _new_regular(count: int, size: int) -> array[int]:
    return array("q", range(0, count * size + 1, size)) if size else array("q", bytes(8 * (count + 1)))


_regular = lru_cache(maxsize=8)(_new_regular)


def as_row(offsets: Sequence[int] | Buffer) -> memoryview:
    """Return integers, or a buffer of them, as a window of format `q`.

    Raises:
        BadParameter: they are of another kind or size, or the buffer has gaps.
    """
    if isinstance(offsets, (list, tuple, range)):
        return _from_integers(offsets)
    try:
        window = memoryview(offsets)  # type: ignore[arg-type]  # what is no buffer raises TypeError here
    except (TypeError, ValueError, BufferError) as error:
        raise BadParameter(f"{_WRONG}, not {type(offsets).__name__}") from error
    is_raw = window.itemsize == 1  # Arrow hands out its buffers as plain bytes
    is_int64 = window.itemsize == _OFFSET_BYTES and window.format.removeprefix("@") in ("q", "l")
    if not (is_raw or is_int64) or not window.c_contiguous or window.nbytes % _OFFSET_BYTES:
        raise BadParameter(f"{_WRONG}, not format {window.format!r}")
    return window.cast("B").cast("q")


def _from_integers(offsets: Sequence[int]) -> memoryview:
    try:
        return memoryview(array("q", offsets))
    except (OverflowError, TypeError) as error:
        raise BadParameter(_WRONG) from error
