"""The core's walk over pages: it stays within what it was given, whatever that says."""

from __future__ import annotations

import mmap
import random
import struct
from zlib import crc32

import pytest

from localvault.native.pages import Count, count_sound, mark_listed

PAGE = 4096


def leaf(number: int, *keys: bytes) -> bytes:
    """A sound leaf with an empty value at every key."""
    entries, offsets, end = b"", [], PAGE
    for key in keys:
        entry = struct.pack("=HHHH", 4, 0, 0, len(key)) + key + crc32(key).to_bytes(4, "little")
        entry += bytes(len(entry) & 1)
        end -= len(entry)
        entries = entry + entries
        offsets.append(end)
    head = struct.pack("=QHHHH", number, 0, 2, 16 + 2 * len(keys), end) + struct.pack(
        f"={len(keys)}H", *offsets
    )
    return head + bytes(end - len(head)) + entries


FILE = bytes(2 * PAGE) + leaf(2, b"a", b"bc", b"d")


def walk(
    image: bytes | mmap.mmap, *, low: bytes = b"", high: bytes | None = None, root: int = 2
) -> Count | None:
    """Walk a file of one leaf."""
    return count_sound(image, PAGE, 2, root, 0, low, high, bytearray(3))


def test_a_sound_leaf() -> None:
    """It is counted with its entries, also where its bounds touch its keys."""
    assert walk(FILE) == Count(0, 1, 3)
    assert walk(FILE, low=b"a", high=b"d\0") == Count(0, 1, 3)


@pytest.mark.parametrize(("low", "high"), [(b"b", None), (b"", b"d"), (b"", b""), (b"a\0", None)])
def test_keys_outside_their_bounds(low: bytes, high: bytes | None) -> None:
    """One key outside is enough."""
    assert walk(FILE, low=low, high=high) is None


@pytest.mark.parametrize("root", [0, 1, 3, 1 << 40, (1 << 64) - 1])
def test_pages_that_cannot_be_in_a_tree(root: int) -> None:
    """The first two, and those beyond the end."""
    assert walk(FILE, root=root) is None


def test_a_page_is_in_use_once() -> None:
    """One that was seen before is refused, and what was seen is told."""
    seen = bytearray(3)
    assert count_sound(FILE, PAGE, 2, 2, 0, b"", None, seen) is not None
    assert seen == bytearray(b"\0\0\1")
    assert count_sound(FILE, PAGE, 2, 2, 0, b"", None, seen) is None


@pytest.mark.parametrize("size", [0, 1, PAGE, 3 * PAGE - 1])
def test_a_file_that_was_cut_off(size: int) -> None:
    """A page that is not whole is not there."""
    assert walk(FILE[:size]) is None


@pytest.mark.parametrize(("page_size", "height"), [(0, 0), (2048, 0), (65536, 0), (5000, 0), (PAGE, 32)])
def test_what_no_file_has(page_size: int, height: int) -> None:
    """Page sizes and heights there are none of."""
    assert count_sound(FILE, page_size, 2, 2, height, b"", None, bytearray(3)) is None


def test_a_byte_for_every_page() -> None:
    """Too few of them would let the core write beyond."""
    with pytest.raises(ValueError, match="byte"):
        count_sound(FILE, PAGE, 3, 2, 0, b"", None, bytearray(3))


@pytest.mark.parametrize("seed", range(4))
def test_every_flip_is_seen(seed: int) -> None:
    """One bit in header, offsets, entries or keys; free room and values are nobody's structure."""
    dice = random.Random(seed)
    for _ in range(400):
        changed = bytearray(FILE)
        where = 2 * PAGE + dice.choice(
            [dice.randrange(8), dice.randrange(10, 22), PAGE - 1 - dice.randrange(40)]
        )
        changed[where] ^= 1 << dice.randrange(8)
        assert walk(bytes(changed)) is None or _is_padding(where)


def _is_padding(where: int) -> bool:
    """Whether a byte only fills an entry up to an even length: `a` and `d` make 13 bytes of 14."""
    return where in (3 * PAGE - 1, 3 * PAGE - 1 - 14 - 14)


def test_rubbish_before_the_end_of_a_mapping() -> None:
    """Pages of noise that end where the mapping ends: nothing beyond is touched."""
    dice = random.Random(7)
    image = mmap.mmap(-1, 3 * PAGE)
    for _ in range(3000):
        noise = bytearray(dice.randbytes(64))
        noise[:12] = struct.pack("=QHH", 2, 0, dice.choice([1, 2]))
        noise[12:16] = struct.pack(
            "=HH", 16 + 2 * dice.randrange(20), dice.choice([16, 60, PAGE, dice.randrange(PAGE)])
        )
        image[2 * PAGE : 2 * PAGE + 64] = bytes(noise)
        image[3 * PAGE - 40 :] = dice.randbytes(40)
        for height in (0, 1):
            assert count_sound(image, PAGE, 2, 2, height, b"", None, bytearray(3)) is None


def listed(*numbers: int) -> bytes:
    """Page numbers as a data file lists them."""
    return struct.pack(f"={len(numbers)}Q", *numbers)


def test_a_list_of_free_pages() -> None:
    """Each is marked, the greatest first, between the first two pages and the last."""
    seen = bytearray(10)
    assert mark_listed(listed(9, 5, 2), 9, seen)
    assert [number for number, mark in enumerate(seen) if mark] == [2, 5, 9]
    assert mark_listed(listed(8, 3), 9, seen)
    assert mark_listed(b"", 9, seen)


@pytest.mark.parametrize("numbers", [(10,), (1,), (5, 5), (4, 5), (0,), ((1 << 64) - 1,), (9, 7, 2)])
def test_what_is_no_list_of_free_pages(numbers: tuple[int, ...]) -> None:
    """A page outside, one twice, one out of order, one that is marked already."""
    seen = bytearray(10)
    seen[7] = 1
    assert not mark_listed(listed(*numbers), 9, seen)


def test_a_byte_for_every_page_of_a_list() -> None:
    """Too few of them would let the core write beyond."""
    with pytest.raises(ValueError, match="byte"):
        mark_listed(listed(9), 9, bytearray(9))
