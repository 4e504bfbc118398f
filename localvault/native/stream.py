"""Many chunks of one sealed file in one call: the inner loop of the STREAM construction.

Relies on `XaesKey`; a compiled kernel may serve the two calls instead, and callers cannot tell but by the clock.
Promises: every chunk has a nonce of its own, its place and whether it is the last are in that nonce, and nothing is
allocated but the nonces. STREAM: Hoang, Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and its
Nonce-Reuse Misuse-Resistance", CRYPTO 2015.

    nonce = head (19, random for each file) | number of the chunk (4, big-endian) | 1 if it is the last, else 0 (1)
"""

from __future__ import annotations

from typing import Final

from localvault.native.face import NONCE_SIZE, TAG_SIZE, XaesKey

_NUMBER_SIZE = 4
HEAD_SIZE: Final = NONCE_SIZE - _NUMBER_SIZE - 1
MAX_CHUNKS: Final = 1 << 8 * _NUMBER_SIZE


def seal_chunks(
    key: XaesKey,
    head: bytes,
    aad: bytes,
    first: int,
    size: int,
    plaintext: memoryview,
    out: memoryview,
    *,
    last: bool,
) -> int:
    """Seal `plaintext`, cut every `size` bytes, into `out`; returns how many bytes of it that took.

    `head` is 19 bytes, the first chunk has the number `first`. With `last` the final chunk is the file's last, and no
    plaintext at all is one empty chunk; without, `plaintext` is whole chunks. `out` has 16 bytes more for each chunk.

    Raises `OverflowError` beyond 2^32 chunks, `VaultClosed` and `VaultForked`.
    """
    count = -(-len(plaintext) // size) or int(last)
    end, number = 0, first
    for start in range(0, count * size, size):
        part = plaintext[start : start + size]
        begin, end = end, end + len(part) + TAG_SIZE
        key.seal_into(_nonce(head, number, last and number == first + count - 1), part, aad, out[begin:end])
        number += 1
    return end


def open_chunks(
    key: XaesKey,
    head: bytes,
    aad: bytes,
    first: int,
    size: int,
    sealed: memoryview,
    out: memoryview,
    *,
    last: bool,
) -> int:
    """Open what `seal_chunks` made, each chunk of `size` bytes of plaintext, into `out`; returns how many that were.

    Arguments as for `seal_chunks`; every chunk, the final one too, has at least its tag.

    Raises `DecryptionFailed` at the first chunk that does not open: what stands in `out` by then is the caller's to
    wipe. `OverflowError` beyond 2^32 chunks, `VaultClosed` and `VaultForked`.
    """
    whole = size + TAG_SIZE
    count = -(-len(sealed) // whole)
    end, number = 0, first
    for start in range(0, count * whole, whole):
        part = sealed[start : start + whole]
        begin, end = end, end + len(part) - TAG_SIZE
        key.open_into(_nonce(head, number, last and number == first + count - 1), part, aad, out[begin:end])
        number += 1
    return end


def _nonce(head: bytes, number: int, last: bool) -> bytes:
    # Unique under the key: the head is drawn for the file, the number rises within it, and only one chunk is the last.
    # That the flag stands in the nonce, not in the plaintext, is what makes a file cut at a chunk's border not open.
    return head + number.to_bytes(_NUMBER_SIZE) + bytes((last,))
