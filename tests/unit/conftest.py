"""A vault for each test, and the clock it lives by."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

import localvault
from localvault import Vault
from localvault.testing.clock import FixedClock
from localvault.testing.profiles import CHEAPEST

# How long an example takes says how busy the machine is.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture
def clock() -> FixedClock:
    """A clock that stands at the start of 2026 until it is moved."""
    return FixedClock()


@pytest.fixture
def vault(tmp_path: Path, clock: FixedClock) -> Iterator[Vault]:
    """A new vault named `unit`, closed when the test is over."""
    with localvault.create(
        tmp_path / "v", passphrase="unit", name="unit", kdf=CHEAPEST, allow_weak=True, clock=clock
    ) as vault:
        yield vault
