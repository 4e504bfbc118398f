"""Packed byte strings: the Arrow layout, nothing copied, nothing read outside."""

from __future__ import annotations

from array import array
from itertools import accumulate, pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import BadParameter
from localvault.model.packed import Packed

ITEMS = st.lists(st.binary(max_size=40), max_size=30)


@given(ITEMS)
def test_what_is_packed_comes_back(items: list[bytes]) -> None:
    """Length, items by index from both ends, iteration and list all agree with what was packed."""
    packed = Packed.of(items)
    assert len(packed) == len(items)
    assert packed.to_list() == items
    assert [bytes(packed[i]) for i in range(-len(items), len(items))] == items + items
    assert packed.nbytes == sum(map(len, items))


@given(st.binary(max_size=30), st.lists(st.integers(-5, 40), max_size=8))
def test_offsets_are_accepted_exactly_when_every_item_lies_within_the_data(
    data: bytes, offsets: list[int]
) -> None:
    """Rising offsets between 0 and the length of the data, and no others."""
    if offsets and offsets == sorted(offsets) and offsets[0] >= 0 and offsets[-1] <= len(data):
        assert Packed(data, offsets).to_list() == [data[a:b] for a, b in pairwise(offsets)]
    else:
        with pytest.raises(BadParameter):
            Packed(data, offsets)


@given(ITEMS)
def test_arrow_reads_it_without_a_copy(items: list[bytes]) -> None:
    """A LargeBinary array on the same two buffers has the same items at the same addresses."""
    packed = Packed.of(items)
    offsets, data = pa.py_buffer(packed.offsets), pa.py_buffer(packed.data)
    array_ = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(packed), [None, offsets, data])
    array_.validate(full=True)
    assert array_.to_pylist() == items
    assert array_.buffers()[1].address == offsets.address


@given(ITEMS, st.data())
def test_a_slice_of_an_arrow_array_is_taken_as_it_is(items: list[bytes], data: st.DataObject) -> None:
    """Offsets that do not start at 0 are fine, and the data are not copied."""
    array_ = pa.array(items, type=pa.large_binary())
    start = data.draw(st.integers(0, len(items)))
    _validity, offsets, values = array_.buffers()
    packed = Packed(values or b"", memoryview(offsets)[start * 8 : (len(items) + 1) * 8])
    assert packed.to_list() == items[start:]
    assert packed.nbytes == sum(map(len, items[start:]))


def test_nothing_is_copied() -> None:
    """A change of the data handed in is seen, and the offsets given out are those handed in."""
    data, offsets = bytearray(b"abcdef"), array("q", [0, 2, 6])
    packed = Packed(data, offsets)
    data[0:2] = b"XY"
    assert packed.to_list() == [b"XY", b"cdef"]
    assert packed.data.obj is data
    assert packed.offsets.obj is offsets
    assert packed.offsets.format == "q"


@pytest.mark.parametrize(
    "offsets",
    [
        pytest.param([0.0, 1.0], id="floats"),
        pytest.param(["0"], id="text in a list"),
        pytest.param("01", id="text"),
        pytest.param([0, 1 << 64], id="above 64 bits"),
        pytest.param(array("i", [0, 1]), id="32 bits"),
        pytest.param(array("Q", [0, 1]), id="unsigned"),
        pytest.param(array("d", [0, 1]), id="doubles"),
        pytest.param(b"1234567", id="half an integer"),
        pytest.param(memoryview(array("q", [0, 1, 2]))[::2], id="with gaps"),
        pytest.param({0, 1}, id="a set"),
        pytest.param(7, id="a number"),
        pytest.param(None, id="none"),
        pytest.param([], id="empty"),
        pytest.param(b"", id="empty bytes"),
    ],
)
def test_what_is_no_row_of_int64_is_refused(offsets: object) -> None:
    """With `BadParameter`, never another error."""
    with pytest.raises(BadParameter):
        Packed(b"abcdefgh", offsets)  # type: ignore[arg-type]


@pytest.mark.parametrize("data", [memoryview(b"abcd")[::2], "text", 5])
def test_data_that_is_no_contiguous_buffer_is_refused(data: object) -> None:
    """With `BadParameter`, never another error."""
    with pytest.raises(BadParameter):
        Packed(data, [0])  # type: ignore[arg-type]


@pytest.mark.parametrize("index", [2, -3, 1 << 70])
def test_an_index_outside_of_the_range_raises(index: int) -> None:
    """As for a list."""
    with pytest.raises(IndexError):
        Packed.of([b"a", b"b"])[index]


def test_its_repr_shows_no_content() -> None:
    """Plaintexts are packed too."""
    assert "marker" not in repr(Packed.of([b"marker"]))


def test_offsets_of_every_kind_mean_the_same() -> None:
    """List, tuple, range, array, memoryview and raw bytes."""
    numbers = list(accumulate([0, 1, 1, 1]))
    raw = array("q", numbers)
    for offsets in (numbers, tuple(numbers), range(4), raw, memoryview(raw), raw.tobytes()):
        assert Packed(b"abc", offsets).to_list() == [b"a", b"b", b"c"]
