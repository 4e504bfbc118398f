"""A secret as `secrets.get` and `secrets.set` give it: the value, and what is known of it.

Relies on `properties` and `hidden`. Promises: the value leaves only through `.value`.
"""

from __future__ import annotations

from localvault.model.hidden import Hidden
from localvault.model.properties import Deleted, SecretProperties


class Secret(Hidden):
    """One version of a secret."""

    __slots__ = ("_value", "properties")

    def __init__(self, properties: SecretProperties, value: str | bytes) -> None:
        self.properties = properties
        self._value = value

    @property
    def value(self) -> str | bytes:
        """The value, text or bytes as it was set.

        Python cannot wipe a `str` or `bytes`; keep the reference short-lived.
        """
        return self._value

    @property
    def name(self) -> str:
        """The secret's name."""
        return self.properties.name

    @property
    def version(self) -> str | None:
        """The version's 32 hex digits."""
        return self.properties.version

    @property
    def id(self) -> str:
        """The URL that names this version."""
        return self.properties.id

    def __repr__(self) -> str:
        return f"Secret(id={self.id!r}, value=not shown)"


class DeletedSecret(Deleted):
    """A deleted secret, without its value."""

    __slots__ = ()
    properties: SecretProperties
