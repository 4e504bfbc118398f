"""Backups of single objects as sealed blobs that one or more credentials open, in this vault or in another.

Relies on wrap.py, slots.py and XAES-256-GCM. Promises: whichever stanza opens a blob, it opens to the same payload or
not at all; damage, a wrong credential and an alteration are told apart. docs/format.md, section 6.

    blob   = "lvbackup" | format (2) | stanzas (1) | stanza … | commitment (32) | nonce (24) | ciphertext | tag (16)
             | checksum (32)
    stanza = kind (1) | length (2) | body
    body   = vault id (16) | wrapped blob key (104)                                 1: the vault it was made in
             passes (4) | KiB (4) | lanes (1) | salt (16) | wrapped blob key (104)  2: a transfer passphrase
             slot id (16) | wrapped blob key (104)                                  3: the recovery key of a slot
             vault id (16) | slot id (16) | exchanged blob key (136)                4: the same, after a rotation

A recovery key's transfer key (3) is known to whoever has the master key of its time. So once the master key has been
rotated the slot keeps none, and blobs are sealed for its public key (4), which opens nothing.

The payload is sealed with everything before its nonce as associated data, so no stanza can be added, taken out or
carried over. The commitment ties the blob key down (AES-GCM would not): two stanzas cannot lead to two payloads.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from localvault.errors import BadParameter, Damaged, DecryptionFailed, NewerFormat, Tampered, UnlockFailed
from localvault.native.face import NONCE_SIZE, XaesKey
from localvault.native.memory import Locked, equal
from localvault.sealing.argon import SALT_SIZE
from localvault.sealing.credentials import Credential
from localvault.sealing.cursor import Cursor
from localvault.sealing.exchange import PUBLIC_SIZE, unwrap_with, wrap_for
from localvault.sealing.header import Header
from localvault.sealing.hkdf import KEY_SIZE, expand
from localvault.sealing.master import TRANSFER, MasterKey
from localvault.sealing.profiles import DEFAULT, KdfProfile, check_new, check_stored
from localvault.sealing.renewing import recovery_slots
from localvault.sealing.slots import (
    attributes_of,
    decode_kdf,
    encode_kdf,
    recovery_exchange_key,
    recovery_transfer_key,
    stretched,
)
from localvault.sealing.wrap import WRAPPED_SIZE, unwrap, wrap

MAGIC: Final = b"lvbackup"
FORMAT: Final = 1
VAULT, PASSPHRASE, RECOVERY, EXCHANGE = 1, 2, 3, 4
_CHECKSUM_SIZE = 32
_COMMITMENT_SIZE = 32
_HELD_SIZES = {VAULT: 16, PASSPHRASE: 9 + SALT_SIZE, RECOVERY: 16, EXCHANGE: 16 + 16 + PUBLIC_SIZE}
_CONTEXT = b"lvblob1"
_COMMIT = b"localvault/blob/v1 commitment"
_PAYLOAD = b"localvault/blob/v1 payload"


class Stanza(NamedTuple):
    """One way to open a blob: its kind, what it says of itself, and the wrapped blob key."""

    kind: int
    held: bytes
    wrapped: bytes


class Blob(NamedTuple):
    """The parts of a blob, parsed and not authenticated; `front` is everything before the nonce."""

    stanzas: tuple[Stanza, ...]
    commitment: bytes
    front: bytes
    nonce: bytes
    sealed: bytes


def seal_blob(
    payload: bytes,
    *,
    header: Header,
    master: MasterKey,
    passphrase: Credential | None = None,
    kdf: KdfProfile = DEFAULT,
    allow_weak: bool = False,
) -> bytes:
    """A blob that this vault opens, and in any vault the recovery keys of its slots and `passphrase` if one is given.

    Raises:
        BadParameter: a weak or impossible `kdf`, or a payload above 2 GiB.
        Tampered: the header is not what the vault wrote.
        VaultClosed, VaultForked: the master key is gone.
        MemoryError: the system does not have the memory that `kdf` asks for.
    """
    header.authenticate(master)
    blob_key = Locked.random(KEY_SIZE)
    secrets = [(VAULT, header.vault_id, master.derive(TRANSFER))]
    exchanged = []
    for slot in recovery_slots(header):
        attributes = attributes_of(slot, header.vault_id, master)
        if len(attributes.transfer):
            secrets.append((RECOVERY, slot.id, attributes.transfer))
        elif attributes.public is not None:
            exchanged.append(_exchanged(header.vault_id + slot.id, attributes.public, blob_key))
    if passphrase is not None:
        held = encode_kdf(check_new(kdf, allow_weak=allow_weak), os.urandom(SALT_SIZE))
        secrets.append((PASSPHRASE, held, stretched(passphrase, held)))
    stanzas = [
        Stanza(kind, held, wrap(secret, _binding(kind, held), blob_key)) for kind, held, secret in secrets
    ] + exchanged
    front = _front(stanzas, _commitment(blob_key))
    nonce = os.urandom(NONCE_SIZE)
    content = front + nonce + XaesKey(expand(blob_key, _PAYLOAD)).seal(nonce, payload, front)
    return content + hashlib.sha256(content).digest()


def open_blob(
    blob: bytes,
    *,
    header: Header | None = None,
    own: Sequence[Locked] = (),
    passphrase: Credential | None = None,
    recovery_key: Credential | None = None,
    allow_weak: bool = False,
) -> bytes:
    """The payload of a blob, opened by whichever of these fits: the vault itself (`header`, and `own`, what its master
    keys derive for the purpose TRANSFER), a recovery key of the vault it was made in, or its transfer passphrase; the
    passphrase, which costs most, is tried last.

    Raises:
        UnlockFailed: none of them fits.
        BadParameter: no backup at all, or a passphrase stretched below the floor without `allow_weak`.
        Damaged: altered by accident or cut short.
        NewerFormat: written by a later localvault.
        Tampered: altered on purpose.
        VaultClosed, VaultForked: the master key is gone.
        MemoryError: the system does not have the memory that the passphrase asks for.
    """
    parsed = parse(blob)
    for kind, held, wrapped in sorted(parsed.stanzas, key=_is_dear):
        if kind == EXCHANGE and recovery_key is not None:
            blob_key = _unexchanged(held, wrapped, recovery_key)
            if blob_key is not None:
                return _open_payload(parsed, blob_key)
            continue
        secrets: Sequence[Locked] = ()
        if kind == VAULT and header is not None and held == header.vault_id:
            secrets = own
        elif kind == RECOVERY and recovery_key is not None:
            secrets = (recovery_transfer_key(recovery_key),)
        elif kind == PASSPHRASE and passphrase is not None:
            check_stored(decode_kdf(held)[0], allow_weak=allow_weak)
            secrets = (stretched(passphrase, held),)
        for secret in secrets:
            blob_key = unwrap(secret, _binding(kind, held), wrapped)
            if blob_key is not None:
                return _open_payload(parsed, blob_key)
    raise _failed(parsed, passphrase, recovery_key)


def parse(data: bytes) -> Blob:
    """The parts of a blob, which `print_blob` puts together again byte for byte.

    Raises:
        BadParameter: no backup at all.
        Damaged, NewerFormat: as for `open_blob`.
    """
    if data[: len(MAGIC)] != MAGIC:
        raise BadParameter("this is not a backup made by localvault")
    content, checksum = data[:-_CHECKSUM_SIZE], data[-_CHECKSUM_SIZE:]
    # Before the format number, and at the end of every format: a flipped bit there is damage, not a newer format.
    if hashlib.sha256(content).digest() != checksum:
        raise Damaged("the backup is damaged", hint="use another copy of it")
    cursor = Cursor(content, "the backup")
    cursor.take(len(MAGIC))
    written_as = cursor.number(2)
    if written_as > FORMAT:
        raise NewerFormat("the backup was made by a newer localvault", hint="update localvault, then restore")
    if written_as < FORMAT:
        raise Damaged(f"the backup claims the format {written_as}, which there never was")
    stanzas = tuple(_stanza(cursor) for _ in range(cursor.number(1)))
    # Blobs come from anywhere: one passphrase's work is what a hostile one can cost, not 255 times that.
    if sum(map(_is_dear, stanzas)) > 1:
        raise Damaged("the backup claims more than one passphrase")
    commitment = cursor.take(_COMMITMENT_SIZE)
    front = content[: cursor.at]
    return Blob(stanzas, commitment, front, cursor.take(NONCE_SIZE), cursor.rest())


def print_blob(blob: Blob) -> bytes:
    """The bytes that `parse` read."""
    content = _front(blob.stanzas, blob.commitment) + blob.nonce + blob.sealed
    return content + hashlib.sha256(content).digest()


def _stanza(cursor: Cursor) -> Stanza:
    kind, size = cursor.number(1), cursor.number(2)
    held_size = size - WRAPPED_SIZE
    # A kind that only later localvaults know is passed over; whoever reads it holds other credentials.
    if held_size < 0 or _HELD_SIZES.get(kind, held_size) != held_size:
        raise Damaged("a part of the backup does not have its size")
    return Stanza(kind, cursor.take(held_size), cursor.take(WRAPPED_SIZE))


def _exchanged(whose: bytes, public: bytes, blob_key: Locked) -> Stanza:
    """The blob key for the holder of a recovery slot's key; `whose` is vault id and slot id."""
    made = wrap_for(public, _binding(EXCHANGE, whose), blob_key)
    return Stanza(EXCHANGE, whose + made[:PUBLIC_SIZE], made[PUBLIC_SIZE:])


def _unexchanged(held: bytes, wrapped: bytes, recovery_key: Credential) -> Locked | None:
    whose, ephemeral = held[:-PUBLIC_SIZE], held[-PUBLIC_SIZE:]
    private = recovery_exchange_key(recovery_key, whose[:16], whose[16:])
    try:
        return unwrap_with(private, _binding(EXCHANGE, whose), ephemeral + wrapped)
    finally:
        private.wipe()


def _is_dear(stanza: Stanza) -> bool:
    return stanza.kind == PASSPHRASE


def _front(stanzas: tuple[Stanza, ...] | list[Stanza], commitment: bytes) -> bytes:
    parts = [MAGIC, FORMAT.to_bytes(2), len(stanzas).to_bytes(1)]
    for kind, held, wrapped in stanzas:
        parts += [bytes([kind]), (len(held) + len(wrapped)).to_bytes(2), held, wrapped]
    return b"".join([*parts, commitment])


def _binding(kind: int, held: bytes) -> bytes:
    return _CONTEXT + bytes([kind]) + held


def _commitment(blob_key: Locked) -> bytes:
    return bytes(expand(blob_key, _COMMIT).view())


def _open_payload(blob: Blob, blob_key: Locked) -> bytes:
    try:
        if not equal(_commitment(blob_key), blob.commitment):
            raise DecryptionFailed("the blob key is another")
        return XaesKey(expand(blob_key, _PAYLOAD)).open(blob.nonce, blob.sealed, blob.front)
    except DecryptionFailed:
        raise Tampered("the backup is not what the vault made: it was altered") from None


def _failed(blob: Blob, passphrase: Credential | None, recovery_key: Credential | None) -> UnlockFailed:
    kinds = {stanza.kind for stanza in blob.stanzas}
    ways = list(_ways(kinds))
    if passphrase is not None and PASSPHRASE in kinds:
        what = "the transfer passphrase does not open the backup"
    elif recovery_key is not None and kinds & {RECOVERY, EXCHANGE}:
        what = "the recovery key does not open the backup"
    else:
        what = "the backup was made in another vault"
    return UnlockFailed(what, hint=f"it opens with {' or '.join(ways)}")


def _ways(kinds: set[int]) -> Iterator[str]:
    if VAULT in kinds:
        yield "the vault it was made in"
    if kinds & {RECOVERY, EXCHANGE}:
        yield "a recovery key of that vault"
    if PASSPHRASE in kinds:
        yield "its transfer passphrase"
