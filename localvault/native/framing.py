"""Frames of an append-only file, one at a time: for any machine, and what `frames` is held against.

Relies on an AES-GCM key from `face`. Promises: whole frames as docs/format.md section 8 has them; a chunk of a file is
read up to the first bytes that are not the next frame, whatever a length says.

    frame = length of ciphertext and tag (4) | number (8) | ciphertext and tag              all numbers big-endian
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from struct import Struct

from localvault.errors import DecryptionFailed
from localvault.native.face import TAG_SIZE, GcmKey

FRAME = Struct(">IQ")
FRAME_BYTES = 65_536  # the longest ciphertext
NONCE_SIZE = 12
OVERHEAD = FRAME.size + TAG_SIZE


@dataclass(frozen=True, slots=True)
class Frames:
    """The plaintexts of frames that follow each other: frame i's is `data[offsets[i]:offsets[i + 1]]`."""

    data: bytes
    offsets: array[int]
    """One more than there are frames, from 0; `data` may be longer than the last says."""

    @property
    def count(self) -> int:
        """How many frames there are."""
        return len(self.offsets) - 1

    def taken(self, count: int) -> int:
        """Return how many bytes of the file the first `count` frames take."""
        return self.offsets[count] + count * OVERHEAD

    def __iter__(self) -> Iterator[bytes]:
        data = self.data
        return (data[begin:end] for begin, end in pairwise(self.offsets))


def seal_frame(gcm: GcmKey, number: int, data: bytes) -> bytes:
    """Return the whole frame; `number` (below 2^64) must be a new one, since it is the nonce.

    Raises:
        VaultClosed, VaultForked: the key cannot be used any more.
    """
    sealed = gcm.seal(number.to_bytes(NONCE_SIZE), data)
    return FRAME.pack(len(sealed), number) + sealed


def open_frames(gcm: GcmKey, number: int, chunk: bytes, limit: int) -> Frames:
    """Return the frames that `chunk` begins with, from `number` on: at most `limit`, none that is not all there.

    Raises:
        VaultClosed, VaultForked: the key cannot be used any more.
    """
    plaintexts: list[bytes] = []
    offsets, at = array("q", [0]), 0
    while len(plaintexts) < limit and len(chunk) - at >= FRAME.size:
        size, told = FRAME.unpack_from(chunk, at)
        end = at + FRAME.size + size
        if told != number or not TAG_SIZE <= size <= FRAME_BYTES or end > len(chunk):
            break
        try:
            plaintexts.append(gcm.open(number.to_bytes(NONCE_SIZE), chunk[end - size : end]))
        except DecryptionFailed:
            break
        offsets.append(offsets[-1] + size - TAG_SIZE)
        number, at = number + 1, end
    return Frames(b"".join(plaintexts), offsets)
