"""A bench for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.journals import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A store in a new folder, with the keys of its journal."""
    bench = Bench(tmp_path / "v")
    yield bench
    bench.store.close()
