"""A vault that holds the test keys, for tests that leave them as they are; and one with a key to work with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import localvault
from localvault import Crypto, Vault
from localvault.testing.clock import FixedClock
from localvault.testing.profiles import CHEAPEST
from tests.support.keys import KINDS, key


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """Every key of `tests.support.keys`, imported under its own name."""
    folder = tmp_path_factory.mktemp("held") / "v"
    with localvault.create(
        folder, passphrase="held", name="held", kdf=CHEAPEST, allow_weak=True, clock=FixedClock()
    ) as vault:
        for name, (kty, _, _) in KINDS.items():
            own = key(name)
            vault.keys.import_(name, own.private_jwk() if kty == "oct" else own.private_pem())
        yield vault


@pytest.fixture
def data(vault: Vault) -> Vault:
    """A vault with an oct key `data`."""
    vault.keys.create("data", "oct", size=256)
    return vault


@pytest.fixture
def crypto(data: Vault) -> Crypto:
    """The verbs of `data`."""
    return data.crypto("data")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder."""
    made = tmp_path / "files"
    made.mkdir()
    return made
