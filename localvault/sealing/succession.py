"""Proof that a new master key was made by somebody who had the one before: what lets an open vault follow a rotation.

Relies on HKDF and on the keys of purpose TRANSFER, of which the keyring has those of all former master keys. Promises:
without the master key a process has, nobody makes it go on to another. docs/format.md, section 2.6.

    proof = expand(transfer key of a former master key, "localvault/succession/v1 " | vault id | generation | mark)
    mark  = expand(the new master key, "localvault/master/v1 succession")

A slot's public key alone is no such proof. Whoever has an old master key knows the public keys, which a rotation keeps,
and could wrap a master key of their own for them; a process that went on to it would seal all it writes for them. What
remains: a process that still has the master key which leaked cannot tell who has rotated it. One proof for each former
key, not a chain from each to the next, because a process may sleep through several rotations and lacks those between.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from localvault.native.memory import Locked, equal
from localvault.sealing.hkdf import KEY_SIZE, expand
from localvault.sealing.master import SUCCESSION, TRANSFER, MasterKey

PROOF_SIZE: Final = KEY_SIZE
MOST: Final = 255
"""Rotations a process may sleep through: the header counts its proofs in one byte."""
_LABEL: Final = b"localvault/succession/v1 "


def proofs_of(
    master: MasterKey, vault_id: bytes, generation: int, transfers: Sequence[Locked]
) -> tuple[bytes, ...]:
    """The proofs, 32 bytes each, that `master` is the one of `generation`; one for each holder of `transfers`.

    They may be public: outputs of a pseudorandom function, of a mark that says nothing of the master key.

    Raises:
        VaultClosed, VaultForked: a key is gone.
    """
    return tuple(_proof(transfer, vault_id, generation, master) for transfer in transfers[:MOST])


def proves(proof: bytes, former: MasterKey, vault_id: bytes, generation: int, master: MasterKey) -> bool:
    """Whether `proof` was made by who had `former`, or a master key between it and `master`; in constant time.

    Raises:
        VaultClosed, VaultForked: a key is gone.
    """
    transfer = former.derive(TRANSFER)
    try:
        return equal(_proof(transfer, vault_id, generation, master), proof)
    finally:
        transfer.wipe()


def _proof(transfer: Locked, vault_id: bytes, generation: int, master: MasterKey) -> bytes:
    # All of fixed width. Transfer keys are else expanded under the labels of wrap.py alone, which begin differently.
    mark = master.derive(SUCCESSION)
    made = expand(transfer, _LABEL + vault_id + generation.to_bytes(4) + bytes(mark.view()))
    try:
        return bytes(made.view())
    finally:
        mark.wipe()
        made.wipe()
