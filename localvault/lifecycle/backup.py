"""Backup and restore of one object with all its versions.

Relies on `Blobs` for sealing. Promises: a blob restores names, version ids, attributes and traits exactly, into the
same vault or, with a transfer passphrase or the recovery key, into another; it never overwrites; an altered blob is
refused, and so is one whose payload, made by whoever had that passphrase, is not such as `dump` makes.

Payload, version 1: `[1, kind byte, name, settings, [[version id, attributes, traits, body], …]]` in msgpack, the
versions in order, the last one current.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgpack

from localvault.calls import Call
from localvault.errors import BadParameter, Damaged, NewerFormat, ObjectAlreadyExists
from localvault.lifecycle import minimum, schedule
from localvault.lifecycle.head import Head
from localvault.lifecycle.objects import Objects, Version
from localvault.model import attributes as attr
from localvault.model.ids import ID_BYTES
from localvault.records import Mutation, Records

_PAYLOAD = 1
_ARRAY_OF_5, _ARRAY_OF_4_WITH_ID = b"\x95", b"\x94\xc4\x10"  # msgpack; an id is 16 bytes of binary data
IsWhole = Callable[
    [Any, Any], bool
]  # (traits, body) of a version: whether they are such as the kind has them


def dump(call: Call, records: Records, objects: Objects, name: str) -> bytes:
    """Return the payload of an object's backup.

    Raises:
        BadParameter, NotFound: no such object.
    """
    key, head = objects.find(records, name)
    versions = list(objects.plaintexts(records, key))
    # The current version is the newest unless a restore or a later pointer says otherwise: it goes last.
    versions.sort(key=lambda version: (version[0] == head.current, version[0]))
    call.count = len(versions)
    packer = msgpack.Packer(autoreset=False)
    for part in (_PAYLOAD, objects.kind.byte, head.name, head.settings):
        packer.pack(part)
    packer.pack_array_header(len(versions))
    parts: list[bytes | memoryview] = [_ARRAY_OF_5, packer.bytes()]
    for version_id, plaintext in versions:
        # A version's record is the array [attributes, traits, body]; with its id in front it is one of four.
        parts += (_ARRAY_OF_4_WITH_ID, version_id, memoryview(plaintext)[1:])
    payload = b"".join(parts)
    for _, plaintext in versions:
        objects.wipe(plaintext)
    return payload


def load(call: Call, mutation: Mutation, objects: Objects, payload: bytes, is_whole: IsWhole) -> Head:
    """Restore an object from a payload that opened under a key of this vault or of whoever made it; returns its head.

    Raises:
        BadParameter: a backup of another kind of object, or of a name no object can have.
        Damaged: the payload is not one that `dump` makes.
        NewerFormat: a payload version this localvault does not know.
        ObjectAlreadyExists, ObjectIsDeletedButRecoverable: the name is in use; nothing was changed.
    """
    name, settings, versions = _parse(objects, payload, is_whole)
    call.target = objects.target(name)
    key, existing = objects.find_or_free(mutation, name)
    if existing is not None:
        raise ObjectAlreadyExists(
            f"{objects.kind.noun} {name} exists, and a backup is not restored over an existing object",
            hint="delete and purge it first",
        )
    for parts in versions:
        version = Version(*parts)
        objects.put_version(mutation, key, version)
        if objects.kind.stays_inside:
            version.wipe()
    current, attributes, traits, _ = versions[-1]
    head = Head(name, current, attributes, traits, None, None, settings)
    objects.put_head(mutation, key, head, None)
    call.version = current
    call.count = len(versions)
    return head


def _parse(
    objects: Objects, payload: bytes, is_whole: IsWhole
) -> tuple[str, dict[str, Any] | None, list[list[Any]]]:
    try:
        payload_version, *rest = msgpack.unpackb(payload)
        if payload_version != _PAYLOAD:
            raise NewerFormat(
                "the backup was made by a newer localvault", hint="update localvault, then restore"
            )
        kind, name, settings, versions = rest
        if kind != objects.kind.byte:
            raise BadParameter(f"this is not the backup of a {objects.kind.noun}")
        if _is_object(name, settings, versions, is_whole):
            return name, settings, versions
    except (TypeError, ValueError) as error:
        if isinstance(error, BadParameter):
            raise
    raise Damaged("the backup opens but does not hold an object")


def _is_object(name: object, settings: object, versions: list[list[Any]], is_whole: IsWhole) -> bool:
    """Whether every part has its form: one that has not would be restored, and then break every list it is in."""
    ids = set()
    for version_id, attributes, traits, body in versions:
        if not (isinstance(version_id, bytes) and len(version_id) == ID_BYTES):
            return False
        if not (attr.are_whole(attributes) and is_whole(traits, body)):
            return False
        ids.add(version_id)
    if not (isinstance(name, str) and isinstance(settings, dict | None) and 0 < len(ids) == len(versions)):
        return False
    if not schedule.is_whole((settings or {}).get(schedule.ROTATION)):
        return False
    return minimum.is_whole(settings, ids, versions[-1][0])
