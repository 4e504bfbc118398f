"""The verbs by which keys get a new version, and how many objects of a kind get one at once.

Relies on `rotation`, which the agenda uses too. Promises: material is made before the transaction, so that no other
writer waits for it; every rotated object has an event of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import TypeVar

from localvault.calls import Call
from localvault.lifecycle import rotation
from localvault.lifecycle.head import Head
from localvault.lifecycle.key import DeletedKey, Key
from localvault.lifecycle.objects import Objects, Version
from localvault.lifecycle.retiring import RetiringVerbs
from localvault.lifecycle.rotation import Fresh, Plan
from localvault.model.properties import KeyProperties
from localvault.operations import KEY_ROTATE, Operation
from localvault.records import Mutation, Records

T = TypeVar("T")
_AT_ONCE = 256  # objects rotated in one transaction: a sync is shared, and other writers do not wait long


def rotate_many(
    objects: Objects,
    operation: Operation,
    names: Iterable[str],
    plan: Callable[[Records, str], Plan],
    rotate: Callable[[Call, Mutation, str, Fresh], T],
) -> list[T]:
    """Return what `rotate` makes of every object named, planned by `plan`: part by part, each part as one transaction.

    Raises whatever the two raise; nothing of that part is rotated, while those before it are.
    """
    rest = iter(names)
    made: list[T] = []
    while part := list(islice(rest, _AT_ONCE)):
        made += _rotate_part(objects, operation, part, plan, rotate)
    return made


def _rotate_part(
    objects: Objects,
    operation: Operation,
    names: list[str],
    plan: Callable[[Records, str], Plan],
    rotate: Callable[[Call, Mutation, str, Fresh], T],
) -> list[T]:
    door, fresh = objects.ground.door, list[Fresh]()
    try:
        with door.preparing(operation, "/" + objects.kind.collection) as look:
            for planned in look(lambda call, records: [plan(records, name) for name in names]):
                fresh.append(rotation.make(planned))
        with door.together():
            return [
                door.write(operation, objects.target(name), rotate, name, each)
                for name, each in zip(names, fresh, strict=True)
            ]
    finally:
        for each in fresh:
            each.wipe()


class RotatingVerbs(RetiringVerbs[KeyProperties, DeletedKey]):
    """Rotation by hand, for the keys of one vault."""

    def rotate(self, name: str) -> Key:
        """Add a version with new material of the same type, operations and tags, and make it current.

        It lives as long as the key's rotation policy says, or else as long as the one before was made to live.

        Raises:
            KeyNotFound: no such key.
            BadParameter: not a name an object can have, a public key, or a key of another type by now.
        """
        target = self._objects.target(name)
        # As in `create`, before the transaction; `renew` looks again inside it.
        with self._ground.door.preparing(KEY_ROTATE, target) as look:
            fresh = rotation.make(look(lambda call, records: self._plan(records, name)))
        try:
            return self._ground.door.write(KEY_ROTATE, target, self._rotate, name, fresh)
        finally:
            fresh.wipe()

    def rotate_many(self, names: Iterable[str]) -> list[Key]:
        """Rotate many keys, 256 to a transaction and a sync, each with an event of its own; returns the new versions.

        Raises:
            KeyNotFound, BadParameter: as for `rotate`, of some key; none of its transaction was rotated. Those before
                it are: call again with what is left.
        """
        return rotate_many(self._objects, KEY_ROTATE, names, self._plan, self._rotate)

    def _plan(self, records: Records, name: str) -> Plan:
        return rotation.plan(records, self._objects, *self._objects.find(records, name))

    def _rotate(self, call: Call, mutation: Mutation, name: str, fresh: Fresh) -> Key:
        key, old = self._objects.find(mutation, name)
        return self._key(*rotation.renew(call, mutation, self._objects, key, old, fresh))

    def _key(self, head: Head, version: Version) -> Key:
        """Return what callers get of a version, and overwrite the rest."""
        version.wipe()
        return Key(self._of_version(head, version), version.body[1])

    def _of_version(self, head: Head, version: Version) -> KeyProperties:
        home, old = self._ground.home, version.id < head.lowest
        return KeyProperties(home, head.name, version.id, version.attributes, version.traits, retired=old)
