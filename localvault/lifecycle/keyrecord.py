"""A key's version record read in locked memory: its parts, the material without a copy.

Relies on msgpack for what is no secret. Promises: no byte of the material becomes a Python object here.

    record = [attributes, traits, [material, public part]]          msgpack, as `Objects` packs it
"""

from __future__ import annotations

from typing import Any, NamedTuple

from msgpack import unpackb

from localvault.errors import Damaged

# What msgpack puts before a value (msgpack specification, "Formats"): first byte -> bytes of length, or of the value.
_FIXED = {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}
_FIXED |= {0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
_COUNTED = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
_LISTS = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}
_BINARY = (0xC4, 0xC5, 0xC6)


class KeyRecord(NamedTuple):
    """The parts of a record."""

    attributes: Any
    traits: Any
    material: memoryview


def split(record: memoryview) -> KeyRecord:
    """Return the parts of an opened record; the material is a window on it.

    Raises:
        Damaged: not a record of a key.
    """
    try:
        traits_at = _after(record, 1)
        body_at = _after(record, traits_at)
        if record[0] != 0x93 or record[body_at] != 0x92 or record[body_at + 1] not in _BINARY:
            raise ValueError
        end = _after(record, body_at + 1)
        begin = body_at + 2 + _COUNTED[record[body_at + 1]]
        attributes, traits = unpackb(record[1:traits_at]), unpackb(record[traits_at:body_at])
    except (IndexError, KeyError, ValueError):
        raise Damaged("a stored key cannot be read") from None
    return KeyRecord(attributes, traits, record[begin:end])


def _after(data: memoryview, at: int) -> int:
    """Return where the value that begins at `at` ends."""
    first = data[at]
    at += 1
    if first < 0x80 or first >= 0xE0:
        return at
    if first < 0x90:
        return _after_many(data, at, 2 * (first & 0x0F))
    if first < 0xA0:
        return _after_many(data, at, first & 0x0F)
    if first < 0xC0:
        return at + (first & 0x1F)
    if first in _FIXED:
        return at + _FIXED[first]
    if first in _COUNTED:
        width = _COUNTED[first]
        return at + width + int.from_bytes(data[at : at + width])
    width, times = _LISTS[first]
    return _after_many(data, at + width, times * int.from_bytes(data[at : at + width]))


def _after_many(data: memoryview, at: int, count: int) -> int:
    for _value in range(count):
        at = _after(data, at)
    return at
