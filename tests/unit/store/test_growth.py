"""The map grows by itself, in the middle of whatever is being done."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from localvault.errors import StoreBusy
from localvault.store import environment, gate
from localvault.store.faults import Restart
from localvault.store.layout import Table
from localvault.store.lmdb import LmdbStore
from localvault.store.protocol import WriteTxn
from tests.support.processes import run_python
from tests.support.stores import behind

OBJECTS = int(Table.OBJECTS)
KIB = 1 << 10


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LmdbStore]:
    """A store with a map of 64 KiB."""
    monkeypatch.setattr(environment, "MAP_START", 64 * KIB)
    store = LmdbStore.create(tmp_path / "vault")
    yield store
    store.close()


def test_a_transaction_larger_than_the_map(store: LmdbStore) -> None:
    """Everything a transaction did before the map was full is done again, in order, removals too."""
    with store.write() as txn:
        for number in range(2000):
            txn.put(OBJECTS, b"%d" % number, b"%d" % number * 200)
            if number % 3 == 0:
                txn.delete(OBJECTS, b"%d" % (number // 2))
                txn.put(OBJECTS, b"%d" % (number // 3), b"again")
    wanted: dict[bytes, bytes] = {}
    for number in range(2000):
        wanted[b"%d" % number] = b"%d" % number * 200
        if number % 3 == 0:
            wanted.pop(b"%d" % (number // 2), None)
            wanted[b"%d" % (number // 3)] = b"again"
    with store.read() as txn:
        assert dict(txn.scan(OBJECTS)) == wanted
    assert store.verify_structure() == []


def test_a_map_that_is_full_only_at_the_commit(store: LmdbStore) -> None:
    """The list of free pages needs room as well: many commits of few pages all succeed."""
    for number in range(300):
        with store.write() as txn:
            txn.put(OBJECTS, b"%d" % (number % 40), bytes(1700))
    assert store.verify_structure() == []


def test_scanning_goes_on_after_the_map_has_grown(store: LmdbStore) -> None:
    """A scan in the write transaction that outgrows the map continues where it was, and meets each key once."""
    keys = [b"%04d" % number for number in range(100)]
    with store.write() as txn:
        for key in keys:
            txn.put(OBJECTS, key, b"small")
    with store.write() as txn:
        seen = []
        for key, _value in txn.scan(OBJECTS):
            seen.append(key)
            txn.put(OBJECTS, key, bytes(1500))
    assert seen == keys


def test_a_read_of_the_same_thread_is_told_not_waited_for(store: LmdbStore) -> None:
    """Growing inside one's own read raises `StoreBusy` at once; nothing is written, and it works after the read."""

    def work(txn: WriteTxn) -> None:
        txn.put(OBJECTS, b"key", bytes(200 * KIB))

    with store.read() as reading:
        assert reading.get(OBJECTS, b"key") is None
        with pytest.raises(StoreBusy):
            store.transact(work)
        assert reading.get(OBJECTS, b"key") is None
    with store.read() as reading:
        assert reading.get(OBJECTS, b"key") is None
    store.transact(work)


def test_a_read_in_another_thread_is_waited_for(store: LmdbStore) -> None:
    """A write that must grow waits until the reads of other threads have ended; new reads wait for it in turn."""
    reading, done = threading.Event(), threading.Event()
    found: list[bytes | None] = []

    def read() -> None:
        with store.read() as txn:
            reading.set()
            done.wait(0.2)
            found.append(txn.get(OBJECTS, b"key"))
        while found[-1] is None:
            time.sleep(
                0.001
            )  # threads that read without a pause keep the interpreter from the one that writes
            with store.read() as txn:
                found.append(txn.get(OBJECTS, b"key"))

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    reading.wait()
    store.transact(lambda txn: txn.put(OBJECTS, b"key", bytes(1000 * KIB)))
    done.set()
    for thread in threads:
        thread.join()
    assert set(found) == {None, bytes(1000 * KIB)}


def test_a_thread_that_reads_already_is_let_in(store: LmdbStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a write waits for a thread's read, that thread can read more: the two never wait for each other."""
    monkeypatch.setattr(gate, "_PATIENCE", 5.0)
    with store.read() as reading:
        writer = threading.Thread(
            target=lambda: store.transact(lambda txn: txn.put(OBJECTS, b"k", bytes(500 * KIB)))
        )
        writer.start()
        while behind(store).gate.begin == behind(store)._engine.begin:
            pass
        for _ in range(10):
            with store.read() as inner:
                assert inner.get(OBJECTS, b"k") is None
        assert reading.get(OBJECTS, b"k") is None
    writer.join()
    with store.read() as reading:
        assert reading.get(OBJECTS, b"k") == bytes(500 * KIB)


def test_a_read_that_does_not_end_is_waited_for_a_while(
    store: LmdbStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some seconds a write that cannot grow raises `StoreBusy` and leaves everything usable."""
    monkeypatch.setattr(gate, "_PATIENCE", 0.05)
    began, end = threading.Event(), threading.Event()

    def read() -> None:
        with store.read():
            began.set()
            end.wait()

    thread = threading.Thread(target=read)
    thread.start()
    began.wait()
    with pytest.raises(StoreBusy):
        store.transact(lambda txn: txn.put(OBJECTS, b"key", bytes(500 * KIB)))
    end.set()
    thread.join()
    store.transact(lambda txn: txn.put(OBJECTS, b"key", bytes(500 * KIB)))


GROW = """
import sys
from pathlib import Path
from localvault.store.lmdb import LmdbStore
store = LmdbStore.open(Path(sys.argv[1]))
for number in range(40):
    with store.write() as txn:
        txn.put(2, b"other %d" % number, bytes(100_000))
store.close()
"""


def test_growth_by_another_process_is_followed(store: LmdbStore) -> None:
    """A reader and a writer both find what another process wrote beyond the map they have."""
    run_python(GROW, store.folder)
    with store.read() as txn:
        assert txn.get(OBJECTS, b"other 39") == bytes(100_000)
    run_python(GROW, store.folder)
    store.transact(lambda txn: txn.put(OBJECTS, b"mine", b"too"))
    assert store.verify_structure() == []


def test_another_process_in_between_means_starting_again(
    store: LmdbStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If another process committed while the map grew, `transact` runs the work anew and `write` gives up."""
    grow = type(behind(store)).grow
    ran: list[bytes | None] = []

    def grow_late(self: environment.Environment) -> None:
        monkeypatch.setattr(environment.Environment, "grow", grow)
        run_python(
            "import sys; from pathlib import Path; from localvault.store.lmdb import LmdbStore\n"
            "LmdbStore.open(Path(sys.argv[1])).transact(lambda txn: txn.put(2, b'between', b'!'))",
            store.folder,
        )
        grow(self)

    def work(txn: WriteTxn) -> None:
        ran.append(txn.get(OBJECTS, b"between"))
        txn.put(OBJECTS, b"large", bytes(150 * KIB))

    monkeypatch.setattr(environment.Environment, "grow", grow_late)
    store.transact(work)
    assert ran == [None, b"!"]
    monkeypatch.setattr(environment.Environment, "grow", grow_late)
    with pytest.raises(Restart), store.write() as txn:
        txn.put(OBJECTS, b"larger", bytes(2000 * KIB))
    with store.read() as reading:
        assert reading.get(OBJECTS, b"larger") is None


def test_work_that_is_always_overtaken_ends(store: LmdbStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """`transact` gives up with `StoreBusy` after some attempts."""
    attempts = []

    def work(_txn: WriteTxn) -> None:
        attempts.append(1)
        raise Restart("again")

    with pytest.raises(StoreBusy):
        store.transact(work)
    assert 2 <= len(attempts) <= 100
