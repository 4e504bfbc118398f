"""HKDF-SHA256 (RFC 5869) from locked memory into locked memory.

Relies on `cryptography`. Promises: neither the key nor what is derived from it becomes a Python object of its own.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from localvault.native.memory import Locked

KEY_SIZE = 32
_SHA256 = SHA256()


def expand(key: Locked, info: bytes, size: int = KEY_SIZE) -> Locked:
    """`size` bytes (1 to 8160) for the purpose `info`, from a key that is uniformly random already.

    Without the extract step, as RFC 5869 section 3.3 allows for such keys. HMAC-SHA256 is a pseudorandom function, so
    outputs for two infos say nothing of each other or of the key; and finding two keys with one output of 32 bytes
    takes a collision of SHA-256, which is what makes such an output a commitment to the key.

    Raises:
        VaultClosed, VaultForked: the key is gone.
    """
    derived = Locked.zero(size)
    HKDFExpand(_SHA256, size, info).derive_into(key.view(), derived.view())
    return derived


def extract_and_expand(material: memoryview, info: bytes) -> Locked:
    """32 bytes for the purpose `info`, from material of any length that may serve other algorithms as well."""
    derived = Locked.zero(KEY_SIZE)
    HKDF(_SHA256, KEY_SIZE, None, info).derive_into(material, derived.view())
    return derived
