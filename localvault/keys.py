"""Keys: created or imported, versioned, rotated; the private part stays in the vault.

Relies on `algorithms` for key material and on `lifecycle` for what keys share with secrets. Promises: what a caller
gets is public (`Key`); a private key leaves only inside a sealed backup, or by `export` if it was made exportable and
the caller holds the token that says so.

A version's traits are `[kty, size, curve, operations, exportable]`; its body is `[material, public key DER or None]`,
so that reading a key never loads its private part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from localvault.algorithms.base import KeyMaterial
from localvault.algorithms.material import decode, generate, import_key, is_private
from localvault.algorithms.table import OPERATIONS, check_operations, check_shape
from localvault.calls import Call
from localvault.errors import BadParameter, KeyNotExportable
from localvault.lifecycle.ground import Ground
from localvault.lifecycle.head import Head
from localvault.lifecycle.key import DeletedKey, Key
from localvault.lifecycle.kinds import KEY
from localvault.lifecycle.loaded import retired
from localvault.lifecycle.objects import Version
from localvault.lifecycle.reporting import report
from localvault.lifecycle.rotating import RotatingVerbs
from localvault.model import attributes as attr
from localvault.model.attributes import UNSET, Attributes, Unset
from localvault.model.clock import from_datetime
from localvault.model.key_access import KeyAccess
from localvault.model.properties import KeyProperties
from localvault.model.report import Report
from localvault.operations import KEY_CREATE, KEY_EXPORT, KEY_GET, KEY_IMPORT
from localvault.records import Mutation, Records


class Keys(RotatingVerbs):
    """The keys of one vault (`vault.keys`)."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground, KEY)

    def create(
        self,
        name: str,
        kty: str,
        *,
        size: int | None = None,
        curve: str | None = None,
        operations: Iterable[str] | None = None,
        exportable: bool = False,
        tags: Mapping[str, str] | None = None,
        enabled: bool = True,
        not_before: datetime | None = None,
        expires_on: datetime | None = None,
    ) -> Key:
        """Make a key; if the name exists, this adds a version of the type asked for and makes it current.

        Args:
            name: 1 to 127 of `0-9 A-Z a-z -`; case is kept, and names compare without case.
            kty: `RSA`, `EC`, `oct` or `OKP`.
            size: bits: RSA 2048, 3072 (default) or 4096; oct 128, 192 or 256 (default).
            curve: EC `P-256` (default), `P-384`, `P-521` or `P-256K`; OKP `Ed25519` (default) or `X25519`.
            operations: of `encrypt decrypt sign verify wrapKey unwrapKey`; what the type can do unless given.
            exportable: whether `export` may hand out the private part; cannot be changed later.
            tags: at most 15 names with values of at most 256 characters each.
            enabled: a disabled version does nothing.
            not_before: before it, the key does not encrypt, wrap or sign; aware datetime.
            expires_on: after it, likewise; aware datetime after `not_before`.

        Raises:
            BadParameter: one of the above does not hold; nothing was changed.
            ObjectIsDeletedButRecoverable: a deleted key holds the name.
            StoreFull: no space; nothing was changed.
        """
        target = self._objects.target(name)
        # Material is made before the transaction: an RSA key takes a second, and other writers need not wait for it.
        with self._ground.door.preparing(KEY_CREATE, target):
            size, curve = check_shape(kty, size, curve)
            permitted = check_operations(kty, operations, curve=curve)
            settable = _settable(tags, enabled, not_before, expires_on)
            made = generate(kty, size=size, curve=curve)
        try:
            return self._ground.door.write(
                KEY_CREATE, target, self._add, name, made, permitted, exportable, settable
            )
        finally:
            made.wipe()

    def import_(
        self,
        name: str,
        material: bytes | str | Mapping[str, Any],
        *,
        password: str | bytes | None = None,
        operations: Iterable[str] | None = None,
        exportable: bool = False,
        tags: Mapping[str, str] | None = None,
        enabled: bool = True,
        not_before: datetime | None = None,
        expires_on: datetime | None = None,
    ) -> Key:
        """Import a key made elsewhere; if the name exists, this adds a version and makes it current.

        Args:
            name: as in `create`, like everything not named here.
            material: PEM (text or bytes), DER, or a JSON Web Key (mapping, or its JSON as text or bytes). A public
                key may encrypt, verify and wrap only.
            password: for encrypted PEM or DER.

        Raises:
            BadParameter: not a key that can be read, not consistent, or not of an offered size or curve.
            ObjectIsDeletedButRecoverable: a deleted key holds the name.
            StoreFull: no space; nothing was changed.
        """
        target = self._objects.target(name)
        with self._ground.door.preparing(KEY_IMPORT, target):
            key = import_key(material, password=password)
            permitted = check_operations(key.kty, operations, curve=key.curve, public_only=not key.is_private)
            settable = _settable(tags, enabled, not_before, expires_on)
        try:
            return self._ground.door.write(
                KEY_IMPORT, target, self._add, name, key, permitted, exportable, settable
            )
        finally:
            key.wipe()

    def get(self, name: str, version: str | None = None) -> Key:
        """Return a key's properties and public part, the current version unless told otherwise; also when disabled.

        Raises:
            KeyNotFound: no such key or version; a deleted key counts as not found.
            BadParameter: not a name or version there can be.
        """
        return self._ground.door.read(KEY_GET, self._objects.target(name), self._get, name, version)

    def report(self) -> Report:
        """Return how old every key and every secret is, and what is due: a table, JSON and a picture.

        Reads the head of each object, the ids of its versions and, for when it was last used, the journal backwards
        until each object has turned up or the journal ends.

        Raises:
            VaultClosed, Damaged, Tampered: as for everything that looks into the vault.
        """
        return report(self._ground)

    def export(
        self, name: str, version: str | None = None, *, access: KeyAccess, password: str | bytes | None = None
    ) -> str | dict[str, str]:
        """Hand out the private part of an exportable key: PKCS#8 in PEM, or for an oct key its JSON Web Key.

        Args:
            name: the key.
            version: 32 hex digits; the current version unless given.
            access: `localvault.model.key_access.KEY_ACCESS`: whoever passes it has said that key material leaves.
            password: encrypts the PEM; not for oct keys.

        Raises:
            KeyNotExportable: the key was not made exportable.
            KeyDisabled, KeyVersionRetired: the version is disabled or retired.
            KeyNotFound: no such key or version.
            BadParameter: not a name or version there can be, or a password for an oct key.
        """
        if not isinstance(access, KeyAccess):
            raise TypeError("export needs localvault.model.key_access.KEY_ACCESS")
        return self._ground.door.read(
            KEY_EXPORT, self._objects.target(name), self._export, name, version, password
        )

    def update(
        self,
        name: str,
        version: str | None = None,
        *,
        enabled: bool | Unset = UNSET,
        not_before: datetime | Unset | None = UNSET,
        expires_on: datetime | Unset | None = UNSET,
        tags: Mapping[str, str] | Unset | None = UNSET,
        operations: Iterable[str] | Unset = UNSET,
    ) -> KeyProperties:
        """Change properties of a version (the current one unless told otherwise); the material stays.

        What is not given stays; None takes a date or the tags away.

        Raises:
            BadParameter: a property out of range, or an operation the key cannot do; nothing was changed.
            KeyNotFound: no such key or version.
        """
        return self._change(
            name,
            version,
            enabled=enabled,
            not_before=not_before,
            expires_on=expires_on,
            tags=tags,
            operations=operations,
        )

    def _add(
        self,
        call: Call,
        mutation: Mutation,
        name: str,
        key: KeyMaterial,
        operations: tuple[str, ...],
        exportable: bool,
        settable: dict[str, Any],
    ) -> Key:
        max_tags = self._ground.settings(mutation).max_tags
        attributes = attr.new(
            call.now, content_type=None, **settable, max_tags=max_tags, tag_length=self._kind.tag_length
        )
        traits = [key.kty, key.size, key.curve, list(operations), bool(exportable)]
        return self._key(*self._objects.add_version(call, mutation, name, attributes, traits, _body(key)))

    def _get(self, call: Call, records: Records, name: str, version: str | None) -> Key:
        return self._key(*self._objects.read_version(call, records, name, version))

    def _export(
        self, call: Call, records: Records, name: str, version: str | None, password: str | bytes | None
    ) -> str | dict[str, str]:
        head, found = self._objects.read_version(call, records, name, version)
        properties = self._of_version(head, found)
        try:
            self._require_exportable(head, found, properties)
            if properties.kty == "oct" and password is not None:
                raise BadParameter("a JSON Web Key is not encrypted by a password; export without one")
            material = decode(found.body[0])
        finally:
            found.wipe()
        try:
            return material.private_jwk() if properties.kty == "oct" else material.private_pem(password)
        finally:
            material.wipe()

    def _require_exportable(self, head: Head, found: Version, properties: KeyProperties) -> None:
        if not properties.enabled:
            raise self._kind.disabled(f"operation export is not allowed on a disabled key: {head.name}")
        if properties.retired:
            raise retired(head, found.id)
        if not properties.exportable:
            raise KeyNotExportable(
                f"key {head.name} was not made exportable, so its private part stays in the vault"
            )

    def _properties(
        self, name: str, version: bytes | None, attributes: Attributes, traits: Any
    ) -> KeyProperties:
        return KeyProperties(self._ground.home, name, version, attributes, traits)

    def _deleted(self, properties: KeyProperties, deleted_on: int, purge_on: int) -> DeletedKey:
        return DeletedKey(properties, deleted_on, purge_on)

    def _is_whole(self, traits: Any, body: Any) -> bool:
        kty, size, curve, operations, exportable = traits
        encoded, public_der = body
        key = decode(encoded)
        try:
            return (
                [key.kty, key.size, key.curve] == [kty, size, curve]
                and key.public_der() == public_der
                and isinstance(operations, list)
                and set(operations) <= set(OPERATIONS)
                and isinstance(exportable, bool)
            )
        finally:
            key.wipe()

    def _change_traits(self, version: Version, operations: Iterable[str] | Unset) -> Any:
        if isinstance(operations, Unset):
            return version.traits
        kty, size, curve, _, exportable = version.traits
        if operations is None:
            raise BadParameter(
                "operations are a list of names", hint="leave them out to keep them as they are"
            )
        permitted = check_operations(
            kty, operations, curve=curve, public_only=not is_private(version.body[0])
        )
        return [kty, size, curve, list(permitted), exportable]


def _settable(
    tags: Mapping[str, str] | None, enabled: bool, not_before: datetime | None, expires_on: datetime | None
) -> dict[str, Any]:
    return {
        "tags": tags,
        "enabled": enabled,
        "not_before": from_datetime(not_before, "not_before"),
        "expires_on": from_datetime(expires_on, "expires_on"),
    }


def _body(key: KeyMaterial) -> list[bytes | None]:
    return [key.encode(), key.public_der()]
