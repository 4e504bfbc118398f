"""One data file, many handles: in one process, across a fork, and read-only."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import lmdb
import pytest

from localvault.errors import NotAVault, ReadOnlyVault, StoreBusy, VaultClosed, VaultForked
from localvault.store import environment
from localvault.store.environment import DATA_FILE, LOCK_FILE
from localvault.store.layout import Table
from localvault.store.lmdb import LmdbStore
from localvault.store.protocol import WriteTxn
from tests.support.forking import in_child
from tests.support.processes import run_python
from tests.support.stores import behind

OBJECTS = int(Table.OBJECTS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store with one value, closed."""
    store = LmdbStore.create(tmp_path / "vault", lambda txn: txn.put(OBJECTS, b"key", b"value"))
    store.close()
    return store.folder


def _value(store: LmdbStore) -> bytes | None:
    with store.read() as txn:
        return txn.get(OBJECTS, b"key")


def test_opening_twice_gives_the_same_environment(folder: Path, tmp_path: Path) -> None:
    """Handles share one environment, by whatever path they were opened; the last one closes it."""
    (tmp_path / "other").symlink_to(folder)
    first, second = LmdbStore.open(folder), LmdbStore.open(tmp_path / "other")
    shared = behind(first)
    assert behind(second) is shared
    first.close()
    with pytest.raises(VaultClosed):
        _value(first)
    assert _value(second) == b"value"
    second.close()
    with pytest.raises(VaultClosed):
        shared.gate.begin()
    third = LmdbStore.open(folder)
    assert behind(third) is not shared
    third.close()


def test_closing_waits_for_reads_of_other_threads(folder: Path) -> None:
    """A read that is open when the last handle is closed ends undisturbed."""
    store = LmdbStore.open(folder)
    began, found = threading.Event(), []

    def read() -> None:
        with store.read() as txn:
            began.set()
            for _ in range(2000):
                found.append(txn.get(OBJECTS, b"key"))

    thread = threading.Thread(target=read)
    thread.start()
    began.wait()
    store.close()
    thread.join()
    assert found == [b"value"] * 2000


def test_closing_inside_ones_own_transaction(folder: Path) -> None:
    """Closing in the middle of one's own transaction ends it: nothing is written, and its use says so."""
    store = LmdbStore.open(folder)

    def close(txn: WriteTxn) -> None:
        txn.put(OBJECTS, b"key", b"other")
        store.close()

    with pytest.raises(VaultClosed):
        store.transact(close)
    store = LmdbStore.open(folder)
    assert _value(store) == b"value"
    with store.read() as reading:
        store.close()
        with pytest.raises(VaultClosed):
            reading.get(OBJECTS, b"key")


def test_a_store_in_use_elsewhere(folder: Path) -> None:
    """A process that has it open and one that opens it read and write side by side."""
    store = LmdbStore.open(folder)
    program = (
        "import sys; from pathlib import Path; from localvault.store.lmdb import LmdbStore\n"
        "store = LmdbStore.open(Path(sys.argv[1]))\n"
        "with store.read() as txn: print(txn.get(2, b'key').decode())\n"
        "store.transact(lambda txn: txn.put(2, b'key', b'theirs'))\n"
    )
    assert run_python(program, folder) == "value\n"
    assert _value(store) == b"theirs"
    store.close()


def test_a_read_only_handle(folder: Path) -> None:
    """Every write through a read-only handle is refused, also where another handle of the process may write."""
    writable, read_only = LmdbStore.open(folder), LmdbStore.open(folder, read_only=True)
    assert (writable.read_only, read_only.read_only) == (False, True)
    assert _value(read_only) == b"value"
    for act in (lambda: read_only.write().__enter__(), lambda: read_only.transact(lambda txn: None)):
        with pytest.raises(ReadOnlyVault):
            act()
    writable.close()
    assert _value(read_only) == b"value"
    read_only.close()


def test_a_medium_that_cannot_be_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no lock file can be made, the store opens on request only, without one, and reads."""

    def denied(path: Path, _content: bytes = b"") -> None:
        raise OSError(30, "Read-only file system")

    (folder / LOCK_FILE).unlink()
    monkeypatch.setattr(environment, "make_file", denied)
    with pytest.raises(ReadOnlyVault):
        LmdbStore.open(folder)
    store = LmdbStore.open(folder, read_only=True)
    assert _value(store) == b"value"
    assert store.verify_structure() == []
    assert not (folder / LOCK_FILE).exists()
    with pytest.raises(ReadOnlyVault):
        LmdbStore.open(folder)
    store.close()


def test_a_forked_child_is_refused(folder: Path) -> None:
    """A store inherited through a fork raises `VaultForked` for every use, and the parent's is unharmed."""
    store = LmdbStore.open(folder)
    assert in_child(lambda: _value(store)) == "VaultForked"
    assert in_child(lambda: store.transact(lambda txn: None)) == "VaultForked"
    assert in_child(lambda: store.backup(folder.parent / "copy")) == "VaultForked"
    assert in_child(store.close) == "None"
    store.transact(lambda txn: txn.put(OBJECTS, b"key", b"parent's"))
    assert _value(store) == b"parent's"
    store.close()


def test_a_forked_child_opens_again(folder: Path) -> None:
    """The child can open the store anew, read and write; the parent sees what it wrote."""
    store = LmdbStore.open(folder)

    def child() -> bytes | None:
        store.close()
        own = LmdbStore.open(folder)
        own.transact(lambda txn: txn.put(OBJECTS, b"child", b"was here"))
        found = _value(own)
        own.close()
        return found

    assert in_child(child) == repr(b"value")
    with store.read() as txn:
        assert txn.get(OBJECTS, b"child") == b"was here"
    store.close()


def test_a_fork_inside_a_transaction(folder: Path) -> None:
    """Forked off in the middle of transactions, the child can use none of them, and the parent goes on with all."""
    store = LmdbStore.open(folder)
    with store.read() as reading, store.write() as writing:
        scan = reading.scan(OBJECTS)
        assert next(scan) == (b"key", b"value")
        writing.put(OBJECTS, b"key", b"written")
        assert in_child(lambda: reading.get(OBJECTS, b"key")) == "VaultForked"
        assert in_child(lambda: writing.put(OBJECTS, b"key", b"child's")) == "VaultForked"
        assert in_child(lambda: writing.__exit__(None, None, None)) == "VaultForked"
        assert in_child(lambda: LmdbStore.open(folder)) == "VaultForked"
        assert list(scan) == []
        assert reading.get(OBJECTS, b"key") == b"value"
    assert _value(store) == b"written"
    store.close()


def test_a_read_transaction_outlives_a_forked_child(folder: Path) -> None:
    """The end of a child forked off inside a read frees nothing the read relies on: its snapshot stays."""
    store = LmdbStore.open(folder)
    with store.read() as reading:
        assert in_child(lambda: 1) == "1"
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        program = (
            "import sys; from pathlib import Path; from localvault.store.lmdb import LmdbStore\n"
            "store = LmdbStore.open(Path(sys.argv[1]))\n"
            "for n in range(50): store.transact(lambda txn: txn.put(2, b'key', b'%d' % n * 900))\n"
        )
        run_python(program, folder)
        assert reading.get(OBJECTS, b"key") == b"value"
        assert list(reading.scan(OBJECTS)) == [(b"key", b"value")]
    store.close()


def test_dead_readers_are_forgotten(folder: Path) -> None:
    """A process killed while it read keeps nothing: the next that opens the store frees its slot."""
    program = (
        "import os, sys; from pathlib import Path; from localvault.store.lmdb import LmdbStore\n"
        "store = LmdbStore.open(Path(sys.argv[1]))\n"
        "txn = store.read().__enter__(); os.kill(os.getpid(), 9)\n"
    )
    keeper = LmdbStore.open(folder)
    with pytest.raises(AssertionError):
        run_python(program, folder)
    engine = behind(keeper)._engine
    assert len(engine.readers().strip().splitlines()) == 2
    behind(keeper).forget_dead_readers()
    assert "no active readers" in engine.readers()
    keeper.close()


def test_too_many_readers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When every slot is taken, reading raises `StoreBusy`; when one is free again it works."""
    monkeypatch.setattr(environment, "_TRANSACTIONS_MAX", 3)
    (folder / LOCK_FILE).unlink()
    store = LmdbStore.open(folder)
    with store.read(), store.read():
        with store.read(), pytest.raises(StoreBusy):
            _value(store)
        assert _value(store) == b"value"
    store.close()


def test_nothing_there(tmp_path: Path) -> None:
    """No folder, an empty folder and a file are told from a store, and nothing is made."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    for path in (tmp_path / "no", tmp_path / "empty", tmp_path / "file", tmp_path / "file" / "no"):
        with pytest.raises(NotAVault):
            LmdbStore.open(path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["empty", "file"]


def test_the_engine_refuses_nothing_we_do_not(folder: Path) -> None:
    """What we write is a plain file of the engine: its own tools open it."""
    engine = lmdb.open(str(folder), readonly=True, lock=False)
    with engine.begin() as txn:
        assert txn.get(bytes((OBJECTS,)) + b"key")[:-4] == b"value"
    engine.close()
    assert (folder / DATA_FILE).stat().st_mode & 0o777 == 0o600


def test_vault_forked_is_told_from_closed(folder: Path) -> None:
    """After `close` a handle is closed, in the child too."""
    store = LmdbStore.open(folder)
    store.close()
    assert in_child(lambda: _value(store)) == "VaultClosed"
    assert issubclass(VaultForked, Exception)
