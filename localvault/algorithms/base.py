"""What all key material has in common: its verbs, and that it shows nothing.

Relies on `table` for what fits which key. Promises: a `KeyMaterial` is immutable, prints, pickles and copies nothing,
and every verb a key type does not have is refused with a sentence (`BadParameter`), never with an `AttributeError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple, NoReturn

from localvault.algorithms.public import PublicKey
from localvault.algorithms.table import ENCRYPT, SIGN, WRAP, algorithm
from localvault.errors import BadParameter
from localvault.model.hidden import Hidden

if TYPE_CHECKING:
    from cryptography.utils import Buffer


class Encrypted(NamedTuple):
    """What `encrypt` made."""

    ciphertext: bytes
    iv: bytes | None = None
    """12 bytes for GCM, 16 for CBC and CBCPAD, None for RSA."""
    tag: bytes | None = None
    """16 bytes for GCM, otherwise None."""


class KeyMaterial(Hidden):
    """One key: RSA, EC, oct or OKP; with its private part, or (imported so) its public part only.

    One object may be used by several threads at once.
    """

    __slots__ = ("__weakref__",)
    kty: ClassVar[str]
    type_byte: ClassVar[int]
    """The first byte of what `encode` makes; with 0x80 set it holds a public part only."""

    size: int | None
    """The size in bits of an RSA or oct key, otherwise None."""
    curve: str | None
    """The curve of an EC or OKP key, otherwise None."""

    def __repr__(self) -> str:
        return f"<{self.kty} key, {self.curve or f'{self.size} bits'}: not shown>"

    @property
    def is_private(self) -> bool:
        """Whether the private (or, for oct, the only) part is there."""
        return True

    def encrypt(
        self, algorithm: str, plaintext: Buffer, iv: Buffer | None = None, aad: Buffer | None = None
    ) -> Encrypted:
        """Encrypt `plaintext`.

        GCM draws its own iv of 12 bytes (one handed in is refused) and takes `aad`; CBC and CBCPAD take an `iv` of 16
        unpredictable bytes or draw one; CBC fills the last block with zeros; RSA takes neither.

        Raises:
            BadParameter: the algorithm does not fit the key, an iv or aad is not wanted or has the wrong length, or the
                plaintext is too long for the key.
        """
        self._refuse(algorithm, ENCRYPT)

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
        """Decrypt `ciphertext`. CBC returns the plaintext with the zeros `encrypt` filled it up with.

        Raises:
            DecryptionFailed: it does not open, for whatever reason.
            BadParameter: the algorithm does not fit the key, iv, aad or tag is missing, not wanted or of the wrong
                length, or RSA1_5 was not asked for by `allow_rsa1_5`.
        """
        self._refuse(algorithm, ENCRYPT)

    def wrap(self, algorithm: str, key: Buffer) -> bytes:
        """Encrypt another key; AES-KW wants 16 bytes or more in whole multiples of 8.

        Raises:
            BadParameter: the algorithm does not fit this key, or the other key has a length it does not take.
        """
        self._refuse(algorithm, WRAP)

    def unwrap(self, algorithm: str, encrypted_key: Buffer, *, allow_rsa1_5: bool = False) -> bytes:
        """Decrypt another key that `wrap` encrypted.

        Raises:
            DecryptionFailed: it does not open, for whatever reason.
            BadParameter: the algorithm does not fit the key, or RSA1_5 was not asked for by `allow_rsa1_5`.
        """
        self._refuse(algorithm, WRAP)

    def sign(self, algorithm: str, digest: Buffer) -> bytes:
        """Sign `digest`: 32, 48 or 64 bytes by the number in the algorithm's name; EdDSA and HS: the message itself.

        Returns r || s of fixed width for ES (64, 96 or 132 bytes), the MAC for HS, 64 bytes for EdDSA, as many bytes
        as the modulus has for RS and PS.

        Raises:
            BadParameter: the algorithm does not fit the key, or the digest's length not the algorithm.
        """
        self._refuse(algorithm, SIGN)

    def verify(self, algorithm: str, digest: Buffer, signature: Buffer) -> None:
        """Check the signature of `digest`, as `sign` takes and makes them; returns nothing if it is good.

        Raises:
            InvalidSignature: it is not.
            BadParameter: the algorithm does not fit the key, or the digest's length not the algorithm.
        """
        self._refuse(algorithm, SIGN)

    def encode(self) -> bytes:
        """Return the material as bytes to be sealed, for `decode`: a type byte, then PKCS#8, SPKI or the raw key."""
        raise NotImplementedError

    def public_key(self) -> PublicKey | None:
        """Return the public part; an oct key has none."""
        raise NotImplementedError

    def public_der(self) -> bytes | None:
        """Return the public part as SubjectPublicKeyInfo (RFC 5280), in DER; an oct key has none."""
        public = self.public_key()
        return None if public is None else public.der()

    def private_pem(self, password: str | bytes | None = None) -> str:
        """Return the private part as PKCS#8 in PEM, encrypted if there is a password; the caller checks the right.

        Raises:
            BadParameter: an oct key (see `private_jwk`), a key without its private part, or an empty password.
        """
        raise NotImplementedError

    def private_jwk(self) -> dict[str, str]:
        """Return the whole key as a JSON Web Key (RFC 7517); the caller checks the right.

        Raises:
            BadParameter: a key without its private part.
        """
        raise NotImplementedError

    def wipe(self) -> None:
        """Give the key up and overwrite what can be overwritten; using it afterwards raises `VaultClosed`."""
        raise NotImplementedError

    def _refuse(self, name: str, use: str) -> NoReturn:
        algorithm(name, use, self.kty, size=self.size if self.kty == "oct" else None, curve=self.curve)
        raise BadParameter(f"this key holds its public part only, so it cannot {use}")


def check_digest(algorithm: str, digest: Buffer, width: int) -> None:
    """Check that a digest has the `width` in bytes its algorithm asks for.

    Raises:
        BadParameter: it has not.
    """
    length = memoryview(digest).nbytes
    if length != width:
        raise BadParameter(
            f"{algorithm} takes a digest of {width} bytes, not {length}",
            hint="hash the message first, with the hash function of the algorithm",
        )
