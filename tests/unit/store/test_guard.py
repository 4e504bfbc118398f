"""What the guard sees before the engine does, and when it steps aside."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localvault.errors import Damaged, VaultError
from localvault.store import guard, trust
from localvault.store.freepages import FreePages
from localvault.store.guard import Guard
from localvault.store.layout import PREFIX, Table
from localvault.store.lmdb import LmdbStore
from localvault.store.pages import Branch, check_branch, check_leaf
from localvault.store.protocol import WriteTxn
from tests.support.stores import PAGE, Pages, behind, data, filled, flipped, put_data

OBJECTS = int(Table.OBJECTS)


class Vault:
    """A filled store on disk, its contents, and where in the file things are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._store: LmdbStore | None = None
        self.model = filled(folder)
        self.content = data(folder)
        pages = Pages(folder)
        meta = pages.newest()
        self.root, self.last_page = meta.main.root, meta.last_page
        self.branch: Branch = check_branch(pages.file.page(self.root), self.root, self.last_page, b"")
        self.free = sorted(FreePages(pages.file, meta).free)
        self.leaves = [list(check_leaf(pages.file.page(leaf), leaf)) for leaf in self.branch.children]
        pages.close()

    def entry(self, page: int, index: int) -> int:
        """Return where in the file entry `index` of a page begins."""
        offset: int = struct.unpack_from("=H", self.content, page * PAGE + 16 + 2 * index)[0]
        return page * PAGE + offset

    def put(self, content: bytes) -> LmdbStore:
        """Put these bytes in the place of the data file, and open it."""
        if self._store is not None:
            self._store.close()
        put_data(self.folder, content)
        self._store = LmdbStore.open(self.folder)
        return self._store

    def with_child(self, index: int, page: int) -> bytes:
        """Return the file with child `index` of the root leading to another page."""
        start = self.entry(self.root, index)
        return self.content[:start] + struct.pack("=I", page) + self.content[start + 4 :]


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """One for all tests: each puts its own bytes in place."""
    return Vault(tmp_path_factory.mktemp("guard") / "vault")


def _get(store: LmdbStore, place: bytes) -> bytes | None:
    with store.read() as txn:
        return txn.get(place[0], place[1:])


def _put(store: LmdbStore, place: bytes) -> None:
    store.transact(lambda txn: txn.put(place[0], place[1:], b"new"))


def _delete(store: LmdbStore, place: bytes) -> None:
    store.transact(lambda txn: txn.delete(place[0], place[1:]))


def _scan(store: LmdbStore, place: bytes) -> None:
    with store.read() as txn:
        list(txn.scan(place[0]))


def _refused(act: Callable[[LmdbStore, bytes], object], store: LmdbStore, place: bytes) -> bool:
    try:
        act(store, place)
    except Damaged:
        return True
    return False


def test_what_is_sound_can_be_used_beside_what_is_damaged(vault: Vault) -> None:
    """A leaf that was hit refuses what it holds and nothing else; it is reported; others can be read and written."""
    leaf = vault.branch.children[2]
    store = vault.put(flipped(vault.content, leaf * PAGE + 10, 0x04))
    lost = set(vault.leaves[2])
    for (table, key), value in vault.model.items():
        place = PREFIX[table] + key
        if place in lost:
            assert _refused(_get, store, place)
            assert _refused(_put, store, place)
        else:
            assert _get(store, place) == value
    far = vault.leaves[-1][-1]
    store.transact(lambda txn: txn.put(far[0], far[1:], b"new"))
    assert _get(store, far) == b"new"
    assert len(store.verify_structure()) == 1
    store.close()


def test_a_key_that_was_hit_is_not_merely_missing(vault: Vault) -> None:
    """Where a flipped bit changed a key, asking for the old or the new one raises `Damaged`, not None."""
    for index in (0, 7, len(vault.leaves) - 1):
        for position, key in enumerate(vault.leaves[index]):
            start = vault.entry(vault.branch.children[index], position) + 8
            store = vault.put(flipped(vault.content, start + len(key) - 1, 0x01))
            assert _refused(_get, store, key)
            assert _refused(_get, store, key[:-1] + bytes((key[-1] ^ 1,)) + b"x")
            assert _refused(_delete, store, key)
            store.close()


def test_a_pointer_to_an_older_page_is_seen(vault: Vault) -> None:
    """A free page still holds what a leaf held before: led there, one would read the past. It is refused."""
    key = vault.leaves[5][0]
    for page in vault.free[:12]:
        store = vault.put(vault.with_child(5, page))
        assert _refused(_get, store, key)
        assert _refused(_put, store, key)
        store.close()


def test_a_pointer_to_another_page_in_use_is_seen(vault: Vault) -> None:
    """Leaves in each other's place: what is not found there raises `Damaged`, also after both were read rightly."""
    for other in (0, 4, 6, 9):
        store = vault.put(vault.with_child(5, vault.branch.children[other]))
        assert _get(store, vault.leaves[other][0]) is not None
        for key in vault.leaves[5]:
            assert _refused(_get, store, key)
        assert _refused(_scan, store, vault.leaves[5][0])
        store.close()


def test_a_pointer_key_that_was_hit_is_seen(vault: Vault) -> None:
    """Where a flipped bit moved the border between two leaves, no key beside it is missed silently."""
    for index in range(1, len(vault.branch.children)):
        border = vault.branch.keys[index - 1]
        start = vault.entry(vault.root, index) + 8
        for position in range(len(border)):
            store = vault.put(flipped(vault.content, start + position, 0x08))
            for key in (vault.leaves[index - 1][-1], vault.leaves[index][0]):
                wanted = vault.model[key[0], key[1:]] if key[0] < 8 else None
                if wanted is not None and not _refused(_get, store, key):
                    assert _get(store, key) == wanted
            store.close()


def test_lists_of_free_pages_that_were_hit(vault: Vault) -> None:
    """Without knowing what is free nothing is written, and everything can be read."""
    vault.put(vault.content).close()
    pages = Pages(vault.folder)
    own = FreePages(pages.file, pages.newest()).own[0]
    pages.close()
    store = vault.put(flipped(vault.content, vault.entry(own, 0) + 8 + 8, 0x01))
    assert all(_get(store, PREFIX[table] + key) == value for (table, key), value in vault.model.items())
    with pytest.raises(Damaged):
        store.write().__enter__()
    assert store.verify_structure() != []
    with pytest.raises(Damaged):
        store.transact(lambda txn: None)
    store.close()


def test_a_removal_looks_at_the_neighbours(vault: Vault) -> None:
    """Taking the last keys out of a leaf joins it with the next one, so a damaged neighbour refuses it in time."""
    store = vault.put(flipped(vault.content, vault.branch.children[8] * PAGE + 12, 0x02))

    def empty(txn: WriteTxn) -> None:
        for key in vault.leaves[7]:
            txn.delete(key[0], key[1:])

    with pytest.raises(Damaged):
        store.transact(empty)
    assert _get(store, vault.leaves[7][0]) is not None
    store.close()


def test_use_that_paid_for_it_ends_the_guard(vault: Vault) -> None:
    """After some looks per page the whole file is checked once, and if it is sound nothing is looked at again."""
    store = vault.put(vault.content)
    assert behind(store).guard is not None
    for _ in range(4):
        for table, key in vault.model:
            _get(store, PREFIX[table] + key)
    assert behind(store).guard is None
    again = LmdbStore.open(vault.folder)
    assert behind(again).guard is None
    again.close()
    store.close()


def test_a_damaged_file_keeps_its_guard(vault: Vault) -> None:
    """However often it is used, a file with a damaged page is never trusted."""
    store = vault.put(flipped(vault.content, vault.branch.children[2] * PAGE + 16, 0x01))
    for _ in range(6):
        for table, key in vault.model:
            try:
                _get(store, PREFIX[table] + key)
            except VaultError:
                continue
    assert behind(store).guard is not None
    store.close()


@pytest.mark.parametrize("remembered", [0, 2, 1000])
def test_a_deep_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, remembered: int) -> None:
    """With many branch pages, more than are kept parsed, the guard finds what the engine finds, in every direction."""
    monkeypatch.setattr(trust, "_PAGES_A_LOOK", 0)
    monkeypatch.setattr(guard, "_REMEMBERED", remembered)
    keys = [b"%05d" % number + b"." * 150 for number in range(3000)]
    store = LmdbStore.create(tmp_path / "vault")
    with store.write() as filling:
        for key in keys:
            filling.put(OBJECTS, key, key)
    store.close()
    store = LmdbStore.open(tmp_path / "vault")
    assert behind(store)._newest().main.depth >= 3
    with store.read() as txn:
        assert [key for key, _ in txn.scan(OBJECTS)] == keys
        assert [key for key, _ in txn.scan(OBJECTS, reverse=True)] == keys[::-1]
        assert list(txn.scan(OBJECTS, b"02", keys_only=True)) == [
            (key, b"") for key in keys if key[:2] == b"02"
        ]
        assert txn.last(OBJECTS, b"02") == (keys[2999], keys[2999])
        for key in keys[::7]:
            assert txn.get(OBJECTS, key) == key
            assert txn.get(OBJECTS, key + b"x") is None
    with store.write() as writing:
        for key in keys[::2]:
            assert writing.delete(OBJECTS, key)
        for key in keys[1::4]:
            writing.put(OBJECTS, key, b"changed")
    with store.read() as txn:
        assert [key for key, _ in txn.scan(OBJECTS)] == keys[1::2]
    assert store.verify_structure() == []
    assert isinstance(behind(store).guard, Guard)
    store.close()


def test_progress_of_the_walk(vault: Vault) -> None:
    """`verify_structure` tells how far it is."""
    store = vault.put(vault.content)
    told: list[tuple[int, int]] = []
    assert store.verify_structure(lambda done, of: told.append((done, of))) == []
    assert told == [] or told[-1][0] <= told[-1][1]
    store.close()
