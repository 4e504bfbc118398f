"""A disk with no room: a clear error, nothing half written, and all is well when there is room again."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from localvault.errors import StoreFull
from localvault.store.layout import Table
from localvault.store.lmdb import LmdbStore
from tests.support.forking import in_child

OBJECTS = int(Table.OBJECTS)
ROOM = 1 << 20


@contextmanager
def _file_size_limit(size: int) -> Iterator[None]:
    """No file may become larger than `size`: what a quota, or a full disk, looks like to the engine."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _fill(store: LmdbStore) -> int:
    """Commit until there is no room; returns how many commits were acknowledged."""
    for number in range(10_000):
        try:
            store.transact(lambda txn, number=number: txn.put(OBJECTS, b"%05d" % number, bytes(20_000)))
        except StoreFull:
            return number
    raise AssertionError("it never became full")


def _check(store: LmdbStore, count: int) -> None:
    assert store.verify_structure() == []
    with store.read() as txn:
        assert [key for key, _ in txn.scan(OBJECTS, keys_only=True)] == [
            b"%05d" % number for number in range(count)
        ]


def _full_and_not(folder: Path) -> str:
    store = LmdbStore.create(folder)
    with _file_size_limit(ROOM):
        count = _fill(store)
        assert count > 10
        _check(store, count)
        for _ in range(3):
            assert _fill(store) == 0
        _check(store, count)
        with pytest.raises(StoreFull):
            store.transact(lambda txn: [txn.put(OBJECTS, b"x%d" % n, bytes(1500)) for n in range(2000)][:0])
        _check(store, count)
        store.close()
        store = LmdbStore.open(folder)
        _check(store, count)
    store.transact(lambda txn: txn.put(OBJECTS, b"%05d" % count, bytes(20_000)))
    _check(store, count + 1)
    store.close()
    return "well"


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """With a limit on the size of files: `StoreFull`, everything acknowledged there, and it goes on without it."""
    assert in_child(lambda: _full_and_not(tmp_path / "vault")) == repr("well")


def test_making_and_copying_without_room(tmp_path: Path) -> None:
    """A store or a copy that does not fit raises `StoreFull` and leaves nothing."""
    store = LmdbStore.create(tmp_path / "vault", lambda txn: txn.put(OBJECTS, b"key", bytes(3 * ROOM)))

    def act() -> str:
        inherited = LmdbStore.open(tmp_path / "vault")
        with _file_size_limit(ROOM):
            for make in (
                lambda: inherited.backup(tmp_path / "copy"),
                lambda: inherited.compact(tmp_path / "copy"),
                lambda: LmdbStore.create(
                    tmp_path / "new", lambda txn: txn.put(OBJECTS, b"k", bytes(2 * ROOM))
                ),
            ):
                with pytest.raises(StoreFull):
                    make()
        inherited.close()
        return "well"

    assert in_child(act) == repr("well")
    assert [path.name for path in tmp_path.iterdir()] == ["vault"]
    store.close()


def _mounted(folder: Path) -> bool:
    """Try to mount a file system of 1 MiB; only root may, and not everywhere."""
    if os.geteuid() != 0:
        return False
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_file_system_that_is_full(tmp_path: Path) -> None:
    """On a real file system of 1 MiB, where one can be made: as with the limit, and room made is used again."""
    folder = tmp_path / "small"
    folder.mkdir()
    if not _mounted(folder):
        assert in_child(lambda: _full_and_not(folder / "vault")) == repr("well")
        return
    try:
        ballast = folder / "ballast"
        ballast.write_bytes(bytes(300_000))
        store = LmdbStore.create(folder / "vault")
        count = _fill(store)
        assert count > 10
        _check(store, count)
        with pytest.raises(StoreFull):
            store.backup(folder / "copy")
        assert sorted(path.name for path in folder.iterdir()) == ["ballast", "vault"]
        assert _fill(store) == 0
        ballast.unlink()
        store.transact(lambda txn: txn.put(OBJECTS, b"%05d" % count, bytes(20_000)))
        _check(store, count + 1)
        store.close()
    finally:
        subprocess.run(["umount", str(folder)], check=True)
