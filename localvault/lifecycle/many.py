"""Adding versions to many objects in one mutation, as fast as this language allows.

Relies on `objects` for what a record holds and where it stands. Promises: exactly what `Objects.add_version`, or
`rotation.renew`, does for each in turn, which the tests hold it against; written out only because these loops are what
bulk writes consist of.

Where the time goes is fixed by the work: two records sealed and digested an object. So everything around that is done
once for all objects or bound to a local name, and the parts of a record that are the same for all are packed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgpack

from localvault.agenda import ROTATE, Due
from localvault.calls import Call
from localvault.lifecycle.head import Head
from localvault.lifecycle.notices import note
from localvault.lifecycle.objects import Objects, Version
from localvault.lifecycle.rotation import Fresh, renewed, require_same
from localvault.lifecycle.schedule import schedule
from localvault.model.attributes import EXPIRES_ON, Attributes
from localvault.model.ids import ids, next_id
from localvault.records import AGENDA, OBJECTS, VERSIONS, Mutation

_OBJECTS, _VERSIONS, _AGENDA = bytes((OBJECTS,)), bytes((VERSIONS,)), bytes((AGENDA,))
_NIL = b"\xc0"
_HEAD_OF_7, _VERSION_OF_3, _BIN_16 = (
    b"\x97",
    b"\x93",
    b"\xc4\x10",
)  # msgpack: array of 7, array of 3, 16 bytes


def add_versions(
    call: Call, mutation: Mutation, objects: Objects, pairs: Sequence[tuple[str, Any]], attributes: Attributes
) -> list[tuple[str, bytes]]:
    """Add a version with `attributes` and no traits for every `(name, body)`; returns names as stored, and version ids.

    Raises:
        BadParameter, ObjectIsDeletedButRecoverable: nothing was changed.
    """
    pack = msgpack.Packer().pack
    packed_attributes = pack(attributes)
    head_end = packed_attributes + 4 * _NIL  # traits, deleted_on, purge_on, settings
    version_start = _VERSION_OF_3 + packed_attributes + _NIL
    put_head = mutation.putter(OBJECTS, objects.kind.byte)
    put_version = mutation.putter(VERSIONS, objects.kind.byte)
    find, any_deleted = objects.free_at, objects.any_deleted(mutation)
    keys = objects.keys([name for name, _body in pairs])
    added = []
    # Heads that had, or will have, something on the agenda: few, and entering it seals what was put so far.
    rescheduled = []
    expires = attributes[EXPIRES_ON] is not None
    for (name, body), key, version_id in zip(pairs, keys, ids(call.now), strict=False):
        old = find(mutation, key, name, any_deleted=any_deleted)
        if old is not None:
            name = old.name
            if version_id <= old.current:
                version_id = next_id(call.now, after=old.current)
        if old is None or old.settings is None:
            head = _HEAD_OF_7 + pack(name) + _BIN_16 + version_id + head_end
        else:
            head = pack((name, version_id, attributes, None, None, None, old.settings))
        put_version(key + version_id, version_start + pack(body))
        put_head(key, head)
        if expires or (old is not None and (old.settings or old.attributes[EXPIRES_ON] is not None)):
            rescheduled.append((key, old, name, version_id))
        added.append((name, version_id))
    _reschedule(mutation, objects, rescheduled, attributes)
    if objects.ground.notices.subscribed:
        for name, version_id in added:
            head = Head(name, version_id, attributes, None)
            note(call, objects.ground, objects.kind, "NewVersionCreated", head)
    return added


def _reschedule(
    mutation: Mutation,
    objects: Objects,
    heads: Sequence[tuple[bytes, Head | None, str, bytes]],
    attributes: Attributes,
) -> None:
    """Enter what falls due of objects: of new ones together, of others in the place of what they had."""
    agenda = objects.ground.agenda
    entered: dict[bytes, Due] = {}
    changed = []
    for key, old, name, version_id in heads:
        head = Head(name, version_id, attributes, None, None, None, None if old is None else old.settings)
        if old is None:
            entered.update((agenda.key(due), due) for due in schedule(key, head))
        else:
            changed.append((key, old, head))
    agenda.add_many(mutation, entered)
    for key, old, head in changed:
        objects.reschedule(mutation, key, old, head)


class Turn(NamedTuple):
    """One object whose current version is to be replaced: where it is, its head, what it has on the agenda."""

    key: bytes
    head: Head
    entries: tuple[Due, ...]
    fresh: Fresh


def renew_each(
    calls: Sequence[Call], mutation: Mutation, objects: Objects, turns: Sequence[Turn]
) -> list[list[bytes]]:
    """Do what `rotation.renew` does for each of different objects; returns the places each wrote, for `write_each`.

    Raises:
        BadParameter: a key is of another type by now.
    """
    agenda, now = objects.ground.agenda, calls[0].now
    heads, places = [], []
    entered: dict[bytes, Due] = {}
    for turn, call, version_id in zip(turns, calls, ids(now), strict=False):
        require_same(turn.head, turn.fresh)
        if version_id <= turn.head.current:
            version_id = next_id(now, after=turn.head.current)
        call.version = version_id
        settings = objects.next_settings(mutation, turn.key, turn.head, version_id, now)
        head = renewed(turn.head, now, version_id, settings)
        will = schedule(turn.key, head)
        own = [_OBJECTS + turn.key, _VERSIONS + turn.key + version_id]
        for due in turn.entries:
            # What is rotated now is there; of the notices some may have been told.
            if due not in will and (due.action == ROTATE or agenda.has(mutation, due)):
                mutation.delete(AGENDA, agenda.key(due))
                own.append(_AGENDA + agenda.key(due))
        for due in will:
            if due not in turn.entries:
                place = agenda.key(due)
                entered[place] = due
                own.append(_AGENDA + place)
        heads.append(head)
        places.append(own)
        note(call, objects.ground, objects.kind, "NewVersionCreated", head)
        note(call, objects.ground, objects.kind, "Rotated", head)
    # Removals come first and single records before the first putter: either would seal by itself what has been put.
    agenda.add_many(mutation, entered)
    _put_turns(mutation, objects, turns, heads)
    return places


def _put_turns(mutation: Mutation, objects: Objects, turns: Sequence[Turn], heads: Sequence[Head]) -> None:
    put_head = mutation.putter(OBJECTS, objects.kind.byte)
    put_version = mutation.putter(VERSIONS, objects.kind.byte)
    plaintexts, added = [], []
    for turn, head in zip(turns, heads, strict=True):
        version = Version(head.current, head.attributes, head.traits, turn.fresh.body())
        plaintext = objects.encoded(version)
        put_version(turn.key + head.current, plaintext)
        put_head(turn.key, head.encode())
        plaintexts.append(plaintext)
        added.append(version)
    mutation.seal_put()
    if objects.kind.stays_inside:
        for version, plaintext in zip(added, plaintexts, strict=True):
            version.wipe()
            objects.wipe(plaintext)
