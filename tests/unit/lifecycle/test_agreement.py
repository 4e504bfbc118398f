"""`check` finds where agenda and heads tell different stories, though the journal knows of every record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from localvault import LifetimeAction, RotationPolicy, Vault
from localvault.agenda import EXPIRED, NEAR_EXPIRY, PURGE, ROTATE, Due
from localvault.operations import AGENDA_RUN
from localvault.records import Mutation
from localvault.testing.clock import FixedClock


@pytest.fixture
def full(vault: Vault, clock: FixedClock) -> Vault:
    """A vault with an entry of every kind."""
    vault.keys.create("Orders", "oct", expires_on=clock.now + timedelta(days=100))
    vault.keys.set_rotation_policy("orders", RotationPolicy(None, [LifetimeAction("Rotate", "P90D")]))
    vault.secrets.set("gone", "v")
    vault.secrets.delete("gone")
    assert vault.check() == []
    return vault


def change(vault: Vault, act: Callable[[Mutation], object]) -> None:
    """Write through the door what a mistake in this program might write."""

    def body(call: Any, mutation: Mutation) -> None:
        act(mutation)

    vault._parts.door.write(AGENDA_RUN, "/", body)


def entries(vault: Vault) -> dict[bytes, Due]:
    """The entries by action."""
    found: list[Due] = []
    change(vault, lambda mutation: found.extend(vault._parts.ground.agenda.upcoming(mutation)))
    return {due.action: due for due in found}


@pytest.mark.parametrize(
    ("action", "named", "place"),
    [
        (ROTATE, "rotate", "/keys/Orders"),
        (NEAR_EXPIRY, "near-expiry", "/keys/Orders"),
        (EXPIRED, "expired", "/keys/Orders"),
        (PURGE, "purge", "/secrets/gone"),
    ],
)
def test_an_entry_that_is_missing_is_found(full: Vault, action: bytes, named: str, place: str) -> None:
    """And named with the object it is of."""
    due = entries(full)[action]
    change(full, lambda mutation: full._parts.ground.agenda.remove(mutation, due))
    assert [(problem.place, problem.sentence) for problem in full.check()] == [
        (place, f"the agenda has no entry for its {named}")
    ]
    change(full, lambda mutation: full._parts.ground.agenda.add(mutation, due))
    assert full.check() == []


@pytest.mark.parametrize(("action", "days"), [(NEAR_EXPIRY, 80), (EXPIRED, 120)])
def test_a_notice_that_may_have_been_told_is_not_missed(
    full: Vault, clock: FixedClock, action: bytes, days: int
) -> None:
    """By the clock, or because a run was told a later time."""
    due = entries(full)[action]
    change(full, lambda mutation: full._parts.ground.agenda.remove(mutation, due))
    assert len(full.check()) == 1
    clock.move(days=days)
    assert full.check() == []
    clock.move(days=-days)
    change(full, lambda mutation: full._parts.ground.agenda.tell(mutation, due.time))
    assert full.check() == []


@pytest.mark.parametrize("action", [PURGE, ROTATE, NEAR_EXPIRY, EXPIRED])
@pytest.mark.parametrize("what", ["another time", "no such object"])
def test_an_entry_of_nothing_is_found(full: Vault, action: bytes, what: str) -> None:
    """It would be dropped when its time comes; that it is there at all is a mistake."""
    due = entries(full)[action]
    odd = due._replace(time=due.time + 10**9) if what == "another time" else due._replace(name_id=bytes(16))
    change(full, lambda mutation: full._parts.ground.agenda.add(mutation, odd))
    sentence = (
        "an entry of the agenda that no object has due"
        if what == "another time"
        else "an entry of the agenda whose object is not there"
    )
    assert [problem.sentence for problem in full.check()] == [sentence]
    assert full.agenda.run_due() == []


def test_what_is_stale_is_dropped_when_its_time_comes(full: Vault, clock: FixedClock) -> None:
    """And nothing is done, or told, because of it."""
    due = entries(full)[ROTATE]
    change(
        full, lambda mutation: full._parts.ground.agenda.add(mutation, due._replace(time=due.time - 10**12))
    )
    clock.move(days=89)
    assert [entry.action for entry in full.agenda.run_due()] == ["near-expiry"]
    assert len(list(full.keys.versions("orders"))) == 1
    assert full.check() == []
