"""Packed byte strings: the Arrow layout, nothing copied, nothing read outside."""

from __future__ import annotations

import mmap
from array import array
from collections.abc import Callable
from itertools import accumulate, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import BadParameter
from localvault.model import offsets as rows
from localvault.model.packed import Packed
from localvault.native import face
from localvault.native.offsets import look as native_look

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


def from_mmap() -> Any:
    """An anonymous mapping with some bytes."""
    memory = mmap.mmap(-1, 8)
    memory[:] = b"abcdefgh"
    return memory


BUFFERS: dict[str, Callable[[], Any]] = {
    "bytes": lambda: b"abcdefgh",
    "a bytearray": lambda: bytearray(b"abcdefgh"),
    "an array of integers": lambda: array("i", [1, 2]),
    "a mapping": from_mmap,
    "a memoryview of doubles": lambda: memoryview(array("d", [1.0])),
    "two dimensions": lambda: memoryview(b"abcdefgh").cast("B", (2, 4)),
    "read-only": lambda: memoryview(bytearray(b"abcdefgh")).toreadonly(),
}


@pytest.mark.parametrize("make", BUFFERS.values(), ids=BUFFERS)
def test_any_contiguous_buffer_is_taken_as_its_bytes(make: Callable[[], Any]) -> None:
    """As data, as an item, and, where it is as long as an offset, as offsets."""
    buffer = make()
    raw = bytes(memoryview(buffer).cast("B"))
    assert Packed(buffer, [0, 3, 8]).to_list() == [raw[:3], raw[3:]]
    assert Packed(buffer, [0]).data.readonly == memoryview(buffer).readonly
    assert Packed.of([buffer, b"x", buffer]).to_list() == [raw, b"x", raw]
    assert Packed.of(iter([buffer])).nbytes == 8


@given(st.lists(st.integers(0, 50), max_size=40), st.integers(0, 5), st.integers(0, 5))
def test_a_list_of_its_items_is_what_the_offsets_say(sizes: list[int], before: int, behind: int) -> None:
    """Of equal lengths or not, with bytes around them that are nobody's, and in rounds."""
    offsets = list(accumulate(sizes, initial=before))
    data = bytes(i % 251 for i in range(offsets[-1] + behind))
    expected = [data[start:end] for start, end in pairwise(offsets)]
    assert Packed(data, offsets).to_list() == expected
    assert [bytes(item) for item in Packed(data, offsets)] == expected


SHAPES = [
    *((size, count) for size in (0, 1, 16, 1000) for count in (1, 2, 1023, 1024, 1025, 3000)),
    *((size, count) for size in (100_000, 600_000) for count in (1, 2, 11)),
]


@pytest.mark.parametrize(("size", "count"), SHAPES)
def test_a_list_of_items_of_one_length(size: int, count: int) -> None:
    """However many are cut out at once."""
    data = bytearray(b"#") + bytes(i % 251 for i in range(size)) * count
    packed = Packed(data, range(1, size * count + 2, size) if size else [1] * (count + 1))
    assert packed.to_list() == [bytes(data[1 : size + 1])] * count
    assert Packed.of(packed.to_list()).to_list() == packed.to_list()


def test_what_is_no_byte_string_is_a_programming_mistake() -> None:
    """`TypeError`, whatever stands beside it."""
    for items in (["text"], [b"a", "b"], [1], [None], b"bytes", [memoryview(b"abcd")[::2]]):
        with pytest.raises((TypeError, BufferError)):
            Packed.of(items)  # type: ignore[arg-type]


def test_offsets_it_made_cannot_be_changed() -> None:
    """Packed lists of one shape share them."""
    packed = Packed.of([b"ab"] * 3)
    with pytest.raises(TypeError):
        packed.offsets[0] = 1
    assert Packed.of([b"cd"] * 3).to_list() == [b"cd"] * 3


LOOKS = pytest.mark.parametrize("look", [rows.look, native_look], ids=["Python", "the core"])


@LOOKS
@given(offsets=st.lists(st.integers(-(1 << 63), (1 << 63) - 1), min_size=2, max_size=12))
def test_a_look_at_any_row(look: Callable[[memoryview], int], offsets: list[int]) -> None:
    """Rows of whatever numbers: going back or not is told right."""
    rising = offsets == sorted(offsets)
    assert (look(memoryview(array("q", offsets))) == rows.BACK) == (not rising)


@LOOKS
@given(sizes=st.lists(st.integers(0, 3), min_size=1, max_size=40), first=st.integers(0, 9))
def test_a_look_tells_the_common_length(
    look: Callable[[memoryview], int], sizes: list[int], first: int
) -> None:
    """Or that there is none; also of a row that begins anywhere in memory."""
    offsets = array("q", accumulate(sizes, initial=first))
    expected = sizes[0] if len(set(sizes)) == 1 else rows.MIXED
    assert look(memoryview(offsets)) == expected
    for shift in range(1, 8):
        moved = memoryview(bytes(shift) + offsets.tobytes())[shift:].cast("q")
        assert look(moved) == expected


def test_the_core_looks_once_it_is_there() -> None:
    """Importing the face is enough."""
    assert face.seal_many
    assert rows._look is native_look
    assert rows.stride(memoryview(array("q", [0]))) == rows.MIXED
