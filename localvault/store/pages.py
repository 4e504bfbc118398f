"""The pages of a data file (LMDB's format 0.9, 64 bits, the machine's byte order), read without trusting a byte.

Relies on nothing of the engine: these functions see plain bytes, so that a page can be looked at before the engine
follows a pointer in it. Promises: a page that passes has exactly the shape the engine writes (its own number, its own
type, every entry within the page and back to back, keys in order and within what the parent says, every entry's check
right); anything else raises `Damaged`, whatever the bytes.

Why it is needed: the engine stops the process (`abort`) where a page contradicts itself, and follows 16-bit offsets
beyond the page, out of the file if it comes to that. Flipping bytes of a small file one at a time, about one in sixty
in pointers and headers ended the process.
"""

from __future__ import annotations

from functools import lru_cache
from operator import lt
from struct import Struct
from struct import error as StructError
from typing import NamedTuple
from zlib import crc32

from localvault.errors import Damaged
from localvault.store.layout import CHECK_SIZE

BRANCH, LEAF, OVERFLOW, META = 1, 2, 4, 8
BIG = 1  # flag of an entry: its value has pages of its own
HEADER_SIZE, ENTRY_SIZE, TREE_SIZE = 16, 8, 48
EMPTY = (1 << 64) - 1  # the root of a tree without entries
DEPTH_MAX = 32

# page number | padding | type | end of the offsets | start of the entries (an overflow page: 32 bits, pages it spans)
_HEADER = Struct("=QHHHH")
_HEAD = Struct("=QHH")
_PAGES = Struct("=I")
# low, middle bits of a size or page number | flags, or high bits of a page number | size of the key
_ENTRY = Struct("=HHHH")
_OFFSET = Struct("=H")
_CHECK = Struct("=I")
_NUMBER = Struct("=Q")
_TREE = Struct("=IHHQQQQQ")


class Tree(NamedTuple):
    """The engine's record of one tree (48 bytes)."""

    padding: int
    flags: int
    depth: int
    branches: int
    leaves: int
    overflows: int
    entries: int
    root: int

    @classmethod
    def parse(cls, record: bytes, offset: int = 0) -> Tree:
        """Return the record at `offset`, unchecked."""
        return cls(*_TREE.unpack_from(record, offset))

    @property
    def pages(self) -> int:
        """How many pages the tree says it has."""
        return self.branches + self.leaves + self.overflows


class Branch(NamedTuple):
    """A page of pointers that has been checked: child `i` holds the keys from `keys[i - 1]` up to below `keys[i]`."""

    keys: list[bytes]
    children: list[int]


# A page number, and the bounds of the keys it can hold: from, and up to but not with (None: no end).
Found = tuple[int, bytes, bytes | None]


@lru_cache(maxsize=4096)
def _offsets(count: int) -> Struct:
    return Struct(f"={count}H")


def head(number: int, kind: int) -> bytes:
    """Return the first 12 bytes of page `number` if it is of `kind`: its number, no padding, its type."""
    return _HEAD.pack(number, 0, kind)


def damaged(number: int, what: str) -> Damaged:
    """Return the error for page `number`."""
    return Damaged(
        f"the data file is damaged: page {number} {what}",
        hint="run `localvault check`, then restore from a backup",
    )


def check_branch(
    page: bytes, number: int, last_page: int, low: bytes | None, high: bytes | None = None, *, least: int = 2
) -> Branch:
    """Return page `number` as a `Branch` of at least `least` children, none beyond `last_page`.

    With `low` None the order of the keys is not looked at.

    Raises:
        Damaged: it is not a sound branch page holding keys from `low` up to below `high`.
    """
    offsets, entries = _entries(page, number, BRANCH)
    children = [small | middle << 16 | large << 32 for small, middle, large, _ in entries]
    starts = [offset + ENTRY_SIZE for offset in offsets]
    ends = [start + entry[3] for start, entry in zip(starts, entries, strict=True)]
    keys = [page[start:end] for start, end in zip(starts, ends, strict=True)]
    if len(children) < least or min(children) < 2 or max(children) > last_page:
        raise damaged(number, "points outside the file")
    _check_room(page, number, offsets, [end + 1 & ~1 for end in ends])
    # The first separator stands for "everything below": whatever bytes it has are never compared.
    del keys[:1]
    if low is not None:
        _check_order(number, keys, low, high)
    return Branch(keys, children)


def find_child(page: bytes, last_page: int, key: bytes, found: Found) -> Found:
    """Return the child of the branch page `found` that holds `key`, with its bounds.

    Looks at the very entries the engine's search for `key` will look at and at no others: a tenth of what
    `check_branch` costs, and enough for a search that changes nothing.

    Raises:
        Damaged: an entry on the way is not sound.
    """
    number, low, high = found
    count, upper = _header(page, number, BRANCH)
    if count < 2:
        raise damaged(number, "has a header that contradicts itself")
    first, last, index = 1, count - 1, 0
    while first <= last:
        middle = (first + last) >> 1
        separator = _separator(page, number, middle, upper)
        if key < separator:
            last, high = middle - 1, separator
        else:
            first, low, index = middle + 1, separator, middle
            if key == separator:
                break
    if first <= last:  # found exactly, so what comes after it was not looked at
        high = _separator(page, number, first, upper)
    small, middle, large, _key_size = _ENTRY.unpack_from(page, _offset(page, number, index, upper))
    child = small | middle << 16 | large << 32
    if not 2 <= child <= last_page:
        raise damaged(number, "points outside the file")
    return child, low, high


def _offset(page: bytes, number: int, index: int, upper: int) -> int:
    offset: int = _OFFSET.unpack_from(page, HEADER_SIZE + 2 * index)[0]
    if not upper <= offset <= len(page) - ENTRY_SIZE:
        raise damaged(number, "points outside itself")
    return offset


def _separator(page: bytes, number: int, index: int, upper: int) -> bytes:
    offset = _offset(page, number, index, upper)
    start = offset + ENTRY_SIZE
    end = start + _ENTRY.unpack_from(page, offset)[3]
    if end > len(page):
        raise damaged(number, "points outside itself")
    return page[start:end]


def check_leaf(page: bytes, number: int, low: bytes = b"", high: bytes | None = None) -> dict[bytes, int]:
    """Return the keys on leaf page `number` with the sizes of their values.

    Raises:
        Damaged: it is not a sound leaf holding keys from `low` up to below `high`, each with its right check.
    """
    sizes: dict[bytes, int] = {}
    for key, flags, size, value in read_leaf(page, number):
        if flags or size < CHECK_SIZE or _CHECK.unpack_from(value, size - CHECK_SIZE)[0] != crc32(key):
            raise damaged(number, "has a key that is not what was written")
        sizes[key] = size
    _check_order(number, list(sizes), low, high)
    return sizes


def read_leaf(page: bytes, number: int) -> list[tuple[bytes, int, int, bytes]]:
    """Return `(key, flags, size of the value, what stands in the entry)` for each entry of leaf page `number`.

    Raises:
        Damaged: it is not a sound leaf page; the order of its keys is left to the caller.
    """
    offsets, entries = _entries(page, number, LEAF)
    found: list[tuple[bytes, int, int, bytes]] = []
    ends: list[int] = []
    for offset, (small, middle, flags, key_size) in zip(offsets, entries, strict=True):
        size = small | middle << 16
        start = offset + ENTRY_SIZE
        data = start + key_size
        end = data + (_NUMBER.size if flags & BIG else size)
        found.append((page[start:data], flags, size, page[data:end]))
        ends.append(end + 1 & ~1)
    if not found:
        raise damaged(number, "has no entries")
    _check_room(page, number, offsets, ends)
    return found


def overflow_span(page: bytes, number: int) -> int:
    """Return how many pages the overflow that starts with page `number` spans.

    Raises:
        Damaged: it is not the first page of an overflow.
    """
    if page[: _HEAD.size] != head(number, OVERFLOW):
        raise damaged(number, "is not what the page before says it is")
    return int(_PAGES.unpack_from(page, _HEAD.size)[0])


def page_number(stored: bytes) -> int:
    """Return the page number in an entry whose value has pages of its own (8 bytes)."""
    return int(_NUMBER.unpack_from(stored)[0])


def _header(page: bytes, number: int, kind: int) -> tuple[int, int]:
    try:
        own, padding, found, lower, upper = _HEADER.unpack_from(page)
    except StructError:
        raise damaged(number, "is cut short") from None
    if own != number or padding or found != kind:
        raise damaged(number, "is not what the page before says it is")
    if not HEADER_SIZE <= lower <= upper <= len(page) or lower & 1:
        raise damaged(number, "has a header that contradicts itself")
    return (lower - HEADER_SIZE) >> 1, upper


def _entries(page: bytes, number: int, kind: int) -> tuple[tuple[int, ...], list[tuple[int, int, int, int]]]:
    count, upper = _header(page, number, kind)
    offsets = _offsets(count).unpack_from(page, HEADER_SIZE)
    if offsets and not upper <= min(offsets) <= max(offsets) <= len(page) - ENTRY_SIZE:
        raise damaged(number, "points outside itself")
    return offsets, [_ENTRY.unpack_from(page, offset) for offset in offsets]


def _check_room(page: bytes, number: int, offsets: tuple[int, ...], ends: list[int]) -> None:
    """Check that the entries lie back to back from where the page says they start up to its end.

    They do exactly if each begins where another ends, apart from the first, and no two begin or end together.
    """
    upper = _HEADER.unpack_from(page)[4]
    starts = set(offsets)
    if len(starts) != len(offsets) or starts | {len(page)} != {upper, *ends} or len({*ends}) != len(ends):
        raise damaged(number, "has entries that do not fit together")


def _check_order(number: int, keys: list[bytes], low: bytes, high: bytes | None) -> None:
    if not all(map(lt, keys, keys[1:])):
        raise damaged(number, "has keys out of order")
    if keys and (keys[0] < low or (high is not None and keys[-1] >= high)):
        raise damaged(number, "has keys that belong elsewhere")
