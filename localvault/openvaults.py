"""Which vaults this process has open, so that one can be found by its URL.

Relies on the vaults for what they are called. Promises: nothing is kept open by standing here: a vault that is closed,
or that nobody holds any more, is not found; neither is one that was inherited through a fork.
"""

from __future__ import annotations

import os
import threading
import weakref
from pathlib import Path

from localvault.errors import VaultClosed, VaultForked
from localvault.vault import Vault

# In the order they were opened, each with where it is, which a later change of the working folder does not change.
_vaults: weakref.WeakKeyDictionary[Vault, Path] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def note(vault: Vault) -> Vault:
    """Remember a vault that was just made or opened, and return it."""
    with _lock:
        _vaults[vault] = vault.path.resolve()
    return vault


def at(path: Path) -> Vault | None:
    """Return an open vault whose folder is `path`, an absolute one without links, if this process has one."""
    return next((vault for vault, place in _present() if place == path), None)


def known_as(url: str) -> dict[Path, Vault]:
    """Return, by where they are, the open vaults with the base URL `url` that had it when they were seen last.

    A look into a vault is an event in its journal, so no other vault is asked: with a thousand of them open, that of
    one tenant is found without a trace in those of the others.
    """
    return _asked(url, [each for each in _present() if each[0]._parts.ground.home.url == url])


def renamed_to(url: str) -> dict[Path, Vault]:
    """Return, by where they are, all open vaults with the base URL `url`, also if another process gave it to them."""
    return _asked(url, _present())


def is_open(vault: Vault) -> bool:
    """Whether the vault has not been closed."""
    return vault._parts.is_open


def url_of(vault: Vault) -> str | None:
    """Return the vault's base URL as its settings are now; None if it cannot be used any more."""
    try:
        return vault.url
    except (VaultClosed, VaultForked):
        return None


def _asked(url: str, vaults: list[tuple[Vault, Path]]) -> dict[Path, Vault]:
    # The first one opened stands for a folder that was opened several times.
    return {place: vault for vault, place in reversed(vaults) if url_of(vault) == url}


def _present() -> list[tuple[Vault, Path]]:
    with _lock:
        vaults = list(_vaults.items())
    return [(vault, place) for vault, place in vaults if is_open(vault)]


def _after_fork_in_child() -> None:
    # Another thread of the parent may have held the lock, which nobody would let go of here.
    global _lock, _vaults
    _lock, _vaults = threading.Lock(), weakref.WeakKeyDictionary()


os.register_at_fork(after_in_child=_after_fork_in_child)
