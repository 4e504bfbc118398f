"""The plain model of the whole lifecycle: what a vault's objects are, what falls due of them, what is told of it.

The rules of rotation, expiry, deletion and retirement written once more, as plainly as possible: versions in a
dictionary, times as `datetime`, everything worked out anew whenever it is asked. The model knows no record, no border
of retired versions and no index of what is due.
"""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

import localvault
from localvault import LifetimeAction, RotationPolicy, VersionPolicy

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
RETENTION = 7 * DAY
NOTIFY = 30  # days before its expiry that an object is told of, if its policy does not say
ORDER = ("near-expiry", "purge", "rotate", "expired")  # of what falls due in the very same moment
Due = tuple[str, datetime]  # the action, and when
Told = tuple[str, str, str | None, int | None]  # type, subject, version, EXP of a notice


class Times(NamedTuple):
    """A rotation policy in days: how long versions live; when they are rotated; when they are told of."""

    lives: int | None = None
    after: int | None = None
    before: int | None = None
    notify: int | None = None

    @property
    def rotates(self) -> bool:
        """Whether it makes new versions."""
        return self.after is not None or self.before is not None

    def policy(self) -> RotationPolicy:
        """The policy as the vault takes it."""
        actions = []
        if self.rotates:
            actions.append(LifetimeAction("Rotate", _days(self.after), _days(self.before)))
        if self.notify is not None:
            actions.append(LifetimeAction("Notify", None, _days(self.notify)))
        return RotationPolicy(_days(self.lives), actions)


def _days(number: int | None) -> str | None:
    return None if number is None else f"P{number}D"


@dataclass
class Version:
    """One version; `value` is a secret's."""

    created: datetime
    expires_on: datetime | None
    value: str | bytes | None = None
    enabled: bool = True


@dataclass
class Thing:
    """One key or secret."""

    room: str
    name: str
    versions: dict[str, Version] = field(default_factory=dict)
    times: Times = field(default_factory=Times)
    retry: datetime | None = None
    generator: str | None = None
    minimum: VersionPolicy = field(default_factory=VersionPolicy)
    deleted_on: datetime | None = None
    told: set[Due] = field(default_factory=set)

    @property
    def current(self) -> str:
        """The version made last."""
        return list(self.versions)[-1]

    @property
    def now(self) -> Version:
        """What is known of it."""
        return self.versions[self.current]

    def says(self) -> set[Due]:
        """Everything that is due of it, whether or not it was told."""
        if self.deleted_on is not None:
            return {("purge", self.deleted_on + RETENTION)}
        found: set[Due] = set()
        created, expires_on = self.now.created, self.now.expires_on
        if self.times.after is not None:
            found.add(("rotate", self._not_before_retry(created + self.times.after * DAY)))
        if expires_on is not None:
            if self.times.before is not None:
                found.add(("rotate", self._not_before_retry(expires_on - self.times.before * DAY)))
            found |= {
                ("near-expiry", expires_on - (self.times.notify or NOTIFY) * DAY),
                ("expired", expires_on),
            }
        return found

    def _not_before_retry(self, due: datetime) -> datetime:
        return due if self.retry is None else max(due, self.retry)

    def coming(self) -> set[Due]:
        """What of it is on the agenda."""
        return self.says() - self.told

    def changed(self) -> None:
        """What was told is forgotten once it is no longer due: if it becomes due again, it is news."""
        self.told &= self.says()

    def add(self, version: str, made: Version) -> None:
        """A version is made, and becomes the current one."""
        assert version not in self.versions
        assert all(version > each for each in self.versions), "the newest sorts last, whatever the clock says"
        self.versions[version] = made
        self.changed()

    def next_expiry(self, now: datetime) -> datetime | None:
        """When a version that takes the place of the current one at `now` expires."""
        if self.times.lives is not None:
            return now + self.times.lives * DAY
        return None if self.now.expires_on is None else now + (self.now.expires_on - self.now.created)

    def retired(self) -> list[str]:
        """The versions that the version policy retires, the oldest first."""
        versions = list(self.versions)
        if self.minimum.latest_minus is not None:
            return versions[: max(0, len(versions) - 1 - self.minimum.latest_minus)]
        return (
            [] if self.minimum.minimum_open is None else versions[: versions.index(self.minimum.minimum_open)]
        )

    def told_of(self, happening: str) -> Told:
        """The notice that this happened to it."""
        kind = self.room[:-1].capitalize()
        exp = self.now.expires_on
        return kind + happening, self.name, self.current, None if exp is None else int(exp.timestamp())


class Run(NamedTuple):
    """What a run of the agenda must do."""

    done: Counter[tuple[str, str, datetime]]
    rotated: list[Thing]


class World:
    """All objects of a vault, and the notices that must have been given and are not yet compared."""

    def __init__(self) -> None:
        self.things: dict[str, Thing] = {}
        self.expected: Counter[Told] = Counter()
        self.done: Counter[str] = Counter()  # by the agenda, by action, as long as the vault lives
        self.registered = False  # what the generator `named` calls is there

    def live(self, name: str) -> Thing | None:
        """The object of that name, if there is one that is not deleted."""
        found = self.things.get(name)
        return found if found is not None and found.deleted_on is None else None

    def gone(self, name: str) -> Thing | None:
        """The deleted object of that name, if there is one."""
        found = self.things.get(name)
        return found if found is not None and found.deleted_on is not None else None

    def tell(self, thing: Thing, *happenings: str) -> None:
        """Notices of an object as it is now."""
        self.expected.update(thing.told_of(each) for each in happenings)

    def made(self, thing: Thing, version: str, made: Version) -> None:
        """A version was made by a caller."""
        thing.add(version, made)
        self.tell(thing, "NewVersionCreated")

    def rotated(self, thing: Thing, version: str, now: datetime, value: str | bytes | None = None) -> None:
        """A version took the place of the current one."""
        expires_on, thing.retry = thing.next_expiry(now), None
        self.made(thing, version, Version(now, expires_on, value))
        self.tell(thing, "Rotated")

    def delete(self, thing: Thing, now: datetime) -> None:
        """An object is deleted."""
        thing.deleted_on, thing.told = now, set()
        self.tell(thing, "Deleted")

    def recover(self, thing: Thing) -> None:
        """It comes back; of its notices, those before its deletion are not told any more."""
        deleted_on, thing.deleted_on = thing.deleted_on, None
        assert deleted_on is not None
        thing.told = {due for due in thing.says() if due[0] != "rotate" and due[1] <= deleted_on}
        self.tell(thing, "Recovered")

    def purge(self, thing: Thing) -> None:
        """It goes for good."""
        self.tell(thing, "Purged")
        del self.things[thing.name]

    def restore(self, kept: Thing) -> None:
        """It comes back from its backup, with everything that is due of it."""
        restored = self.things[kept.name] = copy.deepcopy(kept)
        restored.told = set()

    def run(self, moment: datetime) -> Run:
        """Do everything that is due at `moment`, in order, but for the new versions: those are the vault's to name."""
        due = sorted(
            (time, ORDER.index(action), name)
            for name, thing in self.things.items()
            for action, time in thing.coming()
            if time <= moment
        )
        found = Run(Counter(), [])
        for time, number, name in due:
            thing, action = self.things[name], ORDER[number]
            if thing in found.rotated:
                continue  # its new version is not due, and the old one's notices are nobody's
            if action == "rotate" and self._fails(thing):
                thing.retry = moment + HOUR
                self.tell(thing, "RotationFailed")
                continue
            found.done[action, name, time] += 1
            self.done[action] += 1
            if action == "rotate":
                found.rotated.append(thing)
            elif action == "purge":
                self.purge(thing)
            else:
                thing.told.add((action, time))
                self.tell(thing, "NearExpiry" if action == "near-expiry" else "Expired")
        return found

    def _fails(self, thing: Thing) -> bool:
        return not thing.now.enabled or (thing.generator == "named" and not self.registered)

    def refusal(self, name: str, version: str, now: datetime, *, makes: bool) -> type[Exception] | None:
        """The error that using a version of a key gives, None if it works; `makes`: seal or wrap something new."""
        thing = self.live(name)
        if thing is None or version not in thing.versions:
            return localvault.KeyNotFound
        found = thing.versions[version]
        if not found.enabled:
            return localvault.KeyDisabled
        if makes and found.expires_on is not None and found.expires_on <= now:
            return localvault.KeyExpired
        return localvault.KeyVersionRetired if version in thing.retired() else None


class Clock:
    """When a clock that was set back must be told of: certainly, or at the most.

    What an open vault has seen is gone when it is closed, unless it wrote something then; so between the two is room.
    """

    def __init__(self) -> None:
        self.kept: datetime | None = None  # the latest time a run wrote something
        self.seen: datetime | None = None  # the latest time this open vault saw
        self.ever: datetime | None = None  # the latest time any did

    def closed(self) -> None:
        """What was only seen is forgotten."""
        self.seen = None

    def run(self, now: datetime, *, wrote: bool, told: bool) -> None:
        """The agenda was run, and the clock told of or not: hold it against what is right."""
        latest = max((each for each in (self.kept, self.seen) if each is not None), default=now)
        if now < latest - MINUTE:
            assert told, "the clock was set back, and nobody was told"
        if self.ever is None or now >= self.ever - MINUTE:
            assert not told, "the clock was not set back"
        if told:
            self.kept = self.seen = self.ever = now
        self.seen, self.ever = _later(self.seen, now), _later(self.ever, now)
        if wrote:
            self.kept = _later(self.kept, now)


def _later(known: datetime | None, now: datetime) -> datetime:
    return now if known is None else max(known, now)
