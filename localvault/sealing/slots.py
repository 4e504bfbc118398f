"""A slot: one way to unlock the master key, as it stands in the vault's header.

Relies on wrap.py for the wrapped master key and argon.py for passphrases. Promises: vault, slot, kind, parameters and
salt are bound into the wrap, so none can be altered or carried over to another slot or vault; a slot of a kind this
localvault does not know is kept byte for byte. docs/format.md, section 2.

    slot       = kind (1) | slot id (16) | length (2) | body | length (2) | attributes
    body       = passes (4) | KiB (4) | lanes (1) | salt (16) | wrapped master key       passphrase
                 wrapped master key                                                      key file, recovery key
    attributes = nonce (24) | sealed( length (1) | transfer key (0 or 32) | public key (0 or 32) | label in UTF-8 )

The master key is wrapped under the secret (104 bytes), or, by a rotation that did not have the secret, for the slot's
public key (136 bytes, exchange.py). A key file's and a recovery key's secret are 256 random bits: guessing them is
hopeless without any stretching.
"""

from __future__ import annotations

import os
from typing import Final, NamedTuple

from localvault.errors import BadParameter, Damaged, DecryptionFailed, Tampered
from localvault.native.face import NONCE_SIZE, TAG_SIZE, XaesKey
from localvault.native.memory import Locked
from localvault.sealing.argon import SALT_SIZE, stretch
from localvault.sealing.credentials import KIND_NAMES, PASSPHRASE, RECOVERY, Credential
from localvault.sealing.cursor import Cursor
from localvault.sealing.exchange import (
    EXCHANGED_SIZE,
    PUBLIC_SIZE,
    private_key,
    public_key,
    unwrap_with,
    wrap_for,
)
from localvault.sealing.hkdf import expand
from localvault.sealing.master import SLOT_ATTRIBUTES, MasterKey
from localvault.sealing.profiles import KdfProfile, check_new, check_stored, named
from localvault.sealing.wrap import WRAPPED_SIZE, unwrap, wrap

ID_SIZE: Final = 16
LABEL_MAX: Final = 100  # characters
KDF_SIZE: Final = 9 + SALT_SIZE
_LENGTH_SIZE = 2
_CONTEXT = b"lvslot1"
_TRANSFER = b"localvault/recovery transfer/v1"
_WITH_PUBLIC = 0x80  # in the attributes' first byte: a public key follows; slots of format 1 have none


class Slot(NamedTuple):
    """One slot as it stands in the header; all of it may be public."""

    kind: int
    id: bytes
    body: bytes
    attributes: bytes

    @property
    def kind_name(self) -> str:
        """ "passphrase", "keyfile", "recovery", or "unknown" for one of a later localvault."""
        return KIND_NAMES.get(self.kind, "unknown")

    @property
    def kdf(self) -> KdfProfile | None:
        """The Argon2id parameters of a passphrase slot."""
        return decode_kdf(self.body)[0] if self.kind == PASSPHRASE else None

    @property
    def kdf_part(self) -> bytes:
        """What of the body says how a passphrase is stretched; empty for other kinds."""
        return self.body[:KDF_SIZE] if self.kind == PASSPHRASE else b""

    @property
    def wrapped(self) -> bytes:
        """The rest of the body: the master key, in one form or the other."""
        return self.body[len(self.kdf_part) :]


class SlotInfo(NamedTuple):
    """What a person is told of a slot: `id` in 32 hex digits, its kind, label and how it is stretched."""

    id: str
    kind: str
    label: str | None
    kdf: str | None


class Attributes(NamedTuple):
    """What a slot keeps sealed under the master key."""

    transfer: Locked
    public: bytes | None
    label: bytes


def encode(slot: Slot) -> bytes:
    """The slot as it stands in the header."""
    parts = [bytes([slot.kind]), slot.id]
    for part in (slot.body, slot.attributes):
        parts += [len(part).to_bytes(_LENGTH_SIZE), part]
    return b"".join(parts)


def decode(cursor: Cursor, *, exchanged: bool = True) -> Slot:
    """The slot at `cursor`; `exchanged`: whether its header's format knows bodies wrapped for a public key.

    Raises:
        Damaged: cut short, or of a size its kind does not have.
    """
    kind, slot_id = cursor.number(1), cursor.take(ID_SIZE)
    body = cursor.take(cursor.number(_LENGTH_SIZE))
    attributes = cursor.take(cursor.number(_LENGTH_SIZE))
    slot = Slot(kind, slot_id, body, attributes)
    if kind in KIND_NAMES and len(slot.wrapped) not in (WRAPPED_SIZE, *[EXCHANGED_SIZE] * exchanged):
        raise Damaged(f"a {KIND_NAMES[kind]} slot does not have its size")
    return slot


def make(
    vault_id: bytes,
    master: MasterKey,
    credential: Credential,
    *,
    kdf: KdfProfile,
    label: str | None,
    allow_weak: bool,
) -> tuple[Slot, Locked]:
    """A slot that `credential` opens, and its private key; `kdf` counts for passphrases only.

    Raises:
        BadParameter: a weak or impossible `kdf`, or a label over 100 characters.
        MemoryError: the system does not have the memory that `kdf` asks for.
    """
    transfer = recovery_transfer_key(credential) if credential.kind == RECOVERY else Locked.zero(0)
    attributes = Attributes(transfer, None, _checked(label))
    slot = Slot(credential.kind, os.urandom(ID_SIZE), b"", b"")
    return _closed(slot, vault_id, master, credential, attributes, kdf=kdf, allow_weak=allow_weak)


def rewrap(
    slot: Slot,
    vault_id: bytes,
    master: MasterKey,
    credential: Credential,
    *,
    kdf: KdfProfile,
    allow_weak: bool,
) -> Slot:
    """The same slot for another credential of the same kind.

    A passphrase gets a new salt each time, so the wrapping key and the key pair are new even if all else stays.

    Raises:
        BadParameter, MemoryError: as for `make`.
        Tampered: the slot's attributes are not those the vault wrote.
    """
    attributes = attributes_of(slot, vault_id, master)
    made, private = _closed(slot, vault_id, master, credential, attributes, kdf=kdf, allow_weak=allow_weak)
    private.wipe()
    return made


def _closed(
    slot: Slot,
    vault_id: bytes,
    master: MasterKey,
    credential: Credential,
    attributes: Attributes,
    *,
    kdf: KdfProfile,
    allow_weak: bool,
) -> tuple[Slot, Locked]:
    kdf_part = b""
    if credential.kind == PASSPHRASE:
        kdf_part = encode_kdf(check_new(kdf, allow_weak=allow_weak), os.urandom(SALT_SIZE))
    secret = stretched(credential, kdf_part)
    slot = slot._replace(body=kdf_part)
    body = kdf_part + wrap(secret, _binding(vault_id, slot), master.key)
    private = exchange_key(slot, vault_id, secret)
    attributes = attributes._replace(public=public_key(private))
    sealed = _seal_attributes(vault_id, master, slot, attributes)
    return slot._replace(body=body, attributes=sealed), private


def renewed(
    slot: Slot, vault_id: bytes, old: MasterKey, new: MasterKey, generation: int, public: bytes | None
) -> Slot | None:
    """The same slot holding `new`, the master key of `generation`, without its secret; None if there is no public key.

    `public` stands in for a key pair that a slot of format 1 has not told, where its secret is at hand. A transfer key
    is not carried over: whoever has the old master key may have it.

    Raises:
        Tampered: the slot's attributes are not those the vault wrote.
    """
    attributes = attributes_of(slot, vault_id, old)
    public = attributes.public or public
    if public is None:
        return None
    body = slot.kdf_part + wrap_for(public, _exchange_binding(vault_id, slot, generation), new.key)
    kept = Attributes(Locked.zero(0), public, attributes.label)
    sealed = _seal_attributes(vault_id, new, slot, kept)
    return slot._replace(body=body, attributes=sealed)


def slot_secret(slot: Slot, credential: Credential, *, allow_weak: bool) -> Locked | None:
    """The 32 uniformly random bytes that a credential comes to for this slot; None if it is of another kind.

    Raises:
        BadParameter: parameters below the floor without `allow_weak`.
        Tampered: parameters beyond the ceiling.
        MemoryError: the system does not have the memory the slot asks for.
    """
    if slot.kind != credential.kind:
        return None
    kdf_part = slot.kdf_part
    if kdf_part:
        # Before any memory is spent.
        check_stored(decode_kdf(kdf_part)[0], allow_weak=allow_weak)
    return stretched(credential, kdf_part)


def exchange_key(slot: Slot, vault_id: bytes, secret: Locked) -> Locked:
    """The slot's private key, from its secret; it opens what a rotation wraps, and nothing that the secret wraps."""
    return private_key(secret, _binding(vault_id, slot))


def open_with(slot: Slot, vault_id: bytes, secret: Locked, generation: int = 0) -> MasterKey | None:
    """The master key of `generation`, or None if `secret`, as `slot_secret` gives it, does not open this slot.

    Raises:
        Tampered: a wrapped key that was altered.
    """
    if len(slot.wrapped) == EXCHANGED_SIZE:
        private = exchange_key(slot, vault_id, secret)
        try:
            return open_exchanged(slot, vault_id, private, generation)
        finally:
            private.wipe()
    key = unwrap(secret, _binding(vault_id, slot), slot.wrapped)
    return None if key is None else MasterKey(key)


def open_exchanged(slot: Slot, vault_id: bytes, private: Locked, generation: int) -> MasterKey | None:
    """The master key of `generation` if it is wrapped for the public key that belongs to `private`, else None.

    Raises:
        Tampered: a wrapped key that was altered.
    """
    if len(slot.wrapped) != EXCHANGED_SIZE:
        return None
    key = unwrap_with(private, _exchange_binding(vault_id, slot, generation), slot.wrapped)
    return None if key is None else MasterKey(key)


def open_slot(
    slot: Slot, vault_id: bytes, credential: Credential, *, allow_weak: bool, generation: int = 0
) -> MasterKey | None:
    """The master key, or None if `credential` does not open this slot.

    Raises:
        BadParameter, Tampered, MemoryError: as for `slot_secret` and `open_with`.
    """
    secret = slot_secret(slot, credential, allow_weak=allow_weak)
    return None if secret is None else open_with(slot, vault_id, secret, generation)


def describe(slot: Slot, vault_id: bytes, master: MasterKey) -> SlotInfo:
    """What a person is told of the slot.

    Raises:
        Tampered: its attributes are not those the vault wrote.
    """
    label = attributes_of(slot, vault_id, master).label.decode()
    kdf = slot.kdf
    return SlotInfo(slot.id.hex(), slot.kind_name, label or None, None if kdf is None else kdf.text)


def recovery_transfer_key(credential: Credential) -> Locked:
    """What backups are sealed under for the holder of a recovery slot's key, until the master key is rotated.

    The vault cannot keep the recovery key, so a slot keeps this one derived from it, sealed under the master key; it
    gives the recovery key away to nobody. The rejected alternative, sealing for the slot's public key from the start,
    would put every backup kept until then in reach of a quantum computer if the public key, which takes a master key to
    open, ever got out.
    """
    return expand(credential.secret, _TRANSFER)


def recovery_exchange_key(credential: Credential, vault_id: bytes, slot_id: bytes) -> Locked:
    """The private key of a recovery slot, from the recovery key itself; see `exchange_key`."""
    return exchange_key(Slot(RECOVERY, slot_id, b"", b""), vault_id, credential.secret)


def stretched(credential: Credential, kdf_part: bytes) -> Locked:
    """32 uniformly random bytes from a credential; `kdf_part` as in a passphrase's slot, else empty."""
    if credential.kind != PASSPHRASE:
        return credential.secret
    profile, salt = decode_kdf(kdf_part)
    return stretch(credential.secret, salt, profile)


def encode_kdf(profile: KdfProfile, salt: bytes) -> bytes:
    """25 bytes: Argon2id parameters and salt."""
    return (
        profile.time_cost.to_bytes(4)
        + profile.memory_kib.to_bytes(4)
        + profile.parallelism.to_bytes(1)
        + salt
    )


def decode_kdf(data: bytes) -> tuple[KdfProfile, bytes]:
    """What `encode_kdf` put at the beginning of `data`, unchecked."""
    profile = named(int.from_bytes(data[:4]), int.from_bytes(data[4:8]), data[8])
    return profile, data[9:KDF_SIZE]


def _binding(vault_id: bytes, slot: Slot) -> bytes:
    # Everything the wrap depends on, in fixed widths; what stands last is empty or 25 bytes, as its kind says.
    return vault_id + bytes([slot.kind]) + slot.id + slot.kdf_part


def _exchange_binding(vault_id: bytes, slot: Slot, generation: int) -> bytes:
    # The generation too: a body of an earlier rotation does not open in a header of a later one.
    return generation.to_bytes(4) + _binding(vault_id, slot)


def _seal_attributes(vault_id: bytes, master: MasterKey, slot: Slot, attributes: Attributes) -> bytes:
    transfer, public, label = attributes
    parts = (transfer.view(), public or b"", label)
    plaintext = Locked.zero(1 + sum(map(len, parts)))
    window = plaintext.view()
    window[0], at = len(transfer) | (_WITH_PUBLIC if public else 0), 1
    for part in parts:
        window[at : at + len(part)] = part
        at += len(part)
    nonce = os.urandom(NONCE_SIZE)
    sealer = XaesKey(master.derive(SLOT_ATTRIBUTES))
    return nonce + sealer.seal(nonce, window, _context(vault_id, slot.kind, slot.id))


def attributes_of(slot: Slot, vault_id: bytes, master: MasterKey) -> Attributes:
    """What the slot keeps sealed under the master key.

    Raises:
        Tampered: it is not what the vault wrote.
    """
    window = _open_attributes(vault_id, master, slot).view()
    end = 1 + window[0] % _WITH_PUBLIC
    label_at = end + (PUBLIC_SIZE if window[0] & _WITH_PUBLIC else 0)
    return Attributes(Locked.of(window[1:end]), bytes(window[end:label_at]) or None, bytes(window[label_at:]))


def _open_attributes(vault_id: bytes, master: MasterKey, slot: Slot) -> Locked:
    nonce, sealed = slot.attributes[:NONCE_SIZE], slot.attributes[NONCE_SIZE:]
    if len(sealed) <= TAG_SIZE:
        raise _altered_attributes()
    plaintext = Locked.zero(len(sealed) - TAG_SIZE)
    opener = XaesKey(master.derive(SLOT_ATTRIBUTES))
    try:
        opener.open_into(nonce, sealed, _context(vault_id, slot.kind, slot.id), plaintext.view())
    except DecryptionFailed:
        raise _altered_attributes() from None
    return plaintext


def _altered_attributes() -> Tampered:
    return Tampered("a slot's attributes are not what this vault wrote")


def _context(vault_id: bytes, kind: int, slot_id: bytes) -> bytes:
    return _CONTEXT + vault_id + bytes([kind]) + slot_id


def _checked(label: str | None) -> bytes:
    label = label or ""
    if len(label) > LABEL_MAX:
        raise BadParameter(f"a slot's label has at most {LABEL_MAX} characters")
    try:
        return label.encode()
    except UnicodeEncodeError:
        raise BadParameter("the label holds half of a surrogate pair, which UTF-8 cannot carry") from None
