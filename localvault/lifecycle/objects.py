"""Objects and versions in the store: how a name is found, a version read, a version added or changed.

Relies on `records` for sealing and on the name index for keys. Promises: a deleted object is not found and its name
cannot be taken; versions of one object sort in the order they were made; the head always repeats the current version.

Store keys: `objects` kind (1) | name id (16), the kind in upper case while deleted; `versions` kind | name id |
version id (16). A version's record, schema 1: `[attributes, traits, body]`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgpack import Packer, packb, unpackb

from localvault.calls import Call
from localvault.errors import ObjectIsDeletedButRecoverable
from localvault.lifecycle.ground import Ground
from localvault.lifecycle.head import Head
from localvault.lifecycle.kinds import Kind
from localvault.lifecycle.minimum import moved
from localvault.lifecycle.notices import note
from localvault.lifecycle.schedule import after_recovery, schedule
from localvault.model.attributes import Attributes
from localvault.model.ids import next_id
from localvault.model.names import check_name, version_bytes
from localvault.native.memory import wipe_bytes
from localvault.records import OBJECTS, VERSIONS, Mutation, Records

KEY_BYTES = 17
_KEYS_REMEMBERED = 65_536
_pack = Packer(autoreset=True).pack  # for what is no secret: its buffer keeps what was packed last


class Version:
    """A decoded version record. A key's `body` is its material, as encoded by `algorithms`, and its public part."""

    __slots__ = ("attributes", "body", "id", "traits")

    def __init__(self, version_id: bytes, attributes: Attributes, traits: Any, body: Any) -> None:
        self.id = version_id
        self.attributes = attributes
        self.traits = traits
        self.body = body

    def wipe(self) -> None:
        """Overwrite a key's material, which nobody else has: dropped as it is, it would stay in the heap."""
        wipe_bytes(self.body[0])


class Objects:
    """The objects of one kind in one vault."""

    def __init__(self, ground: Ground, kind: Kind) -> None:
        self.ground = ground
        self.kind = kind
        self._heads = ground.heads
        self._keys: dict[str, bytes] = {}

    def key(self, name: str) -> bytes:
        """Return the store key of the object called `name` (17 bytes).

        Raises:
            BadParameter: not a name an object can have.
        """
        key = self._keys.get(name)
        if key is None:
            key = self.kind.byte + self.ground.index.blind(self.kind.byte, check_name(name))
            if len(self._keys) >= _KEYS_REMEMBERED:
                self._keys.clear()
            self._keys[name] = key
        return key

    def keys(self, names: Sequence[str]) -> list[bytes]:
        """Return the store key of each object.

        Raises:
            BadParameter: not a name an object can have.
        """
        for name in names:
            check_name(name)
        byte = self.kind.byte
        return [byte + blind for blind in self.ground.index.blind_many(byte, names)]

    def target(self, name: str) -> str:
        """Return the scope of the object called `name`, for the door; any text is accepted here and cut short."""
        return f"/{self.kind.collection}/{name[:200]}"

    def find(self, records: Records, name: str) -> tuple[bytes, Head]:
        """Return the store key and head of an object that is there and not deleted.

        Raises:
            BadParameter, NotFound: the kind's own not-found error.
        """
        key = self._keys.get(name) or self.key(name)
        head = records.remembered(OBJECTS, key, self._heads)
        if head is None:
            raise self.not_found(name)
        return key, head

    def find_deleted(self, records: Records, name: str) -> tuple[bytes, Head]:
        """Return the deleted store key and head of a deleted object.

        Raises:
            BadParameter, NotFound: the kind's own not-found error.
        """
        key = deleted_key(self.key(name))
        head = records.remembered(OBJECTS, key, self._heads)
        if head is None:
            raise self.kind.not_found(f"there is no deleted {self.kind.noun} named {name}")
        return key, head

    def find_or_free(self, records: Records, name: str) -> tuple[bytes, Head | None]:
        """Return the store key of `name` and its head, or None where the name is free.

        Raises:
            ObjectIsDeletedButRecoverable: a deleted object holds the name.
        """
        key = self.key(name)
        return key, self.free_at(records, key, name, any_deleted=True)

    def free_at(self, records: Records, key: bytes, name: str, *, any_deleted: bool) -> Head | None:
        """As `find_or_free`, given the store key; `any_deleted` is False if it is known that no object is deleted."""
        head = records.remembered(OBJECTS, key, self._heads)
        if head is None and any_deleted and records.exists(OBJECTS, deleted_key(key)):
            raise ObjectIsDeletedButRecoverable(
                f"{self.kind.noun} {name} is in a deleted but recoverable state, and its name cannot be reused",
                hint="recover it, or purge it to free the name",
            )
        return head

    def any_deleted(self, records: Records) -> bool:
        """Return whether any object of this kind is deleted."""
        return next(records.txn.scan(OBJECTS, self.kind.byte.upper(), keys_only=True), None) is not None

    def version_id(self, head: Head, version: str | None) -> bytes:
        """Return the 16 bytes of `version`, or of the current one.

        Raises:
            BadParameter: not 32 hex digits.
        """
        return head.current if version is None else version_bytes(version)

    def read_version(
        self, call: Call, records: Records, name: str, version: str | None
    ) -> tuple[Head, Version]:
        """Return an object's head and one of its versions, the current one unless told otherwise.

        Raises:
            BadParameter, NotFound: no such object or version.
        """
        key, head = self.find(records, name)
        call.version = version_id = head.current if version is None else version_bytes(version)
        plaintext = records.get(VERSIONS, key + version_id)
        if plaintext is None:
            raise self.not_found(name, version)
        return head, self.decoded(version_id, plaintext)

    def add_version(
        self,
        call: Call,
        mutation: Mutation,
        name: str,
        attributes: Attributes,
        traits: Any,
        body: Any,
    ) -> tuple[Head, Version]:
        """Add a version and make it current, creating the object if the name is free.

        Raises:
            BadParameter, ObjectIsDeletedButRecoverable: nothing was changed.
        """
        key, old = self.find_or_free(mutation, name)
        if old is None:
            version_id = next_id(call.now)
            head = Head(name, version_id, attributes, traits)
        else:
            version_id = next_id(call.now, after=old.current)
            settings = self.next_settings(mutation, key, old, version_id, call.now)
            head = Head(old.name, version_id, attributes, traits, None, None, settings)
        return head, self.add_next(call, mutation, key, head, old, body)

    def add_next(
        self, call: Call, mutation: Mutation, key: bytes, head: Head, before: Head | None, body: Any
    ) -> Version:
        """Add the version that is current by `head`, which takes the place of `before`; returns it."""
        call.version = head.current
        added = Version(head.current, head.attributes, head.traits, body)
        self.put_version(mutation, key, added)
        self.put_head(mutation, key, head, before)
        note(call, self.ground, self.kind, "NewVersionCreated", head)
        return added

    def next_settings(
        self, records: Records, key: bytes, old: Head, version_id: bytes, now: int
    ) -> dict[str, Any] | None:
        """Return the settings of `old` as they are once `version_id` is current: its version policy may move."""
        later = (each for each in self.ids(records, key, start=old.lowest) if each != old.lowest)
        return moved(old.settings, later, version_id, now)

    def put_head(self, mutation: Mutation, key: bytes, head: Head, before: Head | None) -> None:
        """Write the head of the object at `key` in the place of `before`, and on the agenda what changes with it.

        Every head but those of `many` is written here, so that the agenda is what `schedule` says of the heads.
        """
        is_gone = head.deleted_on is not None
        if before is not None and (before.deleted_on is not None) != is_gone:
            mutation.delete(OBJECTS, key if is_gone else deleted_key(key))
        mutation.put(OBJECTS, deleted_key(key) if is_gone else key, head.encode())
        self.reschedule(mutation, key, before, head)

    def drop_head(self, mutation: Mutation, key: bytes, before: Head) -> None:
        """Remove the head of the object at `key`, and everything of it from the agenda."""
        mutation.delete(OBJECTS, key if before.deleted_on is None else deleted_key(key))
        self.reschedule(mutation, key, before, None)

    def reschedule(self, mutation: Mutation, key: bytes, before: Head | None, after: Head | None) -> None:
        """Take from the agenda what was due of the object at `key` and no longer is, and enter what now is."""
        was = () if before is None else schedule(key, before)
        will = () if after is None else schedule(key, after)
        if was == will:
            return
        agenda = self.ground.agenda
        for due in was:
            if due not in will:
                agenda.remove(mutation, due)
        entered = will
        if before is not None and before.deleted_on is not None:
            entered = after_recovery(will, before.deleted_on)
            if entered != will:
                agenda.tell(mutation, before.deleted_on)
        for due in entered:
            if due not in was:
                agenda.add(mutation, due)

    def change_version(self, mutation: Mutation, head: Head, changed: Version) -> Head:
        """Write back a version whose attributes or traits changed; returns the head as it is then."""
        key = self.key(head.name)
        self.put_version(mutation, key, changed)
        if changed.id != head.current:
            return head
        before = head
        head = Head(head.name, head.current, changed.attributes, changed.traits, None, None, head.settings)
        self.put_head(mutation, key, head, before)
        return head

    def versions(self, records: Records, key: bytes, start: bytes | None = None) -> Iterator[Version]:
        """Yield the versions of the object at `key` in the order they were made, from version id `start` on."""
        first = None if start is None else key + start
        for version_key, plaintext in records.scan(VERSIONS, key, start=first):
            yield self.decoded(version_key[len(key) :], plaintext)

    def ids(
        self, records: Records, key: bytes, *, start: bytes = b"", reverse: bool = False
    ) -> Iterator[bytes]:
        """Yield the ids of the versions of the object at `key` in their order, from `start` on; opens none of them.

        With `reverse` from the newest on, or from `start`, backwards.
        """
        first = key + start if start else None
        for version_key, _ in records.txn.scan(VERSIONS, key, start=first, reverse=reverse, keys_only=True):
            yield version_key[len(key) :]

    def put_version(self, mutation: Mutation, key: bytes, version: Version) -> None:
        """Put a version of the object at `key` into the store."""
        plaintext = self.encoded(version)
        mutation.put(VERSIONS, key + version.id, plaintext)
        self.wipe(plaintext)

    def plaintexts(self, records: Records, key: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the ids of the versions of the object at `key` and what their records hold: `wipe` it."""
        for version_key, plaintext in records.scan(VERSIONS, key):
            yield version_key[len(key) :], plaintext

    def encoded(self, version: Version) -> bytes:
        """Return what a version's record holds: `wipe` it once it is sealed."""
        attributes, traits, body = version.attributes, version.traits, version.body
        if not self.kind.stays_inside:
            packed: bytes = packb((attributes, traits, body))
            return packed
        # Put together here: the buffer that msgpack packs in would keep a copy of the material.
        material, public = body
        start = b"\x93" + _pack(attributes) + _pack(traits) + b"\x92"
        return b"".join((start, _bin_header(len(material)), material, _pack(public)))

    def decoded(self, version_id: bytes, plaintext: bytes) -> Version:
        """Return the version that an opened record holds, which is overwritten if it is a key's."""
        version = Version(version_id, *unpackb(plaintext))
        self.wipe(plaintext)
        return version

    def wipe(self, plaintext: bytes) -> None:
        """Overwrite a key's record that was just opened, or is sealed by now; nobody else may have it."""
        if self.kind.stays_inside:
            wipe_bytes(plaintext)

    def not_found(self, name: str, version: str | None = None) -> Exception:
        """Return the kind's not-found error."""
        what = f"{self.kind.noun} {name}" + (f" in version {version}" if version else "")
        return self.kind.not_found(f"{what} was not found in this vault")

    def close(self) -> None:
        """Forget the names asked for."""
        self._keys.clear()


def _bin_header(size: int) -> bytes:
    """Return what msgpack puts before `size` bytes of binary data."""
    if size < 1 << 8:
        return b"\xc4" + size.to_bytes(1)
    return b"\xc5" + size.to_bytes(2) if size < 1 << 16 else b"\xc6" + size.to_bytes(4)


def deleted_key(key: bytes) -> bytes:
    """Return where the head stored at `key` stands while its object is deleted."""
    return key[:1].upper() + key[1:]
