"""OKP keys (RFC 8037): Ed25519 signs messages; X25519 is kept, imported and exported.

Relies on `cryptography`. Promises: Ed25519 is the pure scheme of RFC 8032 over the message itself, not over a digest;
its signatures are deterministic. No algorithm offered uses X25519 (that would be key agreement), so its verbs refuse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from cryptography import exceptions
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from localvault.algorithms.asymmetric import AsymmetricKey
from localvault.algorithms.jwk import Members, encode
from localvault.algorithms.public import public_jwk
from localvault.algorithms.table import SIGN
from localvault.errors import BadParameter, InvalidSignature

if TYPE_CHECKING:
    from cryptography.utils import Buffer

_PRIVATE: dict[str, type[Ed25519PrivateKey | X25519PrivateKey]] = {
    "Ed25519": Ed25519PrivateKey,
    "X25519": X25519PrivateKey,
}
_PUBLIC: dict[str, type[Ed25519PublicKey | X25519PublicKey]] = {
    "Ed25519": Ed25519PublicKey,
    "X25519": X25519PublicKey,
}
_KEY_BYTES = 32


class OkpKey(AsymmetricKey[Ed25519PrivateKey | X25519PrivateKey, Ed25519PublicKey | X25519PublicKey]):
    """An Ed25519 or X25519 key."""

    __slots__ = ()
    kty = "OKP"
    type_byte = 3

    @classmethod
    def of(cls, key: Ed25519PrivateKey | X25519PrivateKey) -> OkpKey:
        """Return the material of a private key."""
        return cls(key, key.public_key(), None, "Ed25519" if isinstance(key, Ed25519PrivateKey) else "X25519")

    @classmethod
    def of_public(cls, key: Ed25519PublicKey | X25519PublicKey) -> OkpKey:
        """Return the material of a public key."""
        return cls(None, key, None, "Ed25519" if isinstance(key, Ed25519PublicKey) else "X25519")

    @classmethod
    def generate(cls, curve: str) -> OkpKey:
        """Make a key on `curve`."""
        return cls.of(_PRIVATE[curve].generate())

    @classmethod
    def from_jwk(cls, members: Members) -> OkpKey:
        """Return the material of a JSON Web Key with crv, x and, if it is private, d: 32 bytes each.

        Raises:
            BadParameter: a member is missing or malformed, or x is not the public part of d.
        """
        curve = members.text("crv")
        if curve not in _PRIVATE:
            raise BadParameter(
                "the curve of the JSON Web Key is not offered", hint=f"use {', '.join(_PRIVATE)}"
            )
        x = members.octets("x", _KEY_BYTES)
        if "d" not in members:
            return cls.of_public(_PUBLIC[curve].from_public_bytes(x))
        key = _PRIVATE[curve].from_private_bytes(members.octets("d", _KEY_BYTES))
        # Signing with one public key and a private key of another gives the private key away (RFC 8032 hashes the
        # public one into the signature), so they must match, though only the private one is kept.
        if key.public_key().public_bytes_raw() != x:
            raise BadParameter("the members x and d of the JSON Web Key do not belong together")
        return cls.of(key)

    def private_jwk(self) -> dict[str, str]:
        """Return the whole key as a JSON Web Key (RFC 8037, 2).

        Raises:
            BadParameter: a key without its private part.
        """
        return public_jwk(self.public()) | {"d": encode(self.private().private_bytes_raw())}

    def sign(self, algorithm: str, digest: Buffer) -> bytes:
        """Sign a message of any length; returns 64 bytes.

        Raises:
            BadParameter: the algorithm is not EdDSA, or the key an X25519 key.
        """
        key = self.private()
        if algorithm != "EdDSA" or not isinstance(key, Ed25519PrivateKey):
            self._refuse_agreement(algorithm)
        return key.sign(digest)

    def verify(self, algorithm: str, digest: Buffer, signature: Buffer) -> None:
        """Check the signature of a message.

        Raises:
            InvalidSignature: it does not fit.
            BadParameter: the algorithm is not EdDSA, or the key an X25519 key.
        """
        key = self.public()
        if algorithm != "EdDSA" or not isinstance(key, Ed25519PublicKey):
            self._refuse_agreement(algorithm)
        try:
            key.verify(signature, digest)
        except exceptions.InvalidSignature:
            raise InvalidSignature("the signature does not belong to this message and key") from None

    def _refuse_agreement(self, algorithm: str) -> NoReturn:
        if self.curve == "X25519":
            raise BadParameter(
                "an X25519 key is for key agreement, which is not offered: it can be kept and exported"
            )
        self._refuse(algorithm, SIGN)
