"""Proofs of succession: who had a former master key is believed, and nobody else."""

from __future__ import annotations

import pytest

from localvault.native.memory import Locked
from localvault.sealing.master import TRANSFER, MasterKey
from localvault.sealing.succession import MOST, PROOF_SIZE, proofs_of, proves

VAULT_ID = b"v" * 16
FORMER, NEW, OTHER = (MasterKey(Locked.of(letter * 32)) for letter in (b"f", b"n", b"o"))
(PROOF,) = proofs_of(NEW, VAULT_ID, 7, [FORMER.derive(TRANSFER)])


def test_it_proves_what_it_was_made_for() -> None:
    """32 bytes, the same each time."""
    assert proves(PROOF, FORMER, VAULT_ID, 7, NEW)
    assert len(PROOF) == PROOF_SIZE
    assert proofs_of(NEW, VAULT_ID, 7, [FORMER.derive(TRANSFER)]) == (PROOF,)


@pytest.mark.parametrize(
    ("former", "vault_id", "generation", "master"),
    [
        (OTHER, VAULT_ID, 7, NEW),
        (FORMER, b"w" * 16, 7, NEW),
        (FORMER, VAULT_ID, 8, NEW),
        (FORMER, VAULT_ID, 7, OTHER),
    ],
)
def test_it_proves_nothing_else(
    former: MasterKey, vault_id: bytes, generation: int, master: MasterKey
) -> None:
    """Neither for another vault, generation or master key, nor to who has another former one."""
    assert not proves(PROOF, former, vault_id, generation, master)
    assert not proves(bytes(PROOF_SIZE), FORMER, VAULT_ID, 7, NEW)
    assert not proves(b"", FORMER, VAULT_ID, 7, NEW)


def test_there_are_as_many_as_a_header_counts() -> None:
    """For the newest of the former master keys."""
    transfers = [OTHER.derive(TRANSFER)] * (MOST + 3)
    assert len(proofs_of(NEW, VAULT_ID, 7, transfers)) == MOST
