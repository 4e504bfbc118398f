"""Seals the frames of one append-only file under a key that no other file has.

Relies on AES-256-GCM from `face`. Promises: half the price of an XAES seal, for callers that count; a child process
gets `VaultForked` instead of a second life for the parent's counter.
"""

from __future__ import annotations

from typing import final

from localvault.errors import BadParameter
from localvault.model.hidden import Hidden
from localvault.native.face import TAG_SIZE, GcmKey
from localvault.native.memory import Locked

__all__ = ["KEY_SIZE", "TAG_SIZE", "FrameKey"]

KEY_SIZE = 32
_NONCE_SIZE = 12


@final
class FrameKey(Hidden):
    """An AES-256-GCM key whose nonce is a number the caller uses once.

    The caller promises never to seal twice under one number. That is what a file which only grows, has one writer and
    its own key gives for free; a deterministic nonce of that kind is NIST SP 800-38D section 8.2.1, which bounds the
    number of frames by the counter and not by 2^32. The attack that remains is a caller that goes back: a nonce used
    twice gives away both plaintexts and lets anyone forge.
    """

    __slots__ = ("_gcm",)

    def __init__(self, key: Locked) -> None:
        """`key` stays the caller's to wipe, and may be wiped at once.

        Raises:
            BadParameter: not 32 bytes.
            VaultClosed, VaultForked: the key is gone.
        """
        if len(key) != KEY_SIZE:
            raise BadParameter(f"a frame key has {KEY_SIZE} bytes, not {len(key)}")
        self._gcm = GcmKey(key)

    def seal(self, number: int, data: bytes) -> bytes:
        """Return ciphertext and tag, 16 bytes longer than `data`; `number` (below 2^96) must be a new one.

        Raises:
            VaultClosed, VaultForked: the key cannot be used any more.
        """
        return self._gcm.seal(number.to_bytes(_NONCE_SIZE), data)

    def open(self, number: int, sealed: bytes) -> bytes:
        """Return the plaintext of what `seal` made under the same number.

        Raises:
            DecryptionFailed: another key, another number or altered bytes.
            VaultClosed, VaultForked: the key cannot be used any more.
        """
        return self._gcm.open(number.to_bytes(_NONCE_SIZE), sealed)

    def wipe(self) -> None:
        """Forget the key; every later use raises `VaultClosed`."""
        self._gcm.wipe()
