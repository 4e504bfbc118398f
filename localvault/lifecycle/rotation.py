"""A new version in the place of the current one: planned, made, added.

Relies on `algorithms` for key material. Promises: what is slow (an RSA key takes a second) is made before the
transaction that adds it; the new version is of the type the old one had and keeps its operations and tags; it lives as
long as the object's policy says, or as long as the old one was made to live; the policy stays, and begins anew.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from localvault.algorithms.base import KeyMaterial
from localvault.algorithms.material import OctKey, generate, is_private
from localvault.calls import Call
from localvault.errors import BadParameter
from localvault.lifecycle.generators import generator_of, make_value
from localvault.lifecycle.head import Head
from localvault.lifecycle.notices import note
from localvault.lifecycle.objects import Objects, Version
from localvault.lifecycle.schedule import expires_in, policy_of, with_policy
from localvault.model import attributes as attr
from localvault.model.durations import parse
from localvault.model.ids import next_id
from localvault.model.properties import SecretProperties
from localvault.model.value import Value
from localvault.records import VERSIONS, Mutation, Records

RETRY_AFTER = 3_600_000_000  # µs until a rotation that failed is tried again
_SYMMETRIC = "oct"  # keys of this type have no public form


class Plan(NamedTuple):
    """What is to be made: for a key its type, size and curve; for a secret a value, by its generator as plain data."""

    shape: tuple[str, int | None, str | None] | None
    spec: dict[str, Any] | None = None
    make_value: Callable[[], Value] | None = None

    @property
    def takes_long(self) -> bool:
        """Whether making it takes more than random bytes: a key pair, or whatever a generator does."""
        return self.shape is None or self.shape[0] != _SYMMETRIC


class Fresh(NamedTuple):
    """What was made by a plan: a key's material or a secret's value; None for an oct key, which is made in no time."""

    plan: Plan
    made: KeyMaterial | Value | None

    def body(self) -> Any:
        """Return what the version's record holds; of a key, bytes to be wiped once they are sealed."""
        if self.made is None:
            assert self.plan.shape is not None, "only a key is left to be made"
            return [OctKey.new_encoded(self.plan.shape[1] or 0), None]
        return (
            [self.made.encode(), self.made.public_der()] if isinstance(self.made, KeyMaterial) else self.made
        )

    def wipe(self) -> None:
        """Overwrite a key's material."""
        if isinstance(self.made, KeyMaterial):
            self.made.wipe()


def plan(records: Records, objects: Objects, key: bytes, head: Head, *, commands: bool = False) -> Plan:
    """Return what has to be made for the next version of an object.

    `commands`: whether a generator that is a command may run its program.

    Raises:
        BadParameter: a public key, or a secret nobody has said how to make a new value of.
    """
    if not objects.kind.stays_inside:
        return _plan_value(records, objects, head, commands)
    kty, size, curve = head.traits[:3]
    if kty != _SYMMETRIC:
        _require_private(records, objects, key, head)
    return Plan((kty, size, curve))


def _plan_value(records: Records, objects: Objects, head: Head, commands: bool) -> Plan:
    spec = generator_of(head)
    if spec is None:
        raise BadParameter(
            f"secret {head.name} has no generator, so there is nothing to make a new value by",
            hint="set_generator gives it one; set gives it a value",
        )
    ground = objects.ground
    properties = SecretProperties(ground.home, head.name, head.current, head.attributes)
    limit = ground.settings(records).max_value_bytes
    made = partial(make_value, spec, ground.generators, head.name, properties, commands, limit=limit)
    return Plan(None, spec, made)


def make(planned: Plan) -> Fresh:
    """Make what was planned, not inside a transaction: a program that makes a value may take a minute.

    Raises:
        Forbidden: a value is made by a command, and commands may not be run.
        GeneratorFailed: no value came of it.
    """
    if planned.shape is None:
        assert planned.make_value is not None, "a plan has one of the two"
        return Fresh(planned, planned.make_value())
    kty, size, curve = planned.shape
    return Fresh(planned, None if kty == _SYMMETRIC else generate(kty, size=size, curve=curve))


def renew(
    call: Call, mutation: Mutation, objects: Objects, key: bytes, old: Head, fresh: Fresh
) -> tuple[Head, Version]:
    """Add the version `fresh` was made for in the place of the current one of `old`; returns the new head, and it.

    Raises:
        BadParameter: the key is of another type by now; nothing was changed.
    """
    require_same(old, fresh)
    version_id = next_id(call.now, after=old.current)
    settings = objects.next_settings(mutation, key, old, version_id, call.now)
    head = renewed(old, call.now, version_id, settings)
    added = objects.add_next(call, mutation, key, head, old, fresh.body())
    note(call, objects.ground, objects.kind, "Rotated", head)
    return head, added


def require_same(head: Head, fresh: Fresh) -> None:
    """Return if the object is still of the type, or still has the generator, that `fresh` was made for.

    Raises:
        BadParameter: it is not.
    """
    shape, spec = fresh.plan.shape, fresh.plan.spec
    if shape is not None and shape != tuple(head.traits[:3]):
        raise BadParameter(f"key {head.name} was changed while it was being rotated; rotate it again")
    if spec is not None and spec != generator_of(head):
        raise BadParameter(
            f"the generator of secret {head.name} was changed while it was rotated; rotate it again"
        )


def renewed(old: Head, now: int, version_id: bytes, settings: dict[str, Any] | None) -> Head:
    """Return the head of an object whose current version is replaced at `now` (µs) by the one of that id.

    `settings`: what `Objects.next_settings` says they are then.
    """
    stored = policy_of(old)
    attributes = attr.renewed(old.attributes, now)
    lives = expires_in(stored)
    if lives is not None:
        attributes[attr.EXPIRES_ON] = parse(lives).after(now)
    head = Head(old.name, version_id, attributes, old.traits, None, None, settings)
    if stored is None or "retry" not in stored:
        return head
    return with_policy(head, {name: value for name, value in stored.items() if name != "retry"})


def postponed(head: Head, moment: int) -> Head:
    """Return the head of an object whose rotation failed at `moment` (µs): it is due again an hour later."""
    stored = policy_of(head)
    assert stored is not None, "only what has a policy is rotated when due"
    return with_policy(head, stored | {"retry": moment + RETRY_AFTER})


def _require_private(records: Records, objects: Objects, key: bytes, head: Head) -> None:
    plaintext = records.get(VERSIONS, key + head.current)
    if plaintext is None:
        raise objects.not_found(head.name)
    found = objects.decoded(head.current, plaintext)
    whole = is_private(found.body[0])
    found.wipe()
    if not whole:
        raise BadParameter(
            f"{head.name} is a public key, and a new one is made where its private part is kept",
            hint="import the new public key",
        )
