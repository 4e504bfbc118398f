"""The master key of an open vault, what is derived from it, and noticing that the vault has got a new one.

Relies on `sealing` for keys and on the store for the header and the keyring. Promises: whoever asks here, or holds a
sealer or spool keys from here, follows a rotation of the master key, whichever process makes it: a write is sealed
below the newest one, because its transaction begins by comparing the header; a read looks for a newer one when it meets
a record of it, and costs nothing else.

To follow without the slot's secret, the private key of the slot that the vault was opened through is kept in locked
memory for as long as the vault is open. It opens later master keys too, while the slot is there and its secret stays.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple, TypeVar

import msgpack

from localvault.errors import Damaged, Tampered
from localvault.journal.frames import SpoolKeys
from localvault.native.memory import Locked
from localvault.records import HEADER_KEY, VAULT, Records
from localvault.sealing.header import Header
from localvault.sealing.keyring import KEYRING_KEY, Keyring
from localvault.sealing.master import INDEX, TRANSFER, MasterKey, NameIndex
from localvault.sealing.scopes import ROOT, Scopes
from localvault.sealing.unlocking import Unlocked, unlock_again
from localvault.store.protocol import ReadTxn, Store, WriteTxn

T = TypeVar("T")
JOURNAL_SCOPE: Final = "/journal"
PLACE_KEY: Final = b"rotation"  # in the table `vault`: how far the walk has come


class Place(NamedTuple):
    """How far the walk has come: the last key it has passed, and how many records of about how many."""

    table: int
    key: bytes
    done: int
    total: int
    last_run: bytes
    """The journal's last run when the walk began: those behind it are new, and they may come quicker than it walks."""

    @property
    def share(self) -> float:
        """How much is done, 0 to 1."""
        return min(1.0, self.done / max(1, self.total))


def read_place(records: Records) -> Place | None:
    """Return how far an unfinished rotation has come; None if there is none."""
    plaintext = records.get(VAULT, PLACE_KEY)
    return None if plaintext is None else Place(*msgpack.unpackb(plaintext))


class Masters:
    """The newest master key this process knows of, and its scopes, spool keys, name index and transfer keys."""

    def __init__(self, store: Store, header: Header, unlocked: Unlocked) -> None:
        """Take over `unlocked`, what opened `header`; the store may have a later header by now.

        Raises:
            Damaged, Tampered: the keyring or the header is not what the vault wrote.
            UnlockFailed: there is a new master key, and the slot is gone.
        """
        self.vault_id = header.vault_id
        self.master = unlocked.master
        self.way = unlocked
        """What it was opened through; its master key may be an earlier one, and wiped, by now."""
        self._store = store
        self._lock = threading.Lock()
        self._seen: bytes | None = None
        self._seen_at = 0
        self.oldest = header.oldest
        self.scopes = Scopes(self.master, self.vault_id, generation=header.generation)
        self.scopes.watch = self.notice
        self.spool_keys = SpoolKeys(self.scopes.scope_key(JOURNAL_SCOPE), header.generation)
        self._keyring = self._implied()
        try:
            self.notice()
            self.index = NameIndex(self._keyring.index)
        except BaseException:
            self._forget()
            raise

    @property
    def generation(self) -> int:
        """How many master keys the vault had before this one."""
        return self.scopes.generation

    @property
    def unfinished(self) -> bool:
        """Whether records of the master key before may still be found: of generation `oldest`."""
        return self.oldest < self.generation

    @property
    def transfers(self) -> tuple[Locked, ...]:
        """What opens backups of objects made here: the transfer key of this master key, then those of former ones."""
        return (self.master.derive(TRANSFER), *reversed(self._keyring.transfers))

    def notice(self, known: MasterKey | None = None) -> None:
        """Look for a newer header, and go on with the master key in it: `known`, if this process has made it itself.

        Raises:
            UnlockFailed: the slot that the vault was opened through is gone or has another secret.
            Damaged, Tampered: the header or the keyring is not what the vault wrote.
        """
        with self._store.read() as txn:
            self.check(txn, known)

    def check(self, txn: ReadTxn, known: MasterKey | None = None) -> None:
        """As `notice`, on a snapshot at hand; that of a write transaction cannot be overtaken while it is open."""
        data = txn.get(VAULT, HEADER_KEY)
        if data != self._seen:
            with self._lock:
                # Of two threads with a snapshot each, the one with the older must not lead back.
                if txn.id >= self._seen_at:
                    self._follow(txn, data, known)
                    self._seen, self._seen_at = data, txn.id
        self.scopes.let_go()

    def next_keyring(self, spools: dict[bytes, Locked], *, unfinished: bool) -> Keyring:
        """Return the keyring for after a rotation of this master key, or, if not `unfinished`, for its end."""
        transfers, former = self._keyring.transfers, None
        if unfinished:
            transfers, former = (*transfers, self.master.derive(TRANSFER)), self.master.key
        return Keyring(self._keyring.index, transfers, former, spools)

    def wipe(self) -> None:
        """Forget everything."""
        self._forget()
        self.index.wipe()

    def _forget(self) -> None:
        self.scopes.wipe()
        self.spool_keys.wipe()
        self._keyring.wipe()
        self.master.wipe()
        self.way.wipe()

    def _follow(self, txn: ReadTxn, data: bytes | None, known: MasterKey | None) -> None:
        if data is None:
            raise Damaged("the vault has no header", hint="restore the vault from a backup")
        header = Header.decode(data)
        if header.generation < self.generation:
            raise Tampered(
                "the vault's header was put back to an older state", hint="restore the vault from a backup"
            )
        master = None
        if header.generation == self.generation:
            header.authenticate(self.master)
        else:
            master = self._next(header, known)
            # Its slot alone does not say so: see `succession`.
            header.follows(master, self.master, self.generation)
        keyring = self._read_keyring(txn, header, master or self.master)
        if master is not None:
            self._adopt(header.generation, master)
        self._keyring.wipe()
        self._keyring = keyring
        self._set_readable(header, keyring)

    def _next(self, header: Header, known: MasterKey | None) -> MasterKey:
        if known is not None:
            with suppress(Tampered):  # somebody else may have rotated once more
                header.authenticate(known)
                return MasterKey(Locked.of(known.key.view()))
        return unlock_again(header, self.way.slot_id, self.way.exchange)

    def _read_keyring(self, txn: ReadTxn, header: Header, master: MasterKey) -> Keyring:
        if header.generation == 0:
            return self._implied()
        record = txn.get(VAULT, KEYRING_KEY)
        if record is None:
            raise Damaged("the vault's keyring is missing", hint="restore the vault from a backup")
        own = Scopes(master, self.vault_id, generation=header.generation)
        try:
            plaintext = own.sealer(ROOT).open_locked(VAULT, KEYRING_KEY, record)
        finally:
            own.wipe()
        try:
            return Keyring.decode(plaintext)
        finally:
            plaintext.wipe()

    def _implied(self) -> Keyring:
        """The keyring of a vault that has its first master key, which derives all there is to know."""
        return Keyring(self.master.derive(INDEX))

    def _adopt(self, generation: int, master: MasterKey) -> None:
        self.scopes.adopt(generation, master)
        self.spool_keys.adopt(self.scopes.scope_key(JOURNAL_SCOPE), generation)
        self.master, former = master, self.master
        former.wipe()

    def _set_readable(self, header: Header, keyring: Keyring) -> None:
        if header.unfinished and not self.scopes.reads(header.oldest):
            if keyring.former is None:
                raise Damaged(
                    "the keyring lacks the former master key", hint="restore the vault from a backup"
                )
            former = MasterKey(Locked.of(keyring.former.view()))
            self.scopes.keep(header.oldest, former)
            former.wipe()
            self.spool_keys.keep(self.scopes.scope_key(JOURNAL_SCOPE, header.oldest), header.oldest)
        if self.scopes.oldest < header.oldest:
            self.scopes.forget_before(header.oldest, self._store.still_open())
        # As the header has it; the scopes go on reading for a moment what open snapshots still see.
        self.oldest = header.oldest
        # Taken over from the keyring, which is not asked for them again.
        self.spool_keys.keep_only(header.oldest, keyring.spools)
        keyring.spools = {}


class WatchedStore:
    """The store as seen by those who write: each write transaction begins by looking for a newer master key.

    So nobody seals below a former one once the transaction is committed that began a rotation, and a rotation that has
    walked over everything has left nothing behind.
    """

    def __init__(self, store: Store, masters: Masters) -> None:
        self._store = store
        self._masters = masters
        self.read = store.read
        self.still_open = store.still_open
        self.close = store.close

    @property
    def read_only(self) -> bool:
        """As `protocol.Store`, also for what follows."""
        return self._store.read_only

    @contextmanager
    def write(self) -> Iterator[WriteTxn]:
        """Open a write transaction for the `with` block."""
        with self._store.write() as txn:
            self._masters.check(txn)
            yield txn

    def transact(self, work: Callable[[WriteTxn], T]) -> T:
        """Return `work(txn)` once what it wrote is on disk."""

        def watched(txn: WriteTxn) -> T:
            self._masters.check(txn)
            return work(txn)

        return self._store.transact(watched)
