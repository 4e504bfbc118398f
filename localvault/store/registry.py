"""Which data files this process has open.

Relies on `environment`. Promises: one environment a file, however often and by whatever path it is opened; after a
fork the child starts with none.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

from localvault.errors import NotAVault, ReadOnlyVault, VaultForked
from localvault.store.environment import DATA_FILE, Environment, identity

_open: dict[tuple[int, int], Environment] = {}
# In a forked child: what the parent had in use at the fork and the child can neither use nor let go of.
_stuck: dict[tuple[int, int], Environment] = {}
_lock = threading.RLock()


def attach(folder: Path, *, read_only: bool, trusted: bool = False) -> Environment:
    """Return the environment on the data file in `folder`, opening it if this process has not yet.

    `trusted`: this process has just made the file.

    Raises:
        NotAVault, NewerFormat, Damaged: what is there cannot be opened.
        ReadOnlyVault, StoreBusy, VaultError: the operating system does not let it be opened.
        VaultForked: this process was forked off in the middle of a transaction.
    """
    with _lock:
        try:
            found = identity((folder / DATA_FILE).stat())
        except FileNotFoundError:
            raise NotAVault(f"there is no vault at {folder}") from None
        if found in _stuck:
            raise VaultForked(
                "this process was forked off in the middle of a transaction on the vault",
                hint="fork when nothing is being read or written, or start a new process",
            )
        environment = _open.get(found)
        if environment is None:
            environment = _open[found] = Environment(folder, read_only=read_only)
            if trusted:
                environment.guard = None
        elif environment.read_only and not read_only:
            raise ReadOnlyVault("this process has the vault open read-only", hint="close that first")
        environment.references += 1
        return environment


def detach(environment: Environment) -> None:
    """Give back what `attach` returned; the last one closes it."""
    with _lock:
        environment.references -= 1
        if environment.references == 0 and _open.get(environment.identity) is environment:
            del _open[environment.identity]
            environment.close()


def _after_fork_in_child() -> None:
    global _lock, _open
    inherited, _open, _lock = _open, {}, threading.RLock()
    for key, environment in inherited.items():
        if not environment.forked():
            _stuck[key] = environment


os.register_at_fork(after_in_child=_after_fork_in_child)
