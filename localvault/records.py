"""Sealed records seen as plain bytes, inside one transaction.

Relies on `store` for order and durability and on `sealing` for secrecy and authenticity. Promises: what `Records.get`
returns is what was last written at that very place, or it raises `Tampered`; what a `Mutation` holds reaches the store
all together in `apply`, or not at all, and `apply` returns the digest of every record it wrote for the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Generic, TypeVar

from localvault.sealing.record import DIGEST_SIZE, BatchSealer, RecordSealer, digest
from localvault.sealing.scopes import Scopes
from localvault.store.layout import Table
from localvault.store.protocol import ReadTxn, WriteTxn

T = TypeVar("T")
Open = Callable[[RecordSealer, int, bytes, bytes], Any]
Batches = dict[RecordSealer, BatchSealer]

VAULT, OBJECTS, VERSIONS, AGENDA = (
    int(Table.VAULT),
    int(Table.OBJECTS),
    int(Table.VERSIONS),
    int(Table.AGENDA),
)
HEADER_KEY = (
    b"header"  # in table `vault`: the one record that is not sealed, because it is what unlocks the rest
)
_DELETED = bytes(DIGEST_SIZE)
# A change is kept under its table's byte and its key: one comparison puts two of them in the store's order.
_TABLE = tuple(bytes((number,)) for number in range(256))
_LENGTH = _TABLE  # of a key, in a byte too
_BY_KIND = frozenset((OBJECTS, VERSIONS, AGENDA))  # tables whose keys begin with the kind byte


class Memo(Generic[T]):
    """Remembers what a sealed record decoded to, for as long as the store holds the very same sealed bytes.

    Comparing the sealed bytes is exact and needs no invalidation: any write, by any process, seals anew under a fresh
    nonce. The rejected alternative, a generation number, forgets everything at every write.
    """

    __slots__ = ("_decode", "_limit", "entries", "open")

    def __init__(self, decode: Callable[[Any], T], limit: int, open_one: Open = RecordSealer.open) -> None:
        """`open_one`: which of a sealer's ways to open gives what `decode` takes."""
        self._decode = decode
        self.open = open_one
        self._limit = limit
        self.entries: dict[bytes, tuple[bytes, T]] = {}
        """What is remembered: by key, the sealed record and what it decoded to."""

    def put(self, key: bytes, record: bytes, plaintext: Any) -> T:
        """Decode `plaintext`, remember it for `record`, and return it; the oldest entry makes room."""
        value = self._decode(plaintext)
        entries = self.entries
        if len(entries) >= self._limit and key not in entries:
            entries.pop(next(iter(entries)), None)
        entries[key] = (record, value)
        return value

    def values(self) -> list[T]:
        """Return everything that is remembered."""
        return [value for _, value in self.entries.values()]

    def clear(self) -> None:
        """Forget everything."""
        self.entries.clear()


class Sealers:
    """Which scope's sealer a record belongs to: the kind byte of an object's key picks its collection."""

    __slots__ = ("_by_kind", "root")

    def __init__(self, scopes: Scopes, collections: dict[bytes, str]) -> None:
        self.root = scopes.sealer("/")
        # A deleted object's head stands under the upper-case kind byte and stays in its collection's scope.
        self._by_kind = {
            byte: sealer
            for kind, collection in collections.items()
            for sealer in (scopes.sealer(collection),)
            for byte in (kind[0], kind.upper()[0])
        }

    def of(self, table: int, key: bytes) -> RecordSealer:
        """Return the sealer of the record at `key` of `table`."""
        if table in _BY_KIND:
            return self._by_kind[key[0]]
        return self.root


class Records:
    """The records of one read transaction."""

    __slots__ = ("_raw", "_sealers", "txn")

    def __init__(self, txn: ReadTxn, sealers: Sealers) -> None:
        self.txn = txn
        self._sealers = sealers
        self._raw: Callable[[int, bytes], bytes | None] = txn.get

    def get(self, table: int, key: bytes) -> bytes | None:
        """Return the opened record at `key`, or None.

        Raises:
            Tampered: the record is not one this vault wrote there.
        """
        record = self._raw(table, key)
        return None if record is None else self._sealers.of(table, key).open(table, key, record)

    def remembered(self, table: int, key: bytes, memo: Memo[T]) -> T | None:
        """Return the decoded record at `key` through `memo`, or None.

        Raises:
            Tampered: as for `get`.
        """
        record = self._raw(table, key)
        if record is None:
            return None
        entry = memo.entries.get(key)
        if entry is not None and entry[0] == record:
            return entry[1]
        return memo.put(key, record, memo.open(self._sealers.of(table, key), table, key, record))

    def scan(self, table: int, prefix: bytes, *, start: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        """Yield `(key, opened record)` for every key with `prefix`, a kind at least, from `start` on, in key order.

        A mutation's own changes are not among them.

        Raises:
            Tampered: as for `get`.
        """
        opened = self._sealers.of(table, prefix).opener(table)  # one kind is one scope
        for key, record in self.txn.scan(table, prefix, start=start):
            yield key, opened(key, record)

    def open(self, table: int, key: bytes, record: bytes) -> bytes:
        """Return the plaintext of `record`, read from `key` of `table`.

        Raises:
            Tampered: the record is not one this vault wrote there.
        """
        return self._sealers.of(table, key).open(table, key, record)

    def count(self, table: int) -> int:
        """Return how many records the table has, without opening them; a mutation's own changes do not count."""
        return self.txn.count(table)

    def exists(self, table: int, key: bytes) -> bool:
        """Return whether there is a record at `key`, without opening it."""
        return self._raw(table, key) is not None


class Mutation(Records):
    """The records of one write transaction, with what one operation changes held back until `apply`."""

    __slots__ = ("_batches", "_changes", "_digests", "_later", "_told", "_write_txn")

    def __init__(self, txn: WriteTxn, sealers: Sealers, batches: Batches | None = None) -> None:
        """`batches`: shared by all mutations of one transaction."""
        super().__init__(txn, sealers)
        self._write_txn = txn
        self._changes: dict[bytes, bytes | None] = {}
        self._digests: dict[bytes, bytes] = {}
        self._later: dict[bytes, dict[bytes, bytes]] = {}
        self._told: dict[bytes, bytes] = {}  # by place: what the event tells of what is written already
        self._batches: Batches = {} if batches is None else batches
        self._raw = self._pending

    def _pending(self, table: int, key: bytes) -> bytes | None:
        place = _TABLE[table] + key
        if self._later and key in self._later.get(place[:2], ()):
            self._seal_later()
        return self._changes[place] if place in self._changes else self.txn.get(table, key)

    def put(self, table: int, key: bytes, plaintext: bytes | memoryview, *, schema: int = 1) -> None:
        """Seal `plaintext` for its place, to be written by `apply`."""
        if self._later:
            self._seal_later()
        record = self._batch(self._sealers.of(table, key)).seal(table, key, plaintext, schema)
        self._change(_TABLE[table] + key, record)

    def _change(self, place: bytes, record: bytes | None) -> None:
        self._changes[place] = record
        self._digests.pop(place, None)

    def putter(self, table: int, key: bytes) -> Callable[[bytes, bytes], None]:
        """Return a quicker `put(key, plaintext)` for many records of the table and scope `key` belongs to.

        They are sealed together, before anything else is put or looked up that could be one of them.
        """
        return self._later.setdefault(_TABLE[table] + key[:1], {}).__setitem__

    def seal_put(self) -> None:
        """Seal now what was put by `putter`, so that its plaintext can be overwritten."""
        self._seal_later()

    def _seal_later(self) -> None:
        for which, later in self._later.items():
            table = which[0]
            batch = self._batch(self._sealers.of(table, which[1:]))
            keys = list(later)
            records, digests = batch.seal_many(table, keys, list(later.values()))
            places = [which[:1] + key for key in keys]
            self._changes.update(zip(places, records, strict=True))
            self._digests.update(zip(places, digests, strict=True))
            later.clear()

    def put_header(self, header: bytes) -> None:
        """Put the vault's header, which carries its own authentication, in place as it is."""
        self.put_sealed(VAULT, HEADER_KEY, header)

    def put_sealed(self, table: int, key: bytes, record: bytes) -> None:
        """Put a value in place that the caller has sealed already."""
        self._change(_TABLE[table] + key, record)

    def replace(
        self, table: int, keys: Sequence[bytes], records: Sequence[bytes], digests: Sequence[bytes] | None
    ) -> None:
        """Write, at once, values that are as long as those that are there; the event tells of them by their digests.

        Without digests it does not: of the journal's own records, which its tree proves.
        """
        self._write_txn.replace_many(table, list(zip(keys, records, strict=True)))
        if digests is not None:
            start = _TABLE[table]
            for key, told in zip(keys, digests, strict=True):
                self._told[start + key] = start + _LENGTH[len(key)] + key + told

    def delete(self, table: int, key: bytes) -> None:
        """Remove the record at `key`, in `apply`."""
        self._seal_later()
        self._change(_TABLE[table] + key, None)

    def apply(self) -> bytes:
        """Write everything into the transaction, in key order, and return the digests for the journal's event.

        Each entry is `table (1) | length of key (1) | key | digest of the record (16)`, the digest zero for a removal.
        """
        return b"".join(self._write_all().values())

    def apply_each(self, owned: Sequence[Sequence[bytes]]) -> list[bytes]:
        """As `apply`, where the mutation is made of many: returns the digests of each, by the places it calls its own.

        A place is `table (1) | key`. What nobody owns is told with the first one.
        """
        written = self._write_all()
        each = [b"".join([written.pop(place, b"") for place in places]) for places in owned]
        if each and written:
            each[0] += b"".join(written.values())
        return each

    def _write_all(self) -> dict[bytes, bytes]:
        """Write everything into the transaction, in key order; returns by place what the journal tells of it."""
        self._seal_later()
        changes, digests = self._changes, self._digests
        places = sorted(changes)
        for table, group in groupby(places, itemgetter(0)):
            self._write(table, list(group))
        told, self._told = self._told, {}
        for place in places:
            record = changes[place]
            written = _DELETED if record is None else digests.get(place) or digest(record)
            told[place] = place[:1] + _LENGTH[len(place) - 1] + place[1:] + written
        changes.clear()
        digests.clear()
        return told

    def _write(self, table: int, places: list[bytes]) -> None:
        changes = self._changes
        put = [(place[1:], record) for place in places if (record := changes[place]) is not None]
        self._write_txn.put_many(table, put)
        if len(put) < len(places):
            for place in places:
                if changes[place] is None:
                    self._write_txn.delete(table, place[1:])

    def _batch(self, sealer: RecordSealer) -> BatchSealer:
        batch = self._batches.get(sealer)
        if batch is None:
            # One derived key for all records this transaction writes in one scope; the batch's random bits and its
            # counter keep every nonce apart (C2SP XAES-256-GCM takes any nonce of 192 bits).
            batch = self._batches[sealer] = sealer.batch()
        return batch
