"""Packed byte strings to and from Arrow and NumPy, the real ones: the same items at the same addresses."""

from __future__ import annotations

import ctypes
import gc
import mmap
import sys
import threading
from array import array
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import BadParameter
from localvault.model import arrow
from localvault.model.packed import Packed
from tests.support.processes import run_python

ITEMS = st.lists(st.binary(max_size=40), max_size=30)
LARGE = pa.large_binary()


def address(window: Any) -> int:
    """Where the bytes of a buffer stand, as NumPy sees it."""
    return int(np.frombuffer(window, dtype=np.uint8).__array_interface__["data"][0])


def lent() -> tuple[int, ...]:
    """How many structures are out, and how much is kept for them."""
    gc.collect()
    return tuple(
        len(kept) for lender in (arrow._ARRAYS, arrow._SCHEMAS) for kept in (lender._held, lender._structures)
    )


@given(ITEMS)
def test_arrow_reads_its_buffers_without_a_copy(items: list[bytes]) -> None:
    """A LargeBinary array on the two buffers has the same items at the same addresses."""
    packed = Packed.of(items)
    offsets, data = pa.py_buffer(packed.offsets), pa.py_buffer(packed.data)
    made = pa.LargeBinaryArray.from_buffers(LARGE, len(packed), [None, offsets, data])
    made.validate(full=True)
    assert made.to_pylist() == items
    assert made.buffers()[1].address == address(packed.offsets)


@given(ITEMS, st.data())
def test_the_buffers_of_a_slice_are_taken_as_they_are(items: list[bytes], data: st.DataObject) -> None:
    """Offsets that do not start at 0 are fine, and the data are not copied."""
    whole = pa.array(items, type=LARGE)
    start = data.draw(st.integers(0, len(items)))
    _validity, offsets, values = whole.buffers()
    packed = Packed(values or b"", memoryview(offsets)[start * 8 : (len(items) + 1) * 8])
    assert packed.to_list() == items[start:]
    assert packed.nbytes == sum(map(len, items[start:]))


@given(ITEMS, st.binary(max_size=5))
def test_a_whole_array_goes_out_and_comes_back(items: list[bytes], before: bytes) -> None:
    """By the PyCapsule interface: of the right type, valid, with the same items at the same addresses both ways."""
    offsets = [len(before)]
    for item in items:
        offsets.append(offsets[-1] + len(item))
    packed = Packed(before + b"".join(items) + b"behind", offsets)
    made = pa.array(packed)
    made.validate(full=True)
    assert made.type == LARGE
    assert made.to_pylist() == items
    assert made.buffers()[2].address == address(packed.data)
    assert made.buffers()[1].address == address(packed.offsets)
    back = Packed.from_arrow(made)
    assert back.to_list() == items
    if items:
        assert address(back.offsets) == address(packed.offsets)
    if back.nbytes:
        assert address(back.data) == address(packed.data)


@given(ITEMS, st.data())
def test_a_slice_comes_in_as_the_part_it_is(items: list[bytes], data: st.DataObject) -> None:
    """Also a slice of a slice, and an empty one, all in the memory of the whole."""
    whole = pa.array(items, type=LARGE)
    start = data.draw(st.integers(0, len(items)))
    end = data.draw(st.integers(start, len(items)))
    part = Packed.from_arrow(whole[start:][: end - start])
    assert part.to_list() == items[start:end]
    if start < end:
        assert address(part.offsets) == whole.buffers()[1].address + 8 * start


def test_text_comes_in_as_utf_8() -> None:
    """An array of `large_string` has the same layout."""
    assert Packed.from_arrow(pa.array(["ä", "", "b"], pa.large_string())).to_list() == [
        "ä".encode(),
        b"",
        b"b",
    ]


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("at", [0, 1, 7, 8, 9, 31])
def test_nulls_are_refused(at: int, known: bool) -> None:
    """Whether the array has counted them or not; a slice without any is taken."""
    items: list[bytes | None] = [b"x"] * 32
    items[at] = None
    whole = pa.array(items, type=LARGE)
    if known:
        assert whole.null_count == 1
    with pytest.raises(BadParameter, match="nulls"):
        Packed.from_arrow(whole)
    for start, end in ((0, at), (at + 1, 32)):
        assert Packed.from_arrow(whole[start:end]).to_list() == [b"x"] * (end - start)


class Uncounted:
    """An array whose library has not counted its nulls, as the interface allows."""

    def __init__(self, array_: Any) -> None:
        self._array = array_

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        """As the array's, but for that number."""
        schema, found = self._array.__arrow_c_array__()
        arrow._Array.from_address(arrow._pointer_of(found, b"arrow_array")).null_count = -1
        return schema, found


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.data())
def test_nulls_that_nobody_counted_are_seen(present: list[bool], data: st.DataObject) -> None:
    """Wherever the part begins: those before and behind it do not matter."""
    whole = pa.array([b"x" if there else None for there in present], type=LARGE)
    start = data.draw(st.integers(0, len(present)))
    end = data.draw(st.integers(start, len(present)))
    part = Uncounted(whole[start:end])
    if all(present[start:end]):
        assert Packed.from_arrow(part).to_list() == [b"x"] * (end - start)
    else:
        with pytest.raises(BadParameter, match="nulls"):
            Packed.from_arrow(part)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(pa.array([b"x"]), id="offsets of 32 bits"),
        pytest.param(pa.array(["x"]), id="text with offsets of 32 bits"),
        pytest.param(pa.array([1, 2]), id="numbers"),
        pytest.param(pa.array([[b"x"]], pa.large_list(LARGE)), id="lists"),
        pytest.param(pa.array([b"x", b"x"], LARGE).dictionary_encode(), id="a dictionary"),
        pytest.param(pa.array([b"xx"], pa.binary(2)), id="a fixed length"),
        pytest.param([b"x"], id="a list"),
        pytest.param(None, id="nothing"),
    ],
)
def test_what_is_no_such_array_is_refused(other: Any) -> None:
    """With `BadParameter`, never another error."""
    with pytest.raises(BadParameter):
        Packed.from_arrow(other)


def test_what_came_in_lives_as_long_as_any_window_on_it() -> None:
    """The array, the `Packed` and its capsule may go before an item does."""
    before = pa.total_allocated_bytes()
    item = Packed.from_arrow(pa.array([b"y" * 100_000, b"kept" * 25_000], LARGE))[1]
    gc.collect()
    assert pa.total_allocated_bytes() >= before + 200_000
    assert bytes(item) == b"kept" * 25_000
    with pytest.raises(TypeError):
        item[0] = 1  # an Arrow array is nobody's to change
    del item
    gc.collect()
    assert pa.total_allocated_bytes() <= before + 1000


def test_what_went_out_keeps_the_buffers_and_lets_go() -> None:
    """As long as any array on it, and no longer; also if nobody took it."""
    before = lent()
    packed = Packed(bytearray(b"abcd"), array("q", [0, 1, 4]))
    made = pa.array(packed)
    buffer = packed.data.obj
    del packed
    part = made[1:]
    del made
    assert part.to_pylist() == [b"bcd"]
    with pytest.raises(BufferError):
        buffer.append(1)  # it is lent
    del part
    assert lent() == before
    buffer.append(1)
    capsules = Packed.of([b"a"]).__arrow_c_array__()
    assert lent() != before
    del capsules
    assert lent() == before


def test_one_packed_goes_out_many_times_and_from_many_threads() -> None:
    """Each array stands for itself, whoever lets go of it where."""
    before = lent()
    packed = Packed.of([b"item %d" % number for number in range(100)])
    wrong: list[object] = []

    def work() -> None:
        for _ in range(50):
            made = [pa.array(packed) for _ in range(5)]
            if any(each.to_pylist() != packed.to_list() for each in made):
                wrong.append(made)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert lent() == before


END = """
import threading
import pyarrow as pa
from localvault.model.packed import Packed

packed = Packed.of([b"a", b"bc"] * 1000)
kept = pa.array(packed)                       # goes when this module is emptied
table = pa.table({"tokens": kept, "more": pa.array(packed)})
cycle = [kept]; cycle.append(cycle); cycle.append(pa.array(packed))
capsules = packed.__arrow_c_array__()         # nobody takes them
pa.hidden_for_the_end = pa.array(packed)      # goes when another module is emptied
holding = threading.Event()
def hold():
    mine = pa.array(packed)
    holding.set()
    threading.Event().wait()
threading.Thread(target=hold, daemon=True).start()
holding.wait()
print(kept.nbytes)
"""


def test_the_interpreter_may_end_while_arrays_are_out() -> None:
    """In modules, cycles, threads and capsules: the process ends with 0 and says nothing."""
    for _ in range(3):
        assert int(run_python(END)) > 3000


def test_numpy_takes_and_gives_without_a_copy() -> None:
    """Data of uint8 and offsets of int64 in, and both out, at the same addresses."""
    data, offsets = np.frombuffer(b"abcdefgh", np.uint8), np.array([1, 3, 3, 8], np.int64)
    packed = Packed(data, offsets)
    assert packed.to_list() == [b"bc", b"", b"defgh"]
    seen = np.frombuffer(packed.data, np.uint8), np.frombuffer(packed.offsets, np.int64)
    for before, after in zip((data, offsets), seen, strict=True):
        assert before.__array_interface__["data"][0] == after.__array_interface__["data"][0]
        assert (before == after).all()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(np.zeros(16, np.uint8)[::2], id="with gaps"),
        pytest.param(np.zeros((4, 4), np.uint8)[:, :2], id="part of each row"),
        pytest.param(np.zeros((4, 4), np.uint8, order="F"), id="column by column"),
        pytest.param(np.array([b"x"], object), id="objects"),
    ],
)
def test_a_numpy_array_that_is_not_one_run_of_bytes_is_refused(data: Any) -> None:
    """With `BadParameter`."""
    with pytest.raises(BadParameter):
        Packed(data, [0, 4])


@pytest.mark.parametrize("kind", ["int32", "uint64", "float64", ">i8", "datetime64[s]"])
def test_numpy_offsets_of_another_kind_are_refused(kind: str) -> None:
    """With `BadParameter`; `int64` in the machine's order is the one that is taken."""
    with pytest.raises(BadParameter):
        Packed(b"abcdefgh", np.zeros(3, kind))


def test_a_mapped_arrow_file_is_read_where_it_is(tmp_path: Any) -> None:
    """A column of a file in memory-mapped form comes in without being read."""
    with (
        pa.OSFile(str(tmp_path / "file"), "wb") as sink,
        pa.ipc.new_file(sink, pa.schema([("a", LARGE)])) as file,
    ):
        file.write(pa.record_batch([pa.array([b"one", b"two"], LARGE)], names=["a"]))
    with pa.memory_map(str(tmp_path / "file")) as source:
        column = pa.ipc.open_file(source).get_batch(0).column(0)
        packed = Packed.from_arrow(column)
        assert packed.to_list() == [b"one", b"two"]
        assert address(packed.data) == column.buffers()[2].address


def test_neither_library_is_loaded_by_it() -> None:
    """Nor is ctypes, until an array goes in or out."""
    program = (
        "import sys, localvault\n"
        "packed = localvault.Packed.of([b'a'])\n"
        "print([name for name in ('ctypes', 'numpy', 'pyarrow') if name in sys.modules])\n"
        "packed.__arrow_c_array__()\n"
        "print([name for name in ('numpy', 'pyarrow') if name in sys.modules])\n"
    )
    assert run_python(program) == "[]\n[]\n"


def test_the_structures_have_the_size_of_those_in_the_interface() -> None:
    """Nine and ten fields of eight bytes, on machines with addresses of eight."""
    assert sys.maxsize > 1 << 32
    assert (ctypes.sizeof(arrow._Schema), ctypes.sizeof(arrow._Array)) == (72, 80)
    assert mmap.PAGESIZE > 80
