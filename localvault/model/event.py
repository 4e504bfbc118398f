"""What one operation did, as the journal tells it, and how large the journal is.

Relies on `clock`. Promises: an event is immutable, holds no secret value, and every field a program may rely on has a
name here; `details` has only what JSON has.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple

from localvault.model.clock import to_datetime

SUCCESS, FAILURE, DENIED = "Success", "Failure", "Denied"


@dataclass(frozen=True, slots=True)
class Event:
    """One operation: who did what to what, when, with which result."""

    sequence: int
    """Its place in the journal, from 0 on without a gap: the index of its leaf in the tree."""
    time_us: int
    """When the operation began, in microseconds since 1970-01-01 UTC."""
    operation: str
    """A name from the operation table, such as `SecretGet`."""
    principal: str
    """Who asked."""
    target: str
    """The path it was done to, such as `/secrets/db-password`."""
    version: str | None
    """The version it was done to, 32 hex digits."""
    result: str
    """`Success`, `Failure` or `Denied`."""
    code: str | None
    """The error's code if it did not succeed."""
    duration_us: int
    """How long it took, in microseconds."""
    correlation_id: str | None
    """What ties the events of one request together."""
    process: str
    """Which process did it: its number and, after `@`, the start of the machine it ran on."""
    count: int
    """How many items the one call worked on."""
    details: dict[str, Any] | None
    """What else is known, by operation; only what JSON has."""

    @property
    def time(self) -> datetime:
        """When the operation began."""
        return to_datetime(self.time_us)

    def to_dict(self) -> dict[str, Any]:
        """Return all fields under their names, the time as ISO 8601 text, for JSON."""
        shown: dict[str, Any] = {"sequence": self.sequence, "time": self.time.isoformat()}
        names = (field.name for field in fields(self))
        return shown | {name: getattr(self, name) for name in names if name not in ("sequence", "time_us")}


class TreeHead(NamedTuple):
    """How many events the journal has, and the root of the RFC 6962 tree over them (SHA-256, 32 bytes)."""

    size: int
    root: bytes

    def to_dict(self) -> dict[str, Any]:
        """Return both under their names, the root in hex, for JSON."""
        return {"size": self.size, "root": self.root.hex()}
