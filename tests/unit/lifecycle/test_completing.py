"""A vault of the first released version: its agenda has purges only, in their old places, until it is first run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgpack
import pytest

from localvault import LifetimeAction, RotationPolicy, StoreFull, Vault
from localvault.agenda import AGENDA, COMPLETE_KEY, HOUR, PURGE
from localvault.lifecycle import completing
from localvault.records import Mutation
from localvault.store.layout import Table
from localvault.testing.clock import FixedClock
from tests.support.refusals import held, unchanged


@pytest.fixture
def old(vault: Vault, clock: FixedClock) -> Vault:
    """A vault as that version wrote it: expiring and deleted objects, entries of purges alone."""
    for name, days in (("past", -5), ("near", 20), ("far", 200)):
        vault.secrets.set(name, "v", expires_on=clock.now + timedelta(days=days))
    vault.keys.create("far", "oct", expires_on=clock.now + timedelta(days=100))
    vault.secrets.set("plain", "v")
    vault.secrets.set("gone", "v")
    vault.secrets.delete("gone")
    _as_it_was(vault)
    return vault


def _as_it_was(vault: Vault) -> None:
    ground = vault._parts.ground

    def undo(call: Any, mutation: Mutation) -> None:
        for due in ground.agenda.upcoming(mutation):
            ground.agenda.remove(mutation, due)
            if due.action == PURGE:
                hour = ground.index.blind(b"a", f"{due.kind.decode()}{due.time // HOUR}")[:8]
                place = due.kind + hour + due.name_id + due.action
                mutation.put(AGENDA, place, msgpack.packb(due.time))
        mutation.delete(Table.VAULT, COMPLETE_KEY)

    ground.door.write(completing.AGENDA_RUN, "/", undo)


def test_it_is_completed_when_it_is_first_run(old: Vault, clock: FixedClock) -> None:
    """From then on its expiries are told, but none that were due before; and its purges stand where new ones do."""
    assert [entry.action for entry in old.agenda.upcoming()] == ["purge"]
    assert old.check() == []
    assert old.agenda.run_due() == []
    assert [(entry.action, entry.target) for entry in old.agenda.upcoming()] == [
        ("expired", "/secrets/near"),
        ("near-expiry", "/keys/far"),
        ("purge", "/secrets/gone"),
        ("expired", "/keys/far"),
        ("near-expiry", "/secrets/far"),
        ("expired", "/secrets/far"),
    ]
    assert {len(key) for table, key in held(old) if table == AGENDA} == {32}
    assert old.check() == []
    with unchanged(old):
        assert old.agenda.run_due() == []
    clock.move(days=90)
    assert [entry.action for entry in old.agenda.run_due()] == ["expired", "near-expiry", "purge"]


def test_what_was_deleted_before_is_recovered_purged_or_run(old: Vault, clock: FixedClock) -> None:
    """Its entry is found in its old place by all three."""
    old.secrets.recover("gone")
    assert old.agenda.upcoming() == []
    old.secrets.delete("gone")
    _as_it_was(old)
    old.secrets.purge("gone")
    assert old.agenda.upcoming() == []
    old.secrets.set("gone", "v")
    old.secrets.delete("gone")
    _as_it_was(old)
    clock.move(days=90)
    assert ("purge", "/secrets/gone") in [(entry.action, entry.target) for entry in old.agenda.run_due()]
    assert old.check() == []


def test_what_is_written_before_it_is_completed_is_entered_once(old: Vault, clock: FixedClock) -> None:
    """A policy that is set, an expiry that is moved: neither is entered twice nor lost."""
    old.keys.set_rotation_policy("far", RotationPolicy(None, [LifetimeAction("Rotate", "P90D")]))
    old.secrets.update("far", expires_on=clock.now + timedelta(days=300))
    old.agenda.run_due()
    found = [(entry.action, entry.target) for entry in old.agenda.upcoming()]
    assert len(found) == len(set(found)) == 7
    assert ("rotate", "/keys/far") in found
    assert old.check() == []


def test_it_is_completed_in_parts_and_again_after_a_failure(
    old: Vault, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it broke off, the next run has everything; and once it is complete, nothing is entered again."""
    monkeypatch.setattr(completing, "_AT_ONCE", 2)
    door = old._parts.door
    write = door.write
    for failing in range(12):
        calls: list[int] = []

        def fail(*arguments: Any, calls: list[int] = calls, failing: int = failing, **more: Any) -> Any:
            calls.append(1)
            if len(calls) > failing:
                raise StoreFull("no space left")
            return write(*arguments, **more)

        with monkeypatch.context() as patched:
            patched.setattr(door, "write", fail)
            try:
                assert old.agenda.run_due() == []
            except StoreFull:
                continue
        break
    assert failing > 4
    assert len(old.agenda.upcoming()) == 6
    assert old.check() == []


def test_two_that_complete_it_do_so_once(old: Vault, clock: FixedClock) -> None:
    """One that comes late enters nothing again, though what was entered has been told since."""
    objects = old.agenda._objects
    old.agenda.run_due(clock.now + timedelta(days=25))
    coming = old.agenda.upcoming()
    completing.complete(old._parts.ground, objects)
    assert old.agenda.upcoming() == coming
