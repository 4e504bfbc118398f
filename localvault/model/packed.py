"""Many byte strings as one buffer and offsets: the Arrow layout, shared without a copy.

Relies on `errors` and `offsets`. Promises: the buffers handed in are neither copied nor changed; every offset lies
within the data and none goes back, so item i is exactly `data[offsets[i]:offsets[i + 1]]`; what cannot be so is
refused with `BadParameter`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from struct import Struct
from typing import TYPE_CHECKING, Any, final

from localvault.errors import BadParameter
from localvault.model import offsets as rows

if TYPE_CHECKING:
    from typing import Self

    from typing_extensions import Buffer

_RUN = 1024  # items of one length that are cut out at once
_RUN_BYTES = 1 << 20


@final
class Packed:
    """n byte strings: `data`, and n + 1 offsets of 64 bits into it.

    Takes Arrow's `LargeBinary` buffers and NumPy `int64` offsets as they are (offsets need not start at 0),
    and gives its own to them through the buffer protocol. Keeps both buffers alive; they must not change
    while it is used. Whole Arrow arrays come in by `from_arrow` and go out by the Arrow PyCapsule interface,
    `pyarrow.array(packed)`.
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
        self._offsets = rows.as_row(offsets)
        rows.check(self._offsets, self._data.nbytes)

    @classmethod
    def of(cls, items: Iterable[Buffer]) -> Self:
        """Packs byte strings by copying each once; a list of `bytes` is the quickest."""
        parts = items if type(items) is list else list(items)
        data = b"".join(parts)
        sizes = set(map(len, parts))
        if len(sizes) == 1:
            (size,) = sizes
            offsets = rows.regular(len(parts), size)
        else:
            offsets = array("q", list(accumulate(map(len, parts), initial=0)))
        # A buffer of larger elements has more bytes than its length says.
        return cls.trusted(data, offsets) if offsets[-1] == len(data) else cls._of_any(parts)

    @classmethod
    def _of_any(cls, items: list[Any]) -> Self:
        parts = [memoryview(item).cast("B") for item in items]
        return cls.trusted(b"".join(parts), array("q", accumulate(map(len, parts), initial=0)))

    @classmethod
    def from_arrow(cls, source: object) -> Self:
        """Takes an array of byte strings or texts from any library that speaks the Arrow PyCapsule interface.

        Nothing is copied: the array's memory stays alive as long as the `Packed`, or any item of it, does. A slice
        of an array is taken as the part that it is.

        Args:
            source: has `__arrow_c_array__` (a `pyarrow.Array`, for one) and the type `large_binary` or
                `large_string`: those have the offsets of 64 bits; `array.cast("large_binary")` makes them.

        Raises:
            BadParameter: no such array, one of another type, or one with nulls.
        """
        from localvault.model.arrow import take

        return cls(*take(source))

    @classmethod
    def trusted(cls, data: Buffer, offsets: array[int]) -> Self:
        """As the constructor, without looking at the offsets: for rooms that have just computed them."""
        made = object.__new__(cls)
        made._data = memoryview(data)
        made._offsets = memoryview(offsets).toreadonly()  # others may have the same row
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

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        """The items as a `large_binary` array, nothing copied: for libraries with the Arrow PyCapsule interface.

        What a library keeps of it keeps the buffers alive. `requested_schema` is not heeded: there is one type to give.
        """
        from localvault.model.arrow import give

        return give(self._data, self._offsets)

    @property
    def nbytes(self) -> int:
        """The bytes of all items together."""
        return int(self._offsets[-1] - self._offsets[0])

    def to_list(self) -> list[bytes]:
        """A copy of every item; quickest where all have the same length."""
        stride = rows.stride(self._offsets)
        if 0 < stride <= _RUN_BYTES // 2:
            return _cut(self._data[self._offsets[0] : self._offsets[-1]], len(self), stride)
        data = self._data
        if data.nbytes == self.nbytes and self.nbytes <= _RUN * len(self):
            # Slices of a `bytes` are quicker than those of a memoryview by more than what its copy costs.
            whole = bytes(data)
            return [whole[start:end] for start, end in pairwise(self._offsets.tolist())]
        return [bytes(data[start:end]) for start, end in pairwise(self._offsets.tolist())]


def _cut(data: memoryview, count: int, size: int) -> list[bytes]:
    """All items of a row in which each has `size` bytes."""
    run = min(_RUN, _RUN_BYTES // size)
    unpack = _cutter(run, size).unpack_from
    items: list[bytes] = []
    whole = count - count % run
    for at in range(0, whole * size, run * size):
        items += unpack(data, at)
    if rest := count - whole:
        items += _cutter(rest, size).unpack_from(data, whole * size)
    return items


@lru_cache(maxsize=32)  # 32 KiB each at most
def _cutter(run: int, size: int) -> Struct:
    return Struct(f"{size}s" * run)


def _as_bytes(data: Buffer) -> memoryview:
    try:
        window = memoryview(data)
        if "O" in (window.format or ""):  # NumPy's word for addresses of Python objects
            raise ValueError("no bytes")
        return window.cast("B")
    except (TypeError, ValueError, BufferError) as error:
        raise BadParameter("the data of a Packed must be one contiguous buffer of bytes") from error
