"""Whole frames: sealed and opened as the format says, whichever way this process does it."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import VaultClosed
from localvault.native import framing
from localvault.native.frame import FRAME, FRAME_BYTES, TAG_SIZE, FrameKey, Frames
from localvault.native.framing import OVERHEAD
from localvault.native.memory import Locked
from tests.support.forking import in_child

KEY = FrameKey(Locked.of(b"k" * 32))
FIRST = st.sampled_from([0, 1, 255, 2**32 - 2, 2**63, 2**64 - 300]) | st.integers(0, 2**64 - 300)
PLAINTEXTS = st.lists(st.binary(max_size=90), max_size=12)
SMALL = [b"", b"x", b"y" * 15, b"z" * 16, b"w" * 40]
CHUNK = b"".join(KEY.seal_frame(number, data) for number, data in enumerate(SMALL))
BEGINS = list(accumulate((len(data) + OVERHEAD for data in SMALL), initial=0))


def chunk_of(first: int, plaintexts: list[bytes]) -> bytes:
    """The frames of these, one after another."""
    return b"".join(KEY.seal_frame(number, data) for number, data in enumerate(plaintexts, first))


def opened(chunk: bytes, first: int = 0, limit: int = 1 << 60) -> list[bytes]:
    """What a chunk opens to; both ways of this build say the same."""
    frames, by_one = KEY.open_frames(first, chunk, limit), framing.open_frames(KEY._gcm, first, chunk, limit)
    assert list(frames) == list(by_one)
    assert frames.offsets == by_one.offsets
    assert not any(frames.data[frames.offsets[-1] :])
    return list(frames)


@given(FIRST, st.binary(max_size=300))
def test_a_frame_is_what_the_format_says(number: int, data: bytes) -> None:
    """Length, number, ciphertext and tag; the number is the nonce."""
    frame = KEY.seal_frame(number, data)
    assert frame == FRAME.pack(len(data) + TAG_SIZE, number) + KEY.seal(number, data)
    assert frame == framing.seal_frame(KEY._gcm, number, data)


@given(FIRST, PLAINTEXTS, st.integers(0, 14))
def test_frames_open_in_order_up_to_the_limit(first: int, plaintexts: list[bytes], limit: int) -> None:
    """And where each ends in the chunk is told."""
    chunk = chunk_of(first, plaintexts)
    assert opened(chunk, first, limit) == plaintexts[:limit]
    frames = KEY.open_frames(first, chunk, limit)
    ends = list(accumulate((len(data) + OVERHEAD for data in plaintexts), initial=0))
    assert [frames.taken(count) for count in range(frames.count + 1)] == ends[: frames.count + 1]


@pytest.mark.parametrize("count", [63, 64, 65, 127, 128, 129, 300])
def test_more_frames_than_are_opened_at_once_all_open(count: int) -> None:
    """Those on the border too; and none is opened behind one that does not."""
    plaintexts = [bytes((number % 256,)) * (number % 70) for number in range(count)]
    chunk = bytearray(chunk_of(0, plaintexts))
    assert opened(bytes(chunk)) == plaintexts
    for broken in {0, 62, 63, 64, count - 1} & set(range(count)):
        at = sum(len(data) + OVERHEAD for data in plaintexts[:broken]) + FRAME.size
        chunk[at] ^= 1
        assert opened(bytes(chunk)) == plaintexts[:broken]
        chunk[at] ^= 1


@pytest.mark.parametrize("at", range(len(CHUNK)))
def test_a_changed_byte_ends_it_there(at: int) -> None:
    """Whichever byte of a frame it is, the frames before are opened and neither that one nor any later."""
    whole = sum(at >= begin for begin in BEGINS) - 1
    for change in (1, 0x80, 0xFF):
        altered = bytearray(CHUNK)
        altered[at] ^= change
        assert opened(bytes(altered)) == SMALL[:whole]


@pytest.mark.parametrize("size", range(len(CHUNK) + 1))
def test_a_frame_that_is_not_whole_is_not_opened(size: int) -> None:
    """Cut anywhere, the frames before the cut are opened."""
    assert opened(CHUNK[:size]) == SMALL[: sum(size >= begin for begin in BEGINS) - 1]


@pytest.mark.parametrize("first", [1, 2, 255, 2**32, 2**64 - 1, 2**64])
def test_frames_of_another_number_are_not_opened(first: int) -> None:
    """Not the next frame's either, nor any from the beginning once more."""
    assert opened(CHUNK, first) == []
    assert opened(CHUNK[BEGINS[1] :]) == []
    assert opened(CHUNK[: BEGINS[2]] + CHUNK) == SMALL[:2]


def test_numbers_do_not_begin_anew() -> None:
    """Behind the last number of 64 bits there is no frame."""
    last = KEY.seal_frame(2**64 - 1, b"last")
    assert opened(last + KEY.seal_frame(0, b"first"), 2**64 - 1) == [b"last"]


@pytest.mark.parametrize("length", [0, 15, FRAME_BYTES + 1, 2**31, 2**32 - 1])
def test_no_length_is_trusted(length: int) -> None:
    """Too short for a tag, or beyond any frame: it is not opened, even where so many bytes follow."""
    assert opened(CHUNK + FRAME.pack(length, len(SMALL)) + bytes(70_000)) == SMALL


def test_the_longest_frame_opens_and_no_longer_one() -> None:
    """65,536 bytes of ciphertext and tag, as the format says."""
    data = bytes(FRAME_BYTES - TAG_SIZE)
    assert opened(KEY.seal_frame(0, data)) == [data]
    sealed = KEY.seal(0, data + b"x")
    assert opened(FRAME.pack(len(sealed), 0) + sealed) == []


def test_a_key_that_is_gone_opens_nothing() -> None:
    """Neither wiped nor in a child, where the number would serve a second time."""
    key = FrameKey(Locked.random(32))
    key.wipe()
    with pytest.raises(VaultClosed):
        key.seal_frame(0, b"data")
    with pytest.raises(VaultClosed):
        key.open_frames(0, CHUNK, 1)
    assert in_child(lambda: KEY.seal_frame(7, b"data")) == "VaultForked"
    assert in_child(lambda: KEY.open_frames(0, CHUNK, 9)) == "VaultForked"
    assert isinstance(KEY.open_frames(0, CHUNK, 9), Frames)
