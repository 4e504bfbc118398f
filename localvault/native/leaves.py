"""Leaves and nodes of the journal's tree, and entries as they are stored: many in one call of the core.

Relies on the core. Promises: byte for byte what `journal.leaf`, `journal.entry` and `journal.tree` make of the same
events, which stay the ones to say what holds: what is not in the exact form is left to them, and so is everything where
this process does without the core's kernels.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Final

from localvault.native.core import ffi, lib
from localvault.native.levels import CHOSEN
from localvault.native.xaes import numbers, view

AT_HAND: Final = CHOSEN is not None
"""Whether the core does any of it in this process."""
HASH: Final = 32
SALTS_MAX: Final = lib.LV_SALT_SIZE * lib.LV_SALTS_MAX
"""Bytes of salt that an event can need."""

_ROOM = lib.LV_ENTRY_ROOM
_ENTRY_MIN = lib.LV_ENTRY_MIN
_LEVELS = lib.LV_TREE_LEVELS
_NO_WRITES = ffi.NULL


@dataclass(frozen=True, slots=True)
class Made:
    """What became of events."""

    leaves: bytes
    """Leaf hashes, 32 bytes each."""
    entries: bytes
    """Entry i is `entries[offsets[i]:offsets[i + 1]]`."""
    offsets: array[int]
    salts_taken: int
    """How many bytes of the salts."""

    @property
    def count(self) -> int:
        """How many events there are."""
        return len(self.offsets) - 1


def make_leaves(
    fields: bytes,
    offsets: array[int],
    first: int,
    process: bytes,
    salts: bytes,
    writes: bytes | None = None,
) -> Made:
    """Return leaves and entries of the events before the first one that is not for the core, or without salts enough.

    Args:
        fields: event i's packed fields are `fields[offsets[i]:offsets[i + 1]]`.
        offsets: one more than there are events.
        first: the sequence number of the first.
        process: packed text.
        salts: random bytes; at most `SALTS_MAX` an event are taken, in order.
        writes: of every one of these events.
    """
    count = len(offsets) - 1
    if not AT_HAND or first + count > 1 << 64:
        return Made(b"", b"", array("q", [0]), 0)
    more = len(process) + (0 if writes is None else len(writes)) + _ROOM
    leaves = bytes(count * HASH)
    entries = bytes(offsets[-1] - offsets[0] + count * more)
    ends = array("q", bytes(8 * (count + 1)))
    taken = ffi.new("size_t *", len(salts))
    done = lib.lv_leaves_make(
        fields,
        numbers(offsets),
        count,
        first,
        process,
        len(process),
        _NO_WRITES if writes is None else writes,
        0 if writes is None else len(writes),
        salts,
        taken,
        leaves,
        entries,
        numbers(ends),
    )
    return Made(leaves[: done * HASH], entries, ends[: done + 1], taken[0])


@dataclass(frozen=True, slots=True)
class Run:
    """A stored run whose leaves were made."""

    leaves: bytes
    writes: list[bytes]
    """Of the events that wrote something."""

    @property
    def count(self) -> int:
        """How many events there are."""
        return len(self.leaves) // HASH


def leaves_of_run(run: bytes, last: int) -> Run | None:
    """Return the leaves of a run whose last event is number `last`, or None if it is not for the core."""
    most = len(run) // _ENTRY_MIN
    if not AT_HAND or not most or last >= 1 << 64:
        return None
    leaves = bytes(most * HASH)
    places = array("q", bytes(16 * most))
    count = lib.lv_leaves_of_run(run, len(run), last, leaves, numbers(places))
    if not count:
        return None
    spans = zip(places[0 : 2 * count : 2], places[1 : 2 * count : 2], strict=True)
    return Run(leaves[: count * HASH], [run[begin:end] for begin, end in spans if begin >= 0])


def extend_tree(
    size: int, frontier: list[bytes], leaves: bytes, level: int
) -> tuple[list[bytes], list[bytes]] | None:
    """Return the frontier of a tree of `size` leaves with these added, and the nodes completed from `level` up.

    The nodes of one level stand together, the lowest level first, each level's from left to right. None if it is not
    for the core.
    """
    count = len(leaves) // HASH
    if not AT_HAND or size + count >= 1 << 64:
        return None
    held = bytearray(_LEVELS * HASH)
    held[: len(frontier) * HASH] = b"".join(frontier)
    nodes = bytearray(((count >> (level - 1)) + _LEVELS) * HASH)
    completed = lib.lv_tree_extend(size, view(held), view(bytearray(leaves)), count, level, view(nodes))
    return _hashes(held, (size + count).bit_count()), _hashes(nodes, completed)


def _hashes(buffer: bytearray, count: int) -> list[bytes]:
    return [bytes(buffer[at : at + HASH]) for at in range(0, count * HASH, HASH)]
