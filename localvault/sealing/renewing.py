"""New headers from old: a vault's first one, other slots, another master key.

Relies on header.py and unlocking.py. Promises: every header made here is authenticated by the master key that its slots
hold; the last slot that can be opened is never removed; nothing here writes anything. docs/format.md, sections 1 and 2.
"""

from __future__ import annotations

from collections.abc import Sequence

from localvault.errors import BadParameter, Conflict
from localvault.native.memory import Locked
from localvault.sealing import slots as slot_format
from localvault.sealing.credentials import KIND_NAMES, PASSPHRASE, RECOVERY, Credential
from localvault.sealing.exchange import public_key
from localvault.sealing.header import MAX_GENERATION, MAX_SLOTS, VAULT_ID_SIZE, Header
from localvault.sealing.master import MasterKey
from localvault.sealing.profiles import DEFAULT, KdfProfile
from localvault.sealing.slots import Slot
from localvault.sealing.succession import proofs_of
from localvault.sealing.unlocking import Unlocked, unlock_through


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
    made, private = _new(vault_id, master, credential, kdf=kdf, label=label, allow_weak=allow_weak)
    private.wipe()
    return made


def new_unlocked(
    vault_id: bytes, credential: Credential, *, kdf: KdfProfile, allow_weak: bool
) -> tuple[Header, Unlocked]:
    """As `new_header` for a new master key, and what `unlock_through` would find in it.

    Raises:
        BadParameter: as for `new_header`.
    """
    master = MasterKey.generate()
    header, private = _new(vault_id, master, credential, kdf=kdf, label=None, allow_weak=allow_weak)
    return header, Unlocked(master, header.slots[0].id, private, header.slots[0].kdf_part)


def _new(
    vault_id: bytes,
    master: MasterKey,
    credential: Credential,
    *,
    kdf: KdfProfile,
    label: str | None,
    allow_weak: bool,
) -> tuple[Header, Locked]:
    if len(vault_id) != VAULT_ID_SIZE:
        raise BadParameter(f"a vault id has {VAULT_ID_SIZE} bytes, not {len(vault_id)}")
    slot, private = slot_format.make(
        vault_id, master, credential, kdf=kdf, label=label, allow_weak=allow_weak
    )
    return Header(vault_id, (), b"").signed(master, (slot,)), private


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
    slot, private = slot_format.make(
        header.vault_id, master, credential, kdf=kdf, label=label, allow_weak=allow_weak
    )
    private.wipe()
    return header.signed(master, (*header.slots, slot))


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
    return header.signed(master, kept)


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
    opened = unlock_through(header, old, allow_weak=allow_weak)
    opened.wipe()
    slot = next(slot for slot in header.slots if slot.id == opened.slot_id)
    profile = kdf or slot.kdf or DEFAULT
    made = slot_format.rewrap(slot, header.vault_id, master, new, kdf=profile, allow_weak=allow_weak)
    return header.signed(master, tuple(made if each is slot else each for each in header.slots))


def recovery_slots(header: Header) -> tuple[Slot, ...]:
    """The slots whose recovery keys a backup can be sealed for."""
    return tuple(slot for slot in header.slots if slot.kind == RECOVERY)


def rotated(
    header: Header,
    old: MasterKey,
    new: MasterKey,
    way: Unlocked,
    transfers: Sequence[Locked],
) -> Header:
    """The header in which every slot holds `new`, the master key of the next generation, without any slot's secret.

    `way`, as `unlock_through` gave it, stands for the one slot whose secret is at hand, if that is as it was then.
    `transfers`: what `old` and the master keys before it, the newest first, derive for the purpose TRANSFER.

    Raises:
        Conflict: slots that an earlier localvault made have no public key; or a rotation is unfinished.
        Tampered: the header is not what the vault wrote.
    """
    header.authenticate(old)
    if header.unfinished or header.generation == MAX_GENERATION:
        raise Conflict("the master key cannot be rotated: the rotation before is unfinished")
    generation, own = header.generation + 1, public_key(way.exchange)
    renewed = [
        slot_format.renewed(slot, header.vault_id, old, new, generation, own if way.came_by(slot) else None)
        if slot.kind in KIND_NAMES
        else None
        for slot in header.slots
    ]
    slots = tuple(slot for slot in renewed if slot is not None)
    if len(slots) < len(renewed):
        kept = {slot.id for slot in slots}
        left_out = [_named(slot, header.vault_id, old) for slot in header.slots if slot.id not in kept]
        raise Conflict(
            f"an earlier localvault made these slots, which cannot take a new master key: {', '.join(left_out)}",
            hint="remove them, or change their passphrases, first; or open the vault through the only one of them",
        )
    proofs = proofs_of(new, header.vault_id, generation, transfers)
    return header._replace(generation=generation, proofs=proofs).signed(new, slots)


def finished(header: Header, master: MasterKey) -> Header:
    """The header once no record of an earlier generation is left.

    Raises:
        Tampered: the header is not what the vault wrote.
    """
    header.authenticate(master)
    return header._replace(oldest=header.generation).signed(master, header.slots)


def _named(slot: Slot, vault_id: bytes, master: MasterKey) -> str:
    label = slot_format.describe(slot, vault_id, master).label if slot.kind in KIND_NAMES else None
    return f"{slot.id.hex()} ({slot.kind_name}{f', {label}' if label else ''})"
