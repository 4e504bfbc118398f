"""The public part of a key, in the forms others read.

Relies on `cryptography` for parsing. Promises: nothing here holds a private part, so it may be shown and compared.
"""

from __future__ import annotations

import base64
from textwrap import wrap

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from localvault.algorithms.jwk import encode, encode_integer
from localvault.errors import BadParameter

AnyPublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | X25519PublicKey

# Key Vault's name of each curve by its name in OpenSSL, and the bytes of a coordinate (RFC 7518, 6.2.1.2).
CURVE_NAMES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521", "secp256k1": "P-256K"}
COORDINATE_BYTES = {"P-256": 32, "P-384": 48, "P-521": 66, "P-256K": 32}


class PublicKey:
    """A public key, kept as DER and parsed only where its numbers are needed."""

    __slots__ = ("_der",)

    def __init__(self, der: bytes) -> None:
        """Take a SubjectPublicKeyInfo (RFC 5280) that this room made."""
        self._der = der

    @classmethod
    def of(cls, key: AnyPublicKey) -> PublicKey:
        """Return the public key of an object of `cryptography`."""
        return cls(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    def der(self) -> bytes:
        """Return the SubjectPublicKeyInfo (RFC 5280) in DER."""
        return self._der

    def pem(self) -> str:
        """Return the same as PEM text (RFC 7468)."""
        body = "\n".join(wrap(base64.b64encode(self._der).decode(), 64))
        return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"

    def jwk(self) -> dict[str, str]:
        """Return the JSON Web Key (RFC 7517) of the public part; `P-256K` is Key Vault's name for secp256k1."""
        return public_jwk(load(self._der))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and self._der == other._der

    def __hash__(self) -> int:
        return hash(self._der)

    def __repr__(self) -> str:
        members = self.jwk()
        return f"<PublicKey: {members['kty']} {members.get('crv', '')}>"


def load(der: bytes) -> AnyPublicKey:
    """Return the key of a SubjectPublicKeyInfo.

    Raises:
        BadParameter: not one, or of a key type that is not offered.
    """
    try:
        key = load_der_public_key(der)
    except Exception:
        raise BadParameter("this is not a public key that can be read") from None
    if not isinstance(key, AnyPublicKey):
        raise BadParameter("this public key is of a type that is not offered")
    return key


def public_jwk(key: AnyPublicKey) -> dict[str, str]:
    """Return the public members of a key's JSON Web Key: RFC 7518 (RSA, EC), RFC 8037 (OKP)."""
    if isinstance(key, RSAPublicKey):
        rsa = key.public_numbers()
        return {"kty": "RSA", "n": encode_integer(rsa.n), "e": encode_integer(rsa.e)}
    if isinstance(key, EllipticCurvePublicKey):
        curve = curve_name(key)
        point, width = key.public_numbers(), COORDINATE_BYTES[curve]
        return {
            "kty": "EC",
            "crv": curve,
            "x": encode_integer(point.x, width),
            "y": encode_integer(point.y, width),
        }
    crv = "Ed25519" if isinstance(key, Ed25519PublicKey) else "X25519"
    return {"kty": "OKP", "crv": crv, "x": encode(key.public_bytes_raw())}


def curve_name(key: EllipticCurvePublicKey) -> str:
    """Return Key Vault's name of an EC key's curve.

    Raises:
        BadParameter: a curve that is not offered.
    """
    name = CURVE_NAMES.get(key.curve.name)
    if name is None:
        raise BadParameter(f"EC keys on the curve {key.curve.name} are not offered")
    return name
