"""What a file verb reads: files, pipes and links, to their end; no folder, no endless device, no moving target."""

from __future__ import annotations

import io
import os
import socket
from pathlib import Path

import pytest

from localvault import BadParameter, Crypto
from localvault.crypto.source import reading
from tests.support.sealing import CONTENT, put


def refused(crypto: Crypto, source: Path, folder: Path, why: str) -> None:
    """Fail unless neither verb takes it, with this reason, and nothing is made."""
    before = sorted(folder.iterdir())
    for verb in (crypto.seal_file, crypto.open_file):
        with pytest.raises(BadParameter, match=why):
            verb(source, folder / "out")
    assert sorted(folder.iterdir()) == before


def test_what_is_not_there_is_refused(crypto: Crypto, folder: Path) -> None:
    """With what the system says."""
    refused(crypto, folder / "none", folder, "none cannot be read: No such file")
    (folder / "loop").symlink_to(folder / "loop")
    refused(crypto, folder / "loop", folder, "cannot be read")


def test_a_folder_is_refused(crypto: Crypto, folder: Path) -> None:
    """With advice."""
    refused(crypto, folder, folder, "is a folder")


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom", "/dev/null"])
def test_a_device_without_an_end_is_refused(crypto: Crypto, folder: Path, device: str) -> None:
    """By its kind, before a byte of it is read; also through a link."""
    refused(crypto, Path(device), folder, "end nobody knows")
    (folder / "link").symlink_to(device)
    refused(crypto, folder / "link", folder, "end nobody knows")


def test_a_socket_cannot_be_read(crypto: Crypto, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused as the system refuses it."""
    monkeypatch.chdir(folder)  # its name may not be long
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s")
        refused(crypto, Path("s"), folder, "s cannot be read")


def test_a_link_is_followed(crypto: Crypto, folder: Path) -> None:
    """To the file it leads to."""
    put(folder / "a", CONTENT)
    (folder / "link").symlink_to("a")
    assert crypto.seal_file(folder / "link", folder / "b") == len(CONTENT)


@pytest.mark.parametrize("change", ["grows", "shrinks", "is written over"])
def test_a_file_that_changes_meanwhile_is_noticed(crypto: Crypto, folder: Path, change: str) -> None:
    """A copy of two states is none of either: an error, and no target; what takes its place is another file."""
    source = put(folder / "a", CONTENT * 9)
    os.utime(source, ns=(0, 0))

    def interfere(*_: object) -> None:
        with source.open("r+b") as file:
            if change == "shrinks":
                file.truncate(100)
            else:
                file.seek(0, os.SEEK_END if change == "grows" else os.SEEK_SET)
                file.write(b"more")

    with pytest.raises(BadParameter, match="a changed while it was read") as failed:
        crypto.seal_file(source, folder / "b", progress=interfere)
    assert failed.value.hint
    assert [path.name for path in folder.iterdir()] == ["a"]


def test_a_file_that_is_replaced_meanwhile_is_read_as_it_was(crypto: Crypto, folder: Path) -> None:
    """What was opened is read to its end."""
    source = put(folder / "a", CONTENT)
    crypto.seal_file(source, folder / "b", progress=lambda *_: put(folder / "n", b"new").replace(source))
    assert crypto.open_file(folder / "b", folder / "c") == len(CONTENT)


def test_a_file_shrinking_between_reads_is_no_short_file(crypto: Crypto, folder: Path) -> None:
    """Cut while 40 MiB are read, by a source that watches: the end comes early, and nothing is made."""
    source = put(folder / "a", bytes(4 << 20))
    os.utime(source, ns=(0, 0))
    with reading(source) as opened:
        assert opened.total == 4 << 20
        assert opened.read(memoryview(bytearray(1 << 20))) == 1 << 20
        os.truncate(source, 1 << 20)
        assert opened.read(memoryview(bytearray(1 << 20))) == 0
        with pytest.raises(BadParameter):
            opened.check_unchanged()


def test_an_open_file_is_read_from_where_it_stands(crypto: Crypto, folder: Path) -> None:
    """It stays open, at its end."""
    with put(folder / "a", b"head" + CONTENT).open("rb") as file:
        file.seek(4)
        assert crypto.seal_file(file, folder / "b") == len(CONTENT)
        assert file.read() == b""
    crypto.open_file(folder / "b", folder / "c")
    assert (folder / "c").read_bytes() == CONTENT


def test_a_source_that_does_not_wait_is_refused(crypto: Crypto, folder: Path) -> None:
    """Nothing yet is not the end."""
    reads, writes = os.pipe()
    os.set_blocking(reads, False)
    with os.fdopen(reads, "rb", buffering=0) as pipe, pytest.raises(BadParameter, match="does not wait"):
        crypto.seal_file(pipe, folder / "b")
    os.close(writes)
    assert list(folder.iterdir()) == []


def test_an_error_of_the_callers_own_source_is_the_callers(crypto: Crypto, folder: Path) -> None:
    """It comes out as it is, and there is no target."""

    class Broken(io.RawIOBase):
        def readinto(self, buffer: object, /) -> int:
            raise ConnectionResetError("the other end is gone")

    with pytest.raises(ConnectionResetError, match="the other end is gone"):
        crypto.seal_file(Broken(), folder / "b")
    assert list(folder.iterdir()) == []


def test_reading_leaves_nothing_open(crypto: Crypto, folder: Path) -> None:
    """Neither when it is done nor when it is refused."""
    source = put(folder / "a", CONTENT)
    crypto.seal_file(source, folder / "b")
    before = descriptors()
    for _ in range(20):
        crypto.seal_file(source, folder / "b", replace=True)
        refused(crypto, folder, folder, "is a folder")
    assert descriptors() == before


def descriptors() -> int:
    """How many files this process has open; none where that cannot be told."""
    return len(list(Path("/proc/self/fd").glob("*")))
