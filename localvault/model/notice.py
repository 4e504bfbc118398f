"""What a subscriber is told of one object: which kind of thing happened to it, and when.

Source: Azure Event Grid's schema for Key Vault (types, the fields of `data`) and its two envelopes, Event Grid's own
and CloudEvents 1.0. Relies on `clock`. Promises: a notice holds no secret value, and its `data` only what JSON has.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple

from localvault.model.clock import MICROSECONDS

KINDS: Final = ("Key", "Secret")  # and "Certificate", once there are certificates
# What Event Grid has types for, and what else happens to an object here.
_OF_EVENT_GRID = ("NewVersionCreated", "NearExpiry", "Expired")
_OURS = ("Rotated", "RotationFailed", "Deleted", "Recovered", "Purged")
CLOCK_SET_BACK: Final = "ClockSetBack"
EVENT_GRID_TYPES: Final = frozenset(kind + what for kind in KINDS for what in _OF_EVENT_GRID)
TYPES: Final = (*(kind + what for kind in KINDS for what in (*_OF_EVENT_GRID, *_OURS)), CLOCK_SET_BACK)
"""Every type there is, as `vault.on` takes it."""
EVERY_TYPE: Final = "*"


class Notice(NamedTuple):
    """One thing that happened."""

    type: str
    """One of `TYPES`, such as `KeyNearExpiry`."""
    id: str
    """36 characters, in the form of a UUID: no two notices have the same."""
    time: datetime
    """When it happened (UTC)."""
    subject: str
    """The object's name; the vault's for what happens to no object."""
    source: str
    """The vault's URL."""
    data: dict[str, Any]
    """Event Grid's fields: `Id` (URL of the version), `VaultName`, `ObjectType`, `ObjectName`, `Version`, `NBF` and
    `EXP` (seconds since 1970-01-01 UTC, or None)."""

    def to_event_grid(self) -> dict[str, Any]:
        """Return the notice as an event in Event Grid's own schema, for JSON."""
        return {
            "id": self.id,
            "topic": self.source,
            "subject": self.subject,
            "eventType": self._full_type,
            "eventTime": self._time_text,
            "data": dict(self.data),
            "dataVersion": "1",
            "metadataVersion": "1",
        }

    def to_cloudevent(self) -> dict[str, Any]:
        """Return the notice as a CloudEvent (CloudEvents 1.0, its JSON format), for JSON."""
        return {
            "id": self.id,
            "source": self.source,
            "subject": self.subject,
            "type": self._full_type,
            "time": self._time_text,
            "data": dict(self.data),
            "specversion": "1.0",
        }

    @property
    def _full_type(self) -> str:
        # A type of ours under Microsoft's prefix would claim that Event Grid has it.
        prefix = "Microsoft.KeyVault." if self.type in EVENT_GRID_TYPES else "LocalVault."
        return prefix + self.type

    @property
    def _time_text(self) -> str:
        return self.time.isoformat().replace("+00:00", "Z")


def fields(
    source: str,
    kind: str,
    name: str,
    *,
    path: str = "",
    version: str | None = None,
    not_before: int | None = None,
    expires_on: int | None = None,
) -> dict[str, Any]:
    """Return `data` of a notice about an object of the vault at the URL `source`; times in µs, `path` below the URL."""
    return {
        "Id": source + path,
        "VaultName": vault_name(source),
        "ObjectType": kind,
        "ObjectName": name,
        "Version": version,
        "NBF": _seconds(not_before),
        "EXP": _seconds(expires_on),
    }


def vault_name(source: str) -> str:
    """Return the vault's name, in lower case, from its URL."""
    return source.partition("://")[2].partition(".")[0]


def _seconds(micros: int | None) -> int | None:
    return None if micros is None else micros // MICROSECONDS
