"""What the suites share: one vault of 1,000 secrets, unlocked by a key file, and one key of every type."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import localvault
from bench import vaults


@pytest.fixture(scope="session")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[localvault.Vault]:
    """An open vault of 1,000 secrets."""
    with vaults.create(tmp_path_factory.mktemp("suites") / "vault") as opened:
        vaults.fill_singly(opened, vaults.FEW)
        opened.keys.create("rsa", "RSA", size=3072)
        opened.keys.create("ec", "EC", curve="P-256")
        opened.keys.create("aes", "oct", size=256)
        opened.keys.create("ed", "OKP", curve="Ed25519")
        yield opened


@pytest.fixture(scope="session")
def name() -> str:
    """The name of a secret that is there."""
    ((first, _value),) = vaults.values(1)
    return first
