"""From a passphrase, key file or recovery key to the master key, through the slot it opens.

Relies on header.py and slots.py. Promises: a wrong secret (`UnlockFailed`) and an alteration (`Tampered`) are told
apart; a master key is handed out only once the header has proved to be what its holder wrote.
"""

from __future__ import annotations

from typing import NamedTuple

from localvault.errors import BadParameter, Tampered, UnlockFailed
from localvault.native.memory import Locked
from localvault.sealing import slots as slot_format
from localvault.sealing.credentials import Credential
from localvault.sealing.header import Header
from localvault.sealing.master import MasterKey
from localvault.sealing.slots import Slot


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


def _failed(header: Header, credential: Credential) -> UnlockFailed:
    kinds = sorted({slot.kind_name for slot in header.slots})
    if credential.kind_name not in kinds:
        return UnlockFailed(
            f"the vault has no {credential.kind_name} slot", hint=f"it has: {', '.join(kinds)}"
        )
    return UnlockFailed(f"no slot opens with this {credential.kind_name}")
