"""The kinds of object, as data: where each stands in the store and which rows and errors are its own.

Relies on `operations` and `errors`. Promises: what differs between a secret and a key in their common life
differs here.
"""

from __future__ import annotations

from typing import NamedTuple

from localvault import operations as ops
from localvault.errors import (
    KeyDisabled,
    KeyNotFound,
    NotFound,
    ObjectDisabled,
    SecretDisabled,
    SecretNotFound,
)
from localvault.operations import Operation


class Kind(NamedTuple):
    """One kind of object."""

    byte: bytes  # first byte of its store keys; upper case while deleted
    noun: str
    collection: str
    tag_length: int  # characters a tag's name or value may have (Key Vault: 512 on secrets, 256 on keys)
    stays_inside: (
        bool  # whether what a version holds is never given out, so that copies of it can be overwritten
    )
    not_found: type[NotFound]
    disabled: type[ObjectDisabled]
    list: Operation
    list_versions: Operation
    update: Operation
    delete: Operation
    list_deleted: Operation
    get_deleted: Operation
    recover: Operation
    purge: Operation
    backup: Operation
    restore: Operation
    policy_get: Operation
    policy_set: Operation
    rotate_if_due: Operation
    near_expiry: Operation
    expired: Operation


SECRET = Kind(
    b"s", "secret", "secrets", 512, False, SecretNotFound, SecretDisabled,
    ops.SECRET_LIST, ops.SECRET_LIST_VERSIONS, ops.SECRET_UPDATE, ops.SECRET_DELETE, ops.SECRET_LIST_DELETED,
    ops.SECRET_GET_DELETED, ops.SECRET_RECOVER, ops.SECRET_PURGE, ops.SECRET_BACKUP, ops.SECRET_RESTORE,
    ops.SECRET_ROTATION_POLICY_GET, ops.SECRET_ROTATION_POLICY_SET, ops.SECRET_ROTATE_IF_DUE,
    ops.SECRET_NEAR_EXPIRY, ops.SECRET_EXPIRED,
)  # fmt: skip
KEY = Kind(
    b"k", "key", "keys", 256, True, KeyNotFound, KeyDisabled,
    ops.KEY_LIST, ops.KEY_LIST_VERSIONS, ops.KEY_UPDATE, ops.KEY_DELETE, ops.KEY_LIST_DELETED,
    ops.KEY_GET_DELETED, ops.KEY_RECOVER, ops.KEY_PURGE, ops.KEY_BACKUP, ops.KEY_RESTORE,
    ops.KEY_ROTATION_POLICY_GET, ops.KEY_ROTATION_POLICY_SET, ops.KEY_ROTATE_IF_DUE,
    ops.KEY_NEAR_EXPIRY, ops.KEY_EXPIRED,
)  # fmt: skip
KINDS = {kind.byte: kind for kind in (SECRET, KEY)}
COLLECTIONS = {kind.byte: "/" + kind.collection for kind in KINDS.values()}
