"""A vault for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import localvault
from localvault import Vault
from localvault.testing.profiles import CHEAPEST


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    """A new vault named `interop`, closed when the test is over."""
    with localvault.create(
        tmp_path / "v", passphrase="interop", name="interop", kdf=CHEAPEST, allow_weak=True
    ) as vault:
        yield vault
