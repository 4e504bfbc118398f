"""What the tests of master-key rotation share: vaults to rotate, and what must hold whatever happens in between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import localvault
from localvault import Vault, master_rotation
from localvault.records import HEADER_KEY
from localvault.store.layout import Table
from localvault.testing.profiles import CHEAPEST

SECRETS = {f"secret-{number}": f"value {number} " * (1 + number * 60) for number in range(8)}
PASSPHRASE = "rotate"


def make(path: Path, **options: Any) -> bytes:
    """A vault with some of everything, closed again; returns a token of its key `orders`."""
    with localvault.create(
        path, passphrase=PASSPHRASE, name="rotated", kdf=CHEAPEST, allow_weak=True, **options
    ) as vault:
        vault.slots.add_recovery_key(label="on paper")
        for name, value in SECRETS.items():
            vault.secrets.set(name, "before")
            vault.secrets.set(name, value)
        vault.keys.create("orders", "oct", size=256)
        vault.secrets.set("gone", "x")
        vault.secrets.delete("gone")
        return vault.crypto("orders").seal(b"4711")


def opened(path: Path, **options: Any) -> Vault:
    """The vault open again."""
    return localvault.open(path, passphrase=PASSPHRASE, allow_weak=True, **options)


def few_at_once(monkeypatch: pytest.MonkeyPatch | None = None, count: int = 6) -> None:
    """So few records in one transaction that a small vault takes many; for a child process without `monkeypatch`."""
    for name, number in (("AT_ONCE", count), ("_LOOKED_AT", 2)):
        if monkeypatch is None:
            setattr(master_rotation, name, number)
        else:
            monkeypatch.setattr(master_rotation, name, number)


def assert_readable(vault: Vault, token: bytes) -> None:
    """Everything `make` made is there and `check` finds nothing."""
    assert {name: vault.secrets.get(name).value for name in SECRETS} == SECRETS
    assert [version.version for name in SECRETS for version in vault.secrets.versions(name)]
    assert vault.crypto("orders").open(token) == b"4711"
    assert vault.secrets.get_deleted("gone").name == "gone"
    assert vault.check() == []


def epochs(vault: Vault) -> set[int]:
    """The epochs that records of the vault say they are sealed at."""
    with vault._parts.store.read() as txn:
        return {
            int.from_bytes(record[4:8])
            for table in Table
            for key, record in txn.scan(table)
            if key != HEADER_KEY
        }


class Broken(Exception):
    """Breaks a rotation off."""


def break_off(vault: Vault, after: int = 1) -> None:
    """Begin a rotation and leave it after some steps of its walk."""
    steps = 0

    def enough(done: int, total: int) -> None:
        nonlocal steps
        steps += 1
        if steps >= after:
            raise Broken

    with pytest.raises(Broken):
        vault.rotate_master_key(enough)
