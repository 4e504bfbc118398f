"""How a vault comes to be, and how it is opened: `localvault.create` and `localvault.open`.

Relies on the store for a folder that is there completely or not at all, and on the header for unlocking. Promises:
a call that fails writes nothing and leaves nothing behind; a wrong secret, and a missing, damaged, altered or newer
vault, each have an error of their own.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from localvault import openvaults
from localvault.access.decide import OWNER
from localvault.agenda import COMPLETE, COMPLETE_KEY
from localvault.errors import BadParameter, VaultExists
from localvault.journal.entry import pack_fields
from localvault.journal.head import Heads
from localvault.journal.leaf import Fields
from localvault.journal.pen import Pen
from localvault.journal.spool import this_process
from localvault.lifecycle.ground import SETTINGS_KEY, encode_settings
from localvault.lifecycle.kinds import COLLECTIONS
from localvault.masters import JOURNAL_SCOPE
from localvault.model import settings as settings_rules
from localvault.model.clock import Clock, system_clock
from localvault.model.names import check_vault_name
from localvault.model.settings import Settings
from localvault.operations import VAULT_CREATE, VAULT_OPEN
from localvault.parts import Parts
from localvault.records import VAULT, Mutation, Sealers
from localvault.sealing import credentials
from localvault.sealing.credentials import Credential
from localvault.sealing.header import VAULT_ID_SIZE, Header
from localvault.sealing.keyfile import new_keyfile, read_keyfile
from localvault.sealing.master import MasterKey
from localvault.sealing.profiles import DEFAULT, KdfProfile
from localvault.sealing.renewing import new_unlocked
from localvault.sealing.scopes import Scopes
from localvault.sealing.unlocking import unlock_through
from localvault.slots import read_header
from localvault.store.environment import DATA_FILE
from localvault.store.faults import told
from localvault.store.lmdb import LmdbStore
from localvault.store.protocol import WriteTxn
from localvault.vault import Vault

Durability = Literal["process", "power"]


def create(
    path: str | Path,
    *,
    passphrase: str | bytes | None = None,
    keyfile: str | Path | None = None,
    name: str | None = None,
    kdf: KdfProfile = DEFAULT,
    allow_weak: bool = False,
    durability: Durability = "process",
    clock: Clock = system_clock,
    **settings: Any,
) -> Vault:
    """Make a vault in the new folder `path` and return it open.

    Args:
        path: where; nothing, or an empty folder, may be there. The folder is made with mode 0700.
        passphrase: 1 to 4096 bytes in UTF-8, stretched by Argon2id; or
        keyfile: where to write a new key file (mode 0600) that opens the vault. One of the two is needed.
        name: 3 to 24 letters, digits and hyphens, a letter first; the folder's name unless given.
        kdf: what a guess at the passphrase costs; by default 3 passes over 64 MiB (RFC 9106, section 4).
        allow_weak: accept a `kdf` below the floor: for tests only.
        durability: what an event outlives before its result is returned: the `process`, or a loss of `power`.
        clock: microseconds since the epoch.
        settings: see `Settings`: retention_days, purge_protection, max_value_bytes, max_tags, rotation_minimum_days,
            expiry_minimum_days, suffix.

    Raises:
        VaultExists: there is something at `path`.
        BadParameter: an argument out of range, or no folder to make the vault's in.
        StoreFull: no space.
        VaultError: the operating system does not let it be made. Unless the disk failed at the very last step, and left
            a whole vault, nothing is left at `path`.
    """
    folder = Path(path)
    wanted = settings_rules.make(name=_name(folder, name), **settings)
    durable = _durable(durability)
    if (passphrase is None) == (keyfile is None):
        raise BadParameter("a vault is created with either a passphrase or a key file")
    if not folder.parent.is_dir():
        raise BadParameter(f"there is no folder {folder.parent} for the vault", hint="make it first")
    with told(folder if keyfile is None else Path(keyfile)):
        credential = _new_credential(passphrase, keyfile)
    try:
        header, unlocked = new_unlocked(os.urandom(VAULT_ID_SIZE), credential, kdf=kdf, allow_weak=allow_weak)
        with told(folder):
            store = LmdbStore.create(
                folder, lambda txn: _furnish(txn, header, unlocked.master, wanted, clock)
            )
    except BaseException as error:
        # It was made for this vault and opens nothing; unless the disk failed when the vault had its name already.
        made = os.path.exists(folder / DATA_FILE)  # noqa: PTH110  the one of pathlib raises on a name too long
        if keyfile is not None and (isinstance(error, VaultExists) or not made):
            Path(keyfile).unlink()
        raise
    finally:
        credential.wipe()
    vault = Vault(Parts(store, header, unlocked, clock=clock, durable=durable, allow_weak=allow_weak))
    return openvaults.note(vault)


def open(
    path: str | Path,
    *,
    passphrase: str | bytes | None = None,
    keyfile: str | Path | None = None,
    recovery_key: str | None = None,
    read_only: bool = False,
    allow_weak: bool = False,
    durability: Durability = "process",
    clock: Clock = system_clock,
) -> Vault:
    """Open the vault in the folder `path`; a context manager, and `close` ends it.

    Args:
        path: the vault's folder.
        passphrase: the passphrase of a slot; or
        keyfile: a key file's path; or
        recovery_key: a recovery key, however it was typed in. One of the three is needed.
        read_only: for media that cannot be written: nothing done there can be journalled.
        allow_weak: try slots whose stored parameters are below the floor.
        durability: what an event outlives before its result is returned: the `process`, or a loss of `power`.
        clock: microseconds since the epoch.

    Raises:
        UnlockFailed: no slot opens.
        NotAVault, InsecureFolder, NewerFormat, Damaged, Tampered: what is at `path` cannot or must not be opened.
        ReadOnlyVault: it cannot be written, and `read_only` was not asked for.
        BadParameter: none or more than one of the secrets, or weak parameters without `allow_weak`.
    """
    durable = _durable(durability)
    credential = _credential(passphrase, keyfile, recovery_key)
    try:
        with told(Path(path)):
            store = LmdbStore.open(Path(path), read_only=read_only)
        try:
            with store.read() as txn:
                header = read_header(txn)
            unlocked = unlock_through(header, credential, allow_weak=allow_weak)
        except BaseException:
            store.close()
            raise
    finally:
        credential.wipe()
    parts = Parts(store, header, unlocked, clock=clock, durable=durable, allow_weak=allow_weak)
    try:
        parts.door.note(VAULT_OPEN, "/", {"slot": credential.kind_name})
    except BaseException:
        parts.close()  # what was opened but cannot be told of is not handed out, and not left open
        raise
    return openvaults.note(Vault(parts))


def _furnish(txn: WriteTxn, header: Header, master: MasterKey, settings: Settings, clock: Clock) -> None:
    """Write what a vault is never without: its header, its settings, and the event that it was made."""
    scopes = Scopes(master, header.vault_id)
    try:
        mutation = Mutation(txn, Sealers(scopes, COLLECTIONS))
        mutation.put_header(header.encode())
        mutation.put(VAULT, SETTINGS_KEY, encode_settings(settings))
        mutation.put(VAULT, COMPLETE_KEY, COMPLETE)
        writes = mutation.apply()
        now = clock()
        fields: Fields = (now, VAULT_CREATE.name, OWNER, "/", None, "Success", None, 0, None, 1, None)
        sealer = scopes.sealer(JOURNAL_SCOPE)
        pen = Pen(txn, Heads(sealer), sealer.batch())
        pen.add(pack_fields(fields), this_process(), writes)
        pen.finish()
    finally:
        scopes.wipe()


def _credential(
    passphrase: str | bytes | None, keyfile: str | Path | None, recovery_key: str | None
) -> Credential:
    if sum(secret is not None for secret in (passphrase, keyfile, recovery_key)) != 1:
        raise BadParameter("a vault is opened with one of passphrase, keyfile and recovery_key")
    if passphrase is not None:
        return credentials.passphrase(passphrase)
    if keyfile is not None:
        return read_keyfile(Path(keyfile))
    assert recovery_key is not None, "one of the three was given"
    return credentials.recovery_key(recovery_key)


def _new_credential(passphrase: str | bytes | None, keyfile: str | Path | None) -> Credential:
    if passphrase is not None:
        return credentials.passphrase(passphrase)
    assert keyfile is not None, "one of the two was given"
    return new_keyfile(Path(keyfile))


def _name(folder: Path, name: str | None) -> str:
    if name is not None:
        return name
    stem = folder.resolve().stem
    try:
        return check_vault_name(stem)
    except BadParameter:
        raise BadParameter(
            f"the folder's name {stem[:60]!r} cannot name a vault", hint="give the vault a name: name='…'"
        ) from None


def _durable(durability: str) -> bool:
    if durability not in ("process", "power"):
        raise BadParameter("durability is 'process' or 'power'")
    return durability == "power"
