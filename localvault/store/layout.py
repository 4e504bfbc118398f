"""Every table of the store and every bound on a key, as data.

Relies on nothing. Promises: the numbers are final: records are sealed with their table's number, and it is the first
byte of every key on disk.
"""

from __future__ import annotations

from enum import IntEnum


class Table(IntEnum):
    """The tables, by number (1 to 255)."""

    VAULT = 1
    OBJECTS = 2
    VERSIONS = 3
    AGENDA = 4
    JOURNAL = 5
    TREE = 6
    ACCESS = 7


# Bytes in a key. With PIECE below, a key and its value always fit in less than half a page of 4096 bytes, so that no
# entry ever needs pages of its own: the engine would have to find that many in a row, and it believes whatever length
# is written beside such a value.
KEY_MAX = 200

# A value of at least this many bytes is kept in pieces: its own entry has the first PIECE bytes, and table PIECES the
# rest, under `table (1) | key | piece number (4, big-endian, from 0)`. A stored piece of full length says that another
# follows (the last may be empty), so short values need no mark of their own.
PIECE = 1800
PIECES = 8

# What an entry's key starts with, by table: all tables are ranges of one tree. The rejected alternative, a tree of the
# engine for each, needs the writers' lock to open and changes more pages with every commit.
PREFIX: tuple[bytes, ...] = tuple(bytes((number,)) for number in range(PIECES + 1))

# The last bytes of every stored value: CRC-32 of the key, so that a flipped bit in a key is seen (the values are
# authenticated by whoever seals them, the keys of what is not found are not).
CHECK_SIZE = 4
FULL = PIECE + CHECK_SIZE


def first_piece(key: bytes) -> bytes:
    """Return the key, on disk, of the first further piece of the value at `key` (also on disk)."""
    return PREFIX[PIECES] + key + bytes(4)


def next_piece(key: bytes) -> bytes:
    """Return the key, on disk, of the piece after the one at `key`, which may be the value's own entry."""
    if key[0] != PIECES:
        return first_piece(key)
    return key[:-4] + (int.from_bytes(key[-4:], "big") + 1).to_bytes(4, "big")
