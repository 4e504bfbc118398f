"""What an open vault is made of, put together once.

Relies on store, sealing, journal and door. Promises: either everything is there, or nothing is left open; `close`
undoes all of it.
"""

from __future__ import annotations

from contextlib import ExitStack

from localvault.access.decide import Access
from localvault.agenda import Agenda
from localvault.blobs import SealedBlobs
from localvault.door import Door
from localvault.errors import Damaged
from localvault.journal.journal import Journal
from localvault.journal.spool import Spool
from localvault.lifecycle.ground import SETTINGS_KEY, Ground, decode_settings
from localvault.lifecycle.kinds import COLLECTIONS, KINDS
from localvault.master_rotation import MasterRotation
from localvault.masters import JOURNAL_SCOPE, Masters, WatchedStore
from localvault.model.clock import Clock
from localvault.records import VAULT, Records, Sealers
from localvault.sealing.header import Header
from localvault.sealing.master import MasterKey
from localvault.sealing.unlocking import Unlocked
from localvault.store.lmdb import LmdbStore


class Parts:
    """The rooms of one open vault and the keys they use."""

    def __init__(
        self,
        store: LmdbStore,
        header: Header,
        unlocked: Unlocked,
        *,
        clock: Clock,
        durable: bool,
        allow_weak: bool,
    ) -> None:
        """Take over `store` and `unlocked`, what opened `header`, which has been authenticated.

        Raises:
            Damaged, Tampered: the settings or the journal are not what the vault wrote.
        """
        self._closing = ExitStack()
        self.is_open = True
        try:
            self._closing.callback(store.close)
            self._closing.callback(unlocked.wipe)
            self.store = store
            self.folder = store.folder
            self.vault_id = header.vault_id
            self.allow_weak = allow_weak
            self._open(header, unlocked, clock, durable=durable)
        except BaseException:
            self.close()
            raise

    def _open(self, header: Header, unlocked: Unlocked, clock: Clock, *, durable: bool) -> None:
        self.masters = masters = Masters(self.store, header, unlocked)
        self._closing.callback(masters.wipe)
        store = WatchedStore(self.store, masters)
        sealers = Sealers(masters.scopes, COLLECTIONS)
        spool = Spool(self.folder, masters.spool_keys, durable=durable)
        spool.watch = masters.notice
        self.journal = Journal(store, masters.scopes.sealer(JOURNAL_SCOPE), spool, clock)
        self._closing.callback(self.journal.close)
        self.journal.recover()
        self.door = Door(store, sealers, self.journal, Access(), clock)
        with self.store.read() as txn:
            settings = Records(txn, sealers).get(VAULT, SETTINGS_KEY)
        if settings is None:
            raise Damaged("the vault's settings are missing", hint="restore the vault from a backup")
        blobs = SealedBlobs(self.store, masters, allow_weak=self.allow_weak)
        agenda = Agenda(masters.index, tuple(KINDS))
        self.ground = Ground(
            self.door, self.journal, masters.index, agenda, blobs, decode_settings(settings), self.folder
        )
        self._closing.callback(self.ground.close)
        self.rotation = MasterRotation(self.door, masters, self.journal)
        if not store.read_only:
            self.rotation.tidy()

    @property
    def master(self) -> MasterKey:
        """The newest master key."""
        return self.masters.master

    def close(self) -> None:
        """Close everything, the last opened first; more calls do nothing."""
        self.is_open = False
        self._closing.close()
