"""The other side of every algorithm: what `cryptography` does with the same keys, on its own."""

from __future__ import annotations

import hmac
import os
from functools import cache, partial

from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.support.keys import key

HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
OAEP = {"RSA-OAEP": hashes.SHA1(), "RSA-OAEP-256": hashes.SHA256()}  # noqa: S303  the algorithm's own


@cache
def _private(name: str) -> PrivateKeyTypes:
    # Loaded once: checking an RSA key takes longer than all that is done with it here.
    return load_pem_private_key(key(name).private_pem().encode(), None)


def _rsa(name: str) -> RSAPrivateKey:
    loaded = _private(name)
    assert isinstance(loaded, RSAPrivateKey)
    return loaded


def _oct(name: str) -> bytes:
    return key(name).encode()[1:]


def _rsa_padding(algorithm: str) -> padding.AsymmetricPadding:
    if algorithm == "RSA1_5":
        return padding.PKCS1v15()
    return padding.OAEP(padding.MGF1(OAEP[algorithm]), OAEP[algorithm], None)


def encrypt(algorithm: str, name: str, plaintext: bytes, aad: bytes | None = None) -> dict[str, bytes]:
    """What `decrypt` takes: the ciphertext, and what goes with it."""
    if algorithm.startswith("RSA"):
        return {"ciphertext": _rsa(name).public_key().encrypt(plaintext, _rsa_padding(algorithm))}
    if algorithm.endswith("GCM"):
        iv = os.urandom(12)
        sealed = AESGCM(_oct(name)).encrypt(iv, plaintext, aad)
        return {"ciphertext": sealed[:-16], "iv": iv, "authentication_tag": sealed[-16:]}
    iv = os.urandom(16)
    padder = PKCS7(128).padder()
    padded = padder.update(plaintext) + padder.finalize() if algorithm.endswith("PAD") else plaintext
    encryptor = Cipher(algorithms.AES(_oct(name)), modes.CBC(iv)).encryptor()
    return {"ciphertext": encryptor.update(padded) + encryptor.finalize(), "iv": iv}


def decrypt(
    algorithm: str,
    name: str,
    ciphertext: bytes,
    iv: bytes | None = None,
    tag: bytes | None = None,
    aad: bytes | None = None,
) -> bytes:
    """The plaintext of what `encrypt` of a vault made."""
    if algorithm.startswith("RSA"):
        return _rsa(name).decrypt(ciphertext, _rsa_padding(algorithm))
    assert iv is not None
    if algorithm.endswith("GCM"):
        assert tag is not None
        return AESGCM(_oct(name)).decrypt(iv, ciphertext + tag, aad)
    decryptor = Cipher(algorithms.AES(_oct(name)), modes.CBC(iv)).decryptor()
    padded = decryptor.update(ciphertext) + decryptor.finalize()
    if not algorithm.endswith("PAD"):
        return padded
    unpadder = PKCS7(128).unpadder()
    return unpadder.update(padded) + unpadder.finalize()


def wrap(algorithm: str, name: str, other: bytes) -> bytes:
    """Another key, encrypted for `unwrap_key`."""
    if algorithm.startswith("RSA"):
        return encrypt(algorithm, name, other)["ciphertext"]
    return keywrap.aes_key_wrap(_oct(name), other)


def unwrap(algorithm: str, name: str, wrapped: bytes) -> bytes:
    """The key that `wrap_key` encrypted."""
    if algorithm.startswith("RSA"):
        return decrypt(algorithm, name, wrapped)
    return keywrap.aes_key_unwrap(_oct(name), wrapped)


def sign(algorithm: str, name: str, digest: bytes) -> bytes:
    """A signature for `verify`."""
    if algorithm.startswith("HS"):
        return hmac.digest(_oct(name), digest, f"sha{algorithm[2:]}")
    own = _private(name)
    if isinstance(own, Ed25519PrivateKey):
        return own.sign(digest)
    hashed = HASHES[algorithm[2:5]]
    if isinstance(own, EllipticCurvePrivateKey):
        r, s = decode_dss_signature(own.sign(digest, ECDSA(Prehashed(hashed))))
        width = (own.curve.key_size + 7) // 8
        return r.to_bytes(width, "big") + s.to_bytes(width, "big")
    assert isinstance(own, RSAPrivateKey)
    return own.sign(digest, _signature_padding(algorithm, hashed), Prehashed(hashed))


def verify(algorithm: str, name: str, digest: bytes, signature: bytes) -> None:
    """Raise if `signature`, made by a vault, is not good."""
    if algorithm.startswith("HS"):
        assert hmac.compare_digest(hmac.digest(_oct(name), digest, f"sha{algorithm[2:]}"), signature)
        return
    own = _private(name)
    if isinstance(own, Ed25519PrivateKey):
        own.public_key().verify(signature, digest)
        return
    hashed = HASHES[algorithm[2:5]]
    if isinstance(own, EllipticCurvePrivateKey):
        half = len(signature) // 2
        number = partial(int.from_bytes, byteorder="big")
        der = encode_dss_signature(number(signature[:half]), number(signature[half:]))
        own.public_key().verify(der, digest, ECDSA(Prehashed(hashed)))
        return
    assert isinstance(own, RSAPrivateKey)
    own.public_key().verify(signature, digest, _signature_padding(algorithm, hashed), Prehashed(hashed))


def _signature_padding(algorithm: str, hashed: hashes.HashAlgorithm) -> padding.AsymmetricPadding:
    if algorithm.startswith("RS"):
        return padding.PKCS1v15()
    return padding.PSS(
        padding.MGF1(hashed), hashed.digest_size
    )  # RFC 7518, 3.5: the salt as long as the hash
