"""The header of a sealed file: it prints back what was parsed, draws afresh, and asks for little memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import DecryptionFailed, LocalVaultError, NewerFormat
from localvault.native.memory import Locked
from localvault.sealing.filehead import CHUNK_LOG2, HEADER_SIZE, LOG2_RANGE, FileHeader, file_key, parse
from localvault.sealing.token import token_key

VERSION = bytes(range(16))
HEADER = FileHeader(VERSION, CHUNK_LOG2, bytes(range(100, 119)))


def test_a_header_has_47_bytes_in_this_order() -> None:
    """Magic, format, suite, key version, chunk size, nonce."""
    assert HEADER.encode() == b"lvsealed\0\1\1" + VERSION + b"\x10" + bytes(range(100, 119))
    assert len(HEADER.encode()) == HEADER_SIZE == 47
    assert (HEADER.chunk_size, parse(HEADER.encode())) == (65536, HEADER)


def test_two_headers_share_no_nonce() -> None:
    """Each is drawn: 152 bits never come twice."""
    assert len({FileHeader.new(VERSION).nonce for _ in range(1000)}) == 1000


@given(st.binary(max_size=60) | st.binary(max_size=50).map(lambda more: b"lvsealed\0\1\1" + more))
def test_what_parses_prints_back(data: bytes) -> None:
    """Whatever comes from outside is refused with an error of ours or has one form."""
    try:
        header = parse(data)
    except LocalVaultError:
        return
    assert header.encode() == data
    assert header.chunk_size <= 1 << 20


@pytest.mark.parametrize("log2", range(256))
def test_a_chunk_is_1_kib_to_1_mib(log2: int) -> None:
    """A size out of this range is refused before anybody sets memory aside for it."""
    data = HEADER._replace(chunk_log2=log2).encode()
    if log2 in LOG2_RANGE:
        assert parse(data).chunk_size == 1 << log2
        return
    with pytest.raises(DecryptionFailed, match="not a sealed file"):
        parse(data)


@pytest.mark.parametrize("size", range(HEADER_SIZE))
def test_a_header_cut_short_is_none(size: int) -> None:
    """Wherever it was cut, and with a byte too many."""
    for data in (HEADER.encode()[:size], HEADER.encode() + b"\0"):
        with pytest.raises(DecryptionFailed):
            parse(data)


@pytest.mark.parametrize(("place", "byte"), [(8, 1), (8, 255), (9, 2), (10, 2), (10, 255)])
def test_a_newer_format_or_suite_says_so(place: int, byte: int) -> None:
    """However much follows, since a later header may have another length."""
    data = bytearray(HEADER.encode())
    data[place] = byte
    for size in (11, 20, 47):
        with pytest.raises(NewerFormat, match="newer localvault") as failed:
            parse(bytes(data[:size]))
        assert failed.value.hint == "update localvault"
    with pytest.raises(DecryptionFailed):
        parse(b"x" + bytes(data[1:]))


@pytest.mark.parametrize("place", [9, 10])
def test_format_and_suite_0_are_none(place: int) -> None:
    """They were never written."""
    data = bytearray(HEADER.encode())
    data[place] = 0
    with pytest.raises(DecryptionFailed):
        parse(bytes(data))


@pytest.mark.parametrize("size", [16, 24, 32])
def test_files_have_a_key_of_their_own(size: int) -> None:
    """From the material, and another than that for tokens."""
    material = Locked.of(bytes(range(size)))
    key = file_key(material.view())
    assert len(key) == 32
    assert not key.equals(token_key(material))
    assert not key.equals(file_key(Locked.of(bytes(size)).view()))
