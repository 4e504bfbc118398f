"""What an object has on the agenda: one pure function of its head.

Relies on the durations of `model`. Promises: the agenda is what this function says of every head, less the notices that
have been told: whoever writes a head takes out what it no longer says and enters what it says anew, so what has been
done does not come back because a head is written again.

A policy stands in a head's settings under `rotation`:

    {"expires_in": text or nil, "actions": [[action, time after create, time before expiry], …], "created": µs,
     "updated": µs, "retry": µs}          `retry` only after a rotation that failed: not before then again
"""

from __future__ import annotations

from typing import Any

from localvault.agenda import EXPIRED, NEAR_EXPIRY, PURGE, ROTATE, Due
from localvault.lifecycle.head import Head
from localvault.model import policy as rules
from localvault.model.attributes import CREATED, EXPIRES_ON
from localvault.model.clock import EARLIEST, LATEST, to_datetime
from localvault.model.durations import parse
from localvault.model.policy import LifetimeAction, RotationPolicy

ROTATION = "rotation"  # the name of the policy among a head's settings
Stored = dict[str, Any]


def schedule(key: bytes, head: Head) -> tuple[Due, ...]:
    """Return what falls due of the object at store key `key` (kind, name id): nothing of versions but the current one.

    A deleted object is purged. Another one is rotated if its policy says so; that its current version is near its
    expiry is told as long before as the policy says, or 30 days; and that it has expired.
    """
    kind, name_id = key[:1], key[1:]
    if head.purge_on is not None:
        return (Due(head.purge_on, kind, name_id, PURGE),)
    expires_on = head.attributes[EXPIRES_ON]
    rotation = None if head.settings is None else head.settings.get(ROTATION)
    if expires_on is None and rotation is None:
        return ()  # nearly all there are
    found = []
    rotate_on = None if rotation is None else _rotate_on(rotation, head)
    if rotate_on is not None:
        found.append(Due(rotate_on, kind, name_id, ROTATE))
    if expires_on is not None:
        near = parse(_notify_before(rotation)).before(expires_on)
        found += (Due(near, kind, name_id, NEAR_EXPIRY), Due(expires_on, kind, name_id, EXPIRED))
    return tuple(found)


def after_recovery(entries: tuple[Due, ...], deleted_on: int) -> tuple[Due, ...]:
    """Return what of a recovered object's schedule is entered: of notices only those that lie after its deletion.

    Those before it have been told, or were due for an object that nobody used.
    """
    return tuple(due for due in entries if due.action == ROTATE or due.time > deleted_on)


def policy_of(head: Head) -> Stored | None:
    """Return a head's policy as it is stored, or None."""
    return None if head.settings is None else head.settings.get(ROTATION)


def with_policy(head: Head, stored: Stored | None) -> Head:
    """Return the head with another policy, or without one; the rest of its settings stays."""
    settings = {name: value for name, value in (head.settings or {}).items() if name != ROTATION}
    if stored is not None:
        settings[ROTATION] = stored
    return Head(
        head.name,
        head.current,
        head.attributes,
        head.traits,
        head.deleted_on,
        head.purge_on,
        settings or None,
    )


def encode_policy(policy: RotationPolicy, now: int, before: Stored | None) -> Stored | None:
    """Return how a policy set at `now` (µs) in the place of `before` is stored; None if it asks for nothing."""
    if policy.is_empty:
        return None
    actions = [[a.action, a.time_after_create, a.time_before_expiry] for a in policy.lifetime_actions]
    created = now if before is None else before["created"]
    return {"expires_in": policy.expires_in, "actions": actions, "created": created, "updated": now}


def decode_policy(stored: Stored | None, url: str) -> RotationPolicy:
    """Return the policy that is stored for the object of which `url` is the policy's; without one, Key Vault's default.

    The default has no `expires_in` and no `Rotate`: it says what happens anyway.
    """
    if stored is None:
        default = LifetimeAction(rules.NOTIFY, time_before_expiry=rules.NOTIFY_BEFORE)
        return RotationPolicy(None, [default]).told(url, None, None)
    policy = RotationPolicy(stored["expires_in"], [LifetimeAction(*action) for action in stored["actions"]])
    return policy.told(url, to_datetime(stored["created"]), to_datetime(stored["updated"]))


def is_whole(stored: object) -> bool:
    """Whether a policy that came in a backup, if it is one, is such as `encode_policy` makes."""
    if stored is None:
        return True
    try:
        if not isinstance(stored, dict) or not stored.keys() <= {*_MEMBERS, "retry"}:
            return False
        policy = decode_policy(stored, "")
        # Another vault's minimum intervals are its own; but a policy that makes itself due is not taken from anybody.
        rules.check(policy, rotation_minimum_days=0, expiry_minimum_days=0)
        times = [stored["created"], stored["updated"], stored.get("retry", 0)]
        again = encode_policy(policy, stored["updated"], stored)
        return again == {name: stored[name] for name in _MEMBERS} and all(
            type(time) is int and EARLIEST <= time <= LATEST for time in times
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return False


def expires_in(stored: Stored | None) -> str | None:
    """Return how long a new version lives by the policy, or None where it does not say."""
    return None if stored is None else stored["expires_in"]


_MEMBERS = ("expires_in", "actions", "created", "updated")


def rotates(stored: Stored | None) -> bool:
    """Whether a policy, if there is one, makes new versions by itself."""
    return stored is not None and any(action == rules.ROTATE for action, *_ in stored["actions"])


def rotation_due(head: Head) -> int | None:
    """Return when a head's policy wants its current version replaced, however often that failed since; or None."""
    stored = policy_of(head)
    return None if stored is None else _asked_for(stored, head)


def _rotate_on(rotation: Stored, head: Head) -> int | None:
    """Return when a head's current version is to be replaced, or None if its policy does not say."""
    due = _asked_for(rotation, head)
    return None if due is None else max(due, rotation.get("retry", due))


def _asked_for(rotation: Stored, head: Head) -> int | None:
    for action, after, before in rotation["actions"]:
        if action != rules.ROTATE:
            continue
        if before is None:
            return parse(after).after(head.attributes[CREATED])
        if head.attributes[EXPIRES_ON] is not None:
            return parse(before).before(head.attributes[EXPIRES_ON])
        return None  # nothing to be before; once it has an expiry, there is
    return None


def _notify_before(rotation: Stored | None) -> str:
    for action, _after, before in () if rotation is None else rotation["actions"]:
        if action == rules.NOTIFY:
            return str(before)
    return rules.NOTIFY_BEFORE
