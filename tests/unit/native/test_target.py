"""Results in a buffer of the caller's: only where they fit, only where they may, and nothing else of it is touched."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import pytest

from localvault.errors import BadParameter
from localvault.model.packed import Packed
from localvault.native.target import callers_target, target
from tests.support.natives import Native, both

PREFIX, KEY_ID = b"\x01\x01" + bytes(16), slice(2, 18)
ITEMS = [b"", b"a", b"bc" * 500, b"", b"d" * 63]


def works(native: Native) -> list[tuple[int, Callable[[memoryview | None], Packed]]]:
    """The three bulk calls on the same items, each with how many bytes of output it asks for."""
    key = native.xaes(bytes(32))
    packed = Packed.of(ITEMS)
    tokens = native.seal_many(key, PREFIX, packed, b"")

    def find(_key_id: bytes) -> Any:
        return key

    return [
        (packed.nbytes + len(ITEMS) * 58, lambda out: native.seal_many(key, PREFIX, packed, b"", out)),
        (tokens.nbytes, lambda out: native.open_many(find, 18, KEY_ID, tokens, b"", out)[0]),
        (tokens.nbytes, lambda out: native.rewrap_many(find, 18, KEY_ID, key, PREFIX, tokens, b"", out)[0]),
    ]


@both
def test_results_stand_in_the_buffer(native: Native) -> None:
    """At its beginning, without a copy, and what lies behind the size asked for stays as it was."""
    for size, work in works(native):
        buffer = bytearray(b"\xee" * (size + 100))
        made = work(memoryview(buffer))
        assert made.data.obj is buffer
        assert made.offsets[0] == 0
        assert bytes(made.data[: made.nbytes]) == buffer[: made.nbytes]
        assert buffer[size:] == b"\xee" * 100
        # Of elements of any size.
        whole = array("q", bytes(8 * (size // 8 + 1)))
        assert work(memoryview(whole)).nbytes == made.nbytes


@both
def test_a_buffer_that_does_not_do_is_refused(native: Native) -> None:
    """A byte too short, read-only or with gaps: `BadParameter` that says the size, and nothing is written."""
    for size, work in works(native):
        short = bytearray(b"\xee" * (size - 1))
        with pytest.raises(BadParameter, match=f"needs {size} bytes and has {size - 1}"):
            work(memoryview(short))
        assert short == b"\xee" * (size - 1)
        for wrong in (memoryview(bytes(size)), memoryview(bytearray(2 * size))[::2]):
            with pytest.raises(BadParameter, match="writable contiguous"):
                work(wrong)


@pytest.mark.parametrize(
    ("first", "size"), [(0, 5), (20, 10), (0, 10), (5, 1), (0, 30), (9, 20), (19, 1), (8, 5), (0, 6)]
)
def test_an_output_within_the_input_is_refused(first: int, size: int) -> None:
    """Any byte in common with the items, whichever begins first."""
    memory = bytearray(30)
    packed = Packed(memory, [5, 10, 20])
    if first < 20 and first + size > 5:
        with pytest.raises(BadParameter, match="in common"):
            callers_target(memoryview(memory)[first : first + size], size, packed)
    else:
        assert callers_target(memoryview(memory)[first : first + size], size, packed).nbytes == size


def test_an_output_beside_the_items_in_one_buffer_is_fine() -> None:
    """One that ends where they begin, or begins where they end."""
    memory = bytearray(30)
    packed = Packed(memory, [5, 10, 20])
    assert callers_target(memoryview(memory)[:5], 5, packed).nbytes == 5
    assert callers_target(memoryview(memory)[20:], 10, packed).nbytes == 10
    # A longer buffer, of which only that is used.
    assert callers_target(memory, 5, packed).nbytes == 5


def test_an_output_over_the_offsets_is_refused() -> None:
    """They are read to the end."""
    offsets = array("q", [0, 1, 2])
    with pytest.raises(BadParameter, match="in common"):
        callers_target(offsets, 8, Packed(b"ab", offsets))


@pytest.mark.parametrize("wrong", ["text", 5, [1]])
def test_what_is_no_buffer_is_refused(wrong: Any) -> None:
    """With `BadParameter`."""
    with pytest.raises(BadParameter, match="must be a buffer"):
        callers_target(wrong, 0, Packed.of([]))


def test_without_a_buffer_there_is_a_new_one() -> None:
    """Of exactly the size."""
    assert target(None, 7).nbytes == 7
