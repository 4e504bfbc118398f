"""Oct keys of 128, 192 or 256 bits: AES-GCM, AES-CBC, AES key wrap (RFC 3394) and HMAC (RFC 2104).

Relies on `cryptography` for AES, the standard library for HMAC, `native` for the memory the key stands in. Promises:
the key's own copy is locked and wiped memory; a ciphertext, wrapped key or MAC that does not fit is one error, whatever
is wrong with it, and MACs are compared in constant time.
"""

from __future__ import annotations

import hmac
from os import urandom
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import keywrap
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from localvault.algorithms.base import Encrypted, KeyMaterial
from localvault.algorithms.jwk import Members, encode
from localvault.algorithms.table import ALGORITHMS, ENCRYPT, SIGN, SIZES, WRAP
from localvault.errors import BadParameter, DecryptionFailed, InvalidSignature
from localvault.native.face import GcmKey
from localvault.native.memory import Locked

if TYPE_CHECKING:
    from cryptography.utils import Buffer

GCM_IV_BYTES = 12
TAG_BYTES = 16
BLOCK_BYTES = 16
_PADDING = PKCS7(BLOCK_BYTES * 8)
_DIGESTS = {name: row.digest for name, row in ALGORITHMS.items() if row.kty == "oct" and row.digest}
_FAILED = "the ciphertext does not open with this key and algorithm"


class OctKey(KeyMaterial):
    """A symmetric key."""

    __slots__ = ("_cbc", "_cbcpad", "_gcm", "_gcm_name", "_key", "_kw", "curve", "size")
    kty = "oct"
    type_byte = 4

    def __init__(self, key: Buffer | Locked) -> None:
        """Take 16, 24 or 32 bytes; a `Locked` becomes this key's own.

        Raises:
            BadParameter: any other length.
        """
        self._key = key if isinstance(key, Locked) else Locked.of(key)
        self.size = len(self._key) * 8
        self.curve = None
        if self.size not in SIZES["oct"]:
            raise BadParameter(
                f"oct keys of {self.size} bits are not accepted",
                hint=f"use {', '.join(map(str, SIZES['oct']))}",
            )
        # The key schedule is made once, in locked memory: this object is what makes `encrypt` fast.
        self._gcm = GcmKey(self._key)
        self._gcm_name = f"A{self.size}GCM"
        self._cbc, self._cbcpad, self._kw = f"A{self.size}CBC", f"A{self.size}CBCPAD", f"A{self.size}KW"

    @classmethod
    def generate(cls, size: int) -> OctKey:
        """Make a key of `size` bits from the operating system's randomness."""
        return cls(Locked.random(size // 8))

    @classmethod
    def new_encoded(cls, size: int) -> bytes:
        """Return what `encode` gives of a new key of `size` bits that is only going to be sealed: wipe it then."""
        return bytes((cls.type_byte,)) + urandom(size // 8)

    @classmethod
    def from_jwk(cls, members: Members) -> OctKey:
        """Return the material of a JSON Web Key with k, of 16, 24 or 32 bytes.

        Raises:
            BadParameter: k is missing, malformed or of another length.
        """
        return cls(members.octets("k"))

    def view(self) -> memoryview:
        """Return a window on the raw key, for deriving other keys from it.

        Raises:
            VaultClosed: the key has been wiped.
        """
        return self._key.view()

    def encode(self) -> bytes:
        """Return the material as bytes to be sealed: a type byte and the raw key."""
        return b"".join((bytes((self.type_byte,)), self._key.view()))

    def public_key(self) -> None:
        """Return None: an oct key has no public part."""

    def private_pem(self, password: str | bytes | None = None) -> str:
        """Refuse: PEM has no form for symmetric keys.

        Raises:
            BadParameter: always.
        """
        raise BadParameter("an oct key has no PEM form", hint="export it as a JSON Web Key")

    def private_jwk(self) -> dict[str, str]:
        """Return the key as a JSON Web Key (RFC 7518, 6.4)."""
        return {"kty": "oct", "k": encode(bytes(self._key.view()))}

    def wipe(self) -> None:
        """Overwrite the key and its key schedule."""
        self._key.wipe()
        self._gcm.wipe()

    def encrypt(
        self, algorithm: str, plaintext: Buffer, iv: Buffer | None = None, aad: Buffer | None = None
    ) -> Encrypted:
        """Encrypt `plaintext` of up to 2 GiB.

        Raises:
            BadParameter: the algorithm does not fit, an iv for GCM, one of not 16 bytes or an aad for CBC, or too long.
        """
        if algorithm == self._gcm_name:
            # The iv is never the caller's (Key Vault's rule): two messages under one iv give away their difference and
            # the authentication key. Random 96 bits keep a collision below 2^-32 for 2^32 messages per key (NIST SP
            # 800-38D, 8.3); beyond that rotate, or use tokens, which have no such limit. Drawing many at once would be
            # faster and was rejected: a forked child would repeat its parent's.
            if iv is not None:
                raise BadParameter(f"{algorithm} draws its own iv, so that none is ever used twice")
            iv = urandom(GCM_IV_BYTES)
            sealed = self._gcm.seal(iv, plaintext, b"" if aad is None else bytes(aad))
            return Encrypted(sealed[:-TAG_BYTES], iv, sealed[-TAG_BYTES:])
        return self._encrypt_cbc(algorithm, plaintext, iv, aad)

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
        """Decrypt `ciphertext`. Only GCM notices every alteration; CBC notices none, CBCPAD few: authenticate those.

        Raises:
            DecryptionFailed: it does not open.
            BadParameter: the algorithm does not fit; GCM without iv (12 bytes) and tag (16 bytes), CBC without iv
                (16 bytes) or with aad or tag.
        """
        if algorithm == self._gcm_name:
            return self._decrypt_gcm(ciphertext, iv, aad, tag)
        if algorithm != self._cbc and algorithm != self._cbcpad:
            self._refuse(algorithm, ENCRYPT)
        if tag is not None or aad is not None:
            raise BadParameter(f"{algorithm} takes no tag and no additional authenticated data")
        if iv is None:
            raise BadParameter(f"{algorithm} needs the iv that it was encrypted with")
        return self._decrypt_cbc(algorithm, ciphertext, iv)

    def wrap(self, algorithm: str, key: Buffer) -> bytes:
        """Wrap another key of 16 bytes or more, in whole multiples of 8; the result is 8 bytes longer.

        Raises:
            BadParameter: another length, or the algorithm does not fit.
        """
        if algorithm != self._kw:
            self._refuse(algorithm, WRAP)
        length = memoryview(key).nbytes
        if length < 16 or length % 8:
            raise BadParameter(
                f"{algorithm} wraps keys of 16 bytes or more, in multiples of 8, not of {length}"
            )
        # RFC 3394 with its default initial value, which is what tells a wrong key on unwrapping (2^-64).
        return keywrap.aes_key_wrap(self._key.view(), key)

    def unwrap(self, algorithm: str, encrypted_key: Buffer, *, allow_rsa1_5: bool = False) -> bytes:
        """Unwrap another key.

        Raises:
            DecryptionFailed: it does not open.
            BadParameter: the algorithm does not fit.
        """
        if algorithm != self._kw:
            self._refuse(algorithm, WRAP)
        try:
            return keywrap.aes_key_unwrap(self._key.view(), encrypted_key)
        except (keywrap.InvalidUnwrap, ValueError):
            raise DecryptionFailed("the wrapped key does not open with this key") from None

    def sign(self, algorithm: str, digest: Buffer) -> bytes:
        """Return the MAC (32, 48 or 64 bytes) of a message of any length; a digest is one such message.

        Unlike RS, PS and ES this takes the message, because HS256 in RFC 7518 (3.2) is the MAC of the message: with a
        digest in its place no one else could verify it.

        Raises:
            BadParameter: the algorithm does not fit.
        """
        name = _DIGESTS.get(algorithm)
        if name is None:
            self._refuse(algorithm, SIGN)
        return hmac.digest(self._key.view(), digest, name)

    def verify(self, algorithm: str, digest: Buffer, signature: Buffer) -> None:
        """Check the MAC of a message; one that was cut short does not fit.

        Raises:
            InvalidSignature: it does not fit.
            BadParameter: the algorithm does not fit.
        """
        # Constant time in the contents (the length of a MAC is no secret): a comparison that stops at the first
        # difference lets a MAC be guessed byte by byte.
        if not hmac.compare_digest(self.sign(algorithm, digest), signature):
            raise InvalidSignature("the signature does not belong to this message and key")

    def _encrypt_cbc(
        self, algorithm: str, plaintext: Buffer, iv: Buffer | None, aad: Buffer | None
    ) -> Encrypted:
        if algorithm != self._cbc and algorithm != self._cbcpad:
            self._refuse(algorithm, ENCRYPT)
        if aad is not None:
            raise BadParameter(f"{algorithm} takes no additional authenticated data")
        # CBC leaks when its iv can be foretold (the BEAST attack), so none given is drawn at random.
        used = urandom(BLOCK_BYTES) if iv is None else _checked_iv(algorithm, iv, BLOCK_BYTES)
        context = Cipher(algorithms.AES(self._key.view()), modes.CBC(used)).encryptor()
        padding = self._padding(algorithm, memoryview(plaintext).nbytes)
        return Encrypted(context.update(plaintext) + context.update(padding) + context.finalize(), used)

    def _padding(self, algorithm: str, length: int) -> bytes:
        missing = BLOCK_BYTES - length % BLOCK_BYTES
        if algorithm == self._cbcpad:
            return bytes((missing,)) * missing  # PKCS#7 (RFC 5652, 6.3)
        # Key Vault's plain CBC: zeros, and only where a block is incomplete.
        return bytes(missing % BLOCK_BYTES)

    def _decrypt_cbc(self, algorithm: str, ciphertext: Buffer, iv: Buffer) -> bytes:
        context = Cipher(
            algorithms.AES(self._key.view()), modes.CBC(_checked_iv(algorithm, iv, BLOCK_BYTES))
        ).decryptor()
        try:
            plaintext = context.update(ciphertext) + context.finalize()
            if algorithm == self._cbc:
                return plaintext
            # Whether the padding was right cannot be hidden (Vaudenay's oracle): CBCPAD is for ciphertexts that
            # something else authenticates. The check itself takes the same time whichever byte is wrong.
            unpadder = _PADDING.unpadder()
            return unpadder.update(plaintext) + unpadder.finalize()
        except ValueError:
            raise DecryptionFailed(_FAILED) from None

    def _decrypt_gcm(
        self, ciphertext: Buffer, iv: Buffer | None, aad: Buffer | None, tag: Buffer | None
    ) -> bytes:
        if iv is None or tag is None:
            raise BadParameter(f"{self._gcm_name} needs the iv and the tag that encrypting returned")
        # Exactly 12 and 16 bytes, as Key Vault makes them: shorter tags are easier to forge, and other iv lengths meet
        # by another path (NIST SP 800-38D, appendices B and C).
        _checked_iv(self._gcm_name, iv, GCM_IV_BYTES)
        if memoryview(tag).nbytes != TAG_BYTES:
            raise BadParameter(f"the tag of {self._gcm_name} has {TAG_BYTES} bytes")
        sealed = b"".join((ciphertext, tag))
        try:
            return self._gcm.open(bytes(iv), sealed, b"" if aad is None else bytes(aad))
        except DecryptionFailed:
            raise DecryptionFailed(_FAILED) from None


def _checked_iv(algorithm: str, iv: Buffer, width: int) -> bytes:
    if memoryview(iv).nbytes != width:
        raise BadParameter(f"the iv of {algorithm} has {width} bytes")
    return iv if isinstance(iv, bytes) else bytes(iv)
