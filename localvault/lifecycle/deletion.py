"""Soft delete as a state machine: active → deleted → recovered or purged.

Source: Key Vault's soft delete (all versions go and come back together; a deleted name stays taken; purge protection
keeps deleted objects until their retention ends). Relies on `objects` for heads and what the agenda has of them.
Promises: every step is one mutation; purging removes the head, every version and the agenda entry together.
"""

from __future__ import annotations

from localvault.calls import Call
from localvault.errors import PurgeProtected
from localvault.lifecycle.head import Head
from localvault.lifecycle.notices import note
from localvault.lifecycle.objects import Objects
from localvault.model.clock import DAY
from localvault.model.ids import made_on
from localvault.records import VERSIONS, Mutation


def delete(call: Call, mutation: Mutation, objects: Objects, name: str) -> Head:
    """Delete an object with all its versions; returns the head of the deleted object.

    Raises:
        BadParameter, NotFound: nothing was changed.
    """
    key, old = objects.find(mutation, name)
    settings = objects.ground.settings(mutation)
    # Protected, it counts from no earlier than the version was made: a clock set back must not end it at once.
    since = max(call.now, made_on(old.current)) if settings.purge_protection else call.now
    purge_on = since + settings.retention_days * DAY
    head = Head(old.name, old.current, old.attributes, old.traits, call.now, purge_on, old.settings)
    call.version = old.current
    objects.put_head(mutation, key, head, old)
    note(call, objects.ground, objects.kind, "Deleted", head)
    return head


def recover(call: Call, mutation: Mutation, objects: Objects, name: str) -> Head:
    """Bring a deleted object back as it was; returns its head.

    Raises:
        BadParameter, NotFound: nothing was changed.
    """
    _, old = objects.find_deleted(mutation, name)
    head = Head(old.name, old.current, old.attributes, old.traits, None, None, old.settings)
    call.version = head.current
    objects.put_head(mutation, objects.key(name), head, old)
    note(call, objects.ground, objects.kind, "Recovered", head)
    return head


def purge(call: Call, mutation: Mutation, objects: Objects, name: str) -> None:
    """Remove a deleted object for good.

    Raises:
        PurgeProtected: the vault keeps deleted objects until their retention ends.
        BadParameter, NotFound: nothing was changed.
    """
    _, head = objects.find_deleted(mutation, name)
    assert head.purge_on is not None, "a deleted head has its purge time"
    if objects.ground.settings(mutation).purge_protection and call.now < head.purge_on:
        raise PurgeProtected(
            f"purge protection keeps {objects.kind.noun} {head.name} until its retention ends",
            hint="recover it, or wait for the scheduled purge",
        )
    remove(call, mutation, objects, objects.key(name), head)


def remove(call: Call, mutation: Mutation, objects: Objects, key: bytes, head: Head) -> None:
    """Remove the object at `key`, whose head is given, with every version and what the agenda has of it."""
    for version_key, _nothing in mutation.txn.scan(VERSIONS, key, keys_only=True):
        mutation.delete(VERSIONS, version_key)
    objects.drop_head(mutation, key, head)
    note(call, objects.ground, objects.kind, "Purged", head)
