"""EC keys on P-256, P-384, P-521 and P-256K: ECDSA over a digest.

Relies on `cryptography` (OpenSSL draws each nonce from its generator, the digest and the private key together, so a
weak generator alone does not leak the key). Promises: signatures are r || s of fixed width (IEEE P1363; RFC 7518, 3.4),
and one that has another width or numbers out of range is refused before any curve arithmetic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cryptography import exceptions
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)

from localvault.algorithms.asymmetric import AsymmetricKey
from localvault.algorithms.base import check_digest
from localvault.algorithms.jwk import Members, encode_integer
from localvault.algorithms.public import curve_name, public_jwk
from localvault.algorithms.table import SIGN
from localvault.errors import BadParameter, InvalidSignature

if TYPE_CHECKING:
    from cryptography.utils import Buffer


class _Curve(NamedTuple):
    curve: ec.EllipticCurve
    order: int
    width: int
    algorithm: str
    scheme: ec.ECDSA
    digest_bytes: int


def _curve(curve: ec.EllipticCurve, algorithm: str, digest: hashes.HashAlgorithm) -> _Curve:
    width = (curve.key_size + 7) // 8
    return _Curve(curve, curve.group_order, width, algorithm, ec.ECDSA(Prehashed(digest)), digest.digest_size)


_CURVES = {
    "P-256": _curve(ec.SECP256R1(), "ES256", hashes.SHA256()),
    "P-384": _curve(ec.SECP384R1(), "ES384", hashes.SHA384()),
    "P-521": _curve(ec.SECP521R1(), "ES512", hashes.SHA512()),
    "P-256K": _curve(ec.SECP256K1(), "ES256K", hashes.SHA256()),
}
# RFC 8812 calls Key Vault's P-256K secp256k1; both are read.
_JWK_CURVES = {name: name for name in _CURVES} | {"secp256k1": "P-256K"}


class EcKey(AsymmetricKey[ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey]):
    """An EC key."""

    __slots__ = ("_row",)
    kty = "EC"
    type_byte = 2

    def __init__(self, private: ec.EllipticCurvePrivateKey | None, public: ec.EllipticCurvePublicKey) -> None:
        name = curve_name(public)
        super().__init__(private, public, None, name)
        self._row = _CURVES[name]

    @classmethod
    def of(cls, key: ec.EllipticCurvePrivateKey) -> EcKey:
        """Return the material of a private key.

        Loading it has checked that its point is on the curve, its scalar in range and the two belong together.

        Raises:
            BadParameter: its curve is not offered.
        """
        return cls(key, key.public_key())

    @classmethod
    def of_public(cls, key: ec.EllipticCurvePublicKey) -> EcKey:
        """Return the material of a public key; loading it has checked that its point is on the curve.

        Raises:
            BadParameter: its curve is not offered.
        """
        return cls(None, key)

    @classmethod
    def generate(cls, curve: str) -> EcKey:
        """Make a key on `curve`."""
        return cls.of(ec.generate_private_key(_CURVES[curve].curve))

    @classmethod
    def from_jwk(cls, members: Members) -> EcKey:
        """Return the material of a JSON Web Key with crv, x, y and, if it is private, d: all of the curve's width.

        Raises:
            BadParameter: a member is missing or malformed, the point is not on the curve, or d is not its logarithm.
        """
        name = _JWK_CURVES.get(members.text("crv"))
        if name is None:
            raise BadParameter(
                "the curve of the JSON Web Key is not offered", hint=f"use {', '.join(_CURVES)}"
            )
        curve, width = _CURVES[name].curve, _CURVES[name].width
        point = ec.EllipticCurvePublicNumbers(members.integer("x", width), members.integer("y", width), curve)
        d = members.integer("d", width) if "d" in members else None
        try:
            public = point.public_key()
            # OpenSSL takes coordinates modulo the field's prime: without this, several texts would name one key.
            if public.public_numbers() != point:
                raise ValueError
            return (
                cls.of_public(public)
                if d is None
                else cls.of(ec.EllipticCurvePrivateNumbers(d, point).private_key())
            )
        except (ValueError, OverflowError):
            raise BadParameter(
                "the numbers of the EC key are not on the curve or do not belong together"
            ) from None

    def private_jwk(self) -> dict[str, str]:
        """Return the whole key as a JSON Web Key (RFC 7518, 6.2).

        Raises:
            BadParameter: a key without its private part.
        """
        d = self.private().private_numbers().private_value
        return public_jwk(self.public()) | {"d": encode_integer(d, self._row.width)}

    def sign(self, algorithm: str, digest: Buffer) -> bytes:
        """Sign a digest of 32, 48 or 64 bytes; returns r || s of 64, 96 or 132 bytes.

        Raises:
            BadParameter: the algorithm does not fit the curve, or the digest's length not the algorithm.
        """
        scheme = self._scheme(algorithm, digest)
        r, s = decode_dss_signature(self.private().sign(digest, scheme))
        width = self._row.width
        return r.to_bytes(width, "big") + s.to_bytes(width, "big")

    def verify(self, algorithm: str, digest: Buffer, signature: Buffer) -> None:
        """Check the signature r || s of a digest. Both s and -s are good, as the standard has it.

        Raises:
            InvalidSignature: it does not fit.
            BadParameter: the algorithm does not fit the curve, or the digest's length not the algorithm.
        """
        scheme = self._scheme(algorithm, digest)
        try:
            self.public().verify(self._to_der(signature), digest, scheme)
        except exceptions.InvalidSignature:
            raise InvalidSignature("the signature does not belong to this digest and key") from None

    def _scheme(self, algorithm: str, digest: Buffer) -> ec.ECDSA:
        row = self._row
        if algorithm != row.algorithm:
            self._refuse(algorithm, SIGN)
        check_digest(algorithm, digest, row.digest_bytes)
        return row.scheme

    def _to_der(self, signature: Buffer) -> bytes:
        raw, width, order = memoryview(signature).cast("B"), self._row.width, self._row.order
        r, s = int.from_bytes(raw[:width], "big"), int.from_bytes(raw[width:], "big")
        # FIPS 186-5, 6.4.2, step 1. r = s = 0 verified any message where this was forgotten (CVE-2022-21449).
        if len(raw) != 2 * width or not (0 < r < order and 0 < s < order):
            raise exceptions.InvalidSignature
        return encode_dss_signature(r, s)
