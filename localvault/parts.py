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
from localvault.journal.frames import SpoolKeys
from localvault.journal.journal import Journal
from localvault.journal.spool import Spool
from localvault.lifecycle.ground import SETTINGS_KEY, Ground, decode_settings
from localvault.lifecycle.kinds import COLLECTIONS, KINDS
from localvault.model.clock import Clock
from localvault.records import VAULT, Records, Sealers
from localvault.sealing.header import Header
from localvault.sealing.master import INDEX, MasterKey, NameIndex
from localvault.sealing.scopes import Scopes
from localvault.store.lmdb import LmdbStore

JOURNAL_SCOPE = "/journal"


class Parts:
    """The rooms of one open vault and the keys they use."""

    def __init__(
        self,
        store: LmdbStore,
        header: Header,
        master: MasterKey,
        *,
        clock: Clock,
        durable: bool,
        allow_weak: bool,
    ) -> None:
        """Take over `store` and `master`, whose header has been authenticated.

        Raises:
            Damaged, Tampered: the settings or the journal are not what the vault wrote.
        """
        self._closing = ExitStack()
        self.is_open = True
        try:
            self._closing.callback(store.close)
            self._closing.callback(master.wipe)
            self.store = store
            self.master = master
            self.folder = store.folder
            self.vault_id = header.vault_id
            self.allow_weak = allow_weak
            self._open(clock, durable=durable)
        except BaseException:
            self.close()
            raise

    def _open(self, clock: Clock, *, durable: bool) -> None:
        scopes = Scopes(self.master, self.vault_id)
        self._closing.callback(scopes.wipe)
        sealers = Sealers(scopes, COLLECTIONS)
        key = self.master.derive(INDEX)
        index = NameIndex(key)
        key.wipe()
        self._closing.callback(index.wipe)
        root = scopes.scope_key(JOURNAL_SCOPE)
        self._closing.callback(root.wipe)
        spool = Spool(self.folder, SpoolKeys(root), durable=durable)
        self.journal = Journal(self.store, scopes.sealer(JOURNAL_SCOPE), spool, clock)
        self._closing.callback(self.journal.close)
        self.journal.recover()
        self.door = Door(self.store, sealers, self.journal, Access(), clock)
        with self.store.read() as txn:
            settings = Records(txn, sealers).get(VAULT, SETTINGS_KEY)
        if settings is None:
            raise Damaged("the vault's settings are missing", hint="restore the vault from a backup")
        blobs = SealedBlobs(self.store, self.master, allow_weak=self.allow_weak)
        agenda = Agenda(index, tuple(KINDS))
        self.ground = Ground(
            self.door, self.journal, index, agenda, blobs, decode_settings(settings), self.folder
        )
        self._closing.callback(self.ground.close)

    def close(self) -> None:
        """Close everything, the last opened first; more calls do nothing."""
        self.is_open = False
        self._closing.close()
