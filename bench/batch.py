"""Records to seal: the same bytes as one list and as one packed buffer, with a nonce for each.

Relies on the public face of localvault. Promises: the same bytes on every run; no nonce comes twice in a batch.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import localvault

MOST_RECORDS = 1024  # in a batch
_BYTES = 1 << 20  # in a batch of few, large records
_FEWEST = 4
NONCE_BYTES = 12
CONTEXT = b"sixteen bytes =)"  # the associated data on both sides


class Batch:
    """Records of these sizes."""

    def __init__(self, sizes: Sequence[int]) -> None:
        source = random.Random(len(sizes))
        self.items = [source.randbytes(size) for size in sizes]
        self.packed = localvault.Packed.of(self.items)
        self.nonces = [number.to_bytes(NONCE_BYTES) for number in range(len(sizes))]

    def __len__(self) -> int:
        return len(self.items)

    @property
    def size(self) -> int:
        """The bytes of the first record, where all have as many."""
        return len(self.items[0])

    def buffer(self, overhead: int) -> memoryview:
        """Return a writable buffer for the records sealed, `overhead` bytes longer each."""
        return memoryview(bytearray(self.packed.nbytes + len(self) * overhead))


def of_size(size: int) -> Batch:
    """Return records of `size` bytes: 1,024 of the small ones, a mebibyte in all of larger ones, but four at least."""
    return Batch([size] * max(_FEWEST, min(MOST_RECORDS, _BYTES // size)))


def of_mixed_sizes(low: int, high: int) -> Batch:
    """Return 1,024 records of `low` to `high` bytes, every length as likely as the next, in no order."""
    source = random.Random(high)
    return Batch([source.randint(low, high) for _ in range(MOST_RECORDS)])
