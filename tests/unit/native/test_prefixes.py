"""Counting prefixes: the core and Python count the same, whatever the records are."""

from __future__ import annotations

import random
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.model.packed import Packed
from localvault.native import prefixes
from localvault.native.levels import OFF
from localvault.native.prefixes import PREFIX_SIZE, Counts, count_prefixes
from localvault.sealing import token
from tests.support.natives import run_with

LEAST = token.OVERHEAD
HEADS = [bytes([1, 1]) + bytes([kind]) * 16 for kind in range(3)] + [
    bytes(PREFIX_SIZE),
    b"\xff" * PREFIX_SIZE,
]
RECORDS = st.builds(
    lambda head, rest, size: (head + rest)[:size],
    st.sampled_from(HEADS) | st.binary(min_size=PREFIX_SIZE, max_size=PREFIX_SIZE),
    st.binary(min_size=LEAST, max_size=2 * LEAST),
    st.integers(0, 3 * LEAST),
)


def plainly(records: list[bytes], least: int) -> tuple[Counts, int]:
    """The counts, as a sentence of Python."""
    whole = [record[:PREFIX_SIZE] for record in records if len(record) >= least]
    return {head: whole.count(head) for head in whole}, len(records) - len(whole)


@given(st.lists(RECORDS, max_size=60), st.integers(PREFIX_SIZE, LEAST + 5))
def test_both_count_what_is_there(records: list[bytes], least: int) -> None:
    """For records of every length, the empty one among them."""
    packed = Packed.of(records)
    assert prefixes._by_the_core(packed, least) == plainly(records, least)
    assert prefixes._one_by_one(packed, least) == plainly(records, least)


@pytest.mark.parametrize("kinds", [1, 31, 32, 33, 511, 512, 513, 9_000])
def test_more_prefixes_than_the_table_has_room_for(kinds: int) -> None:
    """Each is counted once, on both sides of where the table grows, and in whatever order they come."""
    dice = random.Random(kinds)
    heads = [dice.randbytes(PREFIX_SIZE) for _ in range(kinds)]
    records = [head + bytes(40) for head in heads] * 3
    dice.shuffle(records)
    counts, others = count_prefixes(Packed.of(records), LEAST)
    assert (counts, others) == (dict.fromkeys(heads, 3), 0)


def test_a_table_that_can_grow_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is emptied and filled again: memory has a bound, and the counts are right."""
    monkeypatch.setattr(prefixes, "_LAST_ROOM", 32)
    heads = [number.to_bytes(PREFIX_SIZE) for number in range(1000)]
    counts, others = count_prefixes(Packed.of([head + bytes(40) for head in heads] * 2), LEAST)
    assert (counts, others) == (dict.fromkeys(heads, 2), 0)


def test_records_within_a_larger_buffer() -> None:
    """Offsets need not begin at 0, nor end with the data, nor stand at a multiple of their size."""
    record = HEADS[0] + bytes(40)
    data = b"?" * 7 + record * 3 + b"?" * 100
    offsets = array("q", [7 + len(record) * number for number in range(4)])
    shifted = memoryview(b"." + offsets.tobytes())[1:]
    for given_offsets in (offsets, shifted):
        assert count_prefixes(Packed(data, given_offsets), LEAST) == ({HEADS[0]: 3}, 0)
    assert count_prefixes(Packed(b"", [0]), LEAST) == ({}, 0)
    assert count_prefixes(Packed(b"", [0, 0, 0]), LEAST) == ({}, 2)


def test_least_is_no_less_than_a_prefix() -> None:
    """A shorter record would have to be read beyond its end."""
    with pytest.raises(ValueError, match="18 bytes or more"):
        count_prefixes(Packed.of([b"x" * 17]), 17)


def test_without_the_core_python_counts() -> None:
    """`LOCALVAULT_NATIVE=off` takes the kernel away, and nobody can tell."""
    program = (
        "from localvault.model.packed import Packed\n"
        "from localvault.native import prefixes\n"
        "prefixes.lib = None\n"
        "print(prefixes.count_prefixes(Packed.of([bytes(60), bytes(60), b'']), 58))\n"
    )
    assert run_with(OFF, program) == f"({{{bytes(18)!r}: 2}}, 1)\n"
