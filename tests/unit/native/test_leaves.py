"""Leaves, entries and nodes by the core: byte for byte what Python makes, and what is not exact is left to Python."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import accumulate, product
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.journal.entry import pack, pack_entry, pack_run, unpack_fields, unpack_run
from localvault.journal.leaf import SALT, Fields, encode, leaf_hash, salts_needed
from localvault.journal.tree import HASH, TILE, Tree
from localvault.native.leaves import AT_HAND, SALTS_MAX, Made, extend_tree, leaves_of_run, make_leaves

pytestmark = pytest.mark.skipif(not AT_HAND, reason="this process does without the core's kernels")

EDGES = [
    sign * (1 << bits) + more
    for bits in (5, 7, 8, 15, 16, 31, 32, 63)
    for sign in (1, -1)
    for more in (-1, 0, 1)
]
NUMBERS = st.sampled_from([n for n in EDGES if n >= -(1 << 63)]) | st.integers(-(2**63), 2**64 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.builds(
    lambda character, size: character * size,
    st.sampled_from("aé€😀\0"),
    st.sampled_from([0, 7, 8, 9, 31, 32, 63, 64, 255, 256, 400, 65_535, 65_536]),
)
MAYBE = st.none() | TEXTS
FIELDS = st.tuples(NUMBERS, TEXTS, TEXTS, TEXTS, MAYBE, TEXTS, MAYBE, NUMBERS, MAYBE, NUMBERS, MAYBE)
WRITES = st.none() | st.binary(max_size=300) | st.sampled_from([b"w" * 255, b"w" * 256, b"w" * 65_536])
SEQUENCES = st.sampled_from([0, 127, 128, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32]) | st.integers(
    0, 2**64 - 100
)
ORDINARY: Fields = (1, "SecretGet", "owner", "/secrets/db", None, "Success", None, 2, None, 1, None)
PROCESS = pack("p")


def salts_for(count: int) -> bytes:
    """Salts that differ from each other, for so many events."""
    return b"".join((n % 65_536).to_bytes(2) * (SALT // 2) for n in range(count * SALTS_MAX // SALT))


def made_of(
    packed: Sequence[bytes], first: int = 0, process: bytes = PROCESS, salts: bytes | None = None
) -> Made:
    """What the core makes of these packed fields."""
    offsets = array("q", accumulate(map(len, packed), initial=0))
    drawn = salts_for(len(packed)) if salts is None else salts
    return make_leaves(b"".join(packed), offsets, first, process, drawn)


def by_python(
    fields: Fields, sequence: int, process: str, salts: bytes, writes: bytes | None
) -> tuple[bytes, bytes]:
    """The leaf and the entry that the modules `leaf` and `entry` make."""
    leaf = leaf_hash(encode(sequence, fields, process, writes, salts))
    return leaf, pack_entry(pack(fields), pack(process), salts, writes)


@given(SEQUENCES, st.lists(FIELDS, max_size=40), TEXTS, WRITES)
def test_leaves_and_entries_are_pythons(
    first: int, events: list[Fields], process: str, writes: bytes | None
) -> None:
    """Of any fields, extreme numbers and long texts included, whatever stands beside them."""
    packed = [pack(fields) for fields in events]
    offsets = array("q", accumulate(map(len, packed), initial=0))
    salts = salts_for(len(events))
    made = make_leaves(b"".join(packed), offsets, first, pack(process), salts, writes)
    assert made.count == len(events)
    at = 0
    for place, fields in enumerate(events):
        needed = salts_needed(fields, writes)
        leaf, entry = by_python(fields, first + place, process, salts[at : at + needed], writes)
        assert made.leaves[place * HASH : (place + 1) * HASH] == leaf
        assert made.entries[made.offsets[place] : made.offsets[place + 1]] == entry
        at += needed
    assert made.salts_taken == at


@pytest.mark.parametrize("there", list(product((False, True), repeat=5)))
def test_each_absent_field_takes_no_salt(there: tuple[bool, ...]) -> None:
    """All combinations of what may be nil, each leaf and entry as Python's."""
    version, code, correlation, details, wrote = ("x" if one else None for one in there)
    fields: Fields = (1, "o", "p", "t", version, "r", code, 2, correlation, 3, details)
    writes = None if wrote is None else b"w"
    salts = salts_for(1)
    made = make_leaves(packed := pack(fields), array("q", (0, len(packed))), 7, PROCESS, salts, writes)
    needed = salts_needed(fields, writes)
    assert made.salts_taken == needed
    assert (made.leaves, made.entries[: made.offsets[1]]) == by_python(fields, 7, "p", salts[:needed], writes)


@given(st.lists(FIELDS, min_size=1, max_size=20), st.integers(0, 20 * SALTS_MAX))
def test_without_salts_enough_it_stops_before_the_event(events: list[Fields], size: int) -> None:
    """No salt is cut short or used twice: what is left over is told."""
    made = made_of([pack(fields) for fields in events], salts=salts_for(20)[:size])
    needed = list(accumulate(salts_needed(fields, None) for fields in events))
    assert made.count == sum(so_far <= size for so_far in needed)
    assert made.salts_taken == (needed[made.count - 1] if made.count else 0)


def misfits() -> dict[str, bytes]:
    """Packed fields that Python reads otherwise than the core could copy them, or not at all."""

    def changed(place: int, packed: bytes) -> bytes:
        parts = [pack(value) for value in ORDINARY]
        parts[place] = packed
        return b"\x9b" + b"".join(parts)

    longer = {
        "number in 1": (0, b"\xcc\x7f"), "number in 2": (0, b"\xcd\x00\xff"),
        "number in 4": (0, b"\xce\x00\x00\xff\xff"),
        "number in 8": (0, b"\xcf" + bytes(4) + b"\xff" * 4), "negative in 1": (0, b"\xd0\xe0"),
        "negative in 2": (0, b"\xd1\xff\x80"), "negative in 4": (0, b"\xd2\xff\xff\x80\x00"),
        "negative in 8": (0, b"\xd3\xff\xff\xff\xff\x80\x00\x00\x00"), "signed 1": (0, b"\xd0\x05"),
        "signed 2": (0, b"\xd1\x7f\xff"), "signed 4": (0, b"\xd2\x7f\xff\xff\xff"),
        "signed 8": (7, b"\xd3" + b"\x7f" * 8),
        "text in 1": (1, b"\xd9\x1f" + b"x" * 31), "text in 2": (1, b"\xda\x00\xff" + b"x" * 255),
        "text in 4": (1, b"\xdb\x00\x00\xff\xff" + b"x" * 65_535),
    }  # fmt: skip
    other_types = {
        f"field {place} is {value!r}": (place, pack(value))
        for place in range(11)
        for value in (None, 1, "x", b"x", 1.5, True, [], {})
        if not (isinstance(value, str) and isinstance(ORDINARY[place], str | None))
        and not (value == 1 and value is not True and isinstance(ORDINARY[place], int))
        and not (value is None and ORDINARY[place] is None)
    }
    no_utf8 = {
        f"text {text!r}": (3, bytes((0xA0 + len(text),)) + text)
        for text in (
            b"\x80", b"\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xc2", b"\xc2\x41", b"\xe0\x9f\xbf", b"\xe1\x80",
            b"\xed\xa0\x80",
            b"\xed\xbf\xbf", b"\xef\xbf\xc0", b"\xf0\x8f\xbf\xbf", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xff",
            b"aaaaaaaa\x80", b"aaaaaaa\xed\xa0\x80a", b"\xf0\x9f\x98",
        )
    }  # fmt: skip
    found = {what: changed(*how) for what, how in (longer | other_types | no_utf8).items()}
    whole = pack(ORDINARY)
    found |= {"more": whole + b"\xc0", "nothing": b"", "array in 2": b"\xdc\x00\x0b" + whole[1:]}
    found |= {
        "ten": b"\x9a" + whole[1:-1],
        "twelve": b"\x9c" + whole[1:] + b"\xc0",
        "a map": b"\x8b" + whole[1:],
    }
    found |= {f"cut to {size}": whole[:size] for size in range(1, len(whole))}
    return found


@pytest.mark.parametrize("packed", [pytest.param(packed, id=what) for what, packed in misfits().items()])
def test_what_is_not_exact_is_left_to_python(packed: bytes) -> None:
    """It ends the work before that event, and what stood before it is done."""
    made = made_of([pack(ORDINARY), packed, pack(ORDINARY)])
    assert made.count == 1
    assert made_of([packed]).salts_taken == 0


@given(st.binary(max_size=60), st.integers(0), st.integers(1, 255))
def test_any_bytes_are_taken_as_python_takes_them(garbage: bytes, at: int, change: int) -> None:
    """Whatever the core takes for an event, Python takes for the same one."""
    altered = bytearray(pack(ORDINARY))
    altered[at % len(altered)] ^= change
    for packed in (garbage, b"\x9b" + garbage, bytes(altered), bytes(altered) + garbage):
        if made_of([packed]).count:
            fields = unpack_fields(packed)
            assert pack(fields) == packed
            salts = salts_for(1)[: salts_needed(fields, None)]
            assert made_of([packed]).leaves == by_python(fields, 0, "p", salts, None)[0]


@pytest.mark.parametrize(
    "process", [b"", b"\xc0", b"\x01", b"\xa1", b"\xa1\xff", b"\xa0\xa0", b"\xd9\x01p", b"\xc4\x01p"]
)
def test_a_process_that_is_no_text_is_left_to_python(process: bytes) -> None:
    """As with fields."""
    assert made_of([pack(ORDINARY)], process=process).count == 0


def test_numbers_beyond_64_bits_are_left_to_python() -> None:
    """No sequence number begins anew at 0."""
    assert made_of([pack(ORDINARY)] * 2, first=2**64 - 2).count == 2
    assert made_of([pack(ORDINARY)] * 2, first=2**64 - 1).count == 0
    assert extend_tree(2**64 - 1, [bytes(HASH)] * 64, bytes(HASH), TILE) is None


Entries = list[tuple[Fields, str, bytes | None]]


def run_of(entries: Entries) -> bytes:
    """A run of these, with salts."""
    return pack_run(
        [
            pack_entry(pack(fields), pack(process), salts_for(1)[: salts_needed(fields, writes)], writes)
            for fields, process, writes in entries
        ]
    )


@given(st.lists(st.tuples(FIELDS, TEXTS, WRITES), min_size=1, max_size=40), SEQUENCES)
def test_the_leaves_of_a_run_are_pythons(entries: Entries, first: int) -> None:
    """Of every entry, under its own number, and writes are told in order."""
    run, last = run_of(entries), first + len(entries) - 1
    found = leaves_of_run(run, last)
    assert found is not None
    expected = [
        leaf_hash(encode(one.sequence, one.fields, one.process, one.writes, one.salts))
        for one in unpack_run(last, run)
    ]
    assert found.leaves == b"".join(expected)
    assert found.count == len(entries)
    assert found.writes == [writes for _fields, _process, writes in entries if writes is not None]


RUN = run_of([(ORDINARY, "p", None), (ORDINARY, "p", b"w" * 30)])


@given(st.integers(0, len(RUN) - 1), st.integers(1, 255), st.integers(0, len(RUN)))
def test_an_altered_run_is_pythons_or_left_to_it(at: int, change: int, cut: int) -> None:
    """Nothing is taken for a run that Python takes for another, or for none."""
    altered = bytearray(RUN)
    altered[at] ^= change
    for run in (bytes(altered), RUN[:cut], RUN + RUN[:cut], RUN[cut:]):
        found = leaves_of_run(run, 1)
        if found is not None:
            entries = list(unpack_run(1, run))
            assert found.leaves == b"".join(leaf_hash(encode(e[0], e[1], e[2], e[4], e[3])) for e in entries)


@pytest.mark.parametrize(
    "run",
    [
        b"",
        b"\x90",
        bytes(65),
        pack_run([]),
        RUN + b"\xc0",
        b"\xdc\x00\x02" + RUN[1:],
        b"\x93" + RUN[1:],
        b"\x9f" + RUN[1:],
    ],
)
def test_what_is_no_run_is_left_to_python(run: bytes) -> None:
    """Empty, with more behind it, in a longer form, or of another count than it says."""
    assert leaves_of_run(run, 1 << 40) is None


@pytest.mark.parametrize("salts", [b"", bytes(15), bytes(47), bytes(49), bytes(64)])
def test_a_run_with_other_salts_is_left_to_python(salts: bytes) -> None:
    """Too few or too many of them: no leaf is made under a salt cut short."""
    assert leaves_of_run(pack_run([pack_entry(pack(ORDINARY), PROCESS, salts, None)]), 0) is None
    assert leaves_of_run(pack_run([pack_entry(pack(ORDINARY), PROCESS, bytes(48), None)]), 0) is not None


def test_a_run_longer_than_the_journal_is_left_to_python() -> None:
    """Its first event would have a number below 0."""
    assert leaves_of_run(RUN, 0) is None
    assert leaves_of_run(RUN, 1) is not None


def grown(count: int) -> Tree:
    """A tree of so many leaves, one after another."""
    tree = Tree()
    for number in range(count):
        tree.append(leaf_hash(number.to_bytes(8)))
    return tree


@given(st.integers(0, 1100), st.lists(st.integers(0, 700), max_size=4))
def test_a_tree_grown_by_many_leaves_is_the_same(before: int, steps: list[int]) -> None:
    """Its frontier, its root, and the nodes it completed, in the order they were."""
    one, other = grown(before), grown(before)
    for step in steps:
        leaves = [leaf_hash(number.to_bytes(8)) for number in range(one.size, one.size + step)]
        one.extend(b"".join(leaves))
        for leaf in leaves:
            other.append(leaf)
    assert (one.size, one.frontier, one.root()) == (other.size, other.frontier, other.root())
    assert one.completed == other.completed


@given(st.integers(0, 2**62), st.integers(0, 600))
def test_a_tree_of_any_size_grows_the_same(size: int, count: int) -> None:
    """Up to the highest levels: only the frontier counts, not how it came about."""
    frontier: list[Any] = [leaf_hash(bytes((place,))) for place in range(size.bit_count())]
    one, other = Tree(size, frontier), Tree(size, frontier)
    leaves = b"".join(leaf_hash(number.to_bytes(8)) for number in range(count))
    one.extend(leaves)
    for at in range(0, len(leaves), HASH):
        other.append(leaves[at : at + HASH])
    assert (one.size, one.frontier, one.completed) == (other.size, other.frontier, other.completed)


def test_the_longest_carry_completes_every_level() -> None:
    """One leaf more than 2^62 - 1 merges all subtrees there are."""
    size = 2**62 - 1
    frontier = [leaf_hash(bytes((place,))) for place in range(62)]
    one, other = Tree(size, frontier), Tree(size, frontier)
    one.extend(leaf := leaf_hash(b"leaf"))
    other.append(leaf)
    assert (one.frontier, one.completed) == (other.frontier, other.completed)
    assert len(one.completed) == 62 - TILE + 1


def test_packed_forms_are_msgpacks_defaults() -> None:
    """The journal's packer writes text, bytes and numbers as any other implementation does."""
    for value in (*(n for n in EDGES if -(2**63) <= n < 2**64), "x" * 32, b"x" * 256, None):
        assert pack(value) == msgpack.packb(value)
