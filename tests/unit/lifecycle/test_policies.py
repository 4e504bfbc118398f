"""Setting rotation policies: what is set is told back, kept across versions, and held against the vault's settings."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from localvault import BadParameter, KeyNotFound, LifetimeAction, RotationPolicy, SecretNotFound, Vault
from localvault.testing.clock import FixedClock
from tests.support.refusals import events, refused, size, unchanged

DEFAULT = RotationPolicy(None, [LifetimeAction("Notify", None, "P30D")])
POLICY = RotationPolicy("P2Y", [LifetimeAction("Rotate", "P2M"), LifetimeAction("Notify", None, "P1M")])
NOTIFY = RotationPolicy("P1Y", [LifetimeAction("Notify", None, "P60D")])


def test_what_is_set_is_told_back(vault: Vault, clock: FixedClock) -> None:
    """As Key Vault does: durations as they were written, the URL, when it was first and last set."""
    vault.keys.create("Orders", "oct")
    set_on = clock.now
    policy = vault.keys.set_rotation_policy("orders", POLICY)
    assert policy == vault.keys.rotation_policy("ORDERS") == POLICY
    assert policy.to_dict() == vault.keys.rotation_policy("orders").to_dict()
    assert policy.id == "https://unit.vault.localhost/keys/Orders/rotationpolicy"
    clock.move(days=1)
    vault.keys.set_rotation_policy("orders", NOTIFY)
    again = vault.keys.rotation_policy("orders")
    assert (again, again.created_on, again.updated_on) == (NOTIFY, set_on, clock.now)


@pytest.mark.parametrize("room", ["keys", "secrets"])
@pytest.mark.parametrize("nothing", [None, RotationPolicy(), RotationPolicy(None, [])])
def test_without_a_policy_the_default_holds(vault: Vault, room: str, nothing: RotationPolicy | None) -> None:
    """Before one was set, and after it was taken away."""
    vault.keys.create("a", "oct")
    vault.secrets.set("a", "v")
    verbs: Any = getattr(vault, room)
    assert verbs.rotation_policy("a") == DEFAULT
    verbs.set_rotation_policy("a", NOTIFY)
    assert verbs.set_rotation_policy("a", nothing) == verbs.rotation_policy("a") == DEFAULT
    assert verbs.rotation_policy("a").created_on is None
    assert vault.agenda.upcoming() == []


def test_a_policy_stays_with_new_versions_and_through_deletion(vault: Vault) -> None:
    """Whatever makes them; purged, it is gone with the object."""
    vault.keys.create("a", "oct")
    vault.keys.set_rotation_policy("a", POLICY)
    vault.keys.create("a", "EC")
    vault.keys.rotate("a")
    vault.keys.update("a", tags={"a": "b"})
    vault.keys.delete("a")
    vault.keys.recover("a")
    assert vault.keys.rotation_policy("a") == POLICY
    vault.keys.delete("a")
    vault.keys.purge("a")
    vault.keys.create("a", "oct")
    assert vault.keys.rotation_policy("a") == DEFAULT
    vault.secrets.set("s", "1")
    vault.secrets.set_rotation_policy("s", NOTIFY)
    vault.secrets.set_many({"s": "2"})
    assert vault.secrets.rotation_policy("s") == NOTIFY


def test_a_policy_says_nothing_of_the_current_version(vault: Vault, clock: FixedClock) -> None:
    """Key Vault's `expiryTime` is for new versions."""
    expires_on = clock.now + timedelta(days=500)
    vault.keys.create("a", "oct", expires_on=expires_on)
    vault.keys.set_rotation_policy("a", POLICY)
    assert vault.keys.get("a").properties.expires_on == expires_on


@pytest.mark.parametrize("policy", ["P90D", 5, {}, LifetimeAction("Rotate", "P90D"), [POLICY]])
def test_what_is_no_policy_is_refused(vault: Vault, policy: Any) -> None:
    """And journalled as a failure."""
    vault.keys.create("a", "oct")
    with refused(vault, BadParameter, "KeyRotationPolicySet", target="/keys/a"):
        vault.keys.set_rotation_policy("a", policy)


def test_minimum_intervals_are_settings(vault: Vault) -> None:
    """By default Key Vault's; a policy that was set under others stays."""
    vault.keys.create("a", "oct")
    soon = RotationPolicy("P2D", [LifetimeAction("Rotate", timedelta(hours=12))])
    with refused(vault, BadParameter, "KeyRotationPolicySet", target="/keys/a"):
        vault.keys.set_rotation_policy("a", soon)
    vault.configure(rotation_minimum_days=0, expiry_minimum_days=0)
    assert vault.keys.set_rotation_policy("a", soon) == soon
    vault.configure(rotation_minimum_days=28, expiry_minimum_days=90)
    assert vault.keys.rotation_policy("a") == soon
    with pytest.raises(BadParameter, match="28 days"):
        vault.keys.set_rotation_policy("a", RotationPolicy(None, [LifetimeAction("Rotate", "P27D")]))
    with pytest.raises(BadParameter, match="90 days"):
        vault.keys.set_rotation_policy("a", RotationPolicy("P89D"))


def test_an_object_that_is_not_there_has_no_policy(vault: Vault) -> None:
    """Nor has a deleted one."""
    vault.keys.create("gone", "oct")
    vault.keys.delete("gone")
    for name in ("no", "gone"):
        with refused(vault, KeyNotFound, "KeyRotationPolicyGet", target=f"/keys/{name}"):
            vault.keys.rotation_policy(name)
        with refused(vault, KeyNotFound, "KeyRotationPolicySet", target=f"/keys/{name}"):
            vault.keys.set_rotation_policy(name, POLICY)
    with refused(vault, SecretNotFound, "SecretRotationPolicySet", target="/secrets/no"):
        vault.secrets.set_rotation_policy("no", None)


def test_many_are_set_a_thousand_to_a_transaction(vault: Vault) -> None:
    """With an event each; a name that is not there undoes its own transaction only."""
    names = [f"k{number}" for number in range(2001)]
    vault.secrets.set_many(dict.fromkeys(names, "v"))
    before = size(vault)
    assert vault.secrets.set_rotation_policies(iter(names), NOTIFY) == 2001
    counts = [event.count for event in events(vault, before)]
    assert counts == [1000, 1000, 1]
    assert vault.secrets.rotation_policy("k2000") == NOTIFY
    with pytest.raises(SecretNotFound):
        vault.secrets.set_rotation_policies([*names[:1000], "no", "k1000"], None)
    assert vault.secrets.rotation_policy("k0") == DEFAULT
    assert vault.secrets.rotation_policy("k1000") == NOTIFY
    with unchanged(vault):
        assert vault.secrets.set_rotation_policies([], NOTIFY) == 0


def test_many_keys_are_rotated_by_hand(vault: Vault) -> None:
    """In the order given, each with its own event; one that cannot be leaves its transaction undone."""
    names = [f"k{number}" for number in range(300)]
    with vault.batch():
        for name in names:
            vault.keys.create(name, "oct")
    before = size(vault)
    made = vault.keys.rotate_many(iter(names))
    assert [key.name for key in made] == names
    found = [event for event in events(vault, before) if event.operation == "KeyRotate"]
    assert [(event.target, event.version) for event in found] == [
        (f"/keys/{key.name}", key.version) for key in made
    ]
    with pytest.raises(KeyNotFound):
        vault.keys.rotate_many([*names[:256], "k299", "no"])
    assert len(list(vault.keys.versions("k0"))) == 3
    assert len(list(vault.keys.versions("k299"))) == 2
    assert vault.keys.rotate_many([]) == []
    assert [key.name for key in vault.keys.rotate_many(["k1", "K1"])] == ["k1", "k1"]
    assert len(list(vault.keys.versions("k1"))) == 5
