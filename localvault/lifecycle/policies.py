"""The verbs of rotation policies, which keys and secrets share.

Relies on the door, on `model` for a policy's form and rules, on `objects` for heads and what the agenda has of them.
Promises: a policy that is set keeps the vault's minimum intervals; it is in the agenda when the call returns.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from localvault.calls import Call
from localvault.errors import BadParameter
from localvault.lifecycle.generators import generator_of
from localvault.lifecycle.ground import Ground
from localvault.lifecycle.head import Head
from localvault.lifecycle.kinds import Kind
from localvault.lifecycle.objects import Objects
from localvault.lifecycle.schedule import decode_policy, encode_policy, policy_of, with_policy
from localvault.model import policy as rules
from localvault.model.policy import RotationPolicy
from localvault.records import Mutation, Records

_AT_ONCE = 1000  # objects in one transaction of many: other writers wait some twenty milliseconds for it


class PolicyVerbs:
    """What an object's rotation policy is, and setting it, for one kind of object in one vault."""

    _ground: Ground
    _kind: Kind
    _objects: Objects

    def rotation_policy(self, name: str) -> RotationPolicy:
        """Return an object's rotation policy; one that has none gets Key Vault's default: `Notify` at P30D.

        Raises:
            BadParameter: not a name an object can have.
            NotFound: no such object.
        """
        target = self._objects.target(name)
        return self._ground.door.read(self._kind.policy_get, target, self._policy, name)

    def set_rotation_policy(self, name: str, policy: RotationPolicy | None) -> RotationPolicy:
        """Set an object's rotation policy; None, or one that asks for nothing, takes it away. Returns what holds then.

        `expires_in` is for the versions that are made from now on; the current one keeps its expiry.

        Raises:
            BadParameter: not a policy, one that does not keep the vault's minimum intervals, one that would rotate a
                secret nobody has said how to make a new value of, or not a name an object can have.
            NotFound: no such object.
        """
        target = self._objects.target(name)
        return self._ground.door.write(self._kind.policy_set, target, self._set_policy, name, policy)

    def set_rotation_policies(self, names: Iterable[str], policy: RotationPolicy | None) -> int:
        """Set the rotation policy of many objects, a thousand to a transaction and an event; returns how many.

        Raises:
            BadParameter, NotFound: as for `set_rotation_policy`. Of the transaction it came up in nothing was changed;
                those before it stand, so call again with what is left.
        """
        rest = iter(names)
        target = "/" + self._kind.collection
        done = 0
        while part := list(islice(rest, _AT_ONCE)):
            done += self._ground.door.write(self._kind.policy_set, target, self._set_policies, part, policy)
        return done

    def _policy(self, call: Call, records: Records, name: str) -> RotationPolicy:
        _, head = self._objects.find(records, name)
        return self._told(head)

    def _set_policy(
        self, call: Call, mutation: Mutation, name: str, policy: RotationPolicy | None
    ) -> RotationPolicy:
        wanted = self._checked(mutation, policy)
        return self._told(self._write_policy(call, mutation, name, wanted))

    def _set_policies(
        self, call: Call, mutation: Mutation, names: list[str], policy: RotationPolicy | None
    ) -> int:
        wanted = self._checked(mutation, policy)
        for name in names:
            self._write_policy(call, mutation, name, wanted)
        call.count = len(names)
        return len(names)

    def _write_policy(self, call: Call, mutation: Mutation, name: str, wanted: RotationPolicy) -> Head:
        key, head = self._objects.find(mutation, name)
        if (
            wanted.action(rules.ROTATE) is not None
            and not self._kind.stays_inside
            and generator_of(head) is None
        ):
            raise BadParameter(
                f"{self._kind.noun} {head.name} has nothing that makes a new value, so no policy can rotate it",
                hint="set_generator gives it one; a policy with Notify alone tells when it is near its expiry",
            )
        changed = with_policy(head, encode_policy(wanted, call.now, policy_of(head)))
        self._objects.put_head(mutation, key, changed, head)
        return changed

    def _checked(self, records: Records, policy: object) -> RotationPolicy:
        if policy is None:
            return RotationPolicy()
        if not isinstance(policy, RotationPolicy):
            raise BadParameter(f"a rotation policy is a RotationPolicy, not {type(policy).__name__}")
        settings = self._ground.settings(records)
        rules.check(
            policy,
            rotation_minimum_days=settings.rotation_minimum_days,
            expiry_minimum_days=settings.expiry_minimum_days,
        )
        return policy

    def _told(self, head: Head) -> RotationPolicy:
        url = f"{self._ground.home.url}/{self._kind.collection}/{head.name}/rotationpolicy"
        return decode_policy(policy_of(head), url)
