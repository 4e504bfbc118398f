"""RSA keys: OAEP and PKCS#1 v1.5 encryption, PSS and PKCS#1 v1.5 signatures (RFC 8017).

Relies on `cryptography` (OpenSSL). Promises: every way a ciphertext can fail is one `DecryptionFailed`, every way a
signature can fail one `InvalidSignature`; a key is accepted only after its numbers were found to belong together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from cryptography import exceptions
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from localvault.algorithms.asymmetric import AsymmetricKey
from localvault.algorithms.base import Encrypted, check_digest
from localvault.algorithms.jwk import Members, encode_integer
from localvault.algorithms.public import public_jwk
from localvault.algorithms.rsa_lanes import lane_key
from localvault.algorithms.table import ENCRYPT, SIGN, SIZES, WRAP
from localvault.errors import BadParameter, DecryptionFailed, InvalidSignature

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding
    from cryptography.utils import Buffer

    from localvault.native.rsa import LaneKey

# FIPS 186-5 (A.1.1) wants 65537 or more, and that is what is generated. Keys of others with e = 3 are common and sound
# under the paddings offered (OAEP, PSS, and PKCS#1 v1.5 compared whole). The upper bound keeps the public operation of
# a hostile key as fast as any other; OpenSSL refuses larger ones too (OPENSSL_RSA_MAX_PUBEXP_BITS).
EXPONENT = 65537
EXPONENT_MIN, EXPONENT_BITS_MAX = 3, 64

_OAEP_OVERHEAD = {"RSA-OAEP": 42, "RSA-OAEP-256": 66}  # two digests and two bytes (RFC 8017, 7.1.1)
_PKCS1_OVERHEAD = 11  # RFC 8017, 7.2.1
OAEP_DIGESTS = {"RSA-OAEP": 20, "RSA-OAEP-256": 32}  # bytes of the digest, SHA-1's and SHA-256's


def _oaep(digest: hashes.HashAlgorithm) -> AsymmetricPadding:
    return padding.OAEP(mgf=padding.MGF1(digest), algorithm=digest, label=None)


# RSA-OAEP means SHA-1 by definition (RFC 7518, 4.3). OAEP's proof asks neither collision resistance of its hash, so
# what broke SHA-1 for signatures does not touch it; RSA-OAEP-256 is there for those whose rules ban the name.
_ENCRYPTION = {
    "RSA-OAEP": _oaep(hashes.SHA1()),  # noqa: S303 (said above)
    "RSA-OAEP-256": _oaep(hashes.SHA256()),
    "RSA1_5": padding.PKCS1v15(),
}
_HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
_Signature = tuple["AsymmetricPadding", Prehashed, int]
_SIGNATURE: dict[str, _Signature] = {
    f"RS{bits}": (padding.PKCS1v15(), Prehashed(digest), digest.digest_size)
    for bits, digest in _HASHES.items()
} | {
    # RFC 7518, 3.5: the salt is as long as the digest and MGF1 uses the same hash; any other salt length is refused.
    f"PS{bits}": (
        padding.PSS(padding.MGF1(digest), padding.PSS.DIGEST_LENGTH),
        Prehashed(digest),
        digest.digest_size,
    )
    for bits, digest in _HASHES.items()
}


class RsaKey(AsymmetricKey[rsa.RSAPrivateKey, rsa.RSAPublicKey]):
    """An RSA key of 2048, 3072 or 4096 bits."""

    __slots__ = ("_lanes",)
    kty = "RSA"
    type_byte = 1

    def __init__(
        self, private: rsa.RSAPrivateKey | None, public: rsa.RSAPublicKey, size: int | None, curve: str | None
    ) -> None:
        super().__init__(private, public, size, curve)
        self._lanes: LaneKey | Literal[False] | None = False  # False: not asked for yet

    @classmethod
    def of(cls, key: rsa.RSAPrivateKey) -> RsaKey:
        """Return the material of a private key made or checked here."""
        return cls(key, key.public_key(), key.key_size, None)

    @classmethod
    def of_public(cls, key: rsa.RSAPublicKey) -> RsaKey:
        """Return the material of a public key, after checking its size and exponent.

        Raises:
            BadParameter: a size or exponent that is not accepted.
        """
        _check_public(key)
        return cls(None, key, key.key_size, None)

    @classmethod
    def generate(cls, size: int) -> RsaKey:
        """Make a key of `size` bits with the exponent 65537."""
        return cls.of(rsa.generate_private_key(EXPONENT, size))

    @classmethod
    def checked(cls, key: rsa.RSAPrivateKey) -> RsaKey:
        """Return the material of a private key from outside, after checking all of its numbers.

        Raises:
            BadParameter: a size or exponent that is not accepted, or numbers that do not belong together.
        """
        _check_public(key.public_key())  # first, because testing the primes of a huge key takes minutes
        return cls.of(_check_private(key.private_numbers()))

    @classmethod
    def from_jwk(cls, members: Members) -> RsaKey:
        """Return the material of a JSON Web Key with n, e and, if it is private, d, p, q, dp, dq and qi.

        Raises:
            BadParameter: a member is missing or malformed, or as for `checked`.
        """
        try:
            public = rsa.RSAPublicNumbers(members.integer("e"), members.integer("n")).public_key()
        except ValueError as error:
            raise _own(error, "the RSA modulus or exponent is impossible") from None
        if "d" not in members:
            return cls.of_public(public)
        _check_public(public)
        if "oth" in members:
            raise BadParameter("RSA keys of more than two primes are not offered")
        d, p, q, dp, dq, qi = (members.integer(name) for name in ("d", "p", "q", "dp", "dq", "qi"))
        return cls.of(_check_private(rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, public.public_numbers())))

    def private_jwk(self) -> dict[str, str]:
        """Return the whole key as a JSON Web Key (RFC 7518, 6.3).

        Raises:
            BadParameter: a key without its private part.
        """
        key = self.private().private_numbers()
        numbers = {"d": key.d, "p": key.p, "q": key.q, "dp": key.dmp1, "dq": key.dmq1, "qi": key.iqmp}
        return public_jwk(self.public()) | {name: encode_integer(value) for name, value in numbers.items()}

    def encrypt(
        self, algorithm: str, plaintext: Buffer, iv: Buffer | None = None, aad: Buffer | None = None
    ) -> Encrypted:
        """Encrypt `plaintext`: at most size / 8 bytes, less 42 (RSA-OAEP), 66 (RSA-OAEP-256) or 11 (RSA1_5).

        Raises:
            BadParameter: it is longer, the algorithm does not fit, or there is an iv or aad.
        """
        scheme = _ENCRYPTION.get(algorithm)
        if scheme is None:
            self._refuse(algorithm, ENCRYPT)
        _nothing_else(algorithm, iv, aad)
        return Encrypted(self._encrypt(algorithm, scheme, plaintext))

    def decrypt(
        self,
        algorithm: str,
        ciphertext: Buffer,
        iv: Buffer | None = None,
        aad: Buffer | None = None,
        tag: Buffer | None = None,
        *,
        allow_rsa1_5: bool = False,
    ) -> bytes:
        """Decrypt `ciphertext`. With RSA1_5 a wrong padding gives random bytes instead of an error.

        Raises:
            DecryptionFailed: it does not open.
            BadParameter: the algorithm does not fit, RSA1_5 was not asked for, or there is an iv, aad or tag.
        """
        scheme = _ENCRYPTION.get(algorithm)
        if scheme is None:
            self._refuse(algorithm, ENCRYPT)
        _nothing_else(algorithm, iv, aad, tag)
        return self._decrypt(algorithm, scheme, ciphertext, allow_rsa1_5)

    def wrap(self, algorithm: str, key: Buffer) -> bytes:
        """Encrypt another key, with the limits of `encrypt`.

        Raises:
            BadParameter: it is too long, or the algorithm does not fit.
        """
        scheme = _ENCRYPTION.get(algorithm)
        if scheme is None:
            self._refuse(algorithm, WRAP)
        return self._encrypt(algorithm, scheme, key)

    def unwrap(self, algorithm: str, encrypted_key: Buffer, *, allow_rsa1_5: bool = False) -> bytes:
        """Decrypt another key, as `decrypt` does.

        Raises:
            DecryptionFailed: it does not open.
            BadParameter: the algorithm does not fit, or RSA1_5 was not asked for.
        """
        scheme = _ENCRYPTION.get(algorithm)
        if scheme is None:
            self._refuse(algorithm, WRAP)
        return self._decrypt(algorithm, scheme, encrypted_key, allow_rsa1_5)

    def sign(self, algorithm: str, digest: Buffer) -> bytes:
        """Sign a digest of 32, 48 or 64 bytes; RS signatures are deterministic, PS ones salted.

        Raises:
            BadParameter: the algorithm does not fit, or the digest's length not the algorithm.
        """
        scheme, prehashed = self.check_signature(algorithm, digest)
        return self.private().sign(bytes(digest), scheme, prehashed)

    def verify(self, algorithm: str, digest: Buffer, signature: Buffer) -> None:
        """Check the signature of a digest.

        Raises:
            InvalidSignature: it does not fit.
            BadParameter: the algorithm does not fit, or the digest's length not the algorithm.
        """
        scheme, prehashed = self.check_signature(algorithm, digest)
        try:
            self.public().verify(bytes(signature), bytes(digest), scheme, prehashed)
        except exceptions.InvalidSignature:
            raise InvalidSignature("the signature does not belong to this digest and key") from None

    def lanes(self) -> LaneKey | None:
        """Return the key as the core computes with many at a time (see `bulk`), or None where it does not.

        Raises:
            VaultClosed: the key has been wiped.
        """
        public, lanes = self.public(), self._lanes
        if lanes is False:
            lanes = self._lanes = lane_key(self._private, public)
        return lanes

    def wipe(self) -> None:
        """Give the key up; OpenSSL and the core overwrite the private numbers as they free them."""
        super().wipe()
        self._lanes = None

    def check_signature(self, algorithm: str, digest: Buffer) -> tuple[AsymmetricPadding, Prehashed]:
        """Return the padding and hash of a signature algorithm that the key and the digest fit.

        Raises:
            BadParameter: they do not.
        """
        row = _SIGNATURE.get(algorithm)
        if row is None:
            self._refuse(algorithm, SIGN)
        scheme, prehashed, width = row
        check_digest(algorithm, digest, width)
        return scheme, prehashed

    def _encrypt(self, algorithm: str, scheme: AsymmetricPadding, plaintext: Buffer) -> bytes:
        limit = self.public().key_size // 8 - _OAEP_OVERHEAD.get(algorithm, _PKCS1_OVERHEAD)
        if memoryview(plaintext).nbytes > limit:
            raise BadParameter(
                f"{algorithm} with a key of {self.size} bits takes at most {limit} bytes",
                hint="encrypt a data key with it, and the data with the data key",
            )
        return self.public().encrypt(bytes(plaintext), scheme)

    def _decrypt(
        self, algorithm: str, scheme: AsymmetricPadding, ciphertext: Buffer, allow_rsa1_5: bool
    ) -> bytes:
        # A caller who lets others learn whether RSA1_5 decryption failed is a Bleichenbacher oracle. OpenSSL therefore
        # returns random bytes derived from key and ciphertext for a wrong padding (implicit rejection,
        # draft-irtf-cfrg-rsa-guidance); what the caller does with them can still tell. Hence only where asked for.
        if algorithm == "RSA1_5" and not allow_rsa1_5:
            raise BadParameter(
                "RSA1_5 decrypts only where it is asked for: what follows a failure easily betrays the plaintext",
                hint="use RSA-OAEP-256; for old ciphertexts pass allow_rsa1_5=True",
            )
        key = self.private()
        try:
            return key.decrypt(bytes(ciphertext), scheme)
        except ValueError:
            raise DecryptionFailed("the ciphertext does not open with this key and algorithm") from None


def _nothing_else(algorithm: str, *others: Buffer | None) -> None:
    if any(other is not None for other in others):
        raise BadParameter(f"{algorithm} takes no iv, no tag and no additional authenticated data")


def _check_public(key: rsa.RSAPublicKey) -> None:
    if key.key_size not in SIZES["RSA"]:
        raise BadParameter(
            f"RSA keys of {key.key_size} bits are not accepted",
            hint=f"use {', '.join(map(str, SIZES['RSA']))}",
        )
    e = key.public_numbers().e
    if e < EXPONENT_MIN or e % 2 == 0 or e.bit_length() > EXPONENT_BITS_MAX:
        raise BadParameter(
            f"the RSA exponent is not odd, from {EXPONENT_MIN} and of at most {EXPONENT_BITS_MAX} bits"
        )


def _check_private(numbers: rsa.RSAPrivateNumbers) -> rsa.RSAPrivateKey:
    n = numbers.public_numbers.n
    # FIPS 186-5, A.1.3: primes closer than this are found from n alone (Fermat), as happened to real printers
    # (CVE-2022-26320).
    if abs(numbers.p - numbers.q).bit_length() <= n.bit_length() // 2 - 100:
        raise BadParameter("the RSA primes are so close together that the key is no secret")
    try:
        # p q = n, both prime, d and the CRT values belong to them (35 ms for 2048 bits, 0.25 s for 4096): a wrong CRT
        # value would otherwise make signatures that give the primes away (Boneh, DeMillo, Lipton).
        return numbers.private_key()
    except (ValueError, OverflowError) as error:
        raise _own(error, "the numbers of the RSA key do not belong together") from None


def _own(error: Exception, sentence: str) -> BadParameter:
    return error if isinstance(error, BadParameter) else BadParameter(sentence)
