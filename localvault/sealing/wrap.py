"""One key wrapped under another, with a commitment to the wrapping key. Slots and backups share it.

Relies on HKDF and XAES-256-GCM. Promises: a wrapped key is tied to everything in `binding`; whether a secret is the
right one is known, in constant time, before anything is deciphered. docs/format.md, section 2.

    wrapped    = commitment (32) | nonce (24) | ciphertext (32) | tag (16)
    commitment = HKDF(secret, "commitment", binding)      key = HKDF(secret, "key", binding)

The commitment is there because AES-GCM has none: without it one can be made that opens under many passphrases at
once and used to try them all in one attempt (partitioning oracles, Len, Grubbs and Ristenpart, USENIX Security 2021).
With it, two secrets that fit one wrapped key would be a collision of SHA-256. It tells nobody more than the tag does:
either confirms a guess.
"""

from __future__ import annotations

import os
from typing import Final

from localvault.errors import DecryptionFailed, Tampered
from localvault.native.face import NONCE_SIZE, TAG_SIZE, XaesKey
from localvault.native.memory import Locked, equal
from localvault.sealing.hkdf import KEY_SIZE, expand

COMMITMENT_SIZE: Final = 32
WRAPPED_SIZE: Final = COMMITMENT_SIZE + NONCE_SIZE + KEY_SIZE + TAG_SIZE

_NONCE = slice(COMMITMENT_SIZE, COMMITMENT_SIZE + NONCE_SIZE)
_SEALED = slice(COMMITMENT_SIZE + NONCE_SIZE, WRAPPED_SIZE)
# Neither label is the beginning of the other, so no binding makes one purpose's input the other's.
_COMMIT = b"localvault/wrap/v1 commitment "
_WRAP = b"localvault/wrap/v1 key "


def wrap(secret: Locked, binding: bytes, key: Locked) -> bytes:
    """104 bytes that hold `key` (32 bytes) for whoever has `secret` (uniformly random, 32 bytes).

    Raises:
        VaultClosed, VaultForked: one of them is gone.
    """
    wrapping = expand(secret, _WRAP + binding)
    try:
        nonce = os.urandom(NONCE_SIZE)
        sealed = XaesKey(wrapping).seal(nonce, key.view(), binding)
    finally:
        wrapping.wipe()
    return commitment(secret, binding) + nonce + sealed


def unwrap(secret: Locked, binding: bytes, wrapped: bytes) -> Locked | None:
    """The key that `wrap` put into these 104 bytes; None if `secret` or `binding` is another.

    Raises:
        Tampered: the secret is right and the wrapped key was altered.
        VaultClosed, VaultForked: the secret is gone.
    """
    if not equal(commitment(secret, binding), wrapped[:COMMITMENT_SIZE]):
        return None
    wrapping, key = expand(secret, _WRAP + binding), Locked.zero(KEY_SIZE)
    try:
        XaesKey(wrapping).open_into(wrapped[_NONCE], wrapped[_SEALED], binding, key.view())
    except DecryptionFailed:
        raise Tampered("the secret is right, but the key it protects was altered") from None
    finally:
        wrapping.wipe()
    return key


def commitment(secret: Locked, binding: bytes) -> bytes:
    """32 bytes that only `secret` with `binding` gives, and that give nothing of it away."""
    return bytes(expand(secret, _COMMIT + binding).view())
