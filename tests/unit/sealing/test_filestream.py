"""Streams sealed in chunks: whatever is done to one, it does not open, and memory stays what it is."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localvault.errors import BadParameter, DecryptionFailed, NewerFormat, VaultClosed
from localvault.native import stream
from localvault.native.face import TAG_SIZE, XaesKey
from localvault.native.memory import Locked
from localvault.sealing import filestream
from localvault.sealing.filehead import HEADER_SIZE, FileHeader
from localvault.sealing.filestream import open_stream, seal_stream
from tests.support import sealed_files
from tests.support.pieces import from_bytes, opened, sealed

LOG2, SIZE = 10, 1024
WHOLE = SIZE + TAG_SIZE
MATERIAL = bytes(range(32))
VERSION = bytes(16)
HEADER = FileHeader(VERSION, LOG2, bytes(range(19)))
CONTENT = bytes(itertools.islice(itertools.cycle(range(251)), 3 * SIZE + 100))
SIZES = [0, 1, SIZE - 1, SIZE, SIZE + 1, 2 * SIZE, 3 * SIZE + 100]
AT_ONCE = 1 << 20


@pytest.fixture(scope="module")
def key() -> XaesKey:
    """The key of files of `MATERIAL`, as the specification derives it."""
    return XaesKey(Locked.of(sealed_files.file_key(MATERIAL)))


@pytest.fixture(params=[1, 2, 1024])
def at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many chunks one call does, so that borders between calls fall everywhere."""
    monkeypatch.setattr(filestream, "_AT_ONCE", request.param * SIZE)
    return int(request.param)


@pytest.mark.parametrize("size", SIZES)
def test_what_is_sealed_opens(key: XaesKey, at_once: int, size: int) -> None:
    """Of any length around a chunk's, as long as the specification says, and for a reader of that alone."""
    data = sealed(key, HEADER, CONTENT[:size], b"context")
    assert len(data) == HEADER_SIZE + size + TAG_SIZE * max(1, -(-size // SIZE))
    assert opened(key, data, b"context") == CONTENT[:size]
    assert sealed_files.read({VERSION: MATERIAL}, data, b"context") == CONTENT[:size]


@pytest.mark.parametrize("size", [AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 2 * AT_ONCE, 2 * AT_ONCE + 70_000])
@pytest.mark.parametrize("log2", [16, 20])
def test_borders_between_calls_leave_no_trace(key: XaesKey, size: int, log2: int) -> None:
    """With the chunk sizes that are written and the greatest, around what one call takes."""
    content = bytes(range(256)) * (size // 256) + bytes(range(size % 256))
    header = HEADER._replace(chunk_log2=log2)
    data = sealed(key, header, content)
    assert opened(key, data) == content
    assert sealed_files.read({VERSION: MATERIAL}, data) == content


def parts_of(data: bytes) -> list[bytes]:
    """The header and each chunk."""
    starts = [0, *range(HEADER_SIZE, len(data), WHOLE)]
    return [data[start:end] for start, end in itertools.pairwise([*starts, len(data)])]


def refused(key: XaesKey, data: bytes, context: bytes = b"") -> None:
    """Fail unless it does not open, with the one sentence, and nothing behind the fault is handed out."""
    out = bytearray()
    with pytest.raises(DecryptionFailed, match="the file does not open: wrong key, wrong context, altered"):
        open_stream(key, HEADER, context, from_bytes(data[HEADER_SIZE:]), out.extend)
    assert CONTENT.startswith(out)


def arrangements(chunks: list[bytes], strange: list[bytes]) -> Iterator[list[bytes]]:
    """Every order of any of the chunks, with repetition, and every exchange for another file's chunk."""
    for length in range(len(chunks) + 2):
        yield from map(list, itertools.product(chunks, repeat=length))
    for place, other in itertools.product(range(len(chunks)), strange):
        yield [*chunks[:place], other, *chunks[place + 1 :]]


@pytest.mark.parametrize("length", [SIZE + 5, 3 * SIZE, 3 * SIZE + 100])
def test_chunks_open_in_their_one_order_alone(key: XaesKey, at_once: int, length: int) -> None:
    """No chunk can be moved, repeated, left out or taken from another file: of all arrangements one opens."""
    head, *chunks = parts_of(sealed(key, HEADER, CONTENT[:length]))
    _, *strange = parts_of(sealed(key, FileHeader.new(VERSION)._replace(chunk_log2=LOG2), CONTENT[:length]))
    tried = 0
    for arranged in arrangements(chunks, strange):
        tried += 1
        if arranged != chunks:
            refused(key, head + b"".join(arranged))
    assert tried > 10
    assert opened(key, head + b"".join(chunks)) == CONTENT[:length]


def test_no_beginning_of_a_file_opens(key: XaesKey, at_once: int) -> None:
    """Cut at every border and beside it, and at every 37th byte."""
    data = sealed(key, HEADER, CONTENT[: 2 * SIZE + 40])
    borders = range(HEADER_SIZE, len(data), WHOLE)
    places = {border + beside for border in borders for beside in (-1, 0, 1, 15, 16, 17)} | set(
        range(HEADER_SIZE, len(data), 37)
    )
    for place in places:
        if HEADER_SIZE <= place < len(data):
            refused(key, data[:place])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("more", [b"\0", bytes(16), bytes(17), bytes(WHOLE)], ids=len)
def test_nothing_can_be_added(key: XaesKey, at_once: int, size: int, more: bytes) -> None:
    """Behind a last chunk that is empty, short or whole."""
    refused(key, sealed(key, HEADER, CONTENT[:size]) + more)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_an_empty_last_chunk_behind_others_is_refused(key: XaesKey, at_once: int, count: int) -> None:
    """Though it is authentic: a content has one form."""
    head = sealed_files.Head(VERSION, HEADER.nonce, LOG2)
    cut = sealed_files.pieces(CONTENT[: count * SIZE], SIZE)
    refused(key, head.encode() + b"".join(sealed_files.chunks(MATERIAL, head, [*cut, b""])))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_damage_is_found(key: XaesKey, data: st.DataObject) -> None:
    """A changed bit, a byte put in, taken out or exchanged, anywhere: an error, and no byte behind it."""
    size = data.draw(st.sampled_from(SIZES))
    whole = bytearray(sealed(key, HEADER, CONTENT[:size], b"context"))
    place = data.draw(st.integers(0, len(whole) - 1))
    match data.draw(st.sampled_from(["flip", "put in", "take out", "exchange"])):
        case "flip":
            whole[place] ^= 1 << data.draw(st.integers(0, 7))
        case "put in":
            whole.insert(place, data.draw(st.integers(0, 255)))
        case "take out":
            del whole[place]
        case "exchange":
            whole[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[place]))
    with pytest.raises((DecryptionFailed, NewerFormat)):
        opened(key, bytes(whole), b"context")


@pytest.mark.parametrize("context", [b"", b"contex", b"context\0", b"Context"])
def test_another_context_does_not_open(key: XaesKey, context: bytes) -> None:
    """Also none, and one that goes on."""
    refused(key, sealed(key, HEADER, CONTENT, b"context"), context)


def test_a_part_of_the_header_is_no_context(key: XaesKey) -> None:
    """What the reader gives begins behind the header, whatever it looks like."""
    data = sealed(key, HEADER, CONTENT)
    refused(key, data, HEADER.encode())
    refused(key, data, HEADER.encode()[-1:])


@pytest.mark.parametrize("act", [seal_stream, open_stream])
def test_there_are_no_more_chunks_than_have_numbers(
    key: XaesKey, monkeypatch: pytest.MonkeyPatch, act: Callable[..., None]
) -> None:
    """One chunk more is refused before it is sealed, or opened."""
    source = (
        CONTENT[: 3 * SIZE + 1] if act is seal_stream else sealed(key, HEADER, CONTENT[: 3 * SIZE + 1])[47:]
    )
    error = BadParameter if act is seal_stream else DecryptionFailed
    for most in (3, 4):
        monkeypatch.setattr(filestream, "MAX_CHUNKS", most)
        out = bytearray()
        if most == 4:
            act(key, HEADER, b"", from_bytes(source), out.extend)
            continue
        with pytest.raises(error):
            act(key, HEADER, b"", from_bytes(source), out.extend)
    assert stream.MAX_CHUNKS == 1 << 32


@pytest.mark.parametrize("act", [seal_stream, open_stream])
@pytest.mark.parametrize("fails", ["read", "write", None])
def test_the_plaintext_is_wiped_on_every_way_out(
    key: XaesKey, monkeypatch: pytest.MonkeyPatch, act: Callable[..., None], fails: str | None
) -> None:
    """Done, or with an error of whoever reads or writes: the buffer it stood in is zeros."""
    buffers: list[bytearray] = []
    real = filestream.wipe
    monkeypatch.setattr(filestream, "wipe", lambda buffer: (buffers.append(buffer), real(buffer)))
    monkeypatch.setattr(filestream, "_AT_ONCE", SIZE)
    source = CONTENT if act is seal_stream else sealed(key, HEADER, CONTENT)[HEADER_SIZE:]
    buffers.clear()
    calls = itertools.count()

    def read(window: memoryview) -> int:
        if fails == "read" and next(calls) == 2:
            raise OSError("the disk failed")
        return inner(window)

    def write(window: memoryview) -> None:
        if fails == "write" and next(calls) == 2:
            raise OSError("the disk failed")

    inner = from_bytes(source)
    if fails is None:
        act(key, HEADER, b"", read, write)
    else:
        with pytest.raises(OSError, match="the disk failed"):
            act(key, HEADER, b"", read, write)
    (buffer,) = buffers
    assert len(buffer) >= SIZE
    assert not any(buffer)


def test_a_key_that_goes_away_ends_it() -> None:
    """Closing a vault in the middle is `VaultClosed`, at the next chunk."""
    key = XaesKey(Locked.of(MATERIAL))
    inner = from_bytes(bytes(3 << 20))

    def read(window: memoryview) -> int:
        size = inner(window)
        if size < len(window):
            key.wipe()
        return size

    out = bytearray()
    with pytest.raises(VaultClosed):
        seal_stream(key, HEADER, b"", read, out.extend)
    assert len(out) > 1 << 20
