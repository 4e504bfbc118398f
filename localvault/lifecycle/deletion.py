"""Soft delete as a state machine: active → deleted → recovered or purged.

Source: Key Vault's soft delete (all versions go and come back together; a deleted name stays taken; purge protection
keeps deleted objects until their retention ends). Relies on the agenda for what falls due. Promises: every step is one
mutation; purging removes the head, every version and the agenda entry together.
"""

from __future__ import annotations

from localvault.agenda import PURGE, Due
from localvault.door import Call
from localvault.errors import PurgeProtected
from localvault.lifecycle.head import Head
from localvault.lifecycle.kinds import Kind
from localvault.lifecycle.notices import note
from localvault.lifecycle.objects import Objects, deleted_key
from localvault.model.clock import DAY
from localvault.records import OBJECTS, VERSIONS, Mutation


def delete(call: Call, mutation: Mutation, objects: Objects, name: str) -> Head:
    """Delete an object with all its versions; returns the head of the deleted object.

    Raises:
        BadParameter, NotFound: nothing was changed.
    """
    key, old = objects.find(mutation, name)
    retention = objects.ground.settings(mutation).retention_days * DAY
    head = Head(
        old.name, old.current, old.attributes, old.traits, call.now, call.now + retention, old.settings
    )
    call.version = old.current
    mutation.delete(OBJECTS, key)
    mutation.put(OBJECTS, deleted_key(key), head.encode())
    objects.ground.agenda.add(mutation, _purge_of(objects.kind, key, head))
    note(call, objects.ground, objects.kind, "Deleted", head)
    return head


def recover(call: Call, mutation: Mutation, objects: Objects, name: str) -> Head:
    """Bring a deleted object back as it was; returns its head.

    Raises:
        BadParameter, NotFound: nothing was changed.
    """
    gone, old = objects.find_deleted(mutation, name)
    key = objects.key(name)
    head = Head(old.name, old.current, old.attributes, old.traits, None, None, old.settings)
    call.version = head.current
    mutation.delete(OBJECTS, gone)
    mutation.put(OBJECTS, key, head.encode())
    objects.ground.agenda.remove(mutation, _purge_of(objects.kind, key, old))
    note(call, objects.ground, objects.kind, "Recovered", head)
    return head


def purge(call: Call, mutation: Mutation, objects: Objects, name: str) -> None:
    """Remove a deleted object for good.

    Raises:
        PurgeProtected: the vault keeps deleted objects until their retention ends.
        BadParameter, NotFound: nothing was changed.
    """
    gone, head = objects.find_deleted(mutation, name)
    assert head.purge_on is not None, "a deleted head has its purge time"
    if objects.ground.settings(mutation).purge_protection and call.now < head.purge_on:
        raise PurgeProtected(
            f"purge protection keeps {objects.kind.noun} {head.name} until its retention ends",
            hint="recover it, or wait for the scheduled purge",
        )
    _remove(mutation, objects, gone, head)
    note(call, objects.ground, objects.kind, "Purged", head)


def purge_due(call: Call, mutation: Mutation, objects: Objects, due: Due) -> str | None:
    """Purge the object an agenda entry names, if that is still due; returns its name.

    The entry goes in any case: an object that was recovered or purged meanwhile has taken its own entry with it.
    """
    gone = due.kind.upper() + due.name_id
    head = mutation.remembered(OBJECTS, gone, objects.ground.heads)
    if head is None or head.purge_on != due.time:
        objects.ground.agenda.remove(mutation, due)
        return None
    _remove(mutation, objects, gone, head)
    note(call, objects.ground, objects.kind, "Purged", head)
    return head.name


def _remove(mutation: Mutation, objects: Objects, gone: bytes, head: Head) -> None:
    key = objects.kind.byte + gone[1:]
    for version_key, _nothing in mutation.txn.scan(VERSIONS, key, keys_only=True):
        mutation.delete(VERSIONS, version_key)
    mutation.delete(OBJECTS, gone)
    objects.ground.agenda.remove(mutation, _purge_of(objects.kind, key, head))


def _purge_of(kind: Kind, key: bytes, head: Head) -> Due:
    assert head.purge_on is not None, "only a deleted head has a purge to enter"
    return Due(head.purge_on, kind.byte, key[1:], PURGE)
