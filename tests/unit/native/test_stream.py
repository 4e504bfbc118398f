"""Chunks of a sealed file: each has its place and the end in its nonce, and one call does what many would."""

from __future__ import annotations

import pytest

from localvault.errors import DecryptionFailed
from localvault.native.face import TAG_SIZE, XaesKey
from localvault.native.memory import Locked
from localvault.native.stream import HEAD_SIZE, MAX_CHUNKS, open_chunks, seal_chunks

HEAD, AAD, SIZE = bytes(range(HEAD_SIZE)), b"beside", 32
CONTENT = bytes(range(100))


@pytest.fixture
def key() -> XaesKey:
    """A key that is no secret."""
    return XaesKey(Locked.of(bytes(range(32))))


def sealed(key: XaesKey, content: bytes, first: int = 0, *, last: bool) -> bytes:
    """What `seal_chunks` makes."""
    out = bytearray(len(content) + 16 * (len(content) // SIZE + 1))
    size = seal_chunks(key, HEAD, AAD, first, SIZE, memoryview(content), memoryview(out), last=last)
    return bytes(out[:size])


def opened(key: XaesKey, chunks: bytes, first: int = 0, *, last: bool) -> bytes:
    """What `open_chunks` makes of it."""
    out = bytearray(len(chunks))
    size = open_chunks(key, HEAD, AAD, first, SIZE, memoryview(chunks), memoryview(out), last=last)
    return bytes(out[:size])


def test_every_chunk_is_what_its_nonce_makes_it(key: XaesKey) -> None:
    """Number and flag stand in the last five bytes, and one call is as good as a call for each chunk."""
    chunks = sealed(key, CONTENT, 7, last=True)
    expected = b"".join(
        key.seal(HEAD + number.to_bytes(4) + bytes([number == 10]), CONTENT[start : start + SIZE], AAD)
        for number, start in zip(range(7, 11), range(0, 100, SIZE), strict=True)
    )
    assert chunks == expected
    halves = sealed(key, CONTENT[:64], 7, last=False) + sealed(key, CONTENT[64:], 9, last=True)
    assert halves == chunks
    assert opened(key, chunks, 7, last=True) == CONTENT
    assert opened(key, chunks[: 2 * (SIZE + TAG_SIZE)], 7, last=False) == CONTENT[:64]


@pytest.mark.parametrize("size", [0, 1, SIZE - 1, SIZE, SIZE + 1, 3 * SIZE])
def test_there_are_as_many_chunks_as_it_takes(key: XaesKey, size: int) -> None:
    """An empty end is one empty chunk; whole chunks have no empty one behind them; what is no end may be nothing."""
    chunks = sealed(key, CONTENT[:size], last=True)
    assert len(chunks) == size + TAG_SIZE * max(1, -(-size // SIZE))
    assert opened(key, chunks, last=True) == CONTENT[:size]
    assert sealed(key, b"", last=False) == b""


def test_a_chunk_opens_in_its_own_place_alone(key: XaesKey) -> None:
    """Not under another number, nor as the last if it was not, nor the other way round."""
    for last in (False, True):
        chunk = sealed(key, CONTENT[:SIZE], 5, last=last)
        for first, as_last in ((4, last), (6, last), (5, not last), (5 << 8, last), (0, last)):
            with pytest.raises(DecryptionFailed):
                opened(key, chunk, first, last=as_last)


def test_numbers_end_at_four_bytes(key: XaesKey) -> None:
    """The last number is 2^32 - 1; beyond it nothing is sealed under a number that was used."""
    assert opened(key, sealed(key, CONTENT[:SIZE], MAX_CHUNKS - 1, last=True), MAX_CHUNKS - 1, last=True)
    with pytest.raises(OverflowError):
        sealed(key, CONTENT, MAX_CHUNKS - 1, last=True)
