"""Making a store, and making a copy of one: complete under its name, or not there."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from localvault.errors import Damaged, StoreBusy, StoreFull, VaultExists
from localvault.store import lmdb as lmdb_room
from localvault.store.environment import DATA_FILE, Environment
from localvault.store.layout import Table
from localvault.store.lmdb import LmdbStore
from localvault.store.protocol import WriteTxn
from tests.support.stores import Model, data, filled, put_data

OBJECTS = int(Table.OBJECTS)


def _contents(folder: Path) -> Model:
    store = LmdbStore.open(folder)
    assert store.verify_structure() == []
    with store.read() as txn:
        found = {(int(table), key): value for table in Table for key, value in txn.scan(table)}
    store.close()
    return found


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_new_store_has_what_it_must_have(tmp_path: Path) -> None:
    """What `first` writes is there when the store is."""
    store = LmdbStore.create(tmp_path / "vault", lambda txn: txn.put(Table.VAULT, b"header", b"h"))
    with store.read() as txn:
        assert txn.get(Table.VAULT, b"header") == b"h"
    store.close()
    assert _names(tmp_path / "vault") == {"data.mdb", "lock.mdb"}


def test_a_store_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    """An error in `first` comes out as it is; the folder is gone, or empty if it was there before."""

    def fail(txn: WriteTxn) -> None:
        txn.put(Table.VAULT, b"header", bytes(100_000))
        raise KeyError("no")

    (tmp_path / "empty").mkdir()
    for name in ("vault", "empty"):
        with pytest.raises(KeyError):
            LmdbStore.create(tmp_path / name, fail)
    assert _names(tmp_path) == {"empty"}
    assert _names(tmp_path / "empty") == set()
    LmdbStore.create(tmp_path / "vault").close()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A store, a file or a folder with something in it stays as it is."""
    model = filled(tmp_path / "vault")
    (tmp_path / "file").write_text("text")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("text")
    for name in ("vault", "file", "folder"):
        with pytest.raises(VaultExists):
            LmdbStore.create(tmp_path / name)
    assert _contents(tmp_path / "vault") == model
    assert (tmp_path / "file").read_text() == "text"
    assert _names(tmp_path / "folder") == {"file"}


def test_two_that_make_the_same_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of two processes at the same moment is told; the first one's store is the one there."""
    (tmp_path / "vault").mkdir()
    make = lmdb_room._make_data_file

    def overtaken(folder: Path, first: None) -> None:
        make(folder, first)
        put_data(tmp_path / "vault", b"another's")

    monkeypatch.setattr(lmdb_room, "_make_data_file", overtaken)
    with pytest.raises(VaultExists):
        LmdbStore.create(tmp_path / "vault")
    assert _names(tmp_path / "vault") == {DATA_FILE}
    assert data(tmp_path / "vault") == b"another's"


@pytest.mark.parametrize("compact", [False, True])
def test_a_copy_is_the_store_as_it_was(tmp_path: Path, compact: bool) -> None:
    """A backup and a compact copy hold everything, and a compact one no free pages."""
    model = filled(tmp_path / "vault")
    store = LmdbStore.open(tmp_path / "vault")
    (store.compact if compact else store.backup)(tmp_path / "copy")
    store.transact(lambda txn: txn.put(OBJECTS, b"later", b""))
    store.close()
    assert _names(tmp_path) == {"vault", "copy"}
    assert _names(tmp_path / "copy") == {"data.mdb"}
    assert _contents(tmp_path / "copy") == model
    if compact:
        assert len(data(tmp_path / "copy")) < len(data(tmp_path / "vault"))


def test_a_copy_while_others_write(tmp_path: Path) -> None:
    """Each copy made while a thread commits is one state between two commits."""
    store = LmdbStore.create(tmp_path / "vault")
    end = threading.Event()

    def write() -> None:
        number = 0
        while not end.is_set():
            number += 1
            with store.write() as txn:
                for key in range(50):
                    txn.put(OBJECTS, b"%d" % key, b"%d" % number * 100)

    writer = threading.Thread(target=write)
    writer.start()
    for copy in range(6):
        (store.compact if copy % 2 else store.backup)(tmp_path / f"copy{copy}")
    end.set()
    writer.join()
    store.close()
    for copy in range(6):
        found = _contents(tmp_path / f"copy{copy}")
        assert len(set(found.values())) <= 1
        assert len(found) in (0, 50)


def test_a_copy_overwrites_nothing(tmp_path: Path) -> None:
    """Whatever is at the target stays, a dangling link too."""
    store = LmdbStore.create(tmp_path / "vault")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    before = _names(tmp_path)
    for name in ("folder", "file", "link", "vault"):
        with pytest.raises(VaultExists):
            store.backup(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        store.backup(tmp_path / "no" / "such" / "place")
    assert _names(tmp_path) == before
    store.close()


def test_a_copy_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without space nothing is left at the target or beside it."""
    store = LmdbStore.create(tmp_path / "vault")

    def full(_self: Environment, _descriptor: int, *, compact: bool) -> None:
        raise StoreFull("no space")

    monkeypatch.setattr(Environment, "copy", full)
    with pytest.raises(StoreFull):
        store.backup(tmp_path / "copy")
    assert _names(tmp_path) == {"vault"}
    store.close()


def test_a_copy_inside_a_write_is_refused(tmp_path: Path) -> None:
    """A copy would wait for the write it is in: it is refused instead."""
    store = LmdbStore.create(tmp_path / "vault")
    with store.write() as txn:
        txn.put(OBJECTS, b"key", b"value")
        with pytest.raises(StoreBusy):
            store.backup(tmp_path / "copy")
    assert _names(tmp_path) == {"vault"}
    store.close()


def test_a_damaged_store_is_not_compacted(tmp_path: Path) -> None:
    """Compacting follows every pointer, so a damaged file is refused; a plain copy of it can be made for rescue."""
    filled(tmp_path / "vault")
    content = bytearray(data(tmp_path / "vault"))
    for page in range(2, len(content) // 4096):
        if content[page * 4096 + 10] == 2:
            content[page * 4096 + 16] ^= 0xFF
    put_data(tmp_path / "vault", bytes(content))
    store = LmdbStore.open(tmp_path / "vault")
    with pytest.raises(Damaged):
        store.compact(tmp_path / "compact")
    store.backup(tmp_path / "copy")
    store.close()
    assert _names(tmp_path) == {"vault", "copy"}
    assert data(tmp_path / "copy") == bytes(content)
