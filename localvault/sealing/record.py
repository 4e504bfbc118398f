"""One value of the store, sealed for its place.

Relies on XAES-256-GCM. Promises: `open` returns what was sealed for this very vault, table, key, schema, depth and
epoch, or raises `Tampered`: moved, swapped, cut, altered by one bit, or taken from another vault all look the same.
docs/format.md, section 4:

    record = version (1) | depth (1) | schema (2) | epoch (4) | nonce (24) | ciphertext | tag (16)
    AAD    = "lvrec1" | vault id (16) | first 8 bytes of the record | table (1) | key

The key comes last in the associated data and all before it has a fixed width, so no two places share one encoding.
What remains: an older record of the same place opens. `check()` finds it by the digests in the journal.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from typing import Final, final

from localvault.errors import BadParameter, DecryptionFailed, NewerFormat, Tampered, VaultError
from localvault.model.hidden import Hidden
from localvault.native.face import NONCE_SIZE, TAG_SIZE, XaesBatch, XaesKey, reseal_many
from localvault.native.memory import Locked

VERSION: Final = 1
HEADER_SIZE: Final = 8
OVERHEAD: Final = HEADER_SIZE + NONCE_SIZE + TAG_SIZE
DIGEST_SIZE: Final = 16
MAX_SCHEMA: Final = 0xFFFF

_CONTEXT = b"lvrec1"
_SEALED_AT = HEADER_SIZE + NONCE_SIZE
_random = os.urandom
_TABLES = tuple(bytes([table]) for table in range(256))

Resolver = Callable[[int, int, bytes], "RecordSealer | None"]
"""The sealer for a record that says (depth, epoch) and stands at a key; None if there can be no such record."""


def digest(record: bytes) -> bytes:
    """16 bytes that stand for this very sealed record in the journal: SHA-256, cut.

    Cut to 128 bits because what must be hard is a second record with the digest of one that the vault wrote (2^128
    tries), not any pair: who could choose both records holds the scope key and needs no collision.
    """
    return hashlib.sha256(record).digest()[:DIGEST_SIZE]


def header(depth: int, schema: int, epoch: int) -> bytes:
    """The first 8 bytes of a record."""
    return bytes((VERSION, depth)) + schema.to_bytes(2) + epoch.to_bytes(4)


@final
class RecordSealer(Hidden):
    """Seals and opens the records of one scope at one epoch, which `become` may raise while it is in use."""

    __slots__ = ("_common", "_header", "_key", "_now", "_open", "_resolve", "_starts", "depth", "epoch")
    # By identity, so that callers can keep something per sealer; it says nothing about the key.
    __hash__ = object.__hash__  # type: ignore[assignment]  # Hidden takes it away, as object's own subclasses may

    def __init__(
        self, vault_id: bytes, key: XaesKey, depth: int, epoch: int, resolve: Resolver | None = None
    ) -> None:
        """`key` belongs to the scope at `depth` (0 to 255) components below "/" and at `epoch` (32 bits)."""
        if len(vault_id) != 16:
            raise BadParameter(f"a vault id has 16 bytes, not {len(vault_id)}")
        self.depth = depth
        self._resolve = resolve
        self._common = _CONTEXT + vault_id
        self.become(key, epoch)

    def become(self, key: XaesKey, epoch: int) -> None:
        """From now on seal at `epoch` under `key`, and open what stands at another epoch through `resolve`.

        Whoever holds this sealer need not be told. A thread that is opening meanwhile may take one part of the old
        state and one of the new; that authenticates nothing, and it looks again at `_now`, which changes in one step.
        What seals reads nothing else.
        """
        own = header(self.depth, 1, epoch)
        # All of the associated data but the key, for the schema nearly every record has.
        starts = tuple(self._common + own + table for table in _TABLES)
        self._now = (key, own, starts)  # first: where another part is new, this is
        self.epoch, self._key, self._open, self._starts, self._header = epoch, key, key.open, starts, own

    def seal(self, table: int, key: bytes, plaintext: bytes | memoryview, schema: int = 1) -> bytes:
        """The record of `plaintext` for `key` in `table` (1 byte), 48 bytes longer than it.

        The nonce is 192 random bits: no counter to lose, and after 2^80 records two meet with a chance of 2^-32
        (C2SP XAES-256-GCM). Sizes show; contents do not.

        Raises:
            BadParameter: more than 2 GiB.
            VaultClosed, VaultForked: the scope key is gone.
        """
        own, head, _starts = self._now
        if schema != 1:
            head = head[:2] + schema.to_bytes(2) + head[4:]
        nonce = _random(NONCE_SIZE)
        return head + nonce + own.seal(nonce, plaintext, self._aad(head, table, key))

    def open(self, table: int, key: bytes, record: bytes) -> bytes:
        """The plaintext of `record`, found at `key` in `table`.

        Raises:
            Tampered: not what this vault sealed for this place.
            NewerFormat: a record version this localvault does not know.
            VaultClosed, VaultForked: the scope key is gone.
        """
        # Hot: every get comes through here. What could be wrong is looked into only once it has failed.
        head, own = record[:HEADER_SIZE], self._header
        if head == own:
            aad = self._starts[table] + key
        elif head[:2] == own[:2] and head[4:] == own[4:]:
            aad = self._aad(head, table, key)
        else:
            return self._foreign(table, key, record).open(table, key, record)
        try:
            return self._open(record[HEADER_SIZE:_SEALED_AT], record[_SEALED_AT:], aad)
        except (DecryptionFailed, BadParameter):
            if self._now[1] is not own:
                return self._open_now(table, key, record)
            raise _tampered() from None

    def _open_now(self, table: int, key: bytes, record: bytes) -> bytes:
        """As `open`, where `become` changed the state in the middle of it."""
        current, own, _starts = self._now
        head = record[:HEADER_SIZE]
        if head[:2] != own[:2] or head[4:] != own[4:]:
            return self._foreign(table, key, record).open(table, key, record)
        try:
            return current.open(
                record[HEADER_SIZE:_SEALED_AT], record[_SEALED_AT:], self._aad(head, table, key)
            )
        except (DecryptionFailed, BadParameter):
            raise _tampered() from None

    def open_locked(self, table: int, key: bytes, record: bytes) -> Locked:
        """As `open`, but the plaintext, a key's material, goes into locked memory and nowhere else.

        Raises as `open`.
        """
        current, own, _starts = self._now
        head = record[:HEADER_SIZE]
        if head[:2] != own[:2] or head[4:] != own[4:]:
            return self._foreign(table, key, record).open_locked(table, key, record)
        if len(record) < OVERHEAD:
            raise _tampered()
        plaintext = Locked.zero(len(record) - OVERHEAD)
        nonce, sealed = record[HEADER_SIZE:_SEALED_AT], record[_SEALED_AT:]
        try:
            current.open_into(nonce, sealed, self._aad(head, table, key), plaintext.view())
        except DecryptionFailed:
            raise _tampered() from None
        return plaintext

    def opener(self, table: int) -> Callable[[bytes, bytes], bytes]:
        """`open(table, …)`, to be called with key and record, a little quicker where there are many."""
        own, start, open_one, open_any = self._header, self._starts[table], self._open, self.open

        def open_next(key: bytes, record: bytes) -> bytes:
            if record[:HEADER_SIZE] != own:
                return open_any(table, key, record)
            try:
                return open_one(record[HEADER_SIZE:_SEALED_AT], record[_SEALED_AT:], start + key)
            except (DecryptionFailed, BadParameter):
                raise _tampered() from None

        return open_next

    def batch(self) -> BatchSealer:
        """Seals many records quicker, under one derived key."""
        current, own, starts = self._now
        return BatchSealer(current.batch(), starts, self._aad, own)

    def reseal_many(
        self, new: BatchSealer, table: int, keys: Sequence[bytes], records: Sequence[bytes]
    ) -> tuple[list[bytes], list[bytes]]:
        """The records found at `keys` in `table`, sealed again by `new` for the same places, and the `digest` of each.

        Schemas and lengths stay; nonces are new. Plaintext, which may be a key's material, stands meanwhile in locked
        memory only. A record of another depth or epoch is opened by what opens it for `open`, one at a time.

        Raises:
            Tampered: one is not what this vault sealed for its place; nothing of the others is given out.
            NewerFormat: one is of a record version this localvault does not know.
            BadParameter: one is longer than 2 GiB.
            ValueError: there are not as many keys as records.
            VaultClosed, VaultForked: a scope key is gone.
        """
        current, own, starts = self._now
        made, digests, failed = new.take_over(current, starts[table], table, keys, records)
        for index in failed:
            # What could be wrong is looked into only once it has failed.
            key, record = keys[index], records[index]
            if record[:2] == own[:2] and record[4:HEADER_SIZE] == own[4:]:
                raise _tampered()
            [made[index]], [digests[index]] = self._foreign(table, key, record).reseal_many(
                new, table, [key], [record]
            )
        return made, digests

    def schema(self, record: bytes) -> int:
        """The schema number (0 to 65535) of a record that `open` opened."""
        return int.from_bytes(record[2:4])

    def _aad(self, head: bytes, table: int, key: bytes) -> bytes:
        return self._common + head + _TABLES[table] + key

    def _foreign(self, table: int, key: bytes, record: bytes) -> RecordSealer:
        """What opens a record that was not sealed at this depth and epoch, if this vault can have sealed it."""
        if len(record) < OVERHEAD:
            raise _tampered()
        if record[0] > VERSION:
            raise self._newer_or_tampered(table, key, record)
        depth, epoch = record[1], int.from_bytes(record[4:8])
        sealer = None
        # There never was a version 0. What is returned is of the depth and epoch asked for, so this ends.
        if self._resolve is not None and record[0]:
            sealer = self._resolve(depth, epoch, key)
        if sealer is None:
            raise _tampered()
        return sealer

    def _newer_or_tampered(self, table: int, key: bytes, record: bytes) -> VaultError:
        # A flipped version byte must not pass for a newer format. A record that opens once the byte is put back
        # was version 1; if it does not, nothing in reach could authenticate it and the byte is all there is.
        try:
            self.open_locked(table, key, _TABLES[VERSION] + record[1:]).wipe()
        except Tampered:
            return NewerFormat("a record was written by a newer localvault", hint="update localvault")
        return _tampered()

    def wipe(self) -> None:
        """Forgets the scope key; every later use raises `VaultClosed`."""
        self._key.wipe()


@final
class BatchSealer(Hidden):
    """Seals many records of one scope under one derived key; what it makes, `RecordSealer.open` opens.

    Nonces count in their last 64 bits under 128 random ones (see `XaesBatch`), so within a batch none repeats
    whatever the random source does, and no record costs a system call or a key derivation.
    """

    __slots__ = ("_aad", "_batch", "_header", "_seal", "_starts")

    def __init__(
        self,
        batch: XaesBatch,
        starts: tuple[bytes, ...],
        aad: Callable[[bytes, int, bytes], bytes],
        head: bytes,
    ) -> None:
        self._batch = batch
        self._seal = batch.seal
        self._starts = starts
        self._aad = aad
        self._header = head

    def seal(self, table: int, key: bytes, plaintext: bytes | memoryview, schema: int = 1) -> bytes:
        """As `RecordSealer.seal`."""
        head = self._header
        if schema == 1:
            nonce, sealed = self._seal(plaintext, self._starts[table] + key)
        else:
            head = head[:2] + schema.to_bytes(2) + head[4:]
            nonce, sealed = self._seal(plaintext, self._aad(head, table, key))
        return head + nonce + sealed

    def seal_many(
        self, table: int, keys: Sequence[bytes], plaintexts: Sequence[bytes]
    ) -> tuple[list[bytes], list[bytes]]:
        """The records of many plaintexts of schema 1 for their keys in `table`, and the `digest` of each.

        Raises as `seal`.
        """
        return self._batch.seal_keyed(self._header, self._starts[table], keys, plaintexts)

    def take_over(
        self, key: XaesKey, start: bytes, table: int, keys: Sequence[bytes], records: Sequence[bytes]
    ) -> tuple[list[bytes], list[bytes], list[int]]:
        """What `RecordSealer.reseal_many` is made of: as `face.reseal_many`, from another scope key to this batch's."""
        return reseal_many(key, self._batch, start, self._starts[table], keys, records)

    def wipe(self) -> None:
        """Forgets the derived key; every later use raises `VaultClosed`."""
        self._batch.wipe()


def _tampered() -> Tampered:
    return Tampered(
        "a record is not what this vault wrote at its place: it was altered, moved or cut",
        hint="run check() to see what else is affected, and restore the vault from a backup",
    )
