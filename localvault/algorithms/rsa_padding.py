"""The paddings of RSA signatures: PKCS#1 v1.5 and PSS, from a digest to the number and back (RFC 8017, section 9).

Relies on hashlib. Promises: the encodings `cryptography` makes and accepts for the same algorithm names. Nothing here
is secret: who can verify a signature sees its padding.
"""

from __future__ import annotations

import hashlib
import os

# DER of DigestInfo up to the digest: RFC 8017, section 9.2, note 1.
_PREFIXES = {
    32: bytes.fromhex("3031300d060960864801650304020105000420"),
    48: bytes.fromhex("3041300d060960864801650304020205000430"),
    64: bytes.fromhex("3051300d060960864801650304020305000440"),
}
_HASHES = {32: hashlib.sha256, 48: hashlib.sha384, 64: hashlib.sha512}
_TRAILER = 0xBC


def pkcs1(digest: bytes, size: int) -> bytes:
    """Return the one encoding of a digest (32, 48 or 64 bytes) for a modulus of `size` bytes: EMSA-PKCS1-v1_5."""
    content = _PREFIXES[len(digest)] + digest
    return b"\x00\x01" + b"\xff" * (size - len(content) - 3) + b"\x00" + content


def pss(digest: bytes, size: int) -> bytes:
    """Return an encoding of a digest with a fresh salt of its length: EMSA-PSS, MGF1 with the same hash.

    The modulus has `size` bytes and its highest bit set, so the encoding has `size` bytes and its highest bit clear.
    """
    salt = os.urandom(len(digest))
    hashed = _hash(bytes(8) + digest + salt)
    block = b"\x01" + salt
    return _masked(block.rjust(size - len(digest) - 1, b"\x00"), hashed) + hashed + bytes((_TRAILER,))


def is_pss(encoded: bytes, digest: bytes) -> bool:
    """Whether `pss` could have made `encoded` of the digest: RFC 8017, 9.1.2, the salt as long as the digest."""
    width = len(digest)
    masked, hashed = encoded[: -width - 1], encoded[-width - 1 : -1]
    if encoded[-1] != _TRAILER or encoded[0] & 0x80:
        return False
    block = _masked(masked, hashed)
    zeros, salt = len(block) - width - 1, block[-width:]
    return block.startswith(bytes(zeros) + b"\x01") and hashed == _hash(bytes(8) + digest + salt)


def _hash(data: bytes) -> bytes:
    return _HASHES[(len(data) - 8) // 2](data).digest()


def _masked(block: bytes, seed: bytes) -> bytes:
    """`block` XOR MGF1(seed), its highest bit cleared."""
    function, size = _HASHES[len(seed)], len(block)
    parts = (function(seed + counter.to_bytes(4)).digest() for counter in range(-(-size // len(seed))))
    mask = int.from_bytes(b"".join(parts)[:size])
    return ((int.from_bytes(block) ^ mask) & ((1 << 8 * size - 1) - 1)).to_bytes(size)
