"""Secrets: a name, a value of text or bytes, and its versions.

Relies on `lifecycle` for everything secrets share with keys. Promises: a value comes back exactly as it was set,
text as `str` and bytes as `bytes`; a disabled version is refused; dates are for the reader to heed, as in Key Vault.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from localvault.door import Call
from localvault.errors import BadParameter
from localvault.lifecycle import trimming
from localvault.lifecycle.ground import Ground
from localvault.lifecycle.kinds import SECRET
from localvault.lifecycle.many import add_versions
from localvault.lifecycle.trimming import Part
from localvault.lifecycle.verbs import ObjectVerbs
from localvault.model import attributes as attr
from localvault.model.attributes import UNSET, Attributes, Unset
from localvault.model.clock import from_datetime
from localvault.model.properties import SecretProperties
from localvault.model.secret import DeletedSecret, Secret
from localvault.model.version_policy import check_number
from localvault.operations import SECRET_GET, SECRET_LIST_VERSIONS, SECRET_SET, SECRET_TRIM
from localvault.records import Mutation, Records

Value = str | bytes
_Ids = list[str]  # named here because inside the class `list` is the verb


class Secrets(ObjectVerbs[SecretProperties, DeletedSecret]):
    """The secrets of one vault (`vault.secrets`)."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground, SECRET)

    def set(
        self,
        name: str,
        value: Value,
        *,
        content_type: str | None = None,
        tags: Mapping[str, str] | None = None,
        enabled: bool = True,
        not_before: datetime | None = None,
        expires_on: datetime | None = None,
    ) -> Secret:
        """Set a secret; if it exists, this adds a version and makes it current.

        Args:
            name: 1 to 127 of `0-9 A-Z a-z -`; case is kept, and names compare without case.
            value: text or bytes, at most 25 KiB in UTF-8 unless the vault's `max_value_bytes` says otherwise.
            content_type: what the value is, at most 255 characters.
            tags: at most 15 names with values of at most 512 characters each.
            enabled: a disabled version is refused by `get`.
            not_before: from when it is meant to be used; aware datetime.
            expires_on: until when it is meant to be used; aware datetime after `not_before`.

        Returns:
            The new version; the write has reached the disk.

        Raises:
            BadParameter: one of the above does not hold; nothing was changed.
            ObjectIsDeletedButRecoverable: a deleted secret holds the name.
            StoreFull: no space; nothing was changed.
        """
        settable = {
            "content_type": content_type,
            "tags": tags,
            "enabled": enabled,
            "not_before": not_before,
            "expires_on": expires_on,
        }
        return self._ground.door.write(
            SECRET_SET, self._objects.target(name), self._set, name, value, settable
        )

    def set_many(
        self,
        values: Mapping[str, Value] | Iterable[tuple[str, Value]],
        *,
        content_type: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> list[SecretProperties]:
        """Set many secrets in one transaction with one sync and one event: all of them, or none.

        Args:
            values: names and values, as a mapping or pairs; a name given twice gets two versions.
            content_type: for all of them, as in `set`.
            tags: for all of them, as in `set`.

        Returns:
            The new versions' properties, in the order given.

        Raises:
            BadParameter, ObjectIsDeletedButRecoverable, StoreFull: nothing was changed.
        """
        pairs = list(values.items() if isinstance(values, Mapping) else values)
        return self._ground.door.write(SECRET_SET, "/secrets", self._set_many, pairs, content_type, tags)

    def get(self, name: str, version: str | None = None) -> Secret:
        """Return a secret with its value, the current version unless `version` (32 hex digits) says otherwise.

        Raises:
            SecretNotFound: no such secret or version; a deleted secret counts as not found.
            SecretDisabled: the version is disabled.
            BadParameter: not a name or version there can be.
            Tampered: the record is not what this vault wrote.
        """
        return self._ground.door.read(SECRET_GET, self._objects.target(name), self._get, name, version)

    def update(
        self,
        name: str,
        version: str | None = None,
        *,
        enabled: bool | Unset = UNSET,
        not_before: datetime | Unset | None = UNSET,
        expires_on: datetime | Unset | None = UNSET,
        tags: Mapping[str, str] | Unset | None = UNSET,
        content_type: str | Unset | None = UNSET,
    ) -> SecretProperties:
        """Change properties of a version (the current one unless told otherwise); the value stays.

        What is not given stays; None takes a date, the tags or the content type away.

        Raises:
            BadParameter: a property out of range; nothing was changed.
            SecretNotFound: no such secret or version.
        """
        return self._change(
            name,
            version,
            enabled=enabled,
            not_before=not_before,
            expires_on=expires_on,
            tags=tags,
            content_type=content_type,
        )

    def trim(self, name: str, *, keep: int, dry_run: bool = False) -> _Ids:
        """Remove all but the newest versions for good; returns the ids of those removed, the oldest first.

        Args:
            name: the secret.
            keep: how many of the newest versions stay, the current one among them: 1 to 1,000,000.
            dry_run: remove nothing; returns what would be removed, and needs only the right to list versions.

        Raises:
            PurgeProtected: the vault has purge protection, and no version was followed by another for as long as the
                retention time.
            SecretNotFound: no such secret.
            BadParameter: `keep` out of range, or not a name an object can have.
        """
        target, door = self._objects.target(name), self._ground.door
        if dry_run:
            return door.read(SECRET_LIST_VERSIONS, target, self._would_trim, name, keep)
        return trimming.in_parts(
            lambda border: door.write(SECRET_TRIM, target, self._trim, name, keep, border)
        )

    def _trim(self, call: Call, mutation: Mutation, name: str, keep: int, border: bytes | None) -> Part:
        key, first = self._trim_border(call, mutation, name, keep)
        call.details = {"keep": keep}
        return trimming.remove(
            call, mutation, self._objects, key, first if border is None else min(first, border)
        )

    def _would_trim(self, call: Call, records: Records, name: str, keep: int) -> _Ids:
        key, border = self._trim_border(call, records, name, keep)
        ids = [each.hex() for each in trimming.before(self._objects, records, key, border)]
        call.count, call.details = len(ids), {"would": "trim"}
        return ids

    def _trim_border(self, call: Call, records: Records, name: str, keep: int) -> tuple[bytes, bytes]:
        """Return the secret's place, and the id before which all of its versions may go."""
        key, head = self._objects.find(records, name)
        idle = trimming.idle_secrets(records, self._objects, key, head)
        return key, trimming.border_of(
            call, records, self._objects, key, head, idle, check_number(keep, "keep", 1)
        )

    def _get(self, call: Call, records: Records, name: str, version: str | None) -> Secret:
        head, found = self._objects.read_version(call, records, name, version)
        if not found.attributes[attr.ENABLED]:
            raise self._kind.disabled(f"operation get is not allowed on a disabled secret: {head.name}")
        return Secret(SecretProperties(self._ground.home, head.name, found.id, found.attributes), found.body)

    def _set(
        self, call: Call, mutation: Mutation, name: str, value: Value, settable: dict[str, Any]
    ) -> Secret:
        settings = self._ground.settings(mutation)
        _check_value(value, settings.max_value_bytes)
        attributes = attr.new(
            call.now,
            enabled=settable["enabled"],
            not_before=from_datetime(settable["not_before"], "not_before"),
            expires_on=from_datetime(settable["expires_on"], "expires_on"),
            content_type=settable["content_type"],
            tags=settable["tags"],
            max_tags=settings.max_tags,
            tag_length=self._kind.tag_length,
        )
        head, added = self._objects.add_version(call, mutation, name, attributes, None, value)
        return Secret(SecretProperties(self._ground.home, head.name, added.id, attributes), value)

    def _set_many(
        self,
        call: Call,
        mutation: Mutation,
        pairs: list[tuple[str, Value]],
        content_type: str | None,
        tags: Mapping[str, str] | None,
    ) -> list[SecretProperties]:
        settings = self._ground.settings(mutation)
        attributes = attr.new(
            call.now,
            enabled=True,
            not_before=None,
            expires_on=None,
            content_type=content_type,
            tags=tags,
            max_tags=settings.max_tags,
            tag_length=self._kind.tag_length,
        )
        limit = settings.max_value_bytes
        for _, value in pairs:
            _check_value(value, limit)
        added = add_versions(call, mutation, self._objects, pairs, attributes)
        home = self._ground.home
        call.count = len(added)
        return [SecretProperties(home, name, version_id, attributes) for name, version_id in added]

    def _properties(
        self, name: str, version: bytes | None, attributes: Attributes, traits: Any
    ) -> SecretProperties:
        return SecretProperties(self._ground.home, name, version, attributes)

    def _is_whole(self, traits: Any, body: Any) -> bool:
        return traits is None and isinstance(body, str | bytes)

    def _deleted(self, properties: SecretProperties, deleted_on: int, purge_on: int) -> DeletedSecret:
        return DeletedSecret(properties, deleted_on, purge_on)


def _check_value(value: Value, limit: int) -> None:
    if isinstance(value, str):
        size = len(value) if value.isascii() else _utf8_length(value)
    elif isinstance(value, bytes):
        size = len(value)
    else:
        raise BadParameter(f"a secret's value is text or bytes, not {type(value).__name__}")
    if size > limit:
        raise BadParameter(
            f"the value has {size} bytes, and this vault takes {limit}",
            hint="the vault's setting max_value_bytes raises the limit",
        )


def _utf8_length(value: str) -> int:
    try:
        return len(value.encode())
    except UnicodeEncodeError:
        raise BadParameter("the value holds half of a surrogate pair, which UTF-8 cannot carry") from None
