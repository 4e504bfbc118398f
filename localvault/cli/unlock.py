"""Where the vault is, and what unlocks it.

Relies on the global options, the environment and, failing these, a prompt. Promises: one way to unlock is used, never
one after another; the environment counts only where no option says anything; a passphrase is never an argument.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localvault.cli.failures import CannotUse
from localvault.cli.inputs import read_descriptor, read_line, read_recovery_key, text_or_bytes
from localvault.cli.options import GlobalOptions
from localvault.cli.prompts import ask, ask_twice
from localvault.errors import NotAVault

if TYPE_CHECKING:
    from localvault import Vault

VARIABLE = "LOCALVAULT_PASSPHRASE"
NEW_VARIABLE = "LOCALVAULT_NEW_PASSPHRASE"
_HOW = f"use --passphrase-file, --passphrase-fd, --keyfile, --recovery-key-file or {VARIABLE}"
_HOW_NEW = f"use --new-passphrase-file, --new-passphrase-fd or {NEW_VARIABLE}"


def vault_path(options: GlobalOptions) -> Path:
    """Return the vault's folder: what --vault or LOCALVAULT_PATH says, or one in the platform's data folder."""
    return options.vault if options.vault is not None else _data_folder() / "localvault" / "default"


def open_vault(options: GlobalOptions) -> Vault:
    """Return the vault, open."""
    return open_with(options, unlocking(options))


def open_with(options: GlobalOptions, unlocking: dict[str, Any]) -> Vault:
    """Return the vault, opened with what `unlocking` returned."""
    import localvault

    return localvault.open(
        vault_path(options), read_only=options.read_only, allow_weak=options.allow_weak, **unlocking
    )


def unlocking(options: GlobalOptions) -> dict[str, Any]:
    """Return what unlocks the vault, as `localvault.open` takes it; asks for a passphrase if nothing else is said."""
    path = vault_path(options)
    if not path.is_dir():  # before anybody types a passphrase in vain
        raise NotAVault(f"there is no vault at {path}", hint="`localvault init` makes one")
    return _given(options) or {"passphrase": ask(f"passphrase of {path.name}", hint=_HOW)}


def first_unlocking(options: GlobalOptions) -> dict[str, Any]:
    """Return what is to unlock a vault about to be made; a passphrase that must be typed is asked for twice."""
    if options.recovery_key_file is not None:
        raise CannotUse("init makes a recovery key; it does not take one")
    return _given(options) or {"passphrase": ask_twice("new passphrase", hint=_HOW)}


def present_passphrase(unlocking: dict[str, Any]) -> str | bytes:
    """Return the passphrase that is to be changed: what the vault was opened with, or what is typed."""
    found: str | bytes | None = unlocking.get("passphrase")
    return found if found is not None else ask("present passphrase", hint="open the vault with it")


def new_passphrase(options: GlobalOptions, file: str | None, descriptor: int | None) -> str | bytes:
    """Return a passphrase for a new slot or a changed one."""
    found = _passphrase(options, file, descriptor, NEW_VARIABLE)
    return found if found is not None else ask_twice("new passphrase", hint=_HOW_NEW)


def _given(options: GlobalOptions) -> dict[str, Any]:
    """Return what options or environment say, as `localvault.open` takes it; nothing if nobody has said anything."""
    _only_one(options)
    if options.keyfile is not None:
        return {"keyfile": options.keyfile}
    if options.recovery_key_file is not None:
        return {"recovery_key": read_recovery_key(options, options.recovery_key_file)}
    found = _passphrase(options, options.passphrase_file, options.passphrase_fd, VARIABLE)
    return {} if found is None else {"passphrase": found}


def _only_one(options: GlobalOptions) -> None:
    ways = ("passphrase_file", "passphrase_fd", "keyfile", "recovery_key_file")
    given = [f"--{way.replace('_', '-')}" for way in ways if getattr(options, way) is not None]
    if len(given) > 1:
        raise CannotUse(f"{' and '.join(given)} are more than one way to unlock the vault")


def _passphrase(
    options: GlobalOptions, file: str | None, descriptor: int | None, variable: str
) -> str | bytes | None:
    if file is not None:
        return text_or_bytes(read_line(options, file, "the passphrase"))
    if descriptor is not None:
        return text_or_bytes(read_descriptor(descriptor))
    found = os.environb.get(variable.encode())
    return text_or_bytes(found) if found else None


def _data_folder() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    folder = Path(os.environ.get("XDG_DATA_HOME", ""))
    # A relative path there is to be ignored (XDG Base Directory Specification).
    return folder if folder.is_absolute() else Path.home() / ".local" / "share"
