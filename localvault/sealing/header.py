"""The vault's header: its id and its slots, readable without any key because it is what unlocks the rest.

Relies on slots.py. Promises: accidental damage (`Damaged`), a wrong secret (`UnlockFailed`) and an alteration
(`Tampered`) are told apart; no slot can be added, changed, reordered or taken out without the master key; the last
slot is never removed; nothing here writes anything. docs/format.md, section 1.

    header = "lvheader" | format (2) | vault id (16) | generation (4) | oldest (4) | proofs (1) | proof (32) …
             | slots (1) | slot … | MAC (32) | checksum (32)

Format 1, which is read and never written any more, has no generation, oldest and proofs; they are 0 and none then. The
generation counts the master keys the vault has had; `oldest` is the first one whose records may still be found, so
while the two differ a rotation is unfinished. The proofs (succession.py) are for those who have a former master key.

MAC: HMAC-SHA256 of all before it under a key from the master key. Checksum: SHA-256 of all before it; it has no key and
protects from nobody, it only tells a bad disk from a bad passphrase. What remains: a header put back to an older state
of its own opens, with the slots it had. `check()` finds it by the journal; a secret that leaked once opens old copies.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from localvault.errors import BadParameter, Conflict, Damaged, NewerFormat, NotAVault, Tampered, UnlockFailed
from localvault.native.memory import Locked, equal
from localvault.sealing import slots as slot_format
from localvault.sealing.credentials import KIND_NAMES, PASSPHRASE, RECOVERY, Credential
from localvault.sealing.cursor import Cursor
from localvault.sealing.exchange import public_key
from localvault.sealing.master import SLOTS, MasterKey
from localvault.sealing.profiles import DEFAULT, KdfProfile
from localvault.sealing.slots import Slot, SlotInfo
from localvault.sealing.succession import MOST, PROOF_SIZE, proofs_of, proves

MAGIC: Final = b"lvheader"
FORMAT: Final = 2
MAX_GENERATION: Final = 0xFFFFFFFF
VAULT_ID_SIZE: Final = 16
MAX_SLOTS: Final = 64
_MAC_SIZE = 32
_CHECKSUM_SIZE = 32


class Header(NamedTuple):
    """A vault's id, generation and slots, and what authenticates them."""

    vault_id: bytes
    slots: tuple[Slot, ...]
    mac: bytes
    generation: int = 0
    oldest: int = 0
    proofs: tuple[bytes, ...] = ()
    """That its master key came after those before it, for who has the one before it, the one before that, …"""
    written_as: int = FORMAT
    """The format it has, so that it prints back as it was; what is made from it has the newest."""

    @property
    def unfinished(self) -> bool:
        """Whether records of the master key before may still be found."""
        return self.oldest < self.generation

    def encode(self) -> bytes:
        """The header as it is stored."""
        data = self.content() + self.mac
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
        if not 1 <= written_as <= FORMAT:
            raise _unknown_format(written_as)
        vault_id = cursor.take(VAULT_ID_SIZE)
        generation, oldest, proofs = _generations(cursor) if written_as > 1 else (0, 0, ())
        # One former master key is readable at a time: a rotation is finished before the next one begins.
        if not 0 <= generation - oldest <= 1:
            raise Damaged("the vault's header claims generations that cannot be")
        count = cursor.number(1)
        if not 1 <= count <= MAX_SLOTS:
            raise Damaged(f"the vault's header claims {count} slots")
        slots = tuple(slot_format.decode(cursor, exchanged=written_as > 1) for _ in range(count))
        mac = cursor.take(_MAC_SIZE)
        cursor.end()
        return cls(vault_id, slots, mac, generation, oldest, proofs, written_as)

    def content(self) -> bytes:
        """All that the MAC authenticates."""
        parts = [MAGIC, self.written_as.to_bytes(2), self.vault_id]
        if self.written_as > 1:
            parts += [self.generation.to_bytes(4), self.oldest.to_bytes(4)]
            parts += [len(self.proofs).to_bytes(1), *self.proofs]
        return b"".join([*parts, len(self.slots).to_bytes(1), *map(slot_format.encode, self.slots)])

    def signed(self, master: MasterKey, slots: tuple[Slot, ...]) -> Header:
        """The header with these slots and what authenticates them, in the newest format."""
        unsigned = self._replace(slots=slots, written_as=FORMAT)
        return unsigned._replace(mac=_mac(master, unsigned))

    def authenticate(self, master: MasterKey) -> None:
        """Check that id and slots are what the holder of `master` wrote.

        Raises:
            Tampered: they are not.
        """
        if not equal(_mac(master, self), self.mac):
            raise Tampered(
                "the vault's slots are not what the vault wrote", hint="restore the vault from a backup"
            )

    def follows(self, master: MasterKey, former: MasterKey, generation: int) -> None:
        """Check that `master`, this header's, was made by who had `former`, that of an earlier `generation`.

        Raises:
            Tampered: it was not.
            UnlockFailed: there were more rotations in between than the header has proofs of.
        """
        back = self.generation - generation - 1
        if back >= MOST:
            raise UnlockFailed(
                f"the master key was rotated more than {MOST} times since the vault was opened",
                hint="close the vault and open it again",
            )
        proofs = self.proofs[back : back + 1]
        if not proofs or not proves(proofs[0], former, self.vault_id, self.generation, master):
            raise Tampered(
                "the vault has a master key that nobody made who had the one before",
                hint="restore the vault from a backup",
            )

    def describe(self, master: MasterKey) -> list[SlotInfo]:
        """What a person is told of each slot, in order.

        Raises:
            Tampered: the header is not what the vault wrote.
        """
        self.authenticate(master)
        return [slot_format.describe(slot, self.vault_id, master) for slot in self.slots]


class Unlocked(NamedTuple):
    """A master key, the slot it came out of, and that slot's private key, which also opens later ones."""

    master: MasterKey
    slot_id: bytes
    exchange: Locked
    kdf_part: bytes
    """How the slot's passphrase was stretched then: with a salt of its own for each passphrase it has had."""

    def came_by(self, slot: Slot) -> bool:
        """Whether this is the slot, with the secret it had."""
        return (slot.id, slot.kdf_part) == (self.slot_id, self.kdf_part)

    def wipe(self) -> None:
        """Forget both keys."""
        self.master.wipe()
        self.exchange.wipe()


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


def unlock(header: Header, credential: Credential, *, allow_weak: bool = False) -> MasterKey:
    """The master key, from whichever slot `credential` opens; the header is authenticated with it.

    Raises:
        UnlockFailed: it opens none.
        BadParameter: the only slots of its kind are below the floor and `allow_weak` was not given.
        Tampered: a slot opens but the header is not what the vault wrote.
        MemoryError: the system does not have the memory that a slot asks for.
    """
    unlocked = unlock_through(header, credential, allow_weak=allow_weak)
    unlocked.exchange.wipe()
    return unlocked.master


def unlock_through(header: Header, credential: Credential, *, allow_weak: bool = False) -> Unlocked:
    """As `unlock`, with what it takes to unlock again once the vault has a new master key.

    Raises as `unlock`.
    """
    refused: Exception | None = None
    for slot in header.slots:
        try:
            secret = slot_format.slot_secret(slot, credential, allow_weak=allow_weak)
            if secret is None:
                continue
            master = slot_format.open_with(slot, header.vault_id, secret, header.generation)
        except (BadParameter, Tampered) as error:
            # One slot that cannot be tried must not keep another from opening.
            refused = error
            continue
        if master is not None:
            header.authenticate(master)
            exchange = slot_format.exchange_key(slot, header.vault_id, secret)
            return Unlocked(master, slot.id, exchange, slot.kdf_part)
    raise refused or _failed(header, credential)


def unlock_again(header: Header, slot_id: bytes, exchange: Locked) -> MasterKey:
    """The header's master key, from the slot of this id by its private key; the header is authenticated with it.

    Raises:
        UnlockFailed: the slot was removed, or its secret changed.
        Tampered: the slot opens but the header is not what the vault wrote.
    """
    for slot in header.slots:
        if slot.id == slot_id:
            master = slot_format.open_exchanged(slot, header.vault_id, exchange, header.generation)
            if master is not None:
                header.authenticate(master)
                return master
    raise UnlockFailed(
        "the vault has a new master key, and the slot it was opened through was removed or changed",
        hint="close the vault and open it again",
    )


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


def _generations(cursor: Cursor) -> tuple[int, int, tuple[bytes, ...]]:
    generation, oldest, count = cursor.number(4), cursor.number(4), cursor.number(1)
    return generation, oldest, tuple(cursor.take(PROOF_SIZE) for _ in range(count))


def _named(slot: Slot, vault_id: bytes, master: MasterKey) -> str:
    label = slot_format.describe(slot, vault_id, master).label if slot.kind in KIND_NAMES else None
    return f"{slot.id.hex()} ({slot.kind_name}{f', {label}' if label else ''})"


def _failed(header: Header, credential: Credential) -> UnlockFailed:
    kinds = sorted({slot.kind_name for slot in header.slots})
    if credential.kind_name not in kinds:
        return UnlockFailed(
            f"the vault has no {credential.kind_name} slot", hint=f"it has: {', '.join(kinds)}"
        )
    return UnlockFailed(f"no slot opens with this {credential.kind_name}")


def _mac(master: MasterKey, header: Header) -> bytes:
    key = master.derive(SLOTS)
    mac = HMAC(key.view(), SHA256())
    mac.update(header.content())
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
            f"the vault has format {written_as}; this localvault knows {FORMAT} and below",
            hint="update localvault",
        )
    return Damaged(f"the vault's header claims the format {written_as}, which there never was")
