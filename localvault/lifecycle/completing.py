"""Entering in the agenda what heads say that were written before there were other entries than purges.

Relies on the schedule. Promises: done once in a vault's life, in transactions that other writers need not wait long
for; a kill in the middle only means that it is done again; notices that would have been due before now are not told.
"""

from __future__ import annotations

from collections.abc import Mapping

from localvault.agenda import PURGE, ROTATE, Due
from localvault.calls import Call
from localvault.lifecycle.ground import Ground
from localvault.lifecycle.head import decode_head
from localvault.lifecycle.objects import Objects
from localvault.lifecycle.schedule import schedule
from localvault.operations import AGENDA_RUN
from localvault.records import AGENDA, OBJECTS, Mutation

_AT_ONCE = 5000  # heads looked at in one transaction


def complete(ground: Ground, objects: Mapping[bytes, Objects]) -> None:
    """Make every head's entries, and remember that they have been made.

    Raises:
        StoreFull, StoreBusy: it is not complete yet; call again.
    """
    for kind in objects:
        for prefix in (kind, kind.upper()):
            start: bytes | None = prefix
            while start is not None:
                start = ground.door.write(AGENDA_RUN, "/", _enter, ground, prefix, start)
    ground.door.write(AGENDA_RUN, "/", _end, ground)


def _enter(call: Call, mutation: Mutation, ground: Ground, prefix: bytes, start: bytes) -> bytes | None:
    """Enter what some heads say; returns where the next ones begin, or None."""
    call.count = 0
    # Another process may have done it all, and have told notices since: they must not be entered again.
    if ground.agenda.is_complete(mutation):
        return None
    for number, (key, plaintext) in enumerate(mutation.scan(OBJECTS, prefix, start=start)):
        if number == _AT_ONCE:
            return key
        for due in schedule(prefix.lower() + key[1:], decode_head(plaintext)):
            call.count += _enter_one(mutation, ground, due, call.now)
    return None


def _enter_one(mutation: Mutation, ground: Ground, due: Due, now: int) -> bool:
    if mutation.exists(AGENDA, ground.agenda.key(due)):
        return False
    if due.action not in (PURGE, ROTATE) and due.time <= now:
        return False
    ground.agenda.remove(mutation, due)  # a purge may stand where versions before this one entered it
    ground.agenda.add(mutation, due)
    return True


def _end(call: Call, mutation: Mutation, ground: Ground) -> None:
    call.count = 0
    if not ground.agenda.is_complete(mutation):
        ground.agenda.tell(mutation, call.now)
        ground.agenda.set_complete(mutation)
