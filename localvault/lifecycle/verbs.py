"""The verbs every kind of object has: list, versions, update, delete, recover, purge, backup, restore, policies.

Relies on the door for authorisation and journal, on `objects`, `deletion` and `backup` for what happens. Promises: each
public method is one row of `operations`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar

from msgpack import unpackb

from localvault.calls import Call
from localvault.lifecycle import backup, deletion
from localvault.lifecycle.ground import Ground
from localvault.lifecycle.head import Head, decode_head
from localvault.lifecycle.kinds import Kind
from localvault.lifecycle.listing import PAGE_SIZE, Listing, check_start
from localvault.lifecycle.objects import KEY_BYTES, Objects, Version
from localvault.lifecycle.policies import PolicyVerbs
from localvault.model import attributes as attr
from localvault.model.attributes import UNSET, Attributes, Unset
from localvault.model.clock import from_datetime
from localvault.model.ids import ID_BYTES
from localvault.model.properties import Deleted, Properties
from localvault.native.memory import wipe_bytes
from localvault.records import OBJECTS, Mutation, Records

P = TypeVar("P", bound=Properties)
D = TypeVar("D", bound=Deleted)
T = TypeVar("T")
# Items; and one page with where the next begins; named here because inside the class `list` is the verb.
_Items = list[T]
_PageOf = tuple[list[T], bytes | None]


class ObjectVerbs(PolicyVerbs, Generic[P, D]):
    """The common verbs over one kind of object in one vault."""

    def __init__(self, ground: Ground, kind: Kind) -> None:
        self._ground = ground
        self._kind = kind
        self._objects = Objects(ground, kind)

    def list(self, *, page_size: int = PAGE_SIZE) -> Listing[P]:
        """Return the properties of every object that is not deleted, one page (of `page_size`) in memory at a time.

        As in Key Vault, each item is named without a version and carries its current version's properties. The order
        is that of the blinded names: stable, and without meaning.

        Raises:
            BadParameter: `page_size` is not 1 to 100,000.
        """
        return Listing(self._fetch_heads, page_size)

    def versions(self, name: str, *, page_size: int = PAGE_SIZE) -> Listing[P]:
        """Return the properties of every version of an object, the oldest first.

        Raises:
            BadParameter: as for `list`; or, when iterated, not a name an object can have.
            NotFound: no such object (when iterated).
        """

        def fetch(start: bytes | None, size: int) -> _PageOf[P]:
            target = self._objects.target(name)
            return self._ground.door.read(self._kind.list_versions, target, self._versions, name, start, size)

        return Listing(fetch, page_size)

    def delete(self, name: str) -> D:
        """Delete an object with all its versions; it can be recovered until its retention ends.

        Raises:
            BadParameter: not a name an object can have.
            NotFound: no such object.
        """
        head = self._ground.door.write(
            self._kind.delete, self._objects.target(name), deletion.delete, self._objects, name
        )
        return self._deleted_of(head)

    def list_deleted(self, *, page_size: int = PAGE_SIZE) -> Listing[D]:
        """Return every deleted object that can still be recovered or purged.

        Raises:
            BadParameter: `page_size` is not 1 to 100,000.
        """
        return Listing(self._fetch_deleted, page_size)

    def get_deleted(self, name: str) -> D:
        """Return a deleted object's properties and when it will be purged.

        Raises:
            BadParameter: not a name an object can have.
            NotFound: no deleted object of that name.
        """
        target = self._objects.target(name)
        return self._ground.door.read(self._kind.get_deleted, target, self._get_deleted, name)

    def recover(self, name: str) -> P:
        """Bring a deleted object back with all its versions; returns its current properties.

        Raises:
            BadParameter: not a name an object can have.
            NotFound: no deleted object of that name.
        """
        head = self._ground.door.write(
            self._kind.recover, self._objects.target(name), deletion.recover, self._objects, name
        )
        return self._properties(head.name, head.current, head.attributes, head.traits)

    def purge(self, name: str) -> None:
        """Remove a deleted object for good.

        Raises:
            PurgeProtected: the vault has purge protection and the retention has not ended.
            BadParameter: not a name an object can have.
            NotFound: no deleted object of that name.
        """
        self._ground.door.write(
            self._kind.purge, self._objects.target(name), deletion.purge, self._objects, name
        )

    def backup(self, name: str, *, passphrase: str | bytes | None = None) -> bytes:
        """Return a sealed copy of an object with all its versions.

        It restores into this vault; into another with this vault's recovery key, or with `passphrase` if one is given.

        Raises:
            BadParameter: not a name an object can have, or an empty passphrase.
            NotFound: no such object.
        """

        def body(call: Call, records: Records) -> bytes:
            payload = backup.dump(call, records, self._objects, name)
            try:
                return self._ground.blobs.seal(payload, passphrase)
            finally:
                wipe_bytes(payload)

        return self._ground.door.read(self._kind.backup, self._objects.target(name), body)

    def restore(
        self, blob: bytes, *, passphrase: str | bytes | None = None, recovery_key: str | None = None
    ) -> P:
        """Restore an object from its backup, with its name, version ids and properties; returns the current ones.

        Args:
            blob: what `backup` returned.
            passphrase: the transfer passphrase, for a backup made with one.
            recovery_key: the recovery key of the vault that made the backup.

        Raises:
            UnlockFailed: the backup belongs to another vault and neither passphrase nor recovery key opens it.
            BadParameter: not a backup, or the other kind of object's.
            Damaged, Tampered, NewerFormat: a backup this version cannot read.
            ObjectAlreadyExists, ObjectIsDeletedButRecoverable: the name is in use; nothing was changed.
        """

        target = "/" + self._kind.collection
        # Before the transaction: a passphrase takes a while to stretch, and other writers need not wait for it.
        with self._ground.door.preparing(self._kind.restore, target):
            payload = self._ground.blobs.open(blob, passphrase, recovery_key)
        try:
            head = self._ground.door.write(
                self._kind.restore, target, backup.load, self._objects, payload, self._is_whole
            )
        finally:
            wipe_bytes(payload)
        return self._properties(head.name, head.current, head.attributes, head.traits)

    def _change(
        self,
        name: str,
        version: str | None,
        *,
        enabled: bool | Unset,
        not_before: datetime | Unset | None,
        expires_on: datetime | Unset | None,
        tags: Mapping[str, str] | Unset | None,
        content_type: str | Unset | None = UNSET,
        operations: Iterable[str] | Unset = UNSET,
    ) -> P:
        """Change properties of a version: the common part of each kind's `update`."""
        change: dict[str, Any] = {
            "enabled": enabled,
            "not_before": not_before,
            "expires_on": expires_on,
            "tags": tags,
            "content_type": content_type,
        }
        target = self._objects.target(name)
        return self._ground.door.write(
            self._kind.update, target, self._update, name, version, change, operations
        )

    def close(self) -> None:
        """Forget what was remembered of names."""
        self._objects.close()

    # What each kind of object says of itself.

    def _properties(self, name: str, version: bytes | None, attributes: Attributes, traits: Any) -> P:
        raise NotImplementedError

    def _of_version(self, head: Head, version: Version) -> P:
        """Return the properties of one version of the object that `head` is of."""
        return self._properties(head.name, version.id, version.attributes, version.traits)

    def _deleted(self, properties: P, deleted_on: int, purge_on: int) -> D:
        raise NotImplementedError

    def _change_traits(self, version: Version, operations: Iterable[str] | Unset) -> Any:
        """Return the traits of a version that is to be permitted `operations`."""
        return version.traits

    def _is_whole(self, traits: Any, body: Any) -> bool:
        """Whether `traits` and `body`, which came in a backup, are such as a version of this kind has them."""
        raise NotImplementedError

    # Bodies that run inside the door.

    def _update(
        self,
        call: Call,
        mutation: Mutation,
        name: str,
        version: str | None,
        change: dict[str, Any],
        operations: Iterable[str] | Unset,
    ) -> P:
        head, found = self._objects.read_version(call, mutation, name, version)
        max_tags = self._ground.settings(mutation).max_tags
        for date in ("not_before", "expires_on"):
            change[date] = _optional_time(change[date], date)
        found.attributes = attr.changed(
            found.attributes, call.now, **change, max_tags=max_tags, tag_length=self._kind.tag_length
        )
        found.traits = self._change_traits(found, operations)
        head = self._objects.change_version(mutation, head, found)
        if self._kind.stays_inside:
            found.wipe()
        return self._of_version(head, found)

    def _versions(
        self, call: Call, records: Records, name: str, start: bytes | None, size: int
    ) -> _PageOf[P]:
        check_start(start, b"", ID_BYTES)
        key, head = self._objects.find(records, name)
        page: _Items[P] = []
        for version in self._objects.versions(records, key, start):
            if len(page) == size:
                call.count = size
                return page, version.id
            page.append(self._of_version(head, version))
            if self._kind.stays_inside:
                version.wipe()
        call.count = len(page)
        return page, None

    def _fetch_heads(self, start: bytes | None, size: int) -> _PageOf[P]:
        properties = self._properties

        def item(plaintext: bytes) -> P:
            head = unpackb(plaintext)  # not a `Head`: three of its seven parts are all a list needs
            return properties(head[0], None, head[2], head[3])

        scope, byte = "/" + self._kind.collection, self._kind.byte
        return self._ground.door.read(self._kind.list, scope, self._heads, item, byte, start, size)

    def _fetch_deleted(self, start: bytes | None, size: int) -> _PageOf[D]:
        def item(plaintext: bytes) -> D:
            return self._deleted_of(decode_head(plaintext))

        scope, byte = "/" + self._kind.collection, self._kind.byte.upper()
        return self._ground.door.read(self._kind.list_deleted, scope, self._heads, item, byte, start, size)

    def _heads(
        self,
        call: Call,
        records: Records,
        item: Callable[[bytes], T],
        prefix: bytes,
        start: bytes | None,
        size: int,
    ) -> _PageOf[T]:
        check_start(start, prefix, KEY_BYTES)
        page: _Items[T] = []
        for key, plaintext in records.scan(OBJECTS, prefix, start=start):
            if len(page) == size:
                call.count = size
                return page, key
            page.append(item(plaintext))
        call.count = len(page)
        return page, None

    def _get_deleted(self, call: Call, records: Records, name: str) -> D:
        _, head = self._objects.find_deleted(records, name)
        call.version = head.current
        return self._deleted_of(head)

    def _deleted_of(self, head: Head) -> D:
        assert head.deleted_on is not None, "a deleted head has both times"
        assert head.purge_on is not None, "a deleted head has both times"
        properties = self._properties(head.name, head.current, head.attributes, head.traits)
        return self._deleted(properties, head.deleted_on, head.purge_on)


def _optional_time(moment: datetime | Unset | None, what: str) -> int | Unset | None:
    return moment if isinstance(moment, Unset) else from_datetime(moment, what)
