"""What a report finds out of a vault: ages, versions, last uses."""

from __future__ import annotations

from datetime import timedelta

import localvault
from localvault import LifetimeAction, RotationPolicy, Vault
from localvault.testing.clock import FixedClock


def test_ages_count_from_the_current_version(vault: Vault, clock: FixedClock) -> None:
    """An object's life begins with its oldest version, its age with the one in use."""
    born = clock.now
    vault.keys.create("orders", "oct")
    clock.move(days=100)
    vault.keys.rotate("orders")
    clock.move(days=30)
    (row,) = vault.keys.report()
    assert (row.created, row.renewed, row.age) == (born, born + timedelta(days=100), timedelta(days=30))
    assert (row.kind, row.versions, row.made) == ("key", 2, (row.created, row.renewed))
    assert row.id == f"{vault.url}/keys/orders"


def test_nothing_is_younger_than_new(vault: Vault, clock: FixedClock) -> None:
    """Also where the clock was set back since it was made."""
    vault.keys.create("orders", "oct")
    clock.move(days=-3)
    (row,) = vault.keys.report()
    assert row.age == timedelta(0)


def test_a_rotation_that_keeps_failing_is_overdue(vault: Vault, clock: FixedClock) -> None:
    """Although it is put off each time, by an hour; it is not once it was done."""
    vault.keys.create("orders", "oct")
    action = LifetimeAction("Rotate", time_after_create="P90D")
    vault.keys.set_rotation_policy("orders", RotationPolicy(lifetime_actions=[action]))
    vault.keys.update("orders", enabled=False)
    for _ in range(2):
        clock.move(days=90)
        assert vault.agenda.run_due() == []
        (row,) = vault.keys.report()
        assert (row.overdue, row.next_rotation) == ("rotation", clock.now + timedelta(hours=1))
    vault.keys.update("orders", enabled=True)
    clock.move(hours=1)
    vault.agenda.run_due()
    (row,) = vault.keys.report()
    assert (row.overdue, row.versions) == (None, 2)


def test_every_key_and_secret_is_there_but_none_that_is_deleted(vault: Vault) -> None:
    """Both kinds, each once, with all versions counted."""
    vault.keys.create("both", "oct")
    vault.secrets.set_many([("both", "1"), ("both", "2"), ("gone", "3")])
    vault.secrets.delete("gone")
    assert sorted((row.kind, row.name, row.versions) for row in vault.keys.report()) == [
        ("key", "both", 1),
        ("secret", "both", 2),
    ]


def test_the_last_use_is_what_the_journal_has(vault: Vault, clock: FixedClock) -> None:
    """Getting a secret and using a key count, however its name is spelt; failing, listing and setting do not."""
    vault.keys.create("orders", "oct")
    vault.secrets.set("Db", "1")
    vault.secrets.set("unused", "1")
    clock.move(hours=1)
    used = clock.now
    vault.crypto("orders").seal_many([b"1"])
    vault.secrets.get("dB")
    clock.move(hours=1)
    vault.keys.get("orders")
    vault.secrets.update("Db", tags={"a": "b"})
    for attempt in (lambda: vault.crypto("orders").open(b""), lambda: vault.secrets.get("unused", "0" * 32)):
        try:
            attempt()
        except localvault.LocalVaultError:
            continue
        raise AssertionError("it was to fail")
    found = {row.name: row.last_use for row in vault.keys.report()}
    assert found == {"orders": used, "Db": used, "unused": None}


def test_what_has_expired_is_overdue(vault: Vault, clock: FixedClock) -> None:
    """From the moment on, and not before."""
    vault.keys.create("orders", "oct", expires_on=clock.now + timedelta(days=1))
    assert [row.overdue for row in vault.keys.report()] == [None]
    clock.move(days=1)
    report = vault.keys.report()
    assert [row.overdue for row in report] == ["expired"]
    assert repr(report) == "<Report of unit: 1 objects, 1 overdue>"


def test_many_versions_are_counted(vault: Vault, clock: FixedClock) -> None:
    """Of many versions the latest 32 are told one by one."""
    vault.secrets.set_many([("s", str(number)) for number in range(100)])
    (row,) = vault.keys.report()
    assert (row.versions, len(row.made)) == (100, 32)
