"""What callers get of a key: never its private part.

Relies on `algorithms` for the forms of a public key. Promises: a `Key` holds what anybody may see.
"""

from __future__ import annotations

from typing import Any

from localvault.algorithms.public import PublicKey
from localvault.errors import BadParameter
from localvault.model.properties import Deleted, KeyProperties


class Key:
    """One version of a key: its properties and its public part."""

    __slots__ = ("_public", "properties")

    def __init__(self, properties: KeyProperties, public_der: bytes | None) -> None:
        self.properties = properties
        self._public = None if public_der is None else PublicKey(public_der)

    @property
    def name(self) -> str:
        """The key's name."""
        return self.properties.name

    @property
    def version(self) -> str | None:
        """The version's 32 hex digits."""
        return self.properties.version

    @property
    def id(self) -> str:
        """The URL that names this version."""
        return self.properties.id

    def public_der(self) -> bytes:
        """Return the public key as SubjectPublicKeyInfo (RFC 5280) in DER.

        Raises:
            BadParameter: an oct key, which has no public part.
        """
        return self._public_part().der()

    def public_pem(self) -> str:
        """Return the public key as PEM text (RFC 7468).

        Raises:
            BadParameter: an oct key, which has no public part.
        """
        return self._public_part().pem()

    def public_jwk(self) -> dict[str, Any]:
        """Return the public key as a JSON Web Key (RFC 7517) with `kid` and `key_ops`.

        Raises:
            BadParameter: an oct key, which has no public part.
        """
        return self._public_part().jwk() | {"kid": self.id, "key_ops": list(self.properties.operations)}

    def to_dict(self) -> dict[str, Any]:
        """Return the properties, and the public key as `jwk` where there is one, for JSON."""
        jwk = None if self._public is None else self.public_jwk()
        return self.properties.to_dict() | {"jwk": jwk}

    def _public_part(self) -> PublicKey:
        if self._public is None:
            raise BadParameter(f"{self.name} is an oct key, which has no public part")
        return self._public

    def __repr__(self) -> str:
        return f"Key(id={self.id!r}, kty={self.properties.kty!r})"


class DeletedKey(Deleted):
    """A deleted key, without its material."""

    __slots__ = ()
    properties: KeyProperties
