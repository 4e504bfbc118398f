"""Whether the pages of a file are sound, at the speed of memory and without holding the interpreter.

Relies on the core. Promises: whatever the bytes, nothing outside them is read; the answer is yes or no, and who wants
to know what is wrong and where looks at the pages in Python.
"""

from __future__ import annotations

import mmap
from typing import Any, NamedTuple

from localvault.native.core import ffi, lib


class Count(NamedTuple):
    """How many pages of each kind, and entries on the latter, were found sound."""

    branches: int
    leaves: int
    entries: int


def count_sound(
    image: mmap.mmap | bytes,
    page_size: int,
    last_page: int,
    root: int,
    height: int,
    low: bytes,
    high: bytes | None,
    seen: bytearray,
) -> Count | None:
    """Return what a tree of pages holds, or None if anything of it is not sound.

    Args:
        image: the file's bytes; they may change meanwhile.
        page_size: 4096 to 32,768, a power of two.
        last_page: no pointer may lead beyond it.
        root: the page the tree begins with.
        height: how many levels it stands above the leaves.
        low: no key lies before it.
        high: every key lies before it; None: no end.
        seen: a byte for each page up to `last_page`, set to 1 for those in the tree; one that is set already makes the
            answer None.

    Raises:
        ValueError: `seen` is too short.
    """
    if len(seen) <= last_page:
        raise ValueError("a byte is needed for every page")
    count: Any = ffi.new("struct lv_pages_count *")
    with ffi.from_buffer(image) as file, ffi.from_buffer(seen) as marks:
        sound = lib.lv_pages_sound(
            ffi.cast("const uint8_t *", file),
            len(image),
            page_size,
            last_page,
            root,
            height,
            ffi.from_buffer("uint8_t[]", low),
            len(low),
            ffi.NULL if high is None else ffi.from_buffer("uint8_t[]", high),
            0 if high is None else len(high),
            ffi.cast("uint8_t *", marks),
            count,
        )
    return Count(count.branches, count.leaves, count.entries) if sound else None


def mark_listed(numbers: bytes, last_page: int, seen: bytearray) -> bool:
    """Mark the pages that a list of free ones names; False if it is not such a list, with some of them marked.

    Args:
        numbers: 8 bytes each, in the machine's byte order, the greatest first.
        last_page: no number may be greater, and none less than 2.
        seen: a byte for each page up to `last_page`; one that is marked already makes the answer False.

    Raises:
        ValueError: `seen` is too short.
    """
    if len(seen) <= last_page:
        raise ValueError("a byte is needed for every page")
    with ffi.from_buffer(seen) as marks:
        listed = ffi.from_buffer("uint8_t[]", numbers)
        return lib.lv_pages_list(listed, len(numbers) // 8, last_page, ffi.cast("uint8_t *", marks)) == 1
