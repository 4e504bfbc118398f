"""A random life of everything that has a lifecycle, together, on a clock that moves and is set back.

Keys and secrets that make their own values are made, rotated, expire, are deleted, restored and purged, by hand and by
the agenda; versions are retired and trimmed while tokens and data keys of theirs are about; the master key is rotated
and the vault reopened in between. After every step the vault must hold what the plain model (`tests.support.lifecycle`)
has, announce what that says is coming, and have told its subscribers exactly what happened.
"""

from __future__ import annotations

import copy
import os
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import localvault
from localvault import Generator, Notice, VersionPolicy
from localvault.testing.profiles import CHEAPEST
from tests.support.keys_in_use import KEYS, PLACES, KeysInUse, pick
from tests.support.lifecycle import DAY, RETENTION, Clock, Thing, Times, Told, Version
from tests.support.lives import LONG, QUICK

SECRETS = st.sampled_from(["s-one", "s-two"])
NAMES = KEYS | SECRETS
LIVES = st.none() | st.integers(-2, 60)
TIMES = st.sampled_from(
    [
        Times(after=8),
        Times(),
        Times(lives=40, before=10),
        Times(lives=60, after=20, notify=12),
        Times(notify=9),
        Times(lives=30),
    ]
)
GENERATORS = {"hex": Generator.hex(16), "named": Generator.named("maker"), "password": Generator.password(12)}
EVENTS = {
    "rotate": ("KeyRotateIfDue", "SecretRotateIfDue"),
    "near-expiry": ("KeyNearExpiryEventGridNotification", "SecretNearExpiryEventGridNotification"),
    "expired": ("KeyExpiredEventGridNotification", "SecretExpiredEventGridNotification"),
}
# Where there is one, a folder in memory: a life has hundreds of commits, and none is to outlive it.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
OF_NO_OBJECT = "ClockSetBack"


class LifecycleLife(KeysInUse):
    """All of the lifecycle in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="localvault-lifecycle-", dir=MEMORY)
        self.path = Path(self.folder.name) / "v"
        self.watch = Clock()
        self.heard: list[Notice] = []
        self.blobs: list[tuple[Thing, bytes]] = []
        self.generation = 0

    @initialize(
        days=st.lists(LIVES, min_size=4, max_size=4),
        times=st.lists(TIMES, min_size=3, max_size=3),
        minus=st.just(0) | st.none(),
        on=st.booleans(),
    )
    def begin(self, days: list[int | None], times: list[Times], minus: int | None, on: bool) -> None:
        """Make a vault, and in it so much that what happens from now on happens to something."""
        self.vault = localvault.create(
            self.path, passphrase="p", name="life", kdf=CHEAPEST, allow_weak=True, clock=self.clock,
            retention_days=RETENTION.days, rotation_minimum_days=0, expiry_minimum_days=0,
        )  # fmt: skip
        self.vault.on("*", self.heard.append)
        self.set_("s-one", days[0])
        self.generate("s-two", days[1], "hex")
        for name, life in zip(("k-one", "k-two"), days[2:], strict=True):
            self.create(name, life)
            self.seal(name, b"of the first version")
            self.hold(name)
            self.rotate(name)
        for name, time in zip(("s-two", "k-one", "k-two"), times, strict=True):
            self.set_rotation_policy(name, time, many=False)
        self.set_version_policy("k-two", 0, minus, keep=1)
        self.backup("k-two")
        self.update("k-one", None, days[2], enabled=on)

    def teardown(self) -> None:
        """After two more months, all that still opens has what it had, and the journal says what was done."""
        if hasattr(self, "vault"):
            for _ in range(5):
                self.run_agenda(ahead=0, days=12)
                self.agrees()
            for name in ("k-one", "k-two"):
                self.trim(name, keep=1, with_counts=True)
            for token in self.tokens:
                self.opens(token)
            for thing in self.world.things.values():
                self.reads(thing)
            self.journal_agrees()
            self.vault.audit.verify()
            assert self.vault.check() == []
            self.vault.close()
        self.folder.cleanup()

    def verbs(self, name: str) -> Any:
        """The room a name is in."""
        return self.vault.keys if name.startswith("k") else self.vault.secrets

    def thing(self, name: str, act: Callable[[], object]) -> Thing | None:
        """The object, if there is one that is not deleted; if there is none, `act` must say so."""
        found = self.world.live(name)
        if found is None:
            with pytest.raises(localvault.KeyNotFound if name[0] == "k" else localvault.SecretNotFound):
                act()
        return found

    def in_days(self, days: int | None) -> datetime | None:
        """The moment in so many days, which may be past."""
        return None if days is None else self.clock.now + days * DAY

    # Versions are made.

    def make(self, name: str, expires_on: datetime | None, act: Callable[[], Any]) -> Thing | None:
        """`act` adds a version, unless a deleted object has the name."""
        if self.world.gone(name):
            with pytest.raises(localvault.ObjectIsDeletedButRecoverable):
                act()
            return None
        made = act()
        thing = self.world.things.setdefault(name, Thing("keys" if name[0] == "k" else "secrets", name))
        value = getattr(made, "value", None)
        self.world.made(thing, made.version, Version(self.clock.now, expires_on, value))
        return thing

    @rule(name=KEYS, days=LIVES)
    def create(self, name: str, days: int | None) -> None:
        expires_on = self.in_days(days)
        self.make(name, expires_on, lambda: self.vault.keys.create(name, "oct", expires_on=expires_on))

    @rule(name=SECRETS, days=LIVES)
    def set_(self, name: str, days: int | None) -> None:
        expires_on = self.in_days(days)
        self.make(name, expires_on, lambda: self.vault.secrets.set(name, "by hand", expires_on=expires_on))

    @rule(name=SECRETS)
    def set_many(self, name: str) -> None:
        self.make(name, None, lambda: _versioned(self.vault.secrets.set_many({name: "one of many"})[0]))

    @rule(name=SECRETS, days=LIVES, kind=st.sampled_from(["hex", "password"]))
    def generate(self, name: str, days: int | None, kind: str) -> None:
        expires_on, generator = self.in_days(days), GENERATORS[kind]
        thing = self.make(
            name, expires_on, lambda: self.vault.secrets.generate(name, generator, expires_on=expires_on)
        )
        if thing is not None:
            thing.generator = kind

    @rule(name=SECRETS, kind=st.sampled_from([None, *GENERATORS]))
    def set_generator(self, name: str, kind: str | None) -> None:
        def act() -> None:
            self.vault.secrets.set_generator(name, None if kind is None else GENERATORS[kind])

        thing = self.thing(name, act)
        if thing is None:
            return
        if kind is None and thing.times.rotates:
            with pytest.raises(localvault.BadParameter):
                act()
            return
        act()
        thing.generator = kind

    @rule(register=st.booleans())
    def register(self, register: bool) -> None:
        """What the application's own generator calls is there, or no longer."""
        self.vault.secrets.register("maker", (lambda name, properties: b"its own") if register else None)
        self.world.registered = register

    @rule(name=NAMES)
    def rotate(self, name: str) -> None:
        def act() -> Any:
            return self.verbs(name).rotate(name)

        thing = self.thing(name, act)
        if thing is None:
            return
        if thing.room == "secrets" and (error := self._makes_no_value(thing)):
            with pytest.raises(error):
                act()
            return
        made = act()
        self.world.rotated(thing, made.version, self.clock.now, getattr(made, "value", None))

    def _makes_no_value(self, thing: Thing) -> type[Exception] | None:
        if thing.generator is None:
            return localvault.BadParameter
        fails = thing.generator == "named" and not self.world.registered
        return localvault.GeneratorFailed if fails else None

    @rule(names=st.lists(KEYS, min_size=1, max_size=3))
    def rotate_many(self, names: list[str]) -> None:
        """All of them, one twice if it is named twice; or none."""
        if not all(self.world.live(name) for name in names):
            with pytest.raises(localvault.KeyNotFound):
                self.vault.keys.rotate_many(names)
            return
        for name, made in zip(names, self.vault.keys.rotate_many(names), strict=True):
            assert made.version is not None
            self.world.rotated(self.world.things[name], made.version, self.clock.now)

    # What is said of them.

    @rule(name=NAMES, times=TIMES, many=st.booleans())
    def set_rotation_policy(self, name: str, times: Times, many: bool) -> None:
        def act() -> None:
            if many:
                self.verbs(name).set_rotation_policies([name], times.policy())
            else:
                assert self.verbs(name).set_rotation_policy(name, times.policy()).expires_in == (
                    times.policy().expires_in
                )

        thing = self.thing(name, act)
        if thing is None:
            return
        if times.rotates and thing.room == "secrets" and thing.generator is None:
            with pytest.raises(localvault.BadParameter):
                act()
            return
        act()
        thing.times, thing.retry = times, None
        thing.changed()

    @rule(name=NAMES, place=st.none() | PLACES, days=LIVES, enabled=st.sampled_from([True, True, False]))
    def update(self, name: str, place: int | None, days: int | None, enabled: bool) -> None:
        """A version, often the current one, is switched on or off and expires at another time."""
        found, expires_on = self.world.live(name), self.in_days(days)
        version = None if found is None or place is None else pick(found, place)

        def act() -> Any:
            return self.verbs(name).update(name, version, expires_on=expires_on, enabled=enabled)

        thing = self.thing(name, act)
        if thing is not None:
            assert act().expires_on == expires_on
            changed = thing.versions[version or thing.current]
            changed.expires_on, changed.enabled = expires_on, enabled
            thing.changed()

    @rule(name=KEYS, place=PLACES, minus=st.none() | st.integers(0, 3), keep=st.integers(1, 3))
    def set_version_policy(self, name: str, place: int, minus: int | None, keep: int) -> None:
        """A minimum that stays, one that moves, or none."""
        found, policy = self.world.live(name), VersionPolicy(latest_minus=minus, keep=keep)
        if found is not None and minus is None and place:
            policy = VersionPolicy(minimum_open=pick(found, place), keep=keep)

        def act() -> VersionPolicy:
            return self.vault.keys.set_version_policy(name, policy)

        thing = self.thing(name, act)
        if thing is not None:
            assert act() == policy
            thing.minimum = policy

    # They go and come back.

    @rule(name=NAMES)
    def delete_or_recover(self, name: str) -> None:
        gone = self.world.gone(name)
        if gone is not None:
            self.verbs(name).recover(name)
            self.world.recover(gone)
            return
        thing = self.thing(name, lambda: self.verbs(name).delete(name))
        if thing is not None:
            assert self.verbs(name).delete(name).scheduled_purge_date == self.clock.now + RETENTION
            self.world.delete(thing, self.clock.now)

    @precondition(lambda self: any(thing.deleted_on for thing in self.world.things.values()))
    @rule(name=NAMES)
    def purge(self, name: str) -> None:
        gone = self.world.gone(name)
        if gone is not None:
            self.verbs(name).purge(name)
            self.world.purge(gone)

    @rule(name=NAMES)
    def backup(self, name: str) -> None:
        thing = self.thing(name, lambda: self.verbs(name).backup(name))
        if thing is not None:
            self.blobs.append((copy.deepcopy(thing), self.verbs(name).backup(name)))

    @precondition(lambda self: self.blobs)
    @rule(place=PLACES, make_room=st.booleans())
    def restore(self, place: int, make_room: bool) -> None:
        """What was kept comes back, where its name is free, or is made free."""
        kept, blob = self.blobs[place % len(self.blobs)]
        if make_room and self.world.live(kept.name):
            self.delete_or_recover(kept.name)
        if make_room and self.world.gone(kept.name):
            self.purge(kept.name)
        if kept.name in self.world.things:
            with pytest.raises(localvault.Conflict):
                self.verbs(kept.name).restore(blob)
            return
        self.verbs(kept.name).restore(blob)
        self.world.restore(kept)

    # Time passes.

    @rule(days=st.integers(-5, 20), hours=st.integers(0, 23))
    def move_clock(self, days: int, hours: int) -> None:
        self.clock.move(days=days, hours=hours)

    @rule(ahead=st.sampled_from([0, 0, 0, 10]), days=st.sampled_from([0, 9, 32]))
    def run_agenda(self, ahead: int, days: int) -> None:
        """Some time later everything due is done, in order; a failed rotation waits an hour; nothing is done twice."""
        self.clock.move(days=days)
        now = self.clock.now
        moment = now + ahead * DAY
        run = self.world.run(moment)
        done = self.vault.agenda.run_due(moment if ahead else None)
        assert Counter((each.action, _name(each.target), each.due_on) for each in done) == run.done
        for thing in run.rotated:
            new = list(self.verbs(thing.name).versions(thing.name))[len(thing.versions) :]
            assert len(new) == 1, "one version for each rotation"
            self.world.rotated(thing, new[0].version, now, self.value(thing, new[0].version))
        told = sum(each.type == OF_NO_OBJECT for each in self.heard)
        assert told <= 1
        self.watch.run(now, wrote=bool(done), told=bool(told))
        self.heard[:] = [each for each in self.heard if each.type != OF_NO_OBJECT]

    def value(self, thing: Thing, version: str) -> str | bytes | None:
        """What a version of a secret holds; nothing is shown of a key."""
        if thing.room == "keys":
            return None
        value = self.vault.secrets.get(thing.name, version).value
        if thing.generator == "named":
            assert value == b"its own"
        return value

    @rule()
    def rotate_master_key(self) -> None:
        """Everything is sealed again, and nothing else changes."""
        self.vault.rotate_master_key()
        self.generation += 1
        assert self.vault.status()["master_key"]["unfinished_rotation"] is None

    @rule()
    def reopen(self) -> None:
        self.vault.close()
        self.vault = localvault.open(self.path, passphrase="p", allow_weak=True, clock=self.clock)
        self.vault.on("*", self.heard.append)
        self.world.registered = False
        self.watch.closed()

    @rule(name=NAMES, keep=st.integers(1, 3), with_counts=st.booleans())
    def trim(self, name: str, keep: int, with_counts: bool) -> None:
        """Of a key goes what is retired, unless a token needs it; of a secret all but the newest."""
        thing = self.thing(name, lambda: self.verbs(name).trim(name, keep=keep))
        if thing is None:
            return
        arguments: list[Any] = []
        going = list(thing.versions)[: -max(keep, thing.minimum.keep)]
        if thing.room == "keys":
            going = [version for version in going if version in thing.retired()]
            arguments = [self.counted(thing)] if with_counts else []
        if any(counts.of(version) for counts in arguments for version in going):
            with pytest.raises(localvault.Conflict):
                self.verbs(name).trim(name, *arguments, keep=keep)
            return
        assert self.verbs(name).trim(name, *arguments, keep=keep) == going
        for version in going:
            del thing.versions[version]

    # All of it agrees with the model.

    @precondition(lambda self: hasattr(self, "vault"))
    @invariant()
    def agrees(self) -> None:
        """After each step, in everything."""
        self.holds_what_the_model_has()
        self.announces_what_the_model_says()
        self.told_what_happened()

    def holds_what_the_model_has(self) -> None:
        """Lists, versions and what is known of them."""
        for room in ("keys", "secrets"):
            mine = [thing for thing in self.world.things.values() if thing.room == room]
            live = {thing.name: thing for thing in mine if thing.deleted_on is None}
            verbs = getattr(self.vault, room)
            assert {each.name for each in verbs.list(page_size=1)} == set(live)
            deleted = {each.name: each.scheduled_purge_date for each in verbs.list_deleted()}
            assert deleted == {
                thing.name: thing.deleted_on + RETENTION for thing in mine if thing.deleted_on is not None
            }
            for thing in live.values():
                self._agrees_on(thing, verbs)

    def _agrees_on(self, thing: Thing, verbs: Any) -> None:
        shown = list(verbs.versions(thing.name))
        assert [(each.version, each.created, each.expires_on, each.enabled) for each in shown] == [
            (version, each.created, each.expires_on, each.enabled) for version, each in thing.versions.items()
        ]
        if thing.room == "keys":
            assert [each.version for each in shown if each.retired] == thing.retired()

    def announces_what_the_model_says(self) -> None:
        """The agenda has what is coming, and nothing else."""
        coming = [(_name(each.target), each.action, each.due_on) for each in self.vault.agenda.upcoming()]
        assert coming == sorted(coming, key=lambda each: each[2])
        assert sorted(coming) == sorted(
            (name, *each) for name, thing in self.world.things.items() for each in thing.coming()
        )

    def told_what_happened(self) -> None:
        """Since the last step, each notice once, with the version and its expiry; and nothing else."""
        assert Counter(_told(notice) for notice in self.heard) == self.world.expected
        self.heard.clear()
        self.world.expected.clear()

    def reads(self, thing: Thing) -> None:
        """Policies are as they were set; values of secrets are what they were when they were made."""
        if thing.deleted_on is not None:
            return
        verbs = self.verbs(thing.name)
        if thing.times != Times():
            assert verbs.rotation_policy(thing.name) == thing.times.policy()
        if thing.room == "keys":
            assert verbs.version_policy(thing.name) == thing.minimum
            return
        generator = verbs.generator(thing.name)
        assert generator == (None if thing.generator is None else GENERATORS[thing.generator])
        for version, each in thing.versions.items():
            if each.enabled:
                assert verbs.get(thing.name, version).value == each.value

    def journal_agrees(self) -> None:
        """The journal has an event of each thing that the agenda did."""
        events = list(self.vault.audit.events(result="Success"))
        found = Counter(event.operation for event in events)
        for action, operations in EVENTS.items():
            assert sum(found[operation] for operation in operations) == self.world.done[action], action
        purged = [
            event.details["done"] for event in events if event.operation == "AgendaRun" and event.details
        ]
        assert sum(map(len, purged)) == self.world.done["purge"]


class _Versioned(NamedTuple):
    version: str
    value: str


def _versioned(properties: localvault.SecretProperties) -> _Versioned:
    assert properties.version is not None
    return _Versioned(properties.version, "one of many")


def _name(target: str) -> str:
    return target.rpartition("/")[2]


def _told(notice: Notice) -> Told:
    return notice.type, notice.subject, notice.data["Version"], notice.data["EXP"]


TestLifecycleLife = LifecycleLife.TestCase
TestLifecycleLife.settings = settings(QUICK, max_examples=30)


@pytest.mark.soak
def test_long_life() -> None:
    """The same machine for a thousand lives."""
    run_state_machine_as_test(LifecycleLife, settings=LONG)
