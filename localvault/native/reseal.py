"""Records of the store opened under one key and sealed again under another, by the core's kernels.

Relies on the core. Promises: what `reseal_loop` promises, which does the same one record at a time.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import accumulate, repeat
from typing import TYPE_CHECKING, NamedTuple

from localvault.native.core import ffi, lib
from localvault.native.fallback import COUNTER
from localvault.native.reseal_loop import check_pairs
from localvault.native.xaes import DIGEST_SIZE, XaesBatch, XaesKey, numbers, view

if TYPE_CHECKING:
    from _cffi_backend import FFI

_ROUND_BYTES = 1 << 19  # fits into a processor's caches and is still worth sharing among threads


def reseal_many(
    old: XaesKey,
    batch: XaesBatch,
    start: bytes,
    new_start: bytes,
    keys: Sequence[bytes],
    records: Sequence[bytes],
) -> tuple[list[bytes], list[bytes], list[int]]:
    """As `reseal_loop.reseal_many`."""
    check_pairs(start, new_start, keys, records)
    work = _Work(old, *batch.beside().whole(), start, new_start)
    made, digests, failed = list[bytes](), list[bytes](), list[int]()
    for begin, end in _rounds(records):
        failed += work.round(begin, keys[begin:end], records[begin:end], made, digests)
    for index in failed:
        made[index] = digests[index] = b""
    return made, digests, failed


def _rounds(records: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """Where to cut. A record longer than a round stands alone, and `bytes` of one are neither joined nor cut out."""
    ends = list(accumulate(map(len, records), initial=0))
    begin = 0
    while begin < len(records):
        end = max(begin + 1, bisect_right(ends, ends[begin] + _ROUND_BYTES) - 1)
        yield begin, end
        begin = end


class _Work(NamedTuple):
    """What all rounds of a call have in common."""

    old: XaesKey
    derived: FFI.CData
    nonce: bytes
    start: bytes
    new_start: bytes

    def round(
        self,
        begin: int,
        keys: Sequence[bytes],
        records: Sequence[bytes],
        made: list[bytes],
        digests: list[bytes],
    ) -> list[int]:
        """Adds the records from number `begin` on, and their digests; returns the numbers of those that failed."""
        count = len(records)
        ends = list(accumulate(map(len, records), initial=0))
        key_offsets = array("q", accumulate(map(len, keys), initial=0))
        # Fresh, as `xaes` says; should CPython share one so short, nothing in it opens and zeros are written to zeros.
        out, hashes = bytes(ends[-1]), bytes(count * DIGEST_SIZE)
        outcomes, failures = bytearray(count), ffi.new("size_t *")
        status = lib.lv_xaes_reseal_keyed(
            self.old.handle,
            self.derived,
            # One batch for the whole call: its counter goes on from round to round, so no nonce comes twice.
            self.nonce[:-COUNTER] + begin.to_bytes(COUNTER),
            self.start,
            self.new_start,
            len(self.start),
            b"".join(keys),
            numbers(key_offsets),
            b"".join(records),
            numbers(array("q", ends)),
            count,
            out,
            hashes,
            view(outcomes),
            failures,
        )
        self.old.check(status)
        # Read one after another: half the price of slices.
        made += map(BytesIO(out).read, map(len, records))
        digests += map(BytesIO(hashes).read, repeat(DIGEST_SIZE, count))
        return [begin + index for index, outcome in enumerate(outcomes) if outcome] if failures[0] else []
