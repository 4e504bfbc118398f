"""What is known of a version besides its material: what `list`, `versions` and `.properties` hand out.

Relies on `attributes`. Promises: read-only, built without a copy of what was read from the store, and free of material.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from localvault.model import attributes as attr
from localvault.model.attributes import Attributes
from localvault.model.clock import to_datetime


class Home:
    """What all objects of one vault share: its base URL and how deletion works there."""

    __slots__ = ("purge_protection", "retention_days", "url")

    def __init__(self, url: str, retention_days: int, purge_protection: bool) -> None:
        self.url = url
        self.retention_days = retention_days
        self.purge_protection = purge_protection

    @property
    def recovery_level(self) -> str:
        """Key Vault's name for the vault's deletion rules, such as `Recoverable+Purgeable`."""
        level = "Recoverable" if self.retention_days == 90 else "CustomizedRecoverable"
        return level if self.purge_protection else level + "+Purgeable"


class Properties:
    """The properties of one version (or of an object's current version, as lists give it)."""

    __slots__ = ("_attributes", "_home", "_name", "_version")
    _collection = ""

    def __init__(self, home: Home, name: str, version: bytes | None, attributes: Attributes) -> None:
        self._home = home
        self._name = name
        self._version = version
        self._attributes = attributes

    @property
    def name(self) -> str:
        """The object's name as it was first written; names compare without case."""
        return self._name

    @property
    def version(self) -> str | None:
        """The version's 32 hex digits."""
        return None if self._version is None else self._version.hex()

    @property
    def vault_url(self) -> str:
        """The vault's base URL, `https://{vault}.{suffix}`."""
        return self._home.url

    @property
    def id(self) -> str:
        """The URL that names this version."""
        tail = "" if self._version is None else "/" + self._version.hex()
        return f"{self._home.url}/{self._collection}/{self._name}{tail}"

    @property
    def enabled(self) -> bool:
        """Whether the version may be used."""
        return bool(self._attributes[attr.ENABLED])

    @property
    def not_before(self) -> datetime | None:
        """When the version becomes valid (UTC)."""
        return _moment(self._attributes[attr.NOT_BEFORE])

    @property
    def expires_on(self) -> datetime | None:
        """When the version expires (UTC)."""
        return _moment(self._attributes[attr.EXPIRES_ON])

    @property
    def created(self) -> datetime:
        """When the version was made (UTC)."""
        return to_datetime(self._attributes[attr.CREATED])

    @property
    def updated(self) -> datetime:
        """When the version's properties last changed (UTC)."""
        return to_datetime(self._attributes[attr.UPDATED])

    @property
    def tags(self) -> dict[str, str]:
        """The version's tags, as a copy."""
        return dict(self._attributes[attr.TAGS] or ())

    @property
    def recoverable_days(self) -> int:
        """How many days a deleted object can be recovered."""
        return self._home.retention_days

    @property
    def recovery_level(self) -> str:
        """Key Vault's name for the vault's deletion rules."""
        return self._home.recovery_level

    def to_dict(self) -> dict[str, Any]:
        """Return the properties under their public names, times as ISO 8601 text, for JSON."""
        return {
            "id": self.id,
            "name": self.name,
            "version": self.version,
            "enabled": self.enabled,
            "not_before": _iso(self.not_before),
            "expires_on": _iso(self.expires_on),
            "created": _iso(self.created),
            "updated": _iso(self.updated),
            "tags": self.tags,
            "recovery_level": self.recovery_level,
            "recoverable_days": self.recoverable_days,
        }

    def __repr__(self) -> str:
        return f"{type(self).__name__}(id={self.id!r}, enabled={self.enabled})"


class SecretProperties(Properties):
    """The properties of a secret's version."""

    __slots__ = ()
    _collection = "secrets"

    @property
    def content_type(self) -> str | None:
        """What the value is, in the caller's words, at most 255 characters."""
        content_type: str | None = self._attributes[attr.CONTENT_TYPE]
        return content_type

    def to_dict(self) -> dict[str, Any]:
        """Return the properties under their public names, for JSON."""
        return super().to_dict() | {"content_type": self.content_type}


class KeyProperties(Properties):
    """The properties of a key's version, with what the key is and may do."""

    __slots__ = ("_retired", "_traits")
    _collection = "keys"

    def __init__(
        self,
        home: Home,
        name: str,
        version: bytes | None,
        attributes: Attributes,
        traits: list[Any],
        *,
        retired: bool = False,
    ) -> None:
        super().__init__(home, name, version, attributes)
        self._traits = traits  # [kty, size, curve, operations, exportable], as stored
        self._retired = retired

    @property
    def kty(self) -> str:
        """The key type: `RSA`, `EC`, `oct` or `OKP` (RFC 7518, RFC 8037)."""
        return str(self._traits[0])

    @property
    def size(self) -> int | None:
        """The size in bits of an RSA or oct key."""
        size: int | None = self._traits[1]
        return size

    @property
    def curve(self) -> str | None:
        """The curve of an EC or OKP key."""
        curve: str | None = self._traits[2]
        return curve

    @property
    def operations(self) -> tuple[str, ...]:
        """The operations the key may be used for."""
        return tuple(self._traits[3])

    @property
    def exportable(self) -> bool:
        """Whether the private key may leave the vault by export."""
        return bool(self._traits[4])

    @property
    def retired(self) -> bool:
        """Whether the version is older than the key's version policy lets open."""
        return self._retired

    def to_dict(self) -> dict[str, Any]:
        """Return the properties under their public names, for JSON."""
        return super().to_dict() | {
            "kty": self.kty,
            "size": self.size,
            "curve": self.curve,
            "operations": list(self.operations),
            "exportable": self.exportable,
            "retired": self.retired,
        }


class Deleted:
    """A deleted object: what it was, since when, and until when it can be recovered."""

    __slots__ = ("_deleted_on", "_purge_on", "properties")

    def __init__(self, properties: Properties, deleted_on: int, purge_on: int) -> None:
        self.properties = properties
        self._deleted_on = deleted_on
        self._purge_on = purge_on

    @property
    def name(self) -> str:
        """The object's name."""
        return self.properties.name

    @property
    def deleted_on(self) -> datetime:
        """When it was deleted (UTC)."""
        return to_datetime(self._deleted_on)

    @property
    def scheduled_purge_date(self) -> datetime:
        """When it will be purged by itself (UTC)."""
        return to_datetime(self._purge_on)

    @property
    def recovery_id(self) -> str:
        """The URL that names the deleted object."""
        properties = self.properties
        return f"{properties.vault_url}/deleted{properties._collection}/{properties.name}"

    def to_dict(self) -> dict[str, Any]:
        """Return what is known under its public names, for JSON."""
        return self.properties.to_dict() | {
            "recovery_id": self.recovery_id,
            "deleted_on": _iso(self.deleted_on),
            "scheduled_purge_date": _iso(self.scheduled_purge_date),
        }

    def __repr__(self) -> str:
        return f"Deleted(recovery_id={self.recovery_id!r}, scheduled_purge_date={_iso(self.scheduled_purge_date)})"


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else to_datetime(micros)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
