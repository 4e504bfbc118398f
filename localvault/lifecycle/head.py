"""The head record of an object: its name, its current version and its deletion state.

Relies on msgpack. Schema 1: `[name, current version id, attributes, traits, deleted_on, purge_on, settings]`;
`attributes` and `traits` repeat those of the current version, so that listing opens one record an object.
"""

from __future__ import annotations

from typing import Any

import msgpack

from localvault.lifecycle.minimum import lowest
from localvault.model.attributes import Attributes

_pack = msgpack.Packer(autoreset=True).pack  # one for all: making one takes longer than packing a head


class Head:
    """A decoded head record; times in µs, None while not deleted."""

    __slots__ = ("attributes", "current", "deleted_on", "lowest", "name", "purge_on", "settings", "traits")

    def __init__(
        self,
        name: str,
        current: bytes,
        attributes: Attributes,
        traits: Any,
        deleted_on: int | None = None,
        purge_on: int | None = None,
        settings: dict[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.current = current
        self.attributes = attributes
        self.traits = traits
        self.deleted_on = deleted_on
        self.purge_on = purge_on
        self.settings = settings
        # Of the versions of a key that still open, the oldest: looked at by every use, so it is at hand.
        self.lowest = lowest(settings)

    def encode(self) -> bytes:
        """Return the record's plaintext."""
        packed: bytes = _pack(
            (
                self.name,
                self.current,
                self.attributes,
                self.traits,
                self.deleted_on,
                self.purge_on,
                self.settings,
            )
        )
        return packed


def decode_head(plaintext: bytes) -> Head:
    """Return the head that `plaintext` encodes; it was authenticated, so it has the form `encode` gave it."""
    return Head(*msgpack.unpackb(plaintext))
