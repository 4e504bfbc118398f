"""Sealing and opening files as operations: nothing is out without its event, which tells how far it came."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from localvault import BadParameter, JournalUnavailable, Vault
from localvault.crypto import files
from tests.support.sealing import CHUNK, CONTENT, nothing_opens, put, sealed
from tests.support.told import told


def test_what_is_written_to_a_stream_is_useless_without_its_event(
    data: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the event cannot be written the last tag is withheld, and so the file does not open."""
    out, crypto = io.BytesIO(), data.crypto("data")

    def refuse(*_: object) -> None:
        raise JournalUnavailable("no space")

    with monkeypatch.context() as patched:
        patched.setattr(data._parts.journal, "note", refuse)
        with pytest.raises(JournalUnavailable):
            crypto.seal_file(io.BytesIO(CONTENT), out)
    assert len(out.getvalue()) == len(sealed(crypto)) - 16
    nothing_opens(crypto, out.getvalue(), data.path.parent / "out")


@pytest.mark.parametrize("verb", ["seal_file", "open_file"])
def test_no_target_without_its_event(
    data: Vault, folder: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """A new file does not appear, and one to be replaced stays as it was."""
    crypto = data.crypto("data")
    source = put(folder / "source", CONTENT if verb == "seal_file" else sealed(crypto))
    put(folder / "kept", b"as it was")

    def refuse(*_: object) -> None:
        raise JournalUnavailable("no space")

    monkeypatch.setattr(data._parts.journal, "note", refuse)
    for target in ("new", "kept"):
        with pytest.raises(JournalUnavailable):
            getattr(crypto, verb)(source, folder / target, replace=True)
    assert {path.name for path in folder.iterdir()} == {"source", "kept"}
    assert (folder / "kept").read_bytes() == b"as it was"


def test_the_event_tells_what_was_done(data: Vault, folder: Path) -> None:
    """One for each call: that it was a file, its version, and how far it came, also where it failed."""
    crypto, version = data.crypto("data"), data.keys.get("data").version
    with told(data) as events:
        crypto.seal_file(io.BytesIO(CONTENT), folder / "a")
        crypto.open_file(folder / "a", folder / "b")
        damaged = bytearray((folder / "a").read_bytes() + bytes(40 * CHUNK))
        nothing_opens(crypto, bytes(damaged), folder / "c")
        nothing_opens(crypto, b"", folder / "c")
        with pytest.raises(BadParameter):
            crypto.seal_file(folder / "none", folder / "c")
    seen = [
        (event.operation, event.result, event.code, event.version, event.count, event.details)
        for event in events
    ]
    assert seen == [
        ("KeySeal", "Success", None, version, 1, {"form": "file", "bytes": len(CONTENT)}),
        ("KeyOpen", "Success", None, version, 1, {"form": "file", "bytes": len(CONTENT)}),
        ("KeyOpen", "Failure", "DecryptionFailed", version, 1, {"form": "file", "bytes": 0}),
        ("KeyOpen", "Failure", "DecryptionFailed", None, 1, {"form": "file", "bytes": 0}),
        ("KeySeal", "Failure", "BadParameter", version, 1, {"form": "file", "bytes": 0}),
    ]


def test_a_failure_tells_how_far_it_came(data: Vault, folder: Path) -> None:
    """Damage behind the first 16 chunks: these were authenticated, and none of them is to be seen."""
    crypto = data.crypto("data")
    whole = bytearray(sealed(crypto, bytes(20 * CHUNK)))
    whole[-1] ^= 1
    with told(data) as events:
        nothing_opens(crypto, bytes(whole), folder / "out")
    assert events[0].details == {"form": "file", "bytes": 16 * CHUNK}


def test_no_transaction_is_open_while_it_works(
    data: Vault, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its key is looked up in one that has ended before the first byte of content is read, or of a file written."""
    door = data._parts.door
    real, open_now, seen = door._read, [0], list[int]()

    @contextmanager
    def counted() -> Iterator[Any]:
        with real() as txn:
            open_now[0] += 1
            yield txn
            open_now[0] -= 1

    class Watching(io.BytesIO):
        def readinto(self, buffer: Any, /) -> int:
            seen.append(open_now[0])
            return super().readinto(buffer)

    monkeypatch.setattr(door, "_read", counted)
    crypto = data.crypto("data")
    crypto.seal_file(Watching(CONTENT), folder / "a")
    crypto.open_file(Watching((folder / "a").read_bytes()), folder / "b")
    assert len(seen) >= 4
    assert set(seen) == {0}


def test_progress_is_told_now_and_then(data: Vault, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what is done of the source, and all there is if that is known; in the end once more, and not too often."""
    moments = iter(range(10_000))
    monkeypatch.setattr(files, "monotonic", lambda: next(moments) / 10)
    source = put(folder / "a", bytes(5 << 20))
    seen: list[tuple[int, int | None]] = []
    data.crypto("data").seal_file(source, folder / "b", progress=lambda *told: seen.append(told))
    assert seen[-1] == (5 << 20, 5 << 20)
    assert 2 <= len(seen) <= 4
    assert seen == sorted(seen)
    assert {total for _, total in seen} == {5 << 20}
    seen.clear()
    size = (folder / "b").stat().st_size
    data.crypto("data").open_file(folder / "b", folder / "c", progress=lambda *told: seen.append(told))
    assert seen[-1] == (size, size)
    seen.clear()
    data.crypto("data").seal_file(io.BytesIO(b"xy"), folder / "d", progress=lambda *told: seen.append(told))
    assert seen == [(2, None)]


class Enough(Exception):
    """What somebody raises who has had enough."""


@pytest.mark.parametrize("error", [Enough, KeyboardInterrupt])
def test_an_exception_from_progress_ends_it_cleanly(
    data: Vault, folder: Path, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle or at the end: it comes out, an event tells of it, and there is no target."""
    monkeypatch.setattr(files, "_PROGRESS_EVERY", 0)
    source = put(folder / "a", bytes(5 << 20))
    for last in (1, 5 << 20):

        def stop(done: int, total: int | None, last: int = last) -> None:
            if done >= last:
                raise error

        with told(data) as events, pytest.raises(error):
            data.crypto("data").seal_file(source, folder / "b", progress=stop)
        assert [(event.result, event.code) for event in events] == [("Failure", error.__name__)]
        assert [path.name for path in folder.iterdir()] == ["a"]
