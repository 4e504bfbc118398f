"""Several processes on one store at once: nothing lost, nothing half seen, also while the map grows."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from localvault.store import environment
from localvault.store.layout import Table
from localvault.store.lmdb import LmdbStore
from localvault.store.protocol import WriteTxn
from localvault.testing.chance import Chance

OBJECTS = int(Table.OBJECTS)
ACCOUNTS, TOTAL = 40, 1000


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of accounts with a small map, closed."""
    monkeypatch.setattr(environment, "MAP_START", 64 << 10)

    def fill(txn: WriteTxn) -> None:
        for number in range(ACCOUNTS):
            txn.put(OBJECTS, b"%d" % number, b"%d" % (TOTAL if number == 0 else 0))

    LmdbStore.create(tmp_path / "vault", fill).close()
    return tmp_path / "vault"


def _processes(*lives: Callable[[], None]) -> None:
    """Run each in a process of its own; all must end well."""
    children = []
    for life in lives:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                life()
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * len(children)


def _transfers(folder: Path, seed: int, rounds: int) -> None:
    chance = Chance(seed)
    store = LmdbStore.open(folder)

    def transfer(txn: WriteTxn) -> None:
        source, target = b"%d" % chance.below(ACCOUNTS), b"%d" % chance.below(ACCOUNTS)
        sum_ = chance.below(int((txn.get(OBJECTS, source) or b"").split()[0]) + 1)
        for key, change in ((source, -sum_), (target, sum_)):
            balance = int((txn.get(OBJECTS, key) or b"").split()[0]) + change
            txn.put(OBJECTS, key, b"%d " % balance + bytes(chance.below(9000)))
        txn.put(Table.JOURNAL, b"%d-%d" % (seed, chance.below(200)), bytes(chance.below(9000)))

    for _ in range(rounds):
        store.transact(transfer)
    store.close()


def _audits(folder: Path, rounds: int) -> None:
    store = LmdbStore.open(folder)
    for _ in range(rounds):
        with store.read() as txn:
            balances = {key: int(value.split()[0]) for key, value in txn.scan(OBJECTS)}
            assert sum(balances.values()) == TOTAL
            for key, balance in balances.items():
                assert int((txn.get(OBJECTS, key) or b"").split()[0]) == balance
    store.close()


def test_writers_and_readers_at_once(folder: Path) -> None:
    """Three that transfer, two that add up: the sum is right in every snapshot and in the end."""
    writers = [lambda seed=seed: _transfers(folder, seed, 120) for seed in range(3)]
    readers = [lambda: _audits(folder, 150)] * 2
    _processes(*writers, *readers)
    store = LmdbStore.open(folder)
    assert store.verify_structure() == []
    with store.read() as txn:
        assert sum(int(value.split()[0]) for _key, value in txn.scan(OBJECTS)) == TOTAL
    store.close()


@pytest.mark.soak
def test_writers_and_readers_at_once_for_long(folder: Path) -> None:
    """The same, for minutes."""
    writers = [lambda seed=seed: _transfers(folder, seed, 20_000) for seed in range(3)]
    readers = [lambda: _audits(folder, 20_000)] * 2
    _processes(*writers, *readers)


def test_one_makes_it_many_ask_for_it(tmp_path: Path) -> None:
    """Of several processes that make a store at the same place, exactly one does."""

    def make(number: int) -> None:
        try:
            LmdbStore.create(
                tmp_path / "vault", lambda txn: txn.put(OBJECTS, b"maker", b"%d" % number)
            ).close()
            (tmp_path / f"made{number}").touch()
        except environment.VaultError:
            return

    for _ in range(5):
        _processes(*[lambda number=number: make(number) for number in range(4)])
        assert len(list(tmp_path.glob("made*"))) == 1
        store = LmdbStore.open(tmp_path / "vault")
        with store.read() as txn:
            assert (tmp_path / f"made{(txn.get(OBJECTS, b'maker') or b'').decode()}").exists()
        store.close()
        for path in (*tmp_path.glob("made*"), *(tmp_path / "vault").iterdir()):
            path.unlink()
