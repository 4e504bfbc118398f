"""Wrapped data keys, and tokens that data keys sealed, written and read from docs/format.md, section 11, alone.

Uses nothing of localvault: HKDF, AES-GCM, key wrap and RSA from `cryptography`. The writer takes what it is to draw as
an argument, and makes, where it is told to, what no localvault would.
"""

from __future__ import annotations

import hmac
from typing import TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tests.support.sealed_files import Newer, Refused, _gcm

Material: TypeAlias = bytes | rsa.RSAPrivateKey
XAES, KW, OAEP_256, OAEP = 65, 66, 67, 68
_HASHES = {OAEP_256: hashes.SHA256(), OAEP: hashes.SHA1()}  # noqa: S303  RSA-OAEP is with SHA-1 (RFC 7518, 4.3)


def derived(key: bytes, purpose: str) -> bytes:
    """HKDF for a purpose."""
    return HKDF(SHA256(), 32, None, f"localvault data key {purpose}".encode()).derive(key)


def prefix(suite: int, version: bytes, form: int = 1) -> bytes:
    """The first 18 bytes."""
    return bytes((form, suite)) + version


def binding(secret: bytes, start: bytes, context: bytes) -> bytes:
    """What binds a context where the algorithm takes none."""
    return hmac.digest(derived(secret, "binding v1"), start + context, "sha256")


def seal(material: bytes, start: bytes, nonce: bytes, secret: bytes, context: bytes = b"") -> bytes:
    """Suite 65."""
    sealed = _gcm(derived(material, "v1"), nonce).encrypt(nonce[12:], secret, start + context)
    return start + nonce + sealed


def wrap(material: bytes, start: bytes, secret: bytes, context: bytes = b"") -> bytes:
    """Suite 66."""
    return start + keywrap.aes_key_wrap(material, secret) + binding(secret, start, context)


def encrypt(material: rsa.RSAPublicKey, start: bytes, secret: bytes, context: bytes = b"") -> bytes:
    """Suites 67 and 68."""
    return start + material.encrypt(secret, _oaep(start[1])) + binding(secret, start, context)


def read(materials: dict[bytes, Material], wrapped: bytes, context: bytes = b"") -> bytes:
    """The data key, as section 11.1 has it; `materials` by version id.

    Raises:
        Refused, Newer: as the section has it.
    """
    if len(wrapped) < 18 or not wrapped[0] or not XAES <= wrapped[1] <= 127:
        raise Refused
    if wrapped[0] > 1 or wrapped[1] > OAEP:
        raise Newer
    start, body, suite = wrapped[:18], wrapped[18:], wrapped[1]
    material = materials.get(wrapped[2:18])
    if material is None or isinstance(material, bytes) != (suite in (XAES, KW)):
        raise Refused
    try:
        if suite == XAES:
            assert isinstance(material, bytes)
            gcm = _gcm(derived(material, "v1"), body[:24].ljust(24))
            return gcm.decrypt(body[12:24].ljust(12), body[24:], start + context)
        if len(body) < 32:
            raise Refused
        secret = _unwrapped(material, suite, body[:-32])
    except (InvalidTag, keywrap.InvalidUnwrap, ValueError):
        raise Refused from None
    if len(secret) not in (16, 24, 32) or body[-32:] != binding(secret, start, context):
        raise Refused
    return secret


def _unwrapped(material: Material, suite: int, body: bytes) -> bytes:
    if isinstance(material, bytes):
        return keywrap.aes_key_unwrap(material, body)
    return material.decrypt(body, _oaep(suite))


def _oaep(suite: int) -> padding.OAEP:
    return padding.OAEP(padding.MGF1(_HASHES[suite]), _HASHES[suite], None)


def token(secret: bytes, nonce: bytes, plaintext: bytes, context: bytes = b"") -> bytes:
    """A token that the data key sealed: section 11.2."""
    start = b"\1\1" + derived(secret, "id v1")[:16]
    return (
        start
        + nonce
        + _gcm(derived(secret, "tokens v1"), nonce).encrypt(nonce[12:], plaintext, start + context)
    )


def file_parts(secret: bytes) -> tuple[bytes, bytes]:
    """What a file that the data key sealed names in place of a version, and its file key."""
    return derived(secret, "id v1")[:16], derived(secret, "files v1")
