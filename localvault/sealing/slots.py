"""A slot: one way to unlock the master key, as it stands in the vault's header.

Relies on wrap.py for the wrapped master key and argon.py for passphrases. Promises: vault, slot, kind, parameters and
salt are bound into the wrap, so none can be altered or carried over to another slot or vault; a slot of a kind this
localvault does not know is kept byte for byte. docs/format.md, section 2.

    slot       = kind (1) | slot id (16) | length (2) | body | length (2) | attributes
    body       = passes (4) | KiB (4) | lanes (1) | salt (16) | wrapped master key (104)       passphrase
                 wrapped master key (104)                                                      key file, recovery key
    attributes = nonce (24) | sealed( length (1) | transfer key (0 or 32) | label in UTF-8 )

A key file's and a recovery key's secret are 256 random bits: guessing them is hopeless without any stretching.
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


class SlotInfo(NamedTuple):
    """What a person is told of a slot: `id` in 32 hex digits, its kind, label and how it is stretched."""

    id: str
    kind: str
    label: str | None
    kdf: str | None


def encode(slot: Slot) -> bytes:
    """The slot as it stands in the header."""
    parts = [bytes([slot.kind]), slot.id]
    for part in (slot.body, slot.attributes):
        parts += [len(part).to_bytes(_LENGTH_SIZE), part]
    return b"".join(parts)


def decode(cursor: Cursor) -> Slot:
    """The slot at `cursor`.

    Raises:
        Damaged: cut short, or of a size its kind does not have.
    """
    kind, slot_id = cursor.number(1), cursor.take(ID_SIZE)
    body = cursor.take(cursor.number(_LENGTH_SIZE))
    attributes = cursor.take(cursor.number(_LENGTH_SIZE))
    expected = WRAPPED_SIZE + (KDF_SIZE if kind == PASSPHRASE else 0)
    if kind in KIND_NAMES and len(body) != expected:
        raise Damaged(f"a {KIND_NAMES[kind]} slot does not have its size")
    return Slot(kind, slot_id, body, attributes)


def make(
    vault_id: bytes,
    master: MasterKey,
    credential: Credential,
    *,
    kdf: KdfProfile,
    label: str | None,
    allow_weak: bool,
) -> Slot:
    """A slot that `credential` opens; `kdf` counts for passphrases only.

    Raises:
        BadParameter: a weak or impossible `kdf`, or a label over 100 characters.
        MemoryError: the system does not have the memory that `kdf` asks for.
    """
    slot_id = os.urandom(ID_SIZE)
    attributes = _seal_attributes(vault_id, master, credential, slot_id, label)
    slot = Slot(credential.kind, slot_id, b"", attributes)
    return rewrap(slot, vault_id, master, credential, kdf=kdf, allow_weak=allow_weak)


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

    A passphrase gets a new salt each time, so the wrapping key is new even if all else stays.

    Raises:
        BadParameter, MemoryError: as for `make`.
    """
    kdf_part = b""
    if credential.kind == PASSPHRASE:
        kdf_part = encode_kdf(check_new(kdf, allow_weak=allow_weak), os.urandom(SALT_SIZE))
    secret = stretched(credential, kdf_part)
    body = kdf_part + wrap(secret, _binding(vault_id, slot, kdf_part), master.key)
    return slot._replace(body=body)


def open_slot(slot: Slot, vault_id: bytes, credential: Credential, *, allow_weak: bool) -> MasterKey | None:
    """The master key, or None if `credential` does not open this slot.

    Raises:
        BadParameter: parameters below the floor without `allow_weak`.
        Tampered: parameters beyond the ceiling, or a wrapped key that was altered.
        MemoryError: the system does not have the memory the slot asks for.
    """
    if slot.kind != credential.kind:
        return None
    kdf_part, wrapped = slot.body[:-WRAPPED_SIZE], slot.body[-WRAPPED_SIZE:]
    if kdf_part:
        # Before any memory is spent.
        check_stored(decode_kdf(kdf_part)[0], allow_weak=allow_weak)
    secret = stretched(credential, kdf_part)
    key = unwrap(secret, _binding(vault_id, slot, kdf_part), wrapped)
    return None if key is None else MasterKey(key)


def describe(slot: Slot, vault_id: bytes, master: MasterKey) -> SlotInfo:
    """What a person is told of the slot.

    Raises:
        Tampered: its attributes are not those the vault wrote.
    """
    window = _open_attributes(vault_id, master, slot).view()
    label = bytes(window[1 + window[0] :]).decode()
    kdf = slot.kdf
    return SlotInfo(slot.id.hex(), slot.kind_name, label or None, None if kdf is None else kdf.text)


def transfer_key(slot: Slot, vault_id: bytes, master: MasterKey) -> Locked:
    """What backups are sealed under for the holder of this recovery slot's key; see `recovery_transfer_key`.

    Raises:
        Tampered: the slot's attributes are not those the vault wrote.
    """
    window = _open_attributes(vault_id, master, slot).view()
    return Locked.of(window[1 : 1 + window[0]])


def recovery_transfer_key(credential: Credential) -> Locked:
    """The same key, from the recovery key itself.

    The vault cannot keep the recovery key, so a slot keeps this one derived from it, sealed under the master key; it
    gives the recovery key away to nobody. The rejected alternative, a public key in the slot, would need no sealing
    but let anyone who can read the folder make backups that the recovery key opens, with secrets of their choice in
    them, and lets a quantum computer open every backup kept until then.
    """
    return expand(credential.secret, _TRANSFER)


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


def _binding(vault_id: bytes, slot: Slot, kdf_part: bytes) -> bytes:
    # Everything the wrap depends on, in fixed widths; what stands last is empty or 25 bytes, as its kind says.
    return vault_id + bytes([slot.kind]) + slot.id + kdf_part


def _seal_attributes(
    vault_id: bytes, master: MasterKey, credential: Credential, slot_id: bytes, label: str | None
) -> bytes:
    encoded = _checked(label)
    transfer = recovery_transfer_key(credential) if credential.kind == RECOVERY else Locked.zero(0)
    end = 1 + len(transfer)
    plaintext = Locked.zero(end + len(encoded))
    window = plaintext.view()
    window[0], window[1:end], window[end:] = len(transfer), transfer.view(), encoded
    nonce = os.urandom(NONCE_SIZE)
    sealer = XaesKey(master.derive(SLOT_ATTRIBUTES))
    return nonce + sealer.seal(nonce, window, _context(vault_id, credential.kind, slot_id))


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
