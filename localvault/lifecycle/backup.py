"""Backup and restore of one object with all its versions.

Relies on `Blobs` for sealing. Promises: a blob restores names, version ids, attributes and traits exactly, into the
same vault or, with a transfer passphrase or the recovery key, into another; it never overwrites; an altered blob is
refused.

Payload, version 1: `[1, kind byte, name, settings, [[version id, attributes, traits, body], …]]` in msgpack, the
versions in order, the last one current.
"""

from __future__ import annotations

from typing import Any

import msgpack

from localvault.door import Call
from localvault.errors import BadParameter, Damaged, NewerFormat, ObjectAlreadyExists
from localvault.lifecycle.head import Head
from localvault.lifecycle.objects import Objects, encode_version
from localvault.records import OBJECTS, VERSIONS, Mutation, Records

_PAYLOAD = 1


def dump(call: Call, records: Records, objects: Objects, name: str) -> bytes:
    """Return the payload of an object's backup.

    Raises:
        BadParameter, NotFound: no such object.
    """
    key, head = objects.find(records, name)
    versions = [(v.id, v.attributes, v.traits, v.body) for v in objects.versions(records, key)]
    # The current version is the newest unless a restore or a later pointer says otherwise: it goes last.
    versions.sort(key=lambda version: (version[0] == head.current, version[0]))
    call.count = len(versions)
    payload: bytes = msgpack.packb((_PAYLOAD, objects.kind.byte, head.name, head.settings, versions))
    return payload


def load(call: Call, mutation: Mutation, objects: Objects, payload: bytes) -> Head:
    """Restore an object from a payload that was authenticated; returns its head.

    Raises:
        BadParameter: a backup of another kind of object.
        NewerFormat: a payload version this localvault does not know.
        ObjectAlreadyExists, ObjectIsDeletedButRecoverable: the name is in use; nothing was changed.
    """
    name, settings, versions = _parse(objects, payload)
    call.target = objects.target(name)
    key, existing = objects.find_or_free(mutation, name)
    if existing is not None:
        raise ObjectAlreadyExists(
            f"{objects.kind.noun} {name} exists, and a backup is not restored over an existing object",
            hint="delete and purge it first",
        )
    for version_id, attributes, traits, body in versions:
        mutation.put(VERSIONS, key + version_id, encode_version(attributes, traits, body))
    current, attributes, traits, _ = versions[-1]
    head = Head(name, current, attributes, traits, None, None, settings)
    mutation.put(OBJECTS, key, head.encode())
    call.version = current
    call.count = len(versions)
    return head


def _parse(objects: Objects, payload: bytes) -> tuple[str, dict[str, Any] | None, list[list[Any]]]:
    try:
        payload_version, kind, name, settings, versions = msgpack.unpackb(payload)
    except ValueError:
        raise Damaged("the backup opens but does not hold an object") from None
    if payload_version != _PAYLOAD:
        raise NewerFormat("the backup was made by a newer localvault", hint="update localvault, then restore")
    if kind != objects.kind.byte:
        raise BadParameter(f"this is not the backup of a {objects.kind.noun}")
    return name, settings, versions
