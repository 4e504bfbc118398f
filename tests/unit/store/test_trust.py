"""The quick walk over a whole file: what it says is what the slow one says, and when it takes place."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localvault.errors import VaultError
from localvault.store import environment, trust
from localvault.store.layout import Table
from localvault.store.lmdb import LmdbStore
from localvault.store.structure import find_problems
from localvault.store.trust import is_sound
from localvault.testing.chance import Chance
from tests.support.flips import flips, wounds
from tests.support.stores import Pages, behind, data, filled, put_data

OBJECTS = int(Table.OBJECTS)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A sound data file of three levels."""
    folder = tmp_path_factory.mktemp("trust") / "vault"
    filled(folder, 700)
    return data(folder)


def _answers(folder: Path) -> tuple[bool, list[str]]:
    """What the quick walk and the slow one say of a file."""
    pages = Pages(folder)
    try:
        meta = pages.newest()
        return bool(is_sound(pages.file, meta)), find_problems(pages.file, meta)
    except VaultError as error:
        return False, [error.message]
    finally:
        pages.close()


@pytest.mark.parametrize("way", [flips, wounds])
def test_both_walks_agree(
    content: bytes, tmp_path: Path, way: Callable[..., Iterator[tuple[str, bytes]]]
) -> None:
    """Over damage of many kinds the core finds what Python finds; only pieces of long values it leaves to reading."""
    put_data(tmp_path / "vault", content)
    assert _answers(tmp_path / "vault") == (True, [])
    said = {True: 0, False: 0}
    for name, changed in way(content, Chance(5), 70):
        put_data(tmp_path / "vault", changed)
        sound, problems = _answers(tmp_path / "vault")
        assert sound == all("pieces of long values" in problem for problem in problems), (name, problems)
        said[sound] += 1
    assert said[False] > 15


def _use(store: LmdbStore, until: Callable[[], bool]) -> None:
    """Look at single pages until `until()`, or far longer than it takes."""
    deadline = time.monotonic() + 120
    while not until() and time.monotonic() < deadline:
        with store.read() as txn:
            txn.get(OBJECTS, b"no such key")


@pytest.fixture
def store(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LmdbStore]:
    """A store just opened, whose file counts as a large one."""
    monkeypatch.setattr(trust, "_AT_ONCE", 0)
    monkeypatch.setattr(environment, "MAP_START", 16 << 20)
    put_data(tmp_path / "vault", content)
    opened = LmdbStore.open(tmp_path / "vault")
    yield opened
    opened.close()


def _walkers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "localvault walk"]


def test_a_large_file_is_walked_by_a_thread_of_its_own(store: LmdbStore) -> None:
    """While it is walked, single pages go on being looked at; afterwards none are."""
    assert behind(store).guard is not None
    _use(store, lambda: behind(store).guard is None)
    assert behind(store).guard is None


def test_writes_count_too(store: LmdbStore) -> None:
    """A program that only writes does not pay for looks for ever."""
    for number in range(1000):
        if behind(store).guard is None:
            break
        with store.write() as txn:
            txn.put(OBJECTS, b"new %d" % number, b"")
    _join()
    assert behind(store).guard is None
    assert store.verify_structure() == []


def _join() -> None:
    for walker in _walkers():
        walker.join()


def test_a_file_that_is_damaged_is_never_trusted(content: bytes, tmp_path: Path, store: LmdbStore) -> None:
    """The thread says no, and is not sent again."""
    store.close()
    pages = Pages(tmp_path / "vault")
    root = pages.newest().main.root
    pages.close()
    changed = bytearray(content)
    changed[root * 4096 + 20] ^= 4
    put_data(tmp_path / "other", bytes(changed))
    damaged = LmdbStore.open(tmp_path / "other")
    for _ in range(500):
        with pytest.raises(VaultError), damaged.read() as txn:
            txn.get(OBJECTS, b"no such key")
    _join()
    assert behind(damaged).guard is not None
    damaged.close()


def test_who_grows_the_map_or_closes_does_not_wait_for_the_walk(
    store: LmdbStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The walk gives up when somebody waits, and comes again later."""
    began, asked = threading.Event(), threading.Event()

    def slow(pages: object, meta: object, go_on: Callable[[], bool] = lambda: True) -> bool | None:
        began.set()
        while go_on():
            time.sleep(0.001)
        asked.set()
        return None

    monkeypatch.setattr(trust, "is_sound", slow)
    _use(store, began.is_set)
    store.transact(lambda txn: txn.put(OBJECTS, b"large", bytes(40 << 20)))
    assert asked.is_set()
    monkeypatch.undo()
    monkeypatch.setattr(trust, "_AT_ONCE", 0)
    _use(store, lambda: behind(store).guard is None)
    assert behind(store).guard is None


def test_the_walk_says_so_when_it_was_stopped(content: bytes, tmp_path: Path) -> None:
    """None is neither yes nor no."""
    put_data(tmp_path / "vault", content)
    pages = Pages(tmp_path / "vault")
    assert is_sound(pages.file, pages.newest(), lambda: False) is None
    pages.close()
