"""Version ids: UUIDv7 (RFC 9562, section 5.7), so that the store's key order is the order of creation.

Relies on the operating system's randomness. Promises: an id made after another, on a clock that does not run back,
sorts after it even within one millisecond, also in bulk; `next_id(after=…)` sorts after `after` whatever the clock
says.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

ID_BYTES = 16
_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62
_TICKS_PER_MS = 4096  # rand_a is 12 bits wide
_AT_ONCE = 64
_from_bytes = int.from_bytes


def ids(now: int, *, after: bytes | None = None) -> Iterator[bytes]:
    """Yield ids of 16 bytes for the time `now` (µs), each sorting after the one before and after `after`.

    The 48-bit millisecond and the 12 bits of rand_a together are a counter (RFC 9562, section 6.2, method 1, seeded
    with the sub-millisecond part); the 62 bits of rand_b are random, so ids of two processes do not meet.
    """
    ticks = _first_tick(now, after)
    while True:
        start = _without_random_bits(ticks)
        count = min(
            _AT_ONCE, _TICKS_PER_MS - ticks % _TICKS_PER_MS
        )  # as many as the millisecond has ticks left
        pool = os.urandom(8 * count)
        for at in range(0, 8 * count, 8):
            yield (start | _from_bytes(pool[at : at + 8], "big") >> 2).to_bytes(ID_BYTES, "big")
            start += 1 << 64
        ticks += count


def next_id(now: int, *, after: bytes | None = None) -> bytes:
    """Return one id of 16 bytes for the time `now` (µs) that sorts after `after`."""
    start = _without_random_bits(_first_tick(now, after))
    return (start | _from_bytes(os.urandom(8), "big") >> 2).to_bytes(ID_BYTES, "big")


def last_before(moment: int) -> bytes:
    """Return 16 bytes that every id of an earlier millisecond than that of `moment` (µs) sorts before, and no other."""
    return (max(0, moment // 1000) << 80).to_bytes(ID_BYTES, "big")


def _without_random_bits(ticks: int) -> int:
    millis, tick = divmod(ticks, _TICKS_PER_MS)
    return (millis & (1 << 48) - 1) << 80 | _VERSION_7 | tick << 64 | _VARIANT


def _first_tick(now: int, after: bytes | None) -> int:
    ticks = now * _TICKS_PER_MS // 1000
    return ticks if after is None else max(ticks, _ticks_of(after) + 1)


def _ticks_of(identifier: bytes) -> int:
    value = int.from_bytes(identifier, "big")
    return (value >> 80) * _TICKS_PER_MS + (value >> 64 & _TICKS_PER_MS - 1)


def made_on(identifier: bytes) -> int:
    """Return when an id was made (µs since the epoch, in whole milliseconds), as it says itself."""
    return (int.from_bytes(identifier[:6], "big")) * 1000
