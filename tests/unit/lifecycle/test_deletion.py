"""Soft delete: what is deleted is out of sight, holds its name, comes back whole, and goes for good when it may."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import localvault
from localvault import (
    BadParameter,
    KeyNotFound,
    LocalVaultError,
    ObjectIsDeletedButRecoverable,
    PurgeProtected,
    SecretNotFound,
    Vault,
)
from localvault.store.layout import Table
from localvault.testing.clock import FixedClock
from localvault.testing.profiles import CHEAPEST
from tests.support.keys import key
from tests.support.refusals import held, refused

NOT_FOUND: dict[str, type[LocalVaultError]] = {"secrets": SecretNotFound, "keys": KeyNotFound}
JWK = key("oct-256").private_jwk()
both = pytest.mark.parametrize("collection", ["secrets", "keys"])


def fill(vault: Vault, collection: str, name: str = "Gone") -> list[str | None]:
    """Make an object with three versions, each a little different; returns their ids."""
    if collection == "secrets":
        made: list[Any] = [vault.secrets.set(name, f"value {n}", tags={"n": str(n)}) for n in range(3)]
        vault.secrets.update(name, made[0].version, enabled=False)
    else:
        made = [vault.keys.create(name, "oct", size=128, tags={"n": str(n)}) for n in range(3)]
        vault.keys.update(name, made[0].version, operations=["sign"])
    return [each.version for each in made]


def told(vault: Vault, collection: str) -> list[dict[str, Any]]:
    """What is told of every version of every object there is."""
    verbs = getattr(vault, collection)
    return [version.to_dict() for listed in verbs.list() for version in verbs.versions(listed.name)]


@both
def test_a_deleted_object_tells_when_it_goes(vault: Vault, clock: FixedClock, collection: str) -> None:
    """`delete`, `get_deleted` and `list_deleted` say the same: what it was, since when, until when."""
    *_, version = fill(vault, collection)
    verbs = getattr(vault, collection)
    properties = verbs.get("gone").properties.to_dict()
    clock.move(days=1)
    answers = [verbs.delete("gone"), verbs.get_deleted("GONE"), *verbs.list_deleted()]
    assert len(answers) == 3
    for gone in answers:
        assert (gone.name, gone.properties.version) == ("Gone", version)
        assert gone.deleted_on == clock.now
        assert gone.scheduled_purge_date == clock.now + timedelta(days=90)
        assert gone.recovery_id == f"https://unit.vault.localhost/deleted{collection}/Gone"
        assert gone.to_dict() == properties | {
            "recovery_id": gone.recovery_id,
            "deleted_on": "2026-01-02T00:00:00Z",
            "scheduled_purge_date": "2026-04-02T00:00:00Z",
        }


@both
def test_a_deleted_object_is_out_of_sight(vault: Vault, collection: str) -> None:
    """It is in no list but that of the deleted, and its versions are found neither with nor without their ids."""
    versions = fill(vault, collection)
    verbs = getattr(vault, collection)
    verbs.delete("gone")
    assert list(verbs.list()) == []
    for version in (None, *versions):
        with pytest.raises(NOT_FOUND[collection]):
            verbs.get("gone", version)
        with pytest.raises(NOT_FOUND[collection]):
            verbs.update("gone", version, enabled=True)
    with pytest.raises(NOT_FOUND[collection]):
        list(verbs.versions("gone"))


TAKING: dict[str, tuple[str, str, str, Callable[[Vault, bytes], object]]] = {
    "set": ("secrets", "SecretSet", "/secrets/GONE", lambda vault, blob: vault.secrets.set("GONE", "v")),
    "set_many": (
        "secrets",
        "SecretSet",
        "/secrets",
        lambda vault, blob: vault.secrets.set_many({"GONE": ""}),
    ),
    "restore a secret": (
        "secrets",
        "SecretRestore",
        "/secrets/Gone",
        lambda vault, blob: vault.secrets.restore(blob),
    ),
    "create": ("keys", "KeyCreate", "/keys/GONE", lambda vault, blob: vault.keys.create("GONE", "oct")),
    "import_": ("keys", "KeyImport", "/keys/GONE", lambda vault, blob: vault.keys.import_("GONE", JWK)),
    "restore a key": ("keys", "KeyRestore", "/keys/Gone", lambda vault, blob: vault.keys.restore(blob)),
}


@pytest.mark.parametrize(("collection", "operation", "target", "act"), TAKING.values(), ids=TAKING)
def test_a_deleted_object_holds_its_name(
    vault: Vault, collection: str, operation: str, target: str, act: Callable[[Vault, bytes], object]
) -> None:
    """In any spelling, against every verb that would make an object; purged, the name is free."""
    fill(vault, collection)
    verbs = getattr(vault, collection)
    blob = verbs.backup("gone")
    verbs.delete("gone")
    with refused(vault, ObjectIsDeletedButRecoverable, operation, target=target):
        act(vault, blob)
    verbs.purge("gone")
    act(vault, blob)
    assert len(list(verbs.list())) == 1


@both
def test_a_deleted_object_is_not_deleted_again(vault: Vault, collection: str) -> None:
    """And its retention does not begin anew."""
    fill(vault, collection)
    verbs = getattr(vault, collection)
    verbs.delete("gone")
    operation = {"secrets": "SecretDelete", "keys": "KeyDelete"}[collection]
    with refused(vault, NOT_FOUND[collection], operation, target=f"/{collection}/gone"):
        verbs.delete("gone")


@both
def test_recovery_brings_all_back(vault: Vault, clock: FixedClock, collection: str) -> None:
    """Every version with everything that is told of it, none newer than before; nothing of the deletion stays."""
    fill(vault, collection)
    fill(vault, collection, "other")
    before = told(vault, collection)
    verbs = getattr(vault, collection)
    current = verbs.get("gone").properties
    verbs.delete("gone")
    clock.move(days=1)
    recovered = verbs.recover("GONE")
    assert recovered.to_dict() == current.to_dict()
    assert told(vault, collection) == before
    assert list(verbs.list_deleted()) == []
    assert vault.agenda.upcoming() == []
    for verb in (verbs.get_deleted, verbs.recover, verbs.purge):
        with pytest.raises(NOT_FOUND[collection]):
            verb("gone")


def test_recovery_brings_values_and_material_back(vault: Vault) -> None:
    """A secret's values, and a key that opens what it sealed before."""
    versions = fill(vault, "secrets")
    vault.keys.create("sealer", "oct")
    token = vault.crypto("sealer").seal(b"text")
    vault.secrets.delete("gone")
    vault.keys.delete("sealer")
    with pytest.raises(KeyNotFound):
        vault.crypto("sealer").open(token)
    vault.secrets.recover("gone")
    vault.keys.recover("sealer")
    assert [vault.secrets.get("gone", version).value for version in versions[1:]] == ["value 1", "value 2"]
    assert vault.crypto("sealer").open(token) == b"text"


@both
def test_purging_leaves_nothing(vault: Vault, collection: str) -> None:
    """No head, no version, no agenda entry; the neighbours stay as they are."""
    fill(vault, collection, "other")
    before = held(vault)
    fill(vault, collection)
    verbs = getattr(vault, collection)
    verbs.delete("gone")
    assert verbs.purge("GONE") is None
    left = held(vault)
    del left[Table.VAULT, b"agenda"]  # the hour from which on there was something to look at
    assert left == before
    assert vault.check() == []


@both
def test_only_what_is_deleted_can_be_purged_or_recovered(vault: Vault, collection: str) -> None:
    """An object in use is safe from both."""
    fill(vault, collection)
    verbs = getattr(vault, collection)
    noun = {"secrets": "Secret", "keys": "Key"}[collection]
    for verb in ("Purge", "Recover", "GetDeleted"):
        method = {"GetDeleted": "get_deleted"}.get(verb, verb.lower())
        with refused(vault, NOT_FOUND[collection], noun + verb, target=f"/{collection}/gone"):
            getattr(verbs, method)("gone")


@pytest.mark.parametrize("days", [7, 8, 30, 89, 90])
def test_retention_is_as_long_as_was_asked_for(vault: Vault, clock: FixedClock, days: int) -> None:
    """From 7 to 90 days; what is deleted already keeps the date it was given."""
    fill(vault, "secrets", "early")
    early = vault.secrets.delete("early")
    vault.configure(retention_days=days)
    fill(vault, "secrets")
    gone = vault.secrets.delete("gone")
    assert gone.scheduled_purge_date == clock.now + timedelta(days=days)
    assert vault.secrets.get_deleted("early").scheduled_purge_date == early.scheduled_purge_date
    assert gone.properties.recoverable_days == days
    customized = "" if days == 90 else "Customized"
    assert gone.properties.recovery_level == f"{customized}Recoverable+Purgeable"


@pytest.mark.parametrize("days", [6, 91, 0, -1, 7.5, "30", True])
def test_no_other_retention_can_be_asked_for(vault: Vault, tmp_path: Path, days: Any) -> None:
    """Neither when the vault is made, which leaves nothing behind, nor later."""
    with refused(vault, BadParameter, "VaultUpdate", target="/"):
        vault.configure(retention_days=days)
    with pytest.raises(BadParameter):
        localvault.create(
            tmp_path / "w", passphrase="w", name="www", kdf=CHEAPEST, allow_weak=True, retention_days=days
        )
    assert not (tmp_path / "w").exists()


@both
def test_purge_protection_keeps_what_is_deleted_until_its_retention_ends(
    vault: Vault, clock: FixedClock, collection: str
) -> None:
    """To the microsecond; also what was deleted before the protection was switched on."""
    fill(vault, collection)
    verbs = getattr(vault, collection)
    end = verbs.delete("gone").scheduled_purge_date
    vault.configure(purge_protection=True)
    operation = {"secrets": "SecretPurge", "keys": "KeyPurge"}[collection]
    for moment in (clock.now, end - timedelta(microseconds=1)):
        clock.move(microseconds=(moment - clock.now) // timedelta(microseconds=1))
        with refused(vault, PurgeProtected, operation, target=f"/{collection}/gone"):
            verbs.purge("gone")
    clock.move(microseconds=1)
    verbs.purge("gone")
    with pytest.raises(NOT_FOUND[collection]):
        verbs.get_deleted("gone")


def test_purge_protection_does_not_stand_in_the_way_of_recovery(vault: Vault) -> None:
    """It forbids one thing only; properties tell that it is on."""
    vault.configure(purge_protection=True)
    fill(vault, "secrets")
    assert vault.secrets.delete("gone").properties.recovery_level == "Recoverable"
    assert vault.secrets.recover("gone").recovery_level == "Recoverable"


def test_purge_protection_cannot_be_switched_off(vault: Vault) -> None:
    """Not alone, and not among other changes."""
    vault.configure(purge_protection=True)
    for changes in ({"purge_protection": False}, {"purge_protection": False, "retention_days": 7}):
        with refused(vault, BadParameter, "VaultUpdate", target="/"):
            vault.configure(**changes)
    assert vault.settings.purge_protection is True


def test_purge_protection_is_not_passed_by_naming_a_later_time(vault: Vault, clock: FixedClock) -> None:
    """`run_due` with a `now` ahead of the vault's clock purges no more than `purge` would."""
    vault.configure(purge_protection=True)
    fill(vault, "secrets")
    end = vault.secrets.delete("gone").scheduled_purge_date
    assert vault.agenda.run_due(end + timedelta(days=1)) == []
    assert vault.secrets.get_deleted("gone").name == "Gone"
    clock.move(days=90)
    assert [entry.target for entry in vault.agenda.run_due(end + timedelta(days=1))] == ["/secrets/Gone"]


def test_a_clock_set_back_makes_no_date_impossible(vault: Vault, clock: FixedClock) -> None:
    """Deleting in a past that lies before the object was made is deleting all the same."""
    fill(vault, "secrets")
    clock.move(days=-20_000)
    gone = vault.secrets.delete("gone")
    assert gone.deleted_on == clock.now < gone.properties.created
    assert gone.deleted_on < datetime(1972, 1, 1, tzinfo=UTC)
    assert vault.secrets.recover("gone").name == "Gone"


def test_no_record_of_the_agenda_shows_its_time(vault: Vault) -> None:
    """Neither in figures nor in bytes does its key hold the hour."""
    fill(vault, "secrets")
    end = vault.secrets.delete("gone").scheduled_purge_date
    (key_,) = [key_ for table, key_ in held(vault) if table == Table.AGENDA]
    hour = int(end.timestamp()) // 3600
    assert hour.to_bytes(8) not in key_
    assert str(hour).encode() not in key_
