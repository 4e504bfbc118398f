"""Backups of single objects: who can open what this vault sealed, as its slots come and go, and who cannot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import localvault
from localvault import BadParameter, Damaged, KeyNotFound, LocalVaultError, Tampered, UnlockFailed, Vault
from localvault.blobs import SealedBlobs
from localvault.sealing.profiles import OWASP_MINIMUM
from localvault.testing.profiles import CHEAPEST
from tests.support.told import told

PAYLOAD = b"what an object is made of"


@pytest.fixture
def blobs(vault: Vault) -> SealedBlobs:
    """What the vault seals backups with, with the cheapest of passphrases."""
    parts = vault._parts
    return SealedBlobs(parts.store, parts.masters, allow_weak=True, kdf=CHEAPEST)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Vault]:
    """Another vault."""
    with localvault.create(
        tmp_path / "w", passphrase="other", name="other", kdf=CHEAPEST, allow_weak=True
    ) as vault:
        yield vault


def test_a_blob_opens_where_it_was_made(blobs: SealedBlobs) -> None:
    """With nothing else needed, whatever is given besides; no two blobs are alike, and none shows anything."""
    plain, protected = blobs.seal(PAYLOAD, None), blobs.seal(PAYLOAD, "transfer")
    for blob in (plain, protected):
        assert blobs.open(blob, None, None) == PAYLOAD
        assert blobs.open(blob, "a wrong passphrase", None) == PAYLOAD
        assert PAYLOAD not in blob
    assert plain != blobs.seal(PAYLOAD, None)


def test_another_vault_opens_it_with_what_it_was_sealed_for(
    vault: Vault, blobs: SealedBlobs, other: Vault
) -> None:
    """The transfer passphrase or a recovery key of the vault it comes from: nothing else, and not its own."""
    recovery = vault.slots.add_recovery_key()
    theirs = SealedBlobs(other._parts.store, other._parts.masters, allow_weak=True)
    own_key = other.slots.add_recovery_key()
    blob = blobs.seal(PAYLOAD, "transfer")
    assert theirs.open(blob, "transfer", None) == PAYLOAD
    assert theirs.open(blob, None, recovery) == PAYLOAD
    assert theirs.open(blob, None, recovery.lower().replace("-", " ")) == PAYLOAD
    for passphrase, recovery_key in (
        (None, None),
        ("wrong", None),
        (None, own_key),
        ("unit", None),
        ("other", None),
    ):
        with pytest.raises(UnlockFailed) as failed:
            theirs.open(blob, passphrase, recovery_key)
        assert PAYLOAD.decode() not in str(failed.value)
    with pytest.raises(UnlockFailed):
        theirs.open(blobs.seal(PAYLOAD, None), "transfer", None)


def test_a_blob_is_for_the_recovery_keys_there_were(vault: Vault, blobs: SealedBlobs, other: Vault) -> None:
    """One made later does not open it; one that was removed gets no new blobs but opens those it had."""
    theirs = SealedBlobs(other._parts.store, other._parts.masters, allow_weak=True)
    before = blobs.seal(PAYLOAD, None)
    recovery = vault.slots.add_recovery_key()
    during = blobs.seal(PAYLOAD, None)
    vault.slots.remove(vault.slots.list()[-1].id)
    after = blobs.seal(PAYLOAD, None)
    assert theirs.open(during, None, recovery) == PAYLOAD
    for blob in (before, after):
        with pytest.raises(UnlockFailed):
            theirs.open(blob, None, recovery)


def test_an_altered_blob_opens_for_nobody(blobs: SealedBlobs) -> None:
    """Any byte of it, any cut: an error of ours, never another payload."""
    blob = blobs.seal(PAYLOAD, None)
    for at in range(len(blob)):
        altered = blob[:at] + bytes([blob[at] ^ 0x10]) + blob[at + 1 :]
        for wrong in (altered, blob[:at]):
            with pytest.raises((Damaged, BadParameter, Tampered)):
                blobs.open(wrong, None, None)


@pytest.mark.parametrize("passphrase", ["", "\ud800", "x" * 4097])
def test_a_passphrase_that_cannot_be_is_refused(blobs: SealedBlobs, passphrase: str) -> None:
    """Both ways, as at the door of the vault."""
    blob = blobs.seal(PAYLOAD, None)
    with pytest.raises(BadParameter):
        blobs.seal(PAYLOAD, passphrase)
    with pytest.raises(BadParameter):
        blobs.open(blob, passphrase, None)
    with pytest.raises(UnlockFailed, match="mistyped"):
        blobs.open(blob, None, "no recovery key")


def test_a_weak_transfer_passphrase_needs_asking_for(vault: Vault, other: Vault) -> None:
    """Where the vault was opened without `allow_weak`, none is sealed and none tried."""
    parts, strict = vault._parts, other._parts
    weak = SealedBlobs(parts.store, parts.masters, allow_weak=True, kdf=CHEAPEST).seal(PAYLOAD, "transfer")
    with pytest.raises(BadParameter):
        SealedBlobs(parts.store, parts.masters, allow_weak=False, kdf=CHEAPEST).seal(PAYLOAD, "transfer")
    with pytest.raises(BadParameter):
        SealedBlobs(strict.store, strict.masters, allow_weak=False).open(weak, "transfer", None)
    good = SealedBlobs(parts.store, parts.masters, allow_weak=False, kdf=OWASP_MINIMUM)
    assert (
        SealedBlobs(strict.store, strict.masters, allow_weak=False).open(
            good.seal(PAYLOAD, "transfer"), "transfer", None
        )
        == PAYLOAD
    )


def test_a_key_goes_to_another_vault_with_its_tokens(vault: Vault, other: Vault) -> None:
    """Restored with the recovery key it opens there what it sealed here, versions, ids and all; failing is told too."""
    recovery = vault.slots.add_recovery_key()
    vault.keys.create("data", "oct")
    tokens = [vault.crypto("data").seal(b"old")]
    vault.keys.rotate("data")
    tokens.append(vault.crypto("data").seal(b"new"))
    blob = vault.keys.backup("data")
    with told(other) as events, pytest.raises(UnlockFailed):
        other.keys.restore(blob)
    assert [(event.operation, event.result, event.code) for event in events] == [
        ("KeyRestore", "Failure", "UnlockFailed")
    ]
    with pytest.raises(KeyNotFound):
        other.crypto("data").open_many(tokens)
    restored = other.keys.restore(blob, recovery_key=recovery)
    assert restored.version == vault.keys.get("data").version
    assert other.crypto("data").open_many(tokens) == [b"old", b"new"]
    with pytest.raises(LocalVaultError):
        other.secrets.restore(blob, recovery_key=recovery)
