"""Many byte strings as one buffer and offsets: the Arrow layout, shared without a copy.

Relies on `errors`. Promises: the buffers handed in are neither copied nor changed; every offset lies within
the data and none goes back, so item i is exactly `data[offsets[i]:offsets[i + 1]]`; what cannot be so is
refused with `BadParameter`.
"""

from __future__ import annotations

import operator
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, final

from localvault.errors import BadParameter

if TYPE_CHECKING:
    from typing import Self

    from typing_extensions import Buffer

_OFFSET_BYTES = 8
_WRONG_OFFSETS = "the offsets of a Packed must be integers or one contiguous buffer of native int64"


@final
class Packed:
    """n byte strings: `data`, and n + 1 offsets of 64 bits into it.

    Takes Arrow's `LargeBinary` buffers and NumPy `int64` offsets as they are (offsets need not start at 0),
    and gives its own to them through the buffer protocol. Keeps both buffers alive; they must not change
    while it is used.
    """

    __slots__ = ("_data", "_offsets")

    _data: memoryview
    _offsets: memoryview

    def __init__(self, data: Buffer, offsets: Sequence[int] | Buffer) -> None:
        """Puts `data` (any contiguous buffer) and `offsets` (a sequence of int, or a buffer of native int64)
        together.

        Raises:
            BadParameter: the offsets are none, go back, or reach outside of the data.
        """
        self._data = _as_bytes(data)
        self._offsets = _as_offsets(offsets)
        _check(self._offsets, self._data.nbytes)

    @classmethod
    def of(cls, items: Iterable[Buffer]) -> Self:
        """Packs byte strings by copying each once."""
        parts = [memoryview(item).cast("B") for item in items]
        offsets = array("q", accumulate(map(len, parts), initial=0))
        return cls.trusted(b"".join(parts), offsets)

    @classmethod
    def trusted(cls, data: Buffer, offsets: array[int]) -> Self:
        """As the constructor, without looking at the offsets: for rooms that have just computed them."""
        made = object.__new__(cls)
        made._data = memoryview(data)
        made._offsets = memoryview(offsets)
        return made

    @property
    def data(self) -> memoryview:
        """The bytes of all items, without a copy; there may be more around them."""
        return self._data

    @property
    def offsets(self) -> memoryview:
        """n + 1 integers of format `q`, without a copy."""
        return self._offsets

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, index: int) -> memoryview:
        """Item `index` (negative: from the end) as a window on `data`; raises `IndexError`."""
        count = len(self)
        if not -count <= index < count:
            raise IndexError(f"item {index} of {count}")
        index %= count
        return self._data[self._offsets[index] : self._offsets[index + 1]]

    def __iter__(self) -> Iterator[memoryview]:
        data, offsets = self._data, self._offsets.tolist()
        return (data[start:end] for start, end in pairwise(offsets))

    def __repr__(self) -> str:
        return f"<Packed: {len(self)} items, {self.nbytes} bytes>"

    @property
    def nbytes(self) -> int:
        """The bytes of all items together."""
        return int(self._offsets[-1] - self._offsets[0])

    def to_list(self) -> list[bytes]:
        """A copy of every item."""
        return [bytes(item) for item in self]


def _as_bytes(data: Buffer) -> memoryview:
    try:
        return memoryview(data).cast("B")
    except (TypeError, ValueError, BufferError) as error:
        raise BadParameter("the data of a Packed must be one contiguous buffer of bytes") from error


def _as_offsets(offsets: Sequence[int] | Buffer) -> memoryview:
    if isinstance(offsets, (list, tuple, range)):
        return _from_integers(offsets)
    try:
        window = memoryview(offsets)  # type: ignore[arg-type]  # what is no buffer raises TypeError here
    except TypeError as error:
        raise BadParameter(f"{_WRONG_OFFSETS}, not {type(offsets).__name__}") from error
    is_raw = window.itemsize == 1  # Arrow hands out its buffers as plain bytes
    is_int64 = window.itemsize == _OFFSET_BYTES and window.format.removeprefix("@") in ("q", "l")
    if not (is_raw or is_int64) or not window.c_contiguous or window.nbytes % _OFFSET_BYTES:
        raise BadParameter(f"{_WRONG_OFFSETS}, not format {window.format!r}")
    return window.cast("B").cast("q")


def _from_integers(offsets: Sequence[int]) -> memoryview:
    try:
        return memoryview(array("q", offsets))
    except (OverflowError, TypeError) as error:
        raise BadParameter(_WRONG_OFFSETS) from error


def _check(offsets: memoryview, size: int) -> None:
    if len(offsets) == 0:
        raise BadParameter("the offsets of a Packed are one more than its items, so at least one")
    # Rising offsets between a first >= 0 and a last <= size all lie within the data.
    if offsets[0] < 0 or offsets[-1] > size:
        raise BadParameter(f"the offsets of a Packed must lie within its {size} bytes of data")
    if not all(map(operator.le, offsets, offsets[1:])):
        raise BadParameter("the offsets of a Packed must not go back")
