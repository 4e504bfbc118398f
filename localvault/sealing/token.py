"""The self-describing ciphertext that `seal` makes: how it is written and read, and its key made.

Relies on HKDF and `native.face`, which does many at once. Promises: a token names the key version it needs, and cannot
be made to name another, since the prefix is part of the associated data. docs/format.md, section 5.

    token = format (1) | suite (1) | key version (16) | nonce (24) | ciphertext | tag (16)
    AAD   = first 18 bytes | context
"""

from __future__ import annotations

import os
from typing import Final

from localvault.errors import DecryptionFailed, NewerFormat
from localvault.native.face import NONCE_SIZE, TAG_SIZE, XaesKey
from localvault.native.memory import Locked
from localvault.sealing.hkdf import extract_and_expand

FORMAT: Final = 1
XAES_256_GCM: Final = 1
WRAPPED_KEYS: Final = range(64, 128)
"""Suites that are no tokens but wrapped data keys (`datakey`)."""
PREFIX_LEN: Final = 18
KEY_ID: Final = slice(2, 18)
OVERHEAD: Final = PREFIX_LEN + NONCE_SIZE + TAG_SIZE
_SEALED_AT = PREFIX_LEN + NONCE_SIZE
_VERSION_ID_SIZE = 16
_INFO = b"localvault token v1"


def prefix(version_id: bytes) -> bytes:
    """The 18 bytes every token of this key version (its id, 16 bytes) begins with."""
    if len(version_id) != _VERSION_ID_SIZE:
        raise ValueError("a version id has 16 bytes")
    return bytes((FORMAT, XAES_256_GCM)) + version_id


def parse(token: bytes) -> bytes:
    """The id (16 bytes) of the key version that `token` says it was sealed with.

    Raises:
        DecryptionFailed: no token, or one cut short; a wrapped data key is none.
        NewerFormat: of a format or suite this localvault does not know.
    """
    if len(token) < OVERHEAD:
        raise DecryptionFailed("this is not a token, or not all of it")
    if token[0] == FORMAT and token[1] in WRAPPED_KEYS:
        raise DecryptionFailed(
            "this is a wrapped data key, not a token",
            hint="open_data_key opens it, rewrap_data_keys moves it",
        )
    return parse_prefix(token)


def parse_prefix(prefix: bytes) -> bytes:
    """As `parse`, for what may be no more than the 18 bytes that a token, or a wrapped data key, begins with."""
    if len(prefix) < PREFIX_LEN or not prefix[0] or not prefix[1]:
        raise DecryptionFailed("this is not a token, or not all of it")
    if prefix[0] > FORMAT or (prefix[1] > XAES_256_GCM and prefix[1] not in WRAPPED_KEYS):
        raise NewerFormat("the token was made by a newer localvault", hint="update localvault")
    return prefix[KEY_ID]


def seal(key: XaesKey, start: bytes, plaintext: bytes, context: bytes) -> bytes:
    """The token of `plaintext` that begins with `start`, a `prefix`.

    The nonce is 192 random bits, as for a record: no counter to lose (C2SP XAES-256-GCM).

    Raises:
        BadParameter: more than 2 GiB.
        VaultClosed, VaultForked: the key is gone.
    """
    nonce = os.urandom(NONCE_SIZE)
    return start + nonce + key.seal(nonce, plaintext, start + context)


def open_with(key: XaesKey, token: bytes, context: bytes) -> bytes:
    """What `seal` sealed in a whole token.

    Raises:
        DecryptionFailed: under another key, with another context, or altered.
        VaultClosed, VaultForked: the key is gone.
    """
    return key.open(token[PREFIX_LEN:_SEALED_AT], token[_SEALED_AT:], token[:PREFIX_LEN] + context)


def token_key(material: Locked) -> Locked:
    """The 32-byte key that seals tokens, from the material of an `oct` key (16, 24 or 32 bytes).

    A key of its own, so that the same material can also serve raw AES and HMAC without one use weakening another.
    With HKDF's extract step, and it matters: there the material is HMAC's message, whereas without it the token key
    would be an HMAC under the material itself, which `sign("HS256", …)` of a chosen message would hand out. Strength
    is the material's: 128 bits from an `oct` key of 128.

    Raises:
        VaultClosed, VaultForked: the material is gone.
    """
    return extract_and_expand(material.view(), _INFO)
