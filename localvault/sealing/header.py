"""The vault's header: its id and its slots, readable without any key because it is what unlocks the rest.

Relies on slots.py. Promises: accidental damage (`Damaged`) and an alteration (`Tampered`) are told apart; no slot can
be added, changed, reordered or taken out without the master key. docs/format.md, section 1.

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
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from localvault.errors import Damaged, NewerFormat, NotAVault, Tampered, UnlockFailed
from localvault.native.memory import equal
from localvault.sealing import slots as slot_format
from localvault.sealing.cursor import Cursor
from localvault.sealing.master import SLOTS, MasterKey
from localvault.sealing.slots import Slot, SlotInfo
from localvault.sealing.succession import MOST, PROOF_SIZE, proves

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


def _generations(cursor: Cursor) -> tuple[int, int, tuple[bytes, ...]]:
    generation, oldest, count = cursor.number(4), cursor.number(4), cursor.number(1)
    return generation, oldest, tuple(cursor.take(PROOF_SIZE) for _ in range(count))


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
