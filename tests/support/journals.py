"""A journal on a real store in a folder, as a vault would have it, without the vault."""

from __future__ import annotations

from pathlib import Path

from localvault.journal.frames import SpoolKeys
from localvault.journal.journal import Journal
from localvault.journal.leaf import Fields
from localvault.journal.spool import Spool
from localvault.native.memory import Locked
from localvault.sealing.master import MasterKey
from localvault.sealing.record import RecordSealer
from localvault.sealing.scopes import Scopes
from localvault.store.lmdb import LmdbStore
from localvault.store.protocol import WriteTxn

MASTER = b"the master key of these journals"
VAULT_ID = b"journal-vault-id"
TABLE = 2


class Bench:
    """A store, the key of its journal, and as many journals on it as a test opens."""

    def __init__(self, folder: Path, *, create: bool = True) -> None:
        self.folder = folder
        self.store = LmdbStore.create(folder) if create else LmdbStore.open(folder)
        self.scopes = Scopes(MasterKey(Locked.of(MASTER)), VAULT_ID)
        self.now = 1_700_000_000_000_000

    def sealer(self) -> RecordSealer:
        """What seals the journal's records."""
        return self.scopes.sealer("/journal")

    def keys(self) -> SpoolKeys:
        """What spools' keys come from."""
        return SpoolKeys(self.scopes.scope_key("/journal"))

    def spool(self, process: str = "1@test", *, durable: bool = False) -> Spool:
        """A spool in the folder."""
        return Spool(self.folder, self.keys(), process, durable=durable)

    def journal(self, process: str = "1@test", *, durable: bool = False) -> Journal:
        """A journal with a spool of its own, as another process would have it."""
        return Journal(self.store, self.sealer(), self.spool(process, durable=durable), lambda: self.now)

    def spools(self) -> list[str]:
        """The names of the spool files there are."""
        return sorted(path.name for path in self.folder.glob("spool-*"))


def fields(
    number: int = 0,
    *,
    operation: str = "SecretGet",
    target: str = "/secrets/db",
    version: str | None = None,
    correlation: str | None = None,
) -> Fields:
    """The fields of an event that `number` tells from others."""
    time = 1_700_000_000_000_000 + number
    return (time, operation, "owner", target, version, "Success", None, number, correlation, 1, None)


def mutate(bench: Bench, journal: Journal, number: int = 0) -> None:
    """Commit a mutation together with its event, as the door does."""
    key = b"k%07d" % number

    def work(txn: WriteTxn) -> None:
        txn.put(TABLE, key, b"value")
        journal.append(txn, fields(number, operation="SecretSet"), writes(key))

    bench.store.transact(work)
    journal.committed()


def writes(key: bytes, digest: bytes = b"d" * 16) -> bytes:
    """What a mutation that wrote one record hands the journal."""
    return bytes((TABLE, len(key))) + key + digest
