"""Adding versions to many objects in one mutation, as fast as this language allows.

Relies on `objects` for what a record holds and where it stands. Promises: exactly what `Objects.add_version` does for
each in turn, which the tests hold it against; written out only because this loop is what bulk writes consist of.

Where the time goes is fixed by the work: two records sealed and digested an object. So everything around that is done
once for all objects or bound to a local name, and the parts of a record that are the same for all are packed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgpack

from localvault.door import Call
from localvault.lifecycle.head import Head
from localvault.lifecycle.notices import note
from localvault.lifecycle.objects import Objects
from localvault.model.attributes import Attributes
from localvault.model.ids import ids, next_id
from localvault.records import OBJECTS, VERSIONS, Mutation

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
        added.append((name, version_id))
    if objects.ground.notices.subscribed:
        for name, version_id in added:
            head = Head(name, version_id, attributes, None)
            note(call, objects.ground, objects.kind, "NewVersionCreated", head)
    return added
