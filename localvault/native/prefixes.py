"""Counting many records by what they begin with: which key versions they name, without opening one.

Relies on the core, and on Python alone where this process uses none of the core's levels. Promises: both count the
same; whatever the records hold, memory grows with the number of different prefixes alone; no secret is involved.
"""

from __future__ import annotations

import os
from array import array
from struct import Struct

from localvault.model.packed import Packed
from localvault.native.core import ffi, lib
from localvault.native.levels import CHOSEN
from localvault.native.xaes import numbers, view

PREFIX_SIZE = lib.LV_PREFIX_SIZE
_FIRST_ROOM = 32  # prefixes; most calls meet one or two, and pay for no larger table
_GROWTH = 16
_LAST_ROOM = 1 << 17  # a table of 4 MiB, which still fits a processor's own cache
_FOUND = Struct(f"={PREFIX_SIZE}s6xQ")

Counts = dict[bytes, int]


def count_prefixes(records: Packed, least: int) -> tuple[Counts, int]:
    """Return how many records begin with each prefix of 18 bytes, and how many have less than `least` bytes in all.

    Raises:
        ValueError: `least` is below 18.
    """
    if least < PREFIX_SIZE:
        raise ValueError(f"a record with a prefix has {PREFIX_SIZE} bytes or more")
    return _one_by_one(records, least) if CHOSEN is None else _by_the_core(records, least)


def _one_by_one(records: Packed, least: int) -> tuple[Counts, int]:
    counts, others = Counts(), 0
    for record in records:
        if len(record) < least:
            others += 1
            continue
        prefix = bytes(record[:PREFIX_SIZE])
        counts[prefix] = counts.get(prefix, 0) + 1
    return counts, others


def _by_the_core(records: Packed, least: int) -> tuple[Counts, int]:
    counts, others = Counts(), array("Q", (0,))
    # Drawn anew for each call: whoever makes the records must not know where the table puts them.
    keys = array("Q", os.urandom(8 * lib.LV_PREFIX_KEYS))
    offsets, room = records.offsets, _FIRST_ROOM
    while True:
        found, slots = array("Q", bytes(room * _FOUND.size)), array("I", bytes(2 * room * 4))
        count, used = len(offsets) - 1, ffi.new("size_t *")
        done = lib.lv_prefixes_count(
            view(records.data),
            records.data.nbytes,
            numbers(offsets),
            count,
            least,
            ffi.from_buffer("uint64_t[]", keys),
            ffi.from_buffer("uint32_t[]", slots),
            ffi.from_buffer("struct lv_prefix[]", found),
            room,
            used,
            ffi.from_buffer("uint64_t[]", others),
        )
        for prefix, number in _FOUND.iter_unpack(memoryview(found).cast("B")[: used[0] * _FOUND.size]):
            counts[prefix] = counts.get(prefix, 0) + number
        if done == count:
            return counts, others[0]
        offsets, room = offsets[done:], min(room * _GROWTH, _LAST_ROOM)
