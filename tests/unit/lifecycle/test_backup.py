"""Backup and restore of one object: everything comes back exactly, nothing is overwritten, nothing altered gets in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgpack
import pytest

import localvault
from localvault import (
    BadParameter,
    Damaged,
    KeyNotExportable,
    LocalVaultError,
    NewerFormat,
    ObjectAlreadyExists,
    Tampered,
    UnlockFailed,
    Vault,
)
from localvault.model.key_access import KEY_ACCESS
from localvault.testing.clock import FixedClock
from localvault.testing.profiles import CHEAPEST
from tests.support.keys import key
from tests.support.offered import OFFERED
from tests.support.refusals import events, refused, size, unchanged

both = pytest.mark.parametrize("collection", ["secrets", "keys"])
PASSPHRASE = "of the transfer"


@pytest.fixture(autouse=True)
def cheap_transfer(vault: Vault, other: Vault) -> None:
    """Stretch transfer passphrases by the cheapest profile, in both vaults."""
    for each in (vault, other):
        blobs: Any = each._parts.ground.blobs
        blobs._kdf = CHEAPEST


@pytest.fixture
def other(tmp_path: Path, clock: FixedClock) -> Iterator[Vault]:
    """Another vault, with rules of its own."""
    with localvault.create(
        tmp_path / "w",
        passphrase="other",
        name="other",
        kdf=CHEAPEST,
        allow_weak=True,
        clock=clock,
        retention_days=7,
        max_value_bytes=1,
        max_tags=0,
    ) as vault:
        yield vault


def fill(vault: Vault, clock: FixedClock, collection: str) -> None:
    """Make an object `It` whose versions differ in everything that can differ."""
    dates = {"not_before": clock.now, "expires_on": clock.now + timedelta(days=9, microseconds=1)}
    if collection == "secrets":
        vault.secrets.set("It", "téxt", tags={"a": "é"}, content_type="c", **dates)
        vault.secrets.set("It", b"\0\xff", enabled=False)
        clock.move(seconds=1)
        vault.secrets.update("It", enabled=True, tags={"later": ""})
        vault.secrets.set("It", "")
    else:
        vault.keys.create("It", "oct", operations=["encrypt", "decrypt"], tags={"a": "é"}, **dates)
        vault.keys.create("It", "EC", curve="P-521", exportable=True)
        clock.move(seconds=1)
        vault.keys.update("It", enabled=True, operations=["verify"])
        vault.keys.create("It", "oct", size=128)


def told(vault: Vault, collection: str) -> list[Any]:
    """Everything there is to tell of `it`, the vault's own rules and URL left out."""
    verbs = getattr(vault, collection)
    found = [verbs.get("it", version.version) for version in verbs.versions("it")]
    own = {"id", "recovery_level", "recoverable_days"}
    return [
        {what: value for what, value in each.properties.to_dict().items() if what not in own}
        | {"material": each.value if collection == "secrets" else each.to_dict()["jwk"] is not None}
        for each in [*found, verbs.get("it")]
    ]


def remove(vault: Vault, collection: str) -> None:
    """Delete and purge `it`."""
    verbs = getattr(vault, collection)
    verbs.delete("it")
    verbs.purge("it")


@both
def test_an_object_comes_back_exactly(vault: Vault, clock: FixedClock, collection: str) -> None:
    """Name, version ids, order, properties and material, each of its type; `restore` tells the current version."""
    fill(vault, clock, collection)
    verbs = getattr(vault, collection)
    before, version = told(vault, collection), verbs.get("it").version
    token = None
    if collection == "keys":
        sealer = next(iter(verbs.versions("it"))).version
        token = vault.crypto("it", sealer).seal(b"text")
    blob = verbs.backup("IT")
    remove(vault, collection)
    clock.move(days=5)
    restored = verbs.restore(blob)
    assert (restored.name, restored.version) == ("It", version)
    assert told(vault, collection) == before
    assert vault.check() == []
    if token is not None:
        assert vault.crypto("it").open(token) == b"text"
        with pytest.raises(KeyNotExportable):
            verbs.export("it", access=KEY_ACCESS)


def test_backup_and_restore_are_one_event_each(vault: Vault, clock: FixedClock) -> None:
    """They count the versions; a restore tells the name that was in the blob."""
    fill(vault, clock, "secrets")
    start = size(vault)
    blob = vault.secrets.backup("It")
    remove(vault, "secrets")
    version = vault.secrets.restore(blob).version
    told_ = [(event.operation, event.target, event.version, event.count) for event in events(vault, start)]
    assert told_[0] == ("SecretBackup", "/secrets/It", None, 3)
    assert told_[-1] == ("SecretRestore", "/secrets/It", version, 3)


WAYS: dict[str, dict[str, str]] = {
    "recovery key": {"recovery_key": "right"},
    "recovery key as typed": {"recovery_key": "typed"},
    "passphrase": {"passphrase": PASSPHRASE},
    "a wrong passphrase, the right recovery key": {"passphrase": "wrong", "recovery_key": "right"},
    "a wrong recovery key, the right passphrase": {"passphrase": PASSPHRASE, "recovery_key": "wrong"},
}


@both
@pytest.mark.parametrize("way", WAYS)
def test_an_object_moves_to_another_vault(
    vault: Vault, other: Vault, clock: FixedClock, collection: str, way: str
) -> None:
    """With the recovery key or the transfer passphrase; it is the same there, and lives by that vault's rules."""
    recovery = vault.slots.add_recovery_key()
    keys = {
        "right": recovery,
        "typed": recovery.lower().replace("-", " "),
        "wrong": other.slots.add_recovery_key(),
    }
    fill(vault, clock, collection)
    blob = getattr(vault, collection).backup("it", passphrase=PASSPHRASE)
    secrets = {what: keys.get(secret, secret) for what, secret in WAYS[way].items()}
    restored = getattr(other, collection).restore(blob, **secrets)
    assert told(other, collection) == told(vault, collection)
    assert restored.id.startswith(f"https://other.vault.localhost/{collection}/It/")
    assert restored.recoverable_days == 7
    assert other.check() == []


WRONG: dict[str, dict[str, str]] = {
    "nothing": {},
    "a wrong passphrase": {"passphrase": "wrong"},
    "the passphrase of the vault": {"passphrase": "unit"},
    "a recovery key of the other vault": {"recovery_key": "other"},
}


@pytest.mark.parametrize("way", WRONG)
def test_nothing_else_opens_it_elsewhere(vault: Vault, other: Vault, clock: FixedClock, way: str) -> None:
    """`UnlockFailed`, and nothing was changed."""
    vault.slots.add_recovery_key()
    secrets = dict(WRONG[way])
    if "recovery_key" in secrets:
        secrets["recovery_key"] = other.slots.add_recovery_key()
    fill(vault, clock, "secrets")
    blob = vault.secrets.backup("it", passphrase=PASSPHRASE)
    with refused(other, UnlockFailed, "SecretRestore", target="/secrets"):
        other.secrets.restore(blob, **secrets)


def test_a_backup_without_a_passphrase_opens_with_none(vault: Vault, other: Vault, clock: FixedClock) -> None:
    """Nor does a recovery key that was made after it."""
    fill(vault, clock, "secrets")
    blob = vault.secrets.backup("it")
    late = vault.slots.add_recovery_key()
    for secrets in ({"passphrase": "unit"}, {"recovery_key": late}):
        with pytest.raises(UnlockFailed):
            other.secrets.restore(blob, **secrets)


def test_the_vault_itself_needs_no_secret_and_minds_none(vault: Vault, clock: FixedClock) -> None:
    """It opens its own backups, also after its slots have changed and whatever else is handed in."""
    fill(vault, clock, "secrets")
    blob = vault.secrets.backup("it", passphrase=PASSPHRASE)
    remove(vault, "secrets")
    vault.slots.change_passphrase("unit", "another", kdf=CHEAPEST)
    assert vault.secrets.restore(blob, passphrase="wrong").name == "It"


@pytest.mark.parametrize(
    "secrets", [{"passphrase": ""}, {"recovery_key": "no key"}, {"passphrase": "\ud800"}]
)
def test_a_secret_there_cannot_be_is_refused(
    vault: Vault, other: Vault, clock: FixedClock, secrets: dict[str, str]
) -> None:
    """With an error of the vault's own, and nothing was changed."""
    fill(vault, clock, "secrets")
    blob = vault.secrets.backup("it", passphrase=PASSPHRASE)
    with unchanged(other), pytest.raises(LocalVaultError):
        other.secrets.restore(blob, **secrets)


@both
def test_a_name_in_use_is_not_overwritten(vault: Vault, clock: FixedClock, collection: str) -> None:
    """In any spelling, not even by the very same object."""
    fill(vault, clock, collection)
    verbs = getattr(vault, collection)
    blob = verbs.backup("it")
    operation = {"secrets": "SecretRestore", "keys": "KeyRestore"}[collection]
    with refused(vault, ObjectAlreadyExists, operation, target=f"/{collection}/It"):
        verbs.restore(blob)
    remove(vault, collection)
    if collection == "secrets":
        vault.secrets.set("IT", "another")
    else:
        vault.keys.create("IT", "oct")
    with refused(vault, ObjectAlreadyExists, operation, target=f"/{collection}/It"):
        verbs.restore(blob)


@both
def test_a_backup_is_of_one_kind(vault: Vault, clock: FixedClock, collection: str) -> None:
    """A secret's is not restored as a key, nor a key's as a secret."""
    fill(vault, clock, collection)
    blob = getattr(vault, collection).backup("it")
    wrong, operation = (
        (vault.keys, "KeyRestore") if collection == "secrets" else (vault.secrets, "SecretRestore")
    )
    with refused(vault, BadParameter, operation, target="/keys" if collection == "secrets" else "/secrets"):
        wrong.restore(blob)


def test_two_backups_of_one_object_have_nothing_in_common(vault: Vault, clock: FixedClock) -> None:
    """Each has a key of its own, so that they show neither their content nor that it is the same."""
    vault.secrets.set("It", "a value to be looked for")
    first, second = vault.secrets.backup("it"), vault.secrets.backup("it")
    assert b"value" not in first
    assert b"It" not in first[60:]
    assert first[-100:-32] != second[-100:-32]


def resealed(blob: bytes) -> bytes:
    """The blob with its checksum made to fit, as somebody who alters it on purpose would."""
    return blob[:-32] + hashlib.sha256(blob[:-32]).digest()


def altered(blob: bytes, positions: range | list[int]) -> Iterator[bytes]:
    """The blob with one bit turned at each position, as damage and as an alteration; and cut short there."""
    for position in positions:
        flipped = bytearray(blob)
        flipped[position] ^= 1 << position % 8
        yield bytes(flipped)
        if position < len(blob) - 32:
            yield resealed(bytes(flipped))
            yield blob[:position]
            yield resealed(blob[:position] + blob[-32:])


def refuse_all(vault: Vault, blobs: Iterator[bytes], **secrets: str) -> None:
    """Check that none of `blobs` is restored, and that each try is one failure and no change."""
    start, tried = size(vault), 0
    with unchanged(vault):
        for blob in blobs:
            tried += 1
            with pytest.raises((Damaged, Tampered, NewerFormat, UnlockFailed, BadParameter)):
                vault.secrets.restore(blob, **secrets)
    told_ = [(event.operation, event.target, event.result) for event in events(vault, start)]
    assert tried
    assert told_ == [("SecretRestore", "/secrets", "Failure")] * tried


def test_an_altered_backup_is_refused(vault: Vault, other: Vault, clock: FixedClock) -> None:
    """A bit turned or the rest cut off, at positions in every part, with and without a checksum that fits."""
    vault.slots.add_recovery_key()
    vault.secrets.set("It", "v")
    blob = vault.secrets.backup("it", passphrase=PASSPHRASE)
    remove(vault, "secrets")
    positions = sorted({*range(0, 48, 2), *range(0, len(blob), 29), *range(len(blob) - 4, len(blob))})
    refuse_all(vault, altered(blob, positions))
    refuse_all(other, altered(blob, range(0, len(blob), 97)), passphrase=PASSPHRASE)
    assert vault.secrets.restore(blob).name == "It"


@pytest.mark.soak
def test_a_backup_altered_anywhere_is_refused(vault: Vault, other: Vault) -> None:
    """Every bit position of every byte in turn, by the vault itself and by another with the passphrase."""
    vault.slots.add_recovery_key()
    vault.secrets.set("It", "v")
    blob = vault.secrets.backup("it", passphrase=PASSPHRASE)
    remove(vault, "secrets")
    refuse_all(vault, altered(blob, range(len(blob))))
    refuse_all(other, altered(blob, range(len(blob))), passphrase=PASSPHRASE)


@pytest.mark.parametrize("blob", [b"", b"lvbackup", b"x" * 1000, "text"])
def test_what_is_no_backup_is_refused(vault: Vault, blob: Any) -> None:
    """With an error of the vault's own."""
    with unchanged(vault), pytest.raises((BadParameter, Damaged)):
        vault.secrets.restore(blob)


@pytest.mark.parametrize("name", OFFERED)
def test_keys_of_every_type_come_back(vault: Vault, other: Vault, name: str) -> None:
    """With and, where there is one, as their public part only."""
    vault.keys.import_("private", key(name).private_jwk(), exportable=True)
    public = key(name).public_key()
    if public is not None:
        vault.keys.import_("public", public.der())
    for listed in vault.keys.list():
        restored = other.keys.restore(
            vault.keys.backup(listed.name, passphrase=PASSPHRASE), passphrase=PASSPHRASE
        )
        assert (restored.kty, restored.size, restored.curve) == (listed.kty, listed.size, listed.curve)
        assert other.keys.get(listed.name).to_dict()["operations"] == list(listed.operations)
    exported = [each.keys.export("private", access=KEY_ACCESS) for each in (vault, other)]
    assert exported[0] == exported[1]


def test_what_the_object_had_set_for_itself_is_kept(vault: Vault, other: Vault, clock: FixedClock) -> None:
    """The settings of an object (later ones, which this version hands on without reading) move with it."""
    fill(vault, clock, "keys")
    recovery = vault.slots.add_recovery_key()
    blobs = vault._parts.ground.blobs
    version, kind, name, settings, versions = msgpack.unpackb(blobs.open(vault.keys.backup("it"), None, None))
    assert (version, kind, name, settings, len(versions)) == (1, b"k", "It", None, 3)
    blob = blobs.seal(msgpack.packb([version, kind, name, {"policy": ["P90D"]}, versions]), None)
    other.keys.restore(blob, recovery_key=recovery)
    other.keys.rotate("it")
    other.keys.update("it", tags=None)
    other.keys.delete("it")
    other.keys.recover("it")
    kept = other._parts.ground.blobs.open(other.keys.backup("it"), None, None)
    assert msgpack.unpackb(kept)[3] == {"policy": ["P90D"]}
