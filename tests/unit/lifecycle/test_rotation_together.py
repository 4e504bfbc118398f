"""A rotation by the agenda is one like any other: version policies move, subscribers are told, in bulk as by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import localvault
from localvault import (
    BadParameter,
    Generator,
    KeyVersionRetired,
    LifetimeAction,
    PurgeProtected,
    RotationPolicy,
    Vault,
    VersionPolicy,
)
from localvault.testing.clock import FixedClock
from localvault.testing.profiles import CHEAPEST

YEARLY = RotationPolicy("P1Y", [LifetimeAction("Rotate", time_after_create="P90D")])
WAYS: dict[str, Callable[[Vault, FixedClock], object]] = {
    "by hand": lambda vault, clock: vault.keys.rotate("k"),
    "many": lambda vault, clock: vault.keys.rotate_many(["k"]),
    "by the agenda": lambda vault, clock: (clock.move(days=90), vault.agenda.run_due()),
}
ways = pytest.mark.parametrize("rotate", WAYS.values(), ids=WAYS.keys())


@ways
def test_a_version_policy_moves_with_every_rotation(
    vault: Vault, clock: FixedClock, rotate: Callable[[Vault, FixedClock], object]
) -> None:
    """Latest minus one: what was sealed two versions ago does not open any more."""
    vault.keys.create("k", "oct")
    vault.keys.set_rotation_policy("k", YEARLY)
    vault.keys.set_version_policy("k", VersionPolicy(latest_minus=1))
    crypto = vault.crypto("k")
    token = crypto.seal(b"text")
    rotate(vault, clock)
    assert crypto.open(token) == b"text"
    rotate(vault, clock)
    with pytest.raises(KeyVersionRetired):
        crypto.open(token)
    assert len(list(vault.keys.versions("k"))) == 3


@ways
def test_subscribers_are_told_of_a_rotation_however_it_came(
    vault: Vault, clock: FixedClock, rotate: Callable[[Vault, FixedClock], object]
) -> None:
    """A new version, then the rotation, both of the version that is current then."""
    vault.keys.create("k", "oct")
    vault.keys.set_rotation_policy("k", YEARLY)
    told: list[tuple[str, str]] = []
    with vault.on("*", lambda notice: told.append((notice.type, notice.data["Version"]))):
        rotate(vault, clock)
    current = vault.keys.get("k").version
    assert told == [("KeyNewVersionCreated", current), ("KeyRotated", current)]


def test_notices_of_expiry_reach_subscribers(vault: Vault, clock: FixedClock) -> None:
    """Near expiry 30 days before, then expired, each once, for the current version."""
    vault.keys.create("k", "oct")
    vault.keys.set_rotation_policy("k", RotationPolicy("P90D"))
    version = vault.keys.rotate("k").version
    told: list[tuple[str, str]] = []
    with vault.on("*", lambda notice: told.append((notice.type, notice.data["Version"]))):
        for _ in range(20):
            clock.move(days=5)
            vault.agenda.run_due()
    assert told == [("KeyNearExpiry", version), ("KeyExpired", version)]


def test_a_rotation_that_fails_is_told(vault: Vault, clock: FixedClock) -> None:
    """Once an hour, until it succeeds."""
    vault.keys.create("k", "oct")
    vault.keys.set_rotation_policy("k", YEARLY)
    vault.keys.update("k", enabled=False)
    clock.move(days=90)
    told: list[str] = []
    with vault.on("*", lambda notice: told.append(notice.type)):
        for _ in range(4):
            vault.agenda.run_due()
            clock.move(minutes=30)
    assert told == ["KeyRotationFailed", "KeyRotationFailed"]


def test_a_secret_with_a_generator_lives_by_its_policy(vault: Vault, clock: FixedClock) -> None:
    """Rotated by hand or by the agenda, its new version expires when the policy says."""
    vault.secrets.generate("s", Generator.password(20))
    vault.secrets.set_rotation_policy("s", YEARLY)
    first = vault.secrets.get("s")
    by_hand = vault.secrets.rotate("s")
    clock.move(days=90)
    assert [entry.target for entry in vault.agenda.run_due()] == ["/secrets/s"]
    by_agenda = vault.secrets.get("s")
    assert len({first.value, by_hand.value, by_agenda.value}) == 3
    for made in (by_hand, by_agenda):
        assert made.properties.expires_on is not None
        assert (made.properties.expires_on - made.properties.created).days == 365


def test_many_secrets_are_rotated_together(vault: Vault) -> None:
    """Each by its own generator; one that has none keeps its whole part as it was."""
    for name in ("a", "b"):
        vault.secrets.generate(name, Generator.hex(16))
    before = {name: vault.secrets.get(name).value for name in ("a", "b")}
    made = {secret.name: secret.value for secret in vault.secrets.rotate_many(["a", "b"])}
    assert made == {name: vault.secrets.get(name).value for name in ("a", "b")}
    assert not made.items() & before.items()
    vault.secrets.set("c", "one")
    with pytest.raises(BadParameter):
        vault.secrets.rotate_many(["a", "b", "c"])
    assert {name: vault.secrets.get(name).value for name in ("a", "b")} == made


def test_a_clock_set_back_before_a_deletion_ends_no_retention(tmp_path: Path, clock: FixedClock) -> None:
    """Purge protection counts from no earlier than the version was made."""
    made: dict[str, Any] = {
        "passphrase": "p",
        "name": "set-back",
        "kdf": CHEAPEST,
        "allow_weak": True,
        "clock": clock,
    }
    with localvault.create(tmp_path / "v", **made, purge_protection=True) as vault:
        vault.secrets.set("s", "v")
        clock.move(days=-1000)
        vault.secrets.delete("s")
        clock.move(days=1000)
        with pytest.raises(PurgeProtected):
            vault.secrets.purge("s")
