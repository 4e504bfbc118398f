"""A store whose writer is killed: what was acknowledged is there, and nothing is half there."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from localvault.store.layout import Table
from localvault.store.lmdb import LmdbStore
from localvault.testing.chance import Chance

OBJECTS, JOURNAL = int(Table.OBJECTS), int(Table.JOURNAL)


def _write(folder: Path, acknowledged: int, seed: int) -> None:
    """Commit for ever: each transaction counts up, changes what it likes, and is told once it is on disk."""
    chance = Chance(seed)
    store = LmdbStore.open(folder)
    while True:
        with store.write() as txn:
            number = int(txn.get(Table.VAULT, b"count") or b"0") + 1
            txn.put(Table.VAULT, b"count", b"%d" % number)
            for _ in range(chance.below(30)):
                txn.put(OBJECTS, b"%d" % chance.below(60), b"%d " % number + bytes(chance.below(6000)))
            for _ in range(chance.below(10)):
                txn.delete(OBJECTS, b"%d" % chance.below(60))
            txn.put(OBJECTS, b"last", b"%d " % number)
            txn.put(JOURNAL, number.to_bytes(8, "big"), b"%d" % number)
            txn.put(Table.VAULT, b"again", b"%d" % number)
        os.write(acknowledged, number.to_bytes(8, "big"))


def _killed_after(folder: Path, seconds: float, seed: int) -> int:
    """Kill a writer a while after its first commit, or after its start; returns the last number it was told."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _write(folder, writer, seed)
        finally:
            os._exit(1)
    os.close(writer)
    told = os.read(reader, 8) if seed % 4 else b""
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    with os.fdopen(reader, "rb") as pipe:
        told += pipe.read()
    _pid, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    return int.from_bytes(told[-8:], "big")


def _rounds(folder: Path, rounds: int) -> None:
    LmdbStore.create(folder).close()
    chance = Chance(rounds)
    told = 0
    for number in range(rounds):
        told = max(told, _killed_after(folder, chance.below(15) / 1000, number))
        store = LmdbStore.open(folder)
        assert store.verify_structure() == []
        with store.read() as txn:
            count = int(txn.get(Table.VAULT, b"count") or b"0")
            # The commit that was not told may be there or not, but completely.
            assert count in (told, told + 1)
            assert txn.get(Table.VAULT, b"again") == (b"%d" % count if count else None)
            journal = [int(value) for _key, value in txn.scan(JOURNAL)]
            assert journal == list(range(1, count + 1))
            assert all(int(value.split(b" ")[0]) <= count for _key, value in txn.scan(OBJECTS))
        told = count
        store.close()
    assert told >= rounds // 2


def test_a_writer_killed_at_any_moment(tmp_path: Path) -> None:
    """Killed dozens of times in the middle of commits, the store has every acknowledged one and no half one."""
    _rounds(tmp_path / "vault", 60)


@pytest.mark.soak
def test_a_writer_killed_at_any_moment_for_long(tmp_path: Path) -> None:
    """The same, thousands of times."""
    _rounds(tmp_path / "vault", 5000)


def test_making_a_store_killed_at_any_moment(tmp_path: Path) -> None:
    """There is either no store or one with what it must have, and making it again tells which."""
    chance = Chance(3)
    made = 0
    for number in range(60):
        folder = tmp_path / f"vault{number}"
        child = os.fork()
        if child == 0:
            LmdbStore.create(folder, lambda txn: txn.put(Table.VAULT, b"header", bytes(3000)))
            os._exit(0)
        time.sleep(chance.below(20_000) / 1e6)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        if (folder / "data.mdb").exists():
            made += 1
        else:
            LmdbStore.create(folder, lambda txn: txn.put(Table.VAULT, b"header", bytes(3000))).close()
        store = LmdbStore.open(folder)
        with store.read() as txn:
            assert txn.get(Table.VAULT, b"header") == bytes(3000)
        store.close()
        assert sorted(path.name for path in folder.iterdir()) == ["data.mdb", "lock.mdb"]
    assert 0 < made < 60


def test_a_copy_killed_at_any_moment(tmp_path: Path) -> None:
    """There is either nothing at the copy's name or all of it."""
    store = LmdbStore.create(tmp_path / "vault", lambda txn: txn.put(OBJECTS, b"key", bytes(3_000_000)))
    store.close()
    chance = Chance(4)
    for number in range(30):
        child = os.fork()
        if child == 0:
            LmdbStore.open(tmp_path / "vault").backup(tmp_path / f"copy{number}")
            os._exit(0)
        time.sleep(chance.below(20) / 1000)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        if (tmp_path / f"copy{number}").exists():
            store = LmdbStore.open(tmp_path / f"copy{number}")
            with store.read() as txn:
                assert txn.get(OBJECTS, b"key") == bytes(3_000_000)
            store.close()
