"""What RSA, EC and OKP keys share: a private part that may be absent, a public part, and their encodings.

Relies on `cryptography`, whose key objects keep the numbers in OpenSSL's memory, outside of Python and wiped when
freed. Promises: the private part appears in Python only in `encode`, `private_pem` and `private_jwk`.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from localvault.algorithms import pkcs8
from localvault.algorithms.base import KeyMaterial
from localvault.algorithms.public import PublicKey
from localvault.errors import BadParameter, VaultClosed
from localvault.native.memory import wipe_bytes

Private = TypeVar("Private", RSAPrivateKey, EllipticCurvePrivateKey, Ed25519PrivateKey | X25519PrivateKey)
Public = TypeVar("Public", RSAPublicKey, EllipticCurvePublicKey, Ed25519PublicKey | X25519PublicKey)
PUBLIC_ONLY = 0x80


class AsymmetricKey(KeyMaterial, Generic[Private, Public]):
    """A key pair, or its public half."""

    __slots__ = ("_private", "_public", "_wiped", "curve", "size")

    def __init__(self, private: Private | None, public: Public, size: int | None, curve: str | None) -> None:
        self._private: Private | None = private
        self._public: Public = public
        self._wiped = False
        self.size = size
        self.curve = curve

    @property
    def is_private(self) -> bool:
        """Whether the private part is there."""
        return self._private is not None

    def private(self) -> Private:
        """Return the private key object.

        Raises:
            BadParameter: the key holds its public part only.
            VaultClosed: it has been wiped.
        """
        if self._private is None:
            self._check_wiped()
            raise BadParameter("this key holds its public part only: it encrypts, wraps and verifies")
        return self._private

    def public(self) -> Public:
        """Return the public key object.

        Raises:
            VaultClosed: the key has been wiped.
        """
        self._check_wiped()
        return self._public

    def public_key(self) -> PublicKey:
        """Return the public part."""
        return PublicKey.of(self.public())

    def encode(self) -> bytes:
        """Return the material as bytes to be sealed: a type byte, then PKCS#8 (or SubjectPublicKeyInfo) in DER."""
        if not self.is_private:
            return bytes((self.type_byte | PUBLIC_ONLY,)) + self.public_key().der()
        material = self._pkcs8()
        encoded = bytes((self.type_byte,)) + material
        wipe_bytes(material)
        return encoded

    def private_pem(self, password: str | bytes | None = None) -> str:
        """Return the private part as PKCS#8 in PEM, encrypted if there is a password.

        Raises:
            BadParameter: a key without its private part, or an empty password.
        """
        return pkcs8.to_pem(self._pkcs8(), password)

    def wipe(self) -> None:
        """Give the key up; OpenSSL overwrites the private numbers as it frees them."""
        self._private = None
        self._wiped = True

    def _pkcs8(self) -> bytes:
        return self.private().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    def _check_wiped(self) -> None:
        if self._wiped:
            raise VaultClosed("the key has been wiped")
