"""The vault's header: its id and its slots, readable without any key because it is what unlocks the rest.

Relies on slots.py. Promises: accidental damage (`Damaged`), a wrong secret (`UnlockFailed`) and an alteration
(`Tampered`) are told apart; no slot can be added, changed, reordered or taken out without the master key; the last
slot is never removed; nothing here writes anything. docs/format.md, section 1.

    header = "lvheader" | format (2) | vault id (16) | slots (1) | slot … | MAC (32) | checksum (32)

MAC: HMAC-SHA256 of all before it under a key from the master key. Checksum: SHA-256 of all before it; it has no key and
protects from nobody, it only tells a bad disk from a bad passphrase. What remains: a header put back to an older state
of its own opens, with the slots it had. `check()` finds it by the journal; a secret that leaked once opens old copies.
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from localvault.errors import BadParameter, Conflict, Damaged, NewerFormat, NotAVault, Tampered, UnlockFailed
from localvault.native.memory import equal
from localvault.sealing import slots as slot_format
from localvault.sealing.credentials import KIND_NAMES, PASSPHRASE, RECOVERY, Credential
from localvault.sealing.cursor import Cursor
from localvault.sealing.master import SLOTS, MasterKey
from localvault.sealing.profiles import DEFAULT, KdfProfile
from localvault.sealing.slots import Slot, SlotInfo

MAGIC: Final = b"lvheader"
FORMAT: Final = 1
VAULT_ID_SIZE: Final = 16
MAX_SLOTS: Final = 64
_MAC_SIZE = 32
_CHECKSUM_SIZE = 32


class Header(NamedTuple):
    """A vault's id and slots, and what authenticates them."""

    vault_id: bytes
    slots: tuple[Slot, ...]
    mac: bytes

    def encode(self) -> bytes:
        """The header as it is stored."""
        data = _authenticated(self.vault_id, self.slots) + self.mac
        return data + hashlib.sha256(data).digest()

    @classmethod
    def decode(cls, data: bytes) -> Header:
        """The header in `data`, which `encode` gives back byte for byte; not authenticated yet.

        Raises:
            Damaged: altered by accident or cut short.
            NotAVault: something else.
            NewerFormat: written by a later localvault.
        """
        cursor = Cursor(_intact(data), "the vault's header")
        if cursor.take(len(MAGIC)) != MAGIC:
            raise NotAVault("this is not the header of a localvault vault")
        written_as = cursor.number(2)
        if written_as != FORMAT:
            raise _unknown_format(written_as)
        vault_id = cursor.take(VAULT_ID_SIZE)
        count = cursor.number(1)
        if not 1 <= count <= MAX_SLOTS:
            raise Damaged(f"the vault's header claims {count} slots")
        slots = tuple(slot_format.decode(cursor) for _ in range(count))
        mac = cursor.take(_MAC_SIZE)
        cursor.end()
        return cls(vault_id, slots, mac)

    def authenticate(self, master: MasterKey) -> None:
        """Check that id and slots are what the holder of `master` wrote.

        Raises:
            Tampered: they are not.
        """
        if not equal(_mac(master, self.vault_id, self.slots), self.mac):
            raise Tampered(
                "the vault's slots are not what the vault wrote", hint="restore the vault from a backup"
            )

    def describe(self, master: MasterKey) -> list[SlotInfo]:
        """What a person is told of each slot, in order.

        Raises:
            Tampered: the header is not what the vault wrote.
        """
        self.authenticate(master)
        return [slot_format.describe(slot, self.vault_id, master) for slot in self.slots]


def new_header(
    vault_id: bytes,
    master: MasterKey,
    credential: Credential,
    *,
    kdf: KdfProfile = DEFAULT,
    label: str | None = None,
    allow_weak: bool = False,
) -> Header:
    """The header of a new vault with one slot; `vault_id` is 16 random bytes.

    Raises:
        BadParameter: another size of id, or as for `add_slot`.
    """
    if len(vault_id) != VAULT_ID_SIZE:
        raise BadParameter(f"a vault id has {VAULT_ID_SIZE} bytes, not {len(vault_id)}")
    slot = slot_format.make(vault_id, master, credential, kdf=kdf, label=label, allow_weak=allow_weak)
    return _signed(master, vault_id, (slot,))


def unlock(header: Header, credential: Credential, *, allow_weak: bool = False) -> MasterKey:
    """The master key, from whichever slot `credential` opens; the header is authenticated with it.

    Raises:
        UnlockFailed: it opens none.
        BadParameter: the only slots of its kind are below the floor and `allow_weak` was not given.
        Tampered: a slot opens but the header is not what the vault wrote.
        MemoryError: the system does not have the memory that a slot asks for.
    """
    return _unlock(header, credential, allow_weak=allow_weak)[0]


def add_slot(
    header: Header,
    master: MasterKey,
    credential: Credential,
    *,
    kdf: KdfProfile = DEFAULT,
    label: str | None = None,
    allow_weak: bool = False,
) -> Header:
    """The header with one more slot, the last.

    Raises:
        BadParameter: a weak or impossible `kdf`, a label over 100 characters, or 64 slots already.
        Tampered: the header is not what the vault wrote.
        MemoryError: the system does not have the memory that `kdf` asks for.
    """
    header.authenticate(master)
    if len(header.slots) >= MAX_SLOTS:
        raise BadParameter(f"a vault has at most {MAX_SLOTS} slots")
    slot = slot_format.make(header.vault_id, master, credential, kdf=kdf, label=label, allow_weak=allow_weak)
    return _signed(master, header.vault_id, (*header.slots, slot))


def remove_slot(header: Header, master: MasterKey, slot_id: bytes) -> Header:
    """The header without the slot of this id (16 bytes).

    The master key stays: whoever has both an older copy of the folder and the removed slot's secret can open that
    copy, and what the vault seals later with it.

    Raises:
        BadParameter: no such slot.
        Conflict: it is the last one that this localvault can open.
        Tampered: the header is not what the vault wrote.
    """
    header.authenticate(master)
    kept = tuple(slot for slot in header.slots if slot.id != slot_id)
    if len(kept) == len(header.slots):
        raise BadParameter(f"there is no slot {slot_id.hex()}")
    if not any(slot.kind in KIND_NAMES for slot in kept):
        raise Conflict(
            "the last slot cannot be removed: nothing could open the vault again", hint="add another first"
        )
    return _signed(master, header.vault_id, kept)


def change_passphrase(
    header: Header,
    master: MasterKey,
    old: Credential,
    new: Credential,
    *,
    kdf: KdfProfile | None = None,
    allow_weak: bool = False,
) -> Header:
    """The header in which the slot that `old` opened is opened by `new`; its id, label and place stay.

    `kdf` is the slot's own unless given. As for `remove_slot`, the master key stays.

    Raises:
        UnlockFailed: `old` opens no slot.
        BadParameter: one of them is no passphrase, or a weak or impossible `kdf`.
        Tampered: the header is not what the vault wrote, or is another vault's.
        MemoryError: the system does not have the memory that is asked for.
    """
    header.authenticate(master)
    if old.kind != PASSPHRASE or new.kind != PASSPHRASE:
        raise BadParameter("only a passphrase can be changed; replace other slots by adding and removing")
    opened, slot = _unlock(header, old, allow_weak=allow_weak)
    opened.wipe()
    profile = kdf or slot.kdf or DEFAULT
    made = slot_format.rewrap(slot, header.vault_id, master, new, kdf=profile, allow_weak=allow_weak)
    return _signed(master, header.vault_id, tuple(made if each is slot else each for each in header.slots))


def recovery_slots(header: Header) -> tuple[Slot, ...]:
    """The slots whose recovery keys a backup can be sealed for."""
    return tuple(slot for slot in header.slots if slot.kind == RECOVERY)


def _unlock(header: Header, credential: Credential, *, allow_weak: bool) -> tuple[MasterKey, Slot]:
    refused: Exception | None = None
    for slot in header.slots:
        try:
            master = slot_format.open_slot(slot, header.vault_id, credential, allow_weak=allow_weak)
        except (BadParameter, Tampered) as error:
            # One slot that cannot be tried must not keep another from opening.
            refused = error
            continue
        if master is not None:
            header.authenticate(master)
            return master, slot
    raise refused or _failed(header, credential)


def _failed(header: Header, credential: Credential) -> UnlockFailed:
    kinds = sorted({slot.kind_name for slot in header.slots})
    if credential.kind_name not in kinds:
        return UnlockFailed(
            f"the vault has no {credential.kind_name} slot", hint=f"it has: {', '.join(kinds)}"
        )
    return UnlockFailed(f"no slot opens with this {credential.kind_name}")


def _signed(master: MasterKey, vault_id: bytes, slots: tuple[Slot, ...]) -> Header:
    return Header(vault_id, slots, _mac(master, vault_id, slots))


def _authenticated(vault_id: bytes, slots: tuple[Slot, ...]) -> bytes:
    return b"".join(
        [MAGIC, FORMAT.to_bytes(2), vault_id, len(slots).to_bytes(1), *map(slot_format.encode, slots)]
    )


def _mac(master: MasterKey, vault_id: bytes, slots: tuple[Slot, ...]) -> bytes:
    key = master.derive(SLOTS)
    mac = HMAC(key.view(), SHA256())
    mac.update(_authenticated(vault_id, slots))
    return mac.finalize()


def _intact(data: bytes) -> bytes:
    """`data` without its checksum. Every format ends in one, so that damage to the format number is damage too."""
    content, checksum = data[:-_CHECKSUM_SIZE], data[-_CHECKSUM_SIZE:]
    # An ordinary comparison: nothing about a checksum without a key is secret.
    if hashlib.sha256(content).digest() != checksum:
        raise Damaged("the vault's header is damaged", hint="restore the vault from a backup")
    return content


def _unknown_format(written_as: int) -> Exception:
    if written_as > FORMAT:
        return NewerFormat(
            f"the vault has format {written_as}; this localvault knows {FORMAT}", hint="update localvault"
        )
    return Damaged(f"the vault's header claims the format {written_as}, which there never was")
