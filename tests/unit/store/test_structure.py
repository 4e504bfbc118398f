"""The walk over a whole file, held against the engine's own offline verifier."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from lmdb import verify

from localvault.errors import VaultError
from localvault.store.layout import PIECE, Table, first_piece, next_piece
from localvault.store.lmdb import LmdbStore
from localvault.store.structure import find_problems
from tests.support.stores import PAGE, Pages, behind, data, filled, flipped, put_data


def _problems(folder: Path) -> list[str]:
    """What our walk says about a file, without the engine."""
    pages = Pages(folder)
    try:
        return find_problems(pages.file, pages.newest())
    except VaultError as error:
        return [error.message]
    finally:
        pages.close()


def _verifier(folder: Path) -> list[str]:
    try:
        return list(verify.verify(str(folder)))
    except verify.VerifyError as error:
        return [str(error)]


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A sound data file."""
    folder = tmp_path_factory.mktemp("structure") / "vault"
    filled(folder, 40)
    return data(folder)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_the_verifier_finds_we_find(content: bytes, tmp_path: Path, seed: int) -> None:
    """No damage passes our walk that the engine's verifier sees, over many kinds of it."""
    chance = random.Random(seed)
    put_data(tmp_path / "vault", content)
    assert _problems(tmp_path / "vault") == _verifier(tmp_path / "vault") == []
    seen = 0
    for _ in range(120):
        page = chance.randrange(len(content) // PAGE) * PAGE
        offset = page + chance.choice((chance.randrange(160), chance.randrange(PAGE)))
        changed = flipped(content, offset, chance.randrange(1, 256))
        if not chance.randrange(4):
            other = chance.randrange(2, len(content) // PAGE) * PAGE
            changed = content[:page] + content[other : other + PAGE] + content[page + PAGE :]
        put_data(tmp_path / "vault", changed)
        if _verifier(tmp_path / "vault"):
            seen += 1
            assert _problems(tmp_path / "vault") != [], offset
    assert seen > 5


def test_every_problem_is_told(content: bytes, tmp_path: Path) -> None:
    """The walk goes on past what is damaged: two leaves that were hit are two problems."""
    leaves = [page for page in range(2, len(content) // PAGE) if content[page * PAGE + 10] == 2]
    put_data(tmp_path / "vault", content)
    live = []
    for page in leaves:
        put_data(tmp_path / "vault", flipped(content, page * PAGE + 16, 0x80))
        if len(_problems(tmp_path / "vault")) == 1:
            live.append(page)
    changed = flipped(flipped(content, live[0] * PAGE + 16, 0x80), live[-2] * PAGE + 16, 0x80)
    put_data(tmp_path / "vault", changed)
    found = _problems(tmp_path / "vault")
    assert len(found) == 2
    assert {f"page {live[0]} " in " ".join(found), f"page {live[-2]} " in " ".join(found)} == {True}


def test_a_piece_of_a_long_value_that_is_missing(tmp_path: Path) -> None:
    """Pieces without their value, and values without a piece, are told, and reading such a value raises `Damaged`."""
    store = LmdbStore.create(tmp_path / "vault")
    store.transact(lambda txn: txn.put(Table.OBJECTS, b"key", bytes(3 * PIECE)))
    place = bytes((Table.OBJECTS,)) + b"key"
    assert store.verify_structure() == []
    with behind(store)._engine.begin(write=True) as txn:
        last = next_piece(next_piece(first_piece(place)))
        kept = txn.pop(last)
    assert store.verify_structure() == ["1 pieces of long values are missing or left over"]
    with store.read() as reading, pytest.raises(VaultError, match="piece"):
        reading.get(Table.OBJECTS, b"key")
    with behind(store)._engine.begin(write=True) as txn:
        txn.put(last, kept)
        txn.delete(place)
    assert store.verify_structure() == ["1 pieces of long values are missing or left over"]
    store.close()


def test_readers_and_writers_go_on(tmp_path: Path) -> None:
    """The walk sees one state although others are committed meanwhile."""
    filled(tmp_path / "vault", 300)
    store = LmdbStore.open(tmp_path / "vault")
    writer = LmdbStore.open(tmp_path / "vault")
    steps = []

    def write(done: int, of: int) -> None:
        steps.append((done, of))
        writer.transact(lambda txn: txn.put(Table.OBJECTS, b"%d" % done, bytes(5000)))

    with store.read():
        pages = Pages(tmp_path / "vault")
        meta = pages.newest()
        for number in range(30):
            writer.transact(lambda txn, number=number: txn.put(Table.OBJECTS, b"%d" % number, bytes(5000)))
        assert find_problems(pages.file, meta, write) == []
        pages.close()
    assert store.verify_structure() == []
    writer.close()
    store.close()


def test_an_empty_store_is_sound(tmp_path: Path) -> None:
    """Before anything is written, and after everything was deleted, nothing is wrong."""
    store = LmdbStore.create(tmp_path / "vault")
    assert store.verify_structure() == []
    store.transact(lambda txn: txn.put(Table.OBJECTS, b"key", bytes(10_000)))
    store.transact(lambda txn: txn.delete(Table.OBJECTS, b"key"))
    assert store.verify_structure() == []
    store.close()
    store = LmdbStore.open(tmp_path / "vault")
    assert store.verify_structure() == []
    with store.read() as txn:
        assert list(txn.scan(Table.OBJECTS)) == []
        assert txn.get(Table.OBJECTS, b"key") is None
        assert txn.last(Table.OBJECTS) is None
    store.close()
