"""The vaults that are measured, and the data in them and in their peers.

Relies on the public face of localvault. Promises: the same names and values on every run; every vault is unlocked by a
key file, so that no figure contains Argon2id, which is slow on purpose and would hide the rest.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import localvault

VALUE_BYTES = 64
CHUNK = 10_000  # secrets in one `set_many`, where a vault is filled
SECRETS = 10_000  # in the vault that is compared with the peers
# Of one round of single calls: enough for the journal to fold what they left in the spool, so that its price is in each
# figure.
CALLS = 8_000
FEW = 1_000  # in the small vault that the big one is compared with


def values(count: int, *, first: int = 0) -> Iterator[tuple[str, str]]:
    """Yield `count` names with values of 64 characters, from number `first` on, the same ones every time."""
    source = random.Random(first)
    for number in range(first, first + count):
        yield f"app-{number:07d}-password", source.randbytes(VALUE_BYTES // 2).hex()


def key_file(path: Path) -> Path:
    """Return where the key file of the vault at `path` is."""
    return path.with_suffix(".key")


def create(path: Path) -> localvault.Vault:
    """Create a vault that a key file unlocks."""
    return localvault.create(path, keyfile=key_file(path))


def open_vault(path: Path) -> localvault.Vault:
    """Open a vault that `create` made."""
    return localvault.open(path, keyfile=key_file(path))


@contextmanager
def temporary(folder: Path) -> Iterator[localvault.Vault]:
    """Create a vault in a new folder below `folder`, open in the `with` block and removed afterwards."""
    with TemporaryDirectory(dir=folder) as name, create(Path(name) / "vault") as vault:
        yield vault


def fill(vault: localvault.Vault, count: int, progress: Callable[[int], None] = lambda _done: None) -> None:
    """Set `count` secrets, `CHUNK` in one transaction."""
    pairs = values(count)
    for done in range(0, count, CHUNK):
        vault.secrets.set_many(islice(pairs, CHUNK))
        progress(min(done + CHUNK, count))


def fill_singly(vault: localvault.Vault, count: int) -> None:
    """Set `count` secrets, each in a transaction of its own, as an application does over its life."""
    for name, value in values(count):
        vault.secrets.set(name, value)


def check_all(vault: localvault.Vault, count: int) -> None:
    """Raise unless the vault returns exactly what was set."""
    if any(vault.secrets.get(name).value != value for name, value in values(count)):
        raise AssertionError("the vault returned something else than what was set")


def shuffled(count: int, times: int) -> list[str]:
    """Return `times` names in random order, drawn evenly from the first `count`."""
    source = random.Random(count)
    return [f"app-{source.randrange(count):07d}-password" for _ in range(times)]
