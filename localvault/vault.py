"""An open vault: what `localvault.create` and `localvault.open` return.

Relies on every room below and ties them together; holds no logic of its own. Promises: `close` folds what this process
has journalled, wipes the keys and lets go of the store; afterwards everything raises `VaultClosed`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from localvault.audit import Audit
from localvault.crypto.client import Crypto
from localvault.keys import Keys
from localvault.lifecycle.due import AgendaVerbs
from localvault.lifecycle.kinds import KEY
from localvault.lifecycle.loaded import LoadedKeys
from localvault.lifecycle.notices import Subscriber, Subscription
from localvault.lifecycle.objects import Objects
from localvault.master_rotation import MasterKeyRotation
from localvault.model.problem import Problem
from localvault.model.settings import Settings
from localvault.parts import Parts
from localvault.secrets import Secrets
from localvault.slots import Slots
from localvault.upkeep import Progress, Upkeep


class Vault:
    """A vault in one folder, open and unlocked; a context manager. Several threads may share it.

    Whatever looks into the vault may, besides the errors it tells of, end with `VaultClosed` (after `close`),
    `VaultForked` (in a forked child), `Damaged` or `Tampered` (the folder is not as the vault wrote it), `StoreBusy`
    (other processes kept writing) or `JournalUnavailable` (its event could not be written, so there is no result).
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._upkeep = Upkeep(parts.ground, parts.store, parts.journal, parts.masters)
        self._loaded = LoadedKeys(Objects(parts.ground, KEY))
        self.secrets = Secrets(parts.ground)
        self.keys = Keys(parts.ground)
        self.audit = Audit(parts.door, parts.journal)
        self.agenda = AgendaVerbs(parts.ground)
        self.slots = Slots(parts.door, parts.masters, parts.folder, allow_weak=parts.allow_weak)

    @property
    def path(self) -> Path:
        """The vault's folder."""
        return self._parts.folder

    @property
    def id(self) -> str:
        """The vault's identity, 32 hex digits: the same in every copy of the folder."""
        return self._parts.vault_id.hex()

    @property
    def name(self) -> str:
        """The vault's name, part of its URL."""
        return self._upkeep.settings().name

    @property
    def url(self) -> str:
        """The vault's base URL, `https://{name}.{suffix}`."""
        return self._upkeep.settings().home.url

    @property
    def settings(self) -> Settings:
        """The settings as they are on disk now."""
        return self._upkeep.settings()

    def configure(self, **changes: Any) -> Settings:
        """Change settings by name (see `Settings`); returns all of them as they are then.

        Raises:
            BadParameter: no such setting, a value out of range, or `purge_protection=False` once it is on; nothing was
                changed.
        """
        return self._upkeep.configure(changes)

    def crypto(self, name: str, version: str | None = None) -> Crypto:
        """Return the crypto verbs of a key, or of one version (32 hex digits) of it; looked up at each call."""
        return Crypto(self._parts.ground, self._loaded, name, version)

    def batch(self) -> AbstractContextManager[None]:
        """Put every write of this thread in the `with` block into one transaction and one sync: all of it, or none.

        Reads in the block see its writes. Other writers wait, so keep it short.

        Raises:
            BadParameter: inside another batch.
            StoreFull, StoreBusy: nothing was written.
        """
        return self._parts.ground.batch()

    def on(self, type: str, subscriber: Subscriber) -> Subscription:
        """Call `subscriber` with a `Notice` whenever something of that type was done through this open vault.

        After the commit, in the thread that did it and in that order. What it raises is logged and changes nothing. It
        may use the vault; what it brings about is told to all when this has been told to all.

        Args:
            type: `KeyNewVersionCreated`, `KeyNearExpiry`, `KeyExpired`, `KeyRotated`, `KeyRotationFailed`,
                `KeyDeleted`, `KeyRecovered`, `KeyPurged`, the same with `Secret`, `ClockSetBack`; or `*` for all.
            subscriber: called with one argument.

        Returns:
            The subscription: a context manager; `cancel` ends it.

        Raises:
            BadParameter: no such type, or something that cannot be called.
        """
        return self._parts.ground.notices.on(type, subscriber)

    def status(self) -> dict[str, Any]:
        """Return what there is to tell of the vault as a whole, for people and JSON.

        Raises:
            VaultClosed, Damaged, Tampered: as for everything that looks into the vault.
        """
        return {"path": str(self.path), "id": self.id} | self._upkeep.status()

    def check(self, progress: Progress | None = None) -> list[Problem]:
        """Walk every record and every event; returns what is not as it was written, an empty list if all is.

        It finds damage, alterations, and single records put back to an older state of themselves, and goes on past
        each. Writers go on meanwhile. `progress(done, total)` is called now and then.

        Raises:
            VaultClosed: the vault is closed; damage is no error here but an answer.
        """
        return self._upkeep.check(progress)

    def backup(self, path: str | Path) -> None:
        """Write a copy of the vault as it is at one moment to the new folder `path`, while others read and write.

        Raises:
            VaultExists: there is something at `path`.
            BadParameter: there is no folder to put it in, or that folder is the vault's own.
            StoreFull: no space; nothing is left at `path`.
            VaultError: the operating system does not let it be made; nothing is left at `path`.
        """
        self._upkeep.backup(Path(path))

    def compact(self, path: str | Path) -> None:
        """As `backup`, leaving out free pages and with them what was purged or overwritten.

        Raises:
            VaultExists: there is something at `path`.
            BadParameter: there is no folder to put it in, or that folder is the vault's own.
            StoreFull: no space; nothing is left at `path`.
            VaultError: the operating system does not let it be made; nothing is left at `path`.
        """
        self._upkeep.compact(Path(path))

    def rotate_master_key(self, progress: Progress | None = None) -> MasterKeyRotation:
        """Give the vault a new master key and seal every record again, while others read and write.

        Every slot holds the new master key afterwards and opens with what it opened with before. If a rotation is
        unfinished, because a process was killed in it, this finishes that one; the vault works normally meanwhile.
        `progress(done, total)` is called between its transactions, of some thousand records each.

        Raises:
            Conflict: slots that an earlier localvault made have to be removed, or their passphrases changed, first.
            BadParameter: inside a batch.
            StoreFull, StoreBusy: the rotation is unfinished, and nothing is lost: call again.
        """
        return self._parts.rotation.run(progress)

    def close(self) -> None:
        """Fold this process's events, wipe the keys and let go of the folder; more calls do nothing."""
        self.agenda.close()
        self.secrets.close()
        self.keys.close()
        self._loaded.close()
        self._parts.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Vault at {self.path}: {'open' if self._parts.is_open else 'closed'}>"
