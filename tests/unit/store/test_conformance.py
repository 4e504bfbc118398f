"""The embedded store keeps the promises every store makes, in each of the ways it can be open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from localvault.store import environment, trust
from localvault.store.lmdb import LmdbStore
from localvault.testing.store import StoreConformance


class TestNewStore(StoreConformance):
    """A store this process has made: nothing in it is doubted."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[LmdbStore]:
        """An empty store."""
        store = LmdbStore.create(tmp_path / "vault")
        yield store
        store.close()


class TestStoreFoundOnDisk(StoreConformance):
    """A store that was opened: every page is looked at before the engine sees it."""

    @pytest.fixture
    def store(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LmdbStore]:
        """An empty store."""
        monkeypatch.setattr(trust, "_PAGES_A_LOOK", 0)
        LmdbStore.create(tmp_path / "vault").close()
        store = LmdbStore.open(tmp_path / "vault")
        yield store
        store.close()


class TestGrowingStore(StoreConformance):
    """A store whose map begins far too small and grows again and again."""

    @pytest.fixture
    def store(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LmdbStore]:
        """An empty store."""
        monkeypatch.setattr(environment, "MAP_START", 64 << 10)
        LmdbStore.create(tmp_path / "vault").close()
        store = LmdbStore.open(tmp_path / "vault")
        yield store
        store.close()
