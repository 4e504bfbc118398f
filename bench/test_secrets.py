"""Single operations on secrets. Nothing here is judged: run.py tells the figures."""

from __future__ import annotations

from itertools import count, islice
from typing import Any

import localvault
from bench import vaults

_FRESH = count(1_000_000)


def _fresh(number: int = 1) -> list[tuple[str, str]]:
    """Return names that were not used before, with their values."""
    return [pair for _ in range(number) for pair in vaults.values(1, first=next(_FRESH))]


def test_secret_get(benchmark: Any, vault: localvault.Vault, name: str) -> None:
    """The same secret again and again."""
    assert benchmark(vault.secrets.get, name).name == name


def test_secret_get_of_a_thousand(benchmark: Any, vault: localvault.Vault) -> None:
    """One of a thousand secrets, in random order."""
    names = iter(vaults.shuffled(vaults.FEW, 2_000_000))
    benchmark(lambda: vault.secrets.get(next(names)).value)


def test_secret_get_not_found(benchmark: Any, vault: localvault.Vault) -> None:
    """A secret that is not there, refused and journalled."""

    def refused() -> str:
        try:
            vault.secrets.get("no-such-secret")
        except localvault.SecretNotFound as error:
            return error.code
        return ""

    assert benchmark(refused) == "SecretNotFound"


def test_secret_set_durable(benchmark: Any, vault: localvault.Vault) -> None:
    """A new secret, on the disk when it returns."""
    benchmark.pedantic(vault.secrets.set, setup=lambda: (_fresh()[0], {}), rounds=300)


def test_secret_set_new_version(benchmark: Any, vault: localvault.Vault, name: str) -> None:
    """A new version of a secret that is there; the value stays, because other suites read it."""
    (_, value), *_ = islice(vaults.values(1), 1)
    benchmark.pedantic(vault.secrets.set, args=(name, value), rounds=300)


def test_secret_set_many_of_a_thousand(benchmark: Any, vault: localvault.Vault) -> None:
    """A thousand new secrets in one transaction."""
    benchmark.pedantic(vault.secrets.set_many, setup=lambda: ((_fresh(1_000),), {}), rounds=20)


def test_secret_update(benchmark: Any, vault: localvault.Vault, name: str) -> None:
    """A changed tag."""
    turns = count()
    benchmark.pedantic(lambda: vault.secrets.update(name, tags={"turn": str(next(turns))}), rounds=300)


def test_secret_delete_and_purge(benchmark: Any, vault: localvault.Vault) -> None:
    """Away for good: two durable operations."""

    def away(name: str) -> None:
        vault.secrets.delete(name)
        vault.secrets.purge(name)

    def setup() -> tuple[tuple[str], dict[str, Any]]:
        (name, value), *_ = _fresh()
        vault.secrets.set(name, value)
        return (name,), {}

    benchmark.pedantic(away, setup=setup, rounds=100)
