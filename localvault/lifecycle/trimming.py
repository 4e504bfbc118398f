"""Removing old versions for good: which may go, and how they go.

Relies on `objects` for the order of versions. Promises: the current version and those that are to be kept stay; a
transaction removes as many as fit into little memory, the oldest first, so a kill leaves an object with fewer versions
and never a version with half of what it needs; with purge protection nothing goes that was in use within the retention
time. What is removed stands in the event: by its records' places, and by its ids as far as there is room.

The last point is what purge protection says of objects, said of versions: that nobody, whatever rights they hold, can
make data unreadable at once and for good. Lowering the minimum brings a retired version back, so that is its recovery;
after the retention time without that, it may go. A secret's version is out of use once there is a newer one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from localvault.calls import Call
from localvault.errors import PurgeProtected
from localvault.lifecycle.head import Head
from localvault.lifecycle.minimum import retired_since
from localvault.lifecycle.objects import Objects
from localvault.model.clock import DAY
from localvault.model.ids import last_before
from localvault.records import VERSIONS, Mutation, Records

AT_ONCE = 10_000  # versions removed in one transaction: some MB of memory, and other writers wait a moment
_SHOWN = 100  # ids told in an event; an event has room for a few hundred


class Idle(NamedTuple):
    """Which versions of an object are out of use: those before an id, and those before which id since a moment (µs)."""

    before: bytes
    before_since: Callable[[int], bytes]


class Part(NamedTuple):
    """What one transaction removed, the id before which all is to go, and whether some of that is still there."""

    removed: list[str]
    border: bytes
    is_more: bool


def border_of(
    call: Call, records: Records, objects: Objects, key: bytes, head: Head, idle: Idle, keep: int
) -> bytes:
    """Return the id before which versions may go: out of use for long enough, and not among the `keep` newest.

    Raises:
        PurgeProtected: some would go, were they out of use for the retention time.
    """
    newest = list(islice(objects.ids(records, key, reverse=True), keep))
    border = min(idle.before, newest[-1], head.current)
    settings = objects.ground.settings(records)
    if not settings.purge_protection:
        return border
    settled = min(border, idle.before_since(call.now - settings.retention_days * DAY))
    if settled <= next(objects.ids(records, key)) < border:
        raise PurgeProtected(
            f"purge protection keeps versions of {objects.kind.noun} {head.name} for "
            f"{settings.retention_days} days after they were taken out of use",
            hint="trim again when they have passed",
        )
    return settled


def before(objects: Objects, records: Records, key: bytes, border: bytes) -> Iterator[bytes]:
    """Yield the ids before `border`, in their order."""
    for version_id in objects.ids(records, key):
        if version_id >= border:
            return
        yield version_id


def remove(call: Call, mutation: Mutation, objects: Objects, key: bytes, border: bytes) -> Part:
    """Remove the oldest versions before `border`, as many as one transaction takes."""
    found = list(islice(before(objects, mutation, key, border), AT_ONCE + 1))
    going = found[:AT_ONCE]
    for version_id in going:
        mutation.delete(VERSIONS, key + version_id)
    call.count = len(going)
    removed = [version_id.hex() for version_id in going]
    call.details = (call.details or {}) | told("removed", removed)
    return Part(removed, border, len(found) > AT_ONCE)


def told(name: str, ids: list[str]) -> dict[str, Any]:
    """Return the ids for an event's details: the first and the last where there is no room for all of them."""
    if len(ids) <= _SHOWN:
        return {name: ids}
    return {name: [ids[0], "…", ids[-1]], f"{name}_count": len(ids)}


def in_parts(one: Callable[[bytes | None], Part]) -> list[str]:
    """Return everything that `one(border)` removes, called until nothing is left before the border it first found."""
    part = one(None)
    removed = part.removed
    while part.is_more:
        part = one(part.border)
        removed += part.removed
    return removed


def idle_secrets(records: Records, objects: Objects, key: bytes, head: Head) -> Idle:
    """Return which versions of a secret are out of use: from the moment on in which the next one was made."""

    def since(moment: int) -> bytes:
        # Ids tell when they were made. The newest made before `moment` is there since, and what is older is idle since.
        return next(objects.ids(records, key, start=last_before(moment), reverse=True), b"")

    return Idle(head.current, since)


def idle_keys(head: Head) -> Idle:
    """Return which versions of a key are out of use: those that its version policy has retired."""
    return Idle(head.lowest, partial(retired_since, head.settings))
