"""Secrets: a name, a value of text or bytes, and its versions.

Relies on `lifecycle` for everything secrets share with keys. Promises: a value comes back exactly as it was set,
text as `str` and bytes as `bytes`; a disabled version is refused; dates are for the reader to heed, as in Key Vault.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from localvault.calls import Call
from localvault.lifecycle import trimming
from localvault.lifecycle.generating import GeneratingVerbs, check_generator
from localvault.lifecycle.generators import SETTING, with_generator
from localvault.lifecycle.ground import Ground
from localvault.lifecycle.kinds import SECRET
from localvault.lifecycle.many import add_versions
from localvault.lifecycle.trimming import Part
from localvault.model import attributes as attr
from localvault.model.attributes import UNSET, Attributes, Unset
from localvault.model.clock import from_datetime
from localvault.model.generator import Generator
from localvault.model.properties import SecretProperties
from localvault.model.secret import DeletedSecret, Secret
from localvault.model.settings import Settings
from localvault.model.value import Value, check_value
from localvault.model.version_policy import check_number
from localvault.operations import SECRET_GET, SECRET_LIST_VERSIONS, SECRET_SET, SECRET_TRIM
from localvault.records import Mutation, Records

_Ids = list[str]  # named here because inside the class `list` is the verb


class Secrets(GeneratingVerbs):
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

    def generate(
        self,
        name: str,
        generator: Generator,
        *,
        content_type: str | None = None,
        tags: Mapping[str, str] | None = None,
        enabled: bool = True,
        not_before: datetime | None = None,
        expires_on: datetime | None = None,
    ) -> Secret:
        """Set a secret to a value that `generator` makes, and keep the generator for `rotate`; returns the new version.

        Args:
            name: as in `set`, like everything not named here.
            generator: what makes this value and those to come; a command is run, since the caller has just named it.

        Raises:
            GeneratorFailed: no value came of it; nothing was changed.
            BadParameter, ObjectIsDeletedButRecoverable, StoreFull: as for `set`.
        """
        settable = {
            "content_type": content_type,
            "tags": tags,
            "enabled": enabled,
            "not_before": not_before,
            "expires_on": expires_on,
        }
        target = self._objects.target(name)
        with self._ground.door.preparing(SECRET_SET, target) as look:
            check_generator(generator)
            properties, limit = look(lambda call, records: self._before(records, name))
            value = self._made(generator.to_dict(), name, properties, True, limit)
        return self._ground.door.write(SECRET_SET, target, self._generate, name, value, settable, generator)

    def set_many(
        self,
        values: Mapping[str, Value] | Iterable[tuple[str, Value]],
        *,
        content_type: str | None = None,
        tags: Mapping[str, str] | None = None,
        not_before: datetime | None = None,
        expires_on: datetime | None = None,
    ) -> list[SecretProperties]:
        """Set many secrets in one transaction with one sync and one event: all of them, or none.

        Args:
            values: names and values, as a mapping or pairs; a name given twice gets two versions.
            content_type: for all of them, as in `set`.
            tags: for all of them, as in `set`.
            not_before: for all of them, as in `set`.
            expires_on: for all of them, as in `set`.

        Returns:
            The new versions' properties, in the order given.

        Raises:
            BadParameter, ObjectIsDeletedButRecoverable, StoreFull: nothing was changed.
        """
        pairs = list(values.items() if isinstance(values, Mapping) else values)
        settable = {
            "content_type": content_type,
            "tags": tags,
            "enabled": True,
            "not_before": not_before,
            "expires_on": expires_on,
        }
        return self._ground.door.write(SECRET_SET, "/secrets", self._set_many, pairs, settable)

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
        check_value(value, settings.max_value_bytes)
        attributes = self._attributes(call, settings, settable)
        head, added = self._objects.add_version(call, mutation, name, attributes, None, value)
        return Secret(SecretProperties(self._ground.home, head.name, added.id, attributes), value)

    def _attributes(self, call: Call, settings: Settings, settable: dict[str, Any]) -> Attributes:
        return attr.new(
            call.now,
            enabled=settable["enabled"],
            not_before=from_datetime(settable["not_before"], "not_before"),
            expires_on=from_datetime(settable["expires_on"], "expires_on"),
            content_type=settable["content_type"],
            tags=settable["tags"],
            max_tags=settings.max_tags,
            tag_length=self._kind.tag_length,
        )

    def _before(self, records: Records, name: str) -> tuple[SecretProperties | None, int]:
        """Return the properties of the current version, if there is one, and how many bytes a value may have."""
        _, head = self._objects.find_or_free(records, name)
        limit = self._ground.settings(records).max_value_bytes
        if head is None:
            return None, limit
        return self._properties(head.name, head.current, head.attributes, head.traits), limit

    def _generate(
        self,
        call: Call,
        mutation: Mutation,
        name: str,
        value: Value,
        settable: dict[str, Any],
        generator: Generator,
    ) -> Secret:
        made = self._set(call, mutation, name, value, settable)
        key, head = self._objects.find(mutation, name)
        self._objects.put_head(mutation, key, with_generator(head, generator), head)
        call.details = {SETTING: generator.kind}
        return made

    def _set_many(
        self,
        call: Call,
        mutation: Mutation,
        pairs: list[tuple[str, Value]],
        settable: dict[str, Any],
    ) -> list[SecretProperties]:
        settings = self._ground.settings(mutation)
        attributes = self._attributes(call, settings, settable)
        limit = settings.max_value_bytes
        for _, value in pairs:
            check_value(value, limit)
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
