"""A random life of what falls due, on a clock that moves and is set back, held against a plain model.

The model keeps for each object when it was made, when it expires, its policy, and what has been told; what must be on
the agenda follows from the rules of rotation, expiry and deletion written once more, in whole hours.
"""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import localvault
from localvault import LifetimeAction, RotationPolicy
from localvault.testing.clock import FixedClock
from localvault.testing.profiles import CHEAPEST
from tests.support.lives import LONG, QUICK

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
RETENTION = 7
NAMES = st.sampled_from(["k-one", "k-two", "s-one", "s-two"])
LIVES = st.none() | st.integers(-2, 60)
# By days: how long new versions live, when they are rotated (after their creation; before their expiry), when told of.
POLICIES = st.sampled_from(
    [
        None,
        (None, 8, None, None),
        (40, None, 10, None),
        (60, 20, None, 12),
        (None, None, None, 9),
        (30, None, None, None),
    ]
)


ORDER = ("near-expiry", "purge", "rotate", "expired")  # of what falls due in the very same moment


class Thing:
    """What the model knows of one object."""

    def __init__(self, now: datetime, life: int | None) -> None:
        self.policy: Any = None
        self.retry: datetime | None = None
        self.deleted_on: datetime | None = None
        self.told: set[tuple[str, datetime]] = set()
        self.enabled = True
        self.begin(now, None if life is None else now + life * DAY)

    def begin(self, now: datetime, expires_on: datetime | None) -> None:
        """A version was made."""
        self.created, self.expires_on = now, expires_on
        self.retry = None

    def says(self) -> set[tuple[str, datetime]]:
        """Everything that is due of it, whether or not it was told."""
        if self.deleted_on is not None:
            return {("purge", self.deleted_on + RETENTION * DAY)}
        _lives, after, before, notify = self.policy or (None,) * 4
        found = set()
        if after is not None:
            found.add(("rotate", max(self.created + after * DAY, self.retry or self.created)))
        if self.expires_on is not None:
            if before is not None:
                due = self.expires_on - before * DAY
                found.add(("rotate", max(due, self.retry or due)))
            found |= {("near-expiry", self.expires_on - (notify or 30) * DAY), ("expired", self.expires_on)}
        return found

    def coming(self) -> set[tuple[str, datetime]]:
        """What of it is on the agenda."""
        return self.says() - self.told


class AgendaLife(RuleBasedStateMachine):
    """All that changes what falls due, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="localvault-agenda-")
        self.clock = FixedClock()
        self.things: dict[str, Thing] = {}
        self.vault: localvault.Vault

    @initialize()
    def begin(self) -> None:
        self.vault = localvault.create(
            Path(self.folder.name) / "v", passphrase="p", name="life", kdf=CHEAPEST, allow_weak=True,
            clock=self.clock, retention_days=RETENTION, rotation_minimum_days=0, expiry_minimum_days=0,
        )  # fmt: skip

    def teardown(self) -> None:
        if hasattr(self, "vault"):
            self.vault.audit.verify()
            assert self.vault.check() == []
            self.vault.close()
        self.folder.cleanup()

    def verbs(self, name: str) -> Any:
        """The room a name is in."""
        return self.vault.keys if name.startswith("k") else self.vault.secrets

    def live(self, name: str) -> Thing | None:
        """The object, if there is one that is not deleted."""
        found = self.things.get(name)
        return found if found is not None and found.deleted_on is None else None

    def changed(self, thing: Thing) -> None:
        """What was told is forgotten once it is no longer due: if it becomes due again, it is news."""
        thing.told &= thing.says()

    @rule(name=NAMES, life=LIVES, many=st.booleans())
    def make(self, name: str, life: int | None, many: bool) -> None:
        thing = self.things.get(name)
        if thing is not None and thing.deleted_on is not None:
            return
        expires_on = None if life is None else self.clock.now + life * DAY
        if name.startswith("k"):
            self.vault.keys.create(name, "oct", expires_on=expires_on)
        elif many:
            life = expires_on = None
            self.vault.secrets.set_many({name: "v"})
        else:
            self.vault.secrets.set(name, "v", expires_on=expires_on)
        if thing is None:
            self.things[name] = Thing(self.clock.now, life)
        else:
            retry = thing.retry
            thing.begin(self.clock.now, expires_on)
            thing.retry, thing.enabled = retry, True
            self.changed(thing)

    @rule(name=NAMES, policy=POLICIES, many=st.booleans())
    def set_policy(self, name: str, policy: Any, many: bool) -> None:
        thing = self.live(name)
        if thing is None or (name.startswith("s") and policy and (policy[1] or policy[2])):
            return
        wanted = None if policy is None else _policy(*policy)
        if many:
            self.verbs(name).set_rotation_policies([name], wanted)
        else:
            self.verbs(name).set_rotation_policy(name, wanted)
        thing.policy, thing.retry = policy, None
        self.changed(thing)

    @rule(name=NAMES, life=LIVES, enabled=st.booleans())
    def update(self, name: str, life: int | None, enabled: bool) -> None:
        thing = self.live(name)
        if thing is None:
            return
        expires_on = None if life is None else self.clock.now + life * DAY
        self.verbs(name).update(name, expires_on=expires_on, enabled=enabled)
        thing.expires_on, thing.enabled = expires_on, enabled
        self.changed(thing)

    @rule(name=NAMES)
    def rotate(self, name: str) -> None:
        thing = self.live(name)
        if thing is not None and name.startswith("k"):
            self.vault.keys.rotate(name)
            self.renew(thing)

    def renew(self, thing: Thing) -> None:
        """A version took the place of the current one."""
        lives, now = (thing.policy or (None,))[0], self.clock.now
        if lives is not None:
            expires_on = now + lives * DAY
        else:
            expires_on = None if thing.expires_on is None else now + (thing.expires_on - thing.created)
        thing.begin(now, expires_on)
        thing.enabled = True
        self.changed(thing)

    @rule(name=NAMES)
    def delete_or_recover(self, name: str) -> None:
        thing = self.things.get(name)
        if thing is None:
            return
        if thing.deleted_on is None:
            self.verbs(name).delete(name)
            thing.deleted_on = self.clock.now
            thing.told = set()
            return
        self.verbs(name).recover(name)
        deleted_on, thing.deleted_on = thing.deleted_on, None
        thing.told = {each for each in thing.says() if each[0] != "rotate" and each[1] <= deleted_on}

    @rule(days=st.integers(-5, 20), hours=st.integers(0, 23))
    def move_clock(self, days: int, hours: int) -> None:
        self.clock.move(days=days, hours=hours)

    @rule(ahead=st.sampled_from([0, 0, 0, 10]))
    def run_agenda(self, ahead: int) -> None:
        """Everything due is done, in order; a failed rotation waits an hour."""
        moment = self.clock.now + ahead * DAY
        due = sorted(
            (time, ORDER.index(action), name)
            for name, thing in self.things.items()
            for action, time in thing.coming()
            if time <= moment
        )
        expected = set()
        rotated = set()
        for time, number, name in due:
            thing, action = self.things[name], ORDER[number]
            if name in rotated:
                continue  # its new version is not due, and the old one's notices are nobody's
            if action == "rotate" and not thing.enabled:
                thing.retry = moment + HOUR
                continue
            expected.add((action, name, time))
            if action == "rotate":
                rotated.add(name)
            elif action == "purge":
                del self.things[name]
            else:
                thing.told.add((action, time))
        for name in rotated:
            self.renew(self.things[name])
        done = self.vault.agenda.run_due(moment if ahead else None)
        assert {(each.action, each.target.rsplit("/", 1)[1], each.due_on) for each in done} == expected
        assert len(done) == len(expected)

    @precondition(lambda self: hasattr(self, "vault"))
    @invariant()
    def agrees_with_the_model(self) -> None:
        """What is coming is what the model says."""
        coming = {
            (each.target.rsplit("/", 1)[1], each.action, each.due_on) for each in self.vault.agenda.upcoming()
        }
        assert coming == {(name, *each) for name, thing in self.things.items() for each in thing.coming()}


def _policy(lives: int | None, after: int | None, before: int | None, notify: int | None) -> RotationPolicy:
    actions = []
    if after is not None or before is not None:
        actions.append(
            LifetimeAction(
                "Rotate", None if after is None else f"P{after}D", None if before is None else f"P{before}D"
            )
        )
    if notify is not None:
        actions.append(LifetimeAction("Notify", None, f"P{notify}D"))
    return RotationPolicy(None if lives is None else f"P{lives}D", actions)


TestAgendaLife = AgendaLife.TestCase
TestAgendaLife.settings = QUICK


@pytest.mark.soak
def test_long_life() -> None:
    """The same machine for a thousand lives."""
    run_state_machine_as_test(AgendaLife, settings=LONG)
