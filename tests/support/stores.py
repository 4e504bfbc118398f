"""Stores with something in them, and their data files as bytes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from localvault.store.environment import DATA_FILE, Environment
from localvault.store.layout import Table
from localvault.store.lmdb import LmdbStore
from localvault.store.metas import Meta, newest
from localvault.store.pagefile import PageFile
from localvault.store.protocol import WriteTxn
from localvault.testing.chance import Chance

PAGE = 4096
Model = dict[tuple[int, bytes], bytes]


def filled(folder: Path, objects: int = 60) -> Model:
    """Make a store in `folder` as some commits and removals leave one, close it, and return what is in it."""
    model: Model = {}
    chance = Chance(1)
    with_store(folder, lambda store: _fill(store, model, chance, objects), new=True)
    return model


def with_store(folder: Path, act: Callable[[LmdbStore], None], *, new: bool = False) -> None:
    """Open (or make) the store in `folder`, act, close it."""
    store = LmdbStore.create(folder) if new else LmdbStore.open(folder)
    try:
        act(store)
    finally:
        store.close()


def _fill(store: LmdbStore, model: Model, chance: Chance, objects: int) -> None:
    def put(txn: WriteTxn, table: int, key: bytes, size: int) -> None:
        model[table, key] = chance.bytes(size)
        txn.put(table, key, model[table, key])

    with store.write() as txn:
        put(txn, Table.VAULT, b"header", 500)
        put(txn, Table.VAULT, b"long", 6000)
        put(txn, Table.VAULT, b"even", 3600)
    for part in range(4):
        with store.write() as txn:
            for number in range(part * objects // 4, (part + 1) * objects // 4):
                key = b"s" + chance.bytes(16)
                put(txn, Table.OBJECTS, key, 180)
                put(txn, Table.VERSIONS, key + chance.bytes(16), 260)
                put(txn, Table.JOURNAL, number.to_bytes(8, "big"), 400)
                put(txn, Table.TREE, b"\0" + number.to_bytes(8, "big"), 32)
    with store.write() as txn:
        for number in range(objects // 5):
            txn.delete(Table.JOURNAL, number.to_bytes(8, "big"))
            del model[Table.JOURNAL, number.to_bytes(8, "big")]


def data(folder: Path) -> bytes:
    """Return the data file's bytes."""
    return (folder / DATA_FILE).read_bytes()


def put_data(folder: Path, content: bytes) -> None:
    """Make `folder` a vault's folder with these bytes as its data file."""
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / DATA_FILE).write_bytes(content)
    (folder / DATA_FILE).chmod(0o600)


def flipped(content: bytes, offset: int, bits: int) -> bytes:
    """Return `content` with `bits` of the byte at `offset` turned round."""
    return content[:offset] + bytes((content[offset] ^ bits,)) + content[offset + 1 :]


class Pages:
    """The pages of a data file, without the engine."""

    def __init__(self, folder: Path) -> None:
        self._descriptor = os.open(folder / DATA_FILE, os.O_RDONLY)
        self.file = PageFile(self._descriptor, PAGE)

    def newest(self) -> Meta:
        """Return the state committed last."""
        return newest(self.file.read)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)


def behind(store: LmdbStore) -> Environment:
    """Return what is behind a handle."""
    environment = store._environment
    assert environment is not None
    return environment
