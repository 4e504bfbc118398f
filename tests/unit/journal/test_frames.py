"""Reading spools: whatever the bytes are, what is yielded is what was written, in order, from the start."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.journal.frames import (
    FRAME,
    HEADER,
    MAGIC,
    START,
    Beginning,
    Mark,
    Position,
    Reading,
    SpoolFile,
    SpoolKeys,
    id_of,
    name_of,
)
from localvault.native.memory import Locked

VECTOR: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "localvault" / "spool.json").read_text()
)
FILE = bytes.fromhex(VECTOR["file"])
ID = bytes.fromhex(VECTOR["spool_id"])
KEYS = SpoolKeys(Locked.of(bytes.fromhex(VECTOR["journal_key"])))


def holding(content: bytes) -> int:
    """The descriptor of a nameless file with these bytes."""
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        return os.dup(file.fileno())


class OnDisk:
    """A spool file with these bytes."""

    def __init__(self, content: bytes, spool_id: bytes = ID) -> None:
        self.file = SpoolFile(Path("spool"), spool_id, holding(content), KEYS.key(spool_id))

    def __enter__(self) -> SpoolFile:
        return self.file

    def __exit__(self, *_error: object) -> None:
        self.file.close()


def read(content: bytes, limit: int = 1 << 60) -> tuple[list[bytes], bool, Position]:
    """What reading these bytes from the start yields, whether it met a flaw, and where it stopped."""
    with OnDisk(content) as file:
        reading = Reading(file, START, len(content))
        return list(reading.frames(limit)), reading.flawed, reading.position


def sealed(count: int, size: int = 20) -> bytes:
    """The bytes of a spool with so many frames of so many bytes each."""
    key = KEYS.key(ID)
    out = bytearray(KEYS.header(ID))
    for number in range(count):
        ciphertext = key.seal(number, bytes([number % 256]) * size)
        out += FRAME.pack(len(ciphertext), number) + ciphertext
    return bytes(out)


def test_a_spool_is_what_the_format_says() -> None:
    """The published file, made without this code, holds the process and the three events it should."""
    frames, flawed, position = read(FILE)
    assert not flawed
    assert position == Position(len(FILE), 4)
    assert list(msgpack.unpackb(frames[0])) == [VECTOR["process"], VECTOR["begun"]]
    assert [list(msgpack.unpackb(frame)) for frame in frames[1:]] == VECTOR["events"]
    assert KEYS.header(ID) == FILE[:HEADER]
    with OnDisk(FILE) as file:
        begin = file.begin()
        assert begin is not None
        assert begin == Beginning(VECTOR["begun"], VECTOR["process"], begin.first)
        assert Beginning.unpack(begin.pack(), begin.first) == begin
        assert file.finished(position)
        assert not file.finished(begin.first)


@given(st.integers(0, len(FILE) - HEADER - 1), st.integers(1, 255))
def test_a_changed_byte_ends_the_reading(at: int, change: int) -> None:
    """The frames before it are yielded, none after, and it is a flaw or looks like a torn end; never other data."""
    content = bytearray(FILE)
    content[HEADER + at] ^= change
    whole, _flawed, _position = read(FILE)
    frames, flawed, position = read(bytes(content))
    assert frames == whole[: len(frames)]
    assert len(frames) < len(whole)
    # Only a length that promises more bytes than there are can be taken for a torn frame.
    assert flawed or FRAME.unpack_from(content, position.offset)[0] > len(FILE) - position.offset - FRAME.size


@given(st.integers(0, len(FILE) - HEADER))
def test_a_torn_end_is_left_aside(cut: int) -> None:
    """A file cut anywhere is no flaw: its writer was killed, and the frame was never acknowledged."""
    whole, _flawed, _position = read(FILE)
    frames, flawed, position = read(FILE[: HEADER + cut])
    assert not flawed
    assert frames == whole[: len(frames)]
    assert position.number == len(frames)
    assert position.offset <= HEADER + cut


@given(st.integers(0, 3), st.integers(1, 5000))
def test_zeros_at_the_end_are_no_flaw(frames: int, zeros: int) -> None:
    """A loss of power may leave a file longer than what was written into it."""
    read_frames, flawed, position = read(sealed(frames) + bytes(zeros))
    assert len(read_frames) == frames
    assert not flawed
    assert position.number == frames
    _frames, flawed, _position = read(sealed(frames) + bytes(zeros) + b"\1")
    assert flawed or zeros < FRAME.size


@given(st.permutations(range(5)))
def test_frames_in_another_order_are_a_flaw(order: list[int]) -> None:
    """Repeated, swapped or left out: reading stops where the order first differs."""
    content, size = sealed(5), (len(sealed(5)) - HEADER) // 5
    pieces = [content[HEADER + at * size : HEADER + (at + 1) * size] for at in range(5)]
    frames, flawed, _position = read(content[:HEADER] + b"".join(pieces[at] for at in order))
    right = next((at for at, number in enumerate(order) if at != number), 5)
    assert len(frames) == right
    assert flawed == (right < 5)


@given(st.binary(max_size=200))
def test_any_bytes_can_be_read(content: bytes) -> None:
    """Nothing in them is trusted, and nothing that was not sealed is yielded."""
    frames, _flawed, position = read(KEYS.header(ID) + content)
    assert frames == []
    assert position == START


@pytest.mark.parametrize("length", [0, 15, 65_537, 2**31, 2**32 - 1])
def test_no_length_is_trusted(length: int) -> None:
    """Too short for a tag or beyond any frame: a flaw, and no gigabytes are read."""
    frames, flawed, _position = read(sealed(2) + FRAME.pack(length, 2) + b"x" * 20)
    assert len(frames) == 2
    assert flawed


def test_frames_across_reads_are_whole() -> None:
    """A file longer than one read, with frames of many sizes, comes out complete."""
    key, out, sizes = KEYS.key(ID), bytearray(KEYS.header(ID)), []
    for number in range(900):
        size = (number * 7919) % 5000
        ciphertext = key.seal(number, b"x" * size)
        out += FRAME.pack(len(ciphertext), number) + ciphertext
        sizes.append(size)
    assert len(out) > 2 << 20
    frames, flawed, position = read(bytes(out))
    assert [len(frame) for frame in frames] == sizes
    assert not flawed
    assert position == Position(len(out), 900)


@given(st.integers(0, 12), st.integers(0, 12))
def test_reading_goes_on_where_it_stopped(first: int, second: int) -> None:
    """In two parts, of any lengths, the frames are those of one reading."""
    content = sealed(10)
    with OnDisk(content) as file:
        reading = Reading(file, START, len(content))
        frames = list(reading.frames(first))
        again = Reading(file, reading.position, len(content))
        frames += list(again.frames(second))
    assert frames == read(content)[0][: first + second]


@pytest.mark.parametrize(
    "first", [b"", b"\xc0", b"\x92\xa1p\xc0", b"\x92\x01\x02", b"\x91\xa1p", b"\x93\xa1p\x01\x01", b"x"]
)
def test_a_first_frame_that_tells_nothing_begins_no_spool(first: bytes) -> None:
    """Authentic, and yet not what this version writes: none of the frames behind it are taken for anything."""
    sealed_first = KEYS.key(ID).seal(0, first)
    with OnDisk(KEYS.header(ID) + FRAME.pack(len(sealed_first), 0) + sealed_first) as file:
        assert file.begin() is None


def test_another_spools_frames_do_not_open() -> None:
    """Each file has a key of its own, also under the same journal key."""
    other = bytes(16)
    frames, _flawed, _position = read(KEYS.header(ID) + sealed(2)[HEADER:])
    assert len(frames) == 2
    with OnDisk(sealed(2), other) as file:
        reading = Reading(file, START, len(sealed(2)))
        assert list(reading.frames(9)) == []
        assert reading.flawed


def test_only_a_file_that_begins_as_this_spool_is_opened(tmp_path: Path) -> None:
    """Not another id's or epoch's, not a link, not a pipe; a blank one, left by a loss of power, is."""
    path = tmp_path / name_of(ID)

    def opens() -> bool:
        file = SpoolFile.open(tmp_path, ID, KEYS)
        if file is not None:
            file.close()
        return file is not None

    assert not opens()
    path.write_bytes(FILE)
    assert opens()
    for header in (MAGIC + b"\0\0\0\1" + ID, MAGIC + bytes(4) + bytes(16), b"lvspool2" + bytes(4) + ID, b"x"):
        path.write_bytes(header + FILE[HEADER:])
        assert not opens()
    for blank in (b"", bytes(10), bytes(100)):
        path.write_bytes(blank)
        assert opens()
    path.unlink()
    os.mkfifo(path)
    assert not opens()
    path.unlink()
    (tmp_path / "elsewhere").write_bytes(FILE)
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError):
        opens()


@given(st.binary(max_size=20))
def test_a_name_tells_the_id(spool_id: bytes) -> None:
    """Only of 16 bytes, and only in the one spelling."""
    assert id_of(name_of(spool_id)) == (spool_id if len(spool_id) == 16 else None)


@pytest.mark.parametrize(
    "name", ["head", "data.mdb", "spool-.lvs", "spool-zz.lvs", name_of(b"\xaa" * 16).upper(), ""]
)
def test_other_names_are_no_spools(name: str) -> None:
    """Whatever else lies in the folder is left alone."""
    assert id_of(name) is None


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.booleans())
def test_a_mark_is_read_as_it_was_written(offset: int, number: int, flawed: bool) -> None:
    """17 bytes, as the format says."""
    mark = Mark(Position(offset, number), flawed)
    assert mark.pack() == offset.to_bytes(8) + number.to_bytes(8) + bytes([flawed])
    assert Mark.unpack(mark.pack()) == mark
