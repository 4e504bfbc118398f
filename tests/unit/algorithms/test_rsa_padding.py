"""The paddings of signatures: what one writes the other accepts, and nothing beside it."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from localvault.algorithms.rsa import RsaKey
from localvault.algorithms.rsa_padding import is_pss, pkcs1, pss
from tests.support.keys import key

SIZE = 256
HASHES = {32: hashes.SHA256(), 48: hashes.SHA384(), 64: hashes.SHA512()}


def mask(seed: bytes, size: int) -> int:
    """MGF1 of RFC 8017, appendix B.2.1, as a number without its highest bit."""
    parts = (hashlib.new(f"sha{8 * len(seed)}", seed + i.to_bytes(4, "big")).digest() for i in range(size))
    return int.from_bytes(b"".join(parts)[:size], "big") & ((1 << 8 * size - 1) - 1)


def changed(encoded: bytes, width: int, place: int, flip: int) -> bytes:
    """A PSS encoding with one byte of its unmasked block changed; the hash, which does not cover zeros, stays."""
    masked, rest = encoded[: -width - 1], encoded[-width - 1 :]
    cover = mask(rest[:-1], len(masked))
    block = bytearray((int.from_bytes(masked, "big") ^ cover).to_bytes(len(masked), "big"))
    block[place] ^= flip
    return (int.from_bytes(block, "big") ^ cover).to_bytes(len(masked), "big") + rest


@pytest.mark.parametrize("width", [32, 48, 64])
def test_openssl_signs_the_same_encoding(width: int) -> None:
    """PKCS#1 v1.5: what comes out of its signature with the public exponent."""
    own, digest = key("RSA-2048"), bytes(range(width))
    assert isinstance(own, RsaKey)
    public = own.public().public_numbers()
    signature = own.private().sign(digest, padding.PKCS1v15(), Prehashed(HASHES[width]))
    opened = pow(int.from_bytes(signature, "big"), public.e, public.n)
    assert opened.to_bytes(SIZE, "big") == pkcs1(digest, SIZE)


@pytest.mark.parametrize("width", [32, 48, 64])
def test_an_encoding_of_pss_is_good_for_its_digest_alone(width: int) -> None:
    """And two of them differ by their salts."""
    digest = bytes(range(width))
    first, second = pss(digest, SIZE), pss(digest, SIZE)
    assert len(first) == SIZE
    assert first != second
    assert is_pss(first, digest)
    assert is_pss(second, digest)
    assert not is_pss(first, bytes(width))


@pytest.mark.parametrize("width", [32, 48, 64])
def test_every_bit_of_pss_counts(width: int) -> None:
    """The highest, which has to be clear, the zeros and the 1 that no hash covers, the salt, the hash, the trailer."""
    digest = bytes(range(width))
    encoded = pss(digest, SIZE)
    for place in range(SIZE):
        for bit in (1, 0x80):
            altered = bytearray(encoded)
            altered[place] ^= bit
            assert not is_pss(bytes(altered), digest), place
    assert changed(encoded, width, 0, 0) == encoded
    for place in range(SIZE - width - 1):
        assert not is_pss(changed(encoded, width, place, 2), digest), place
