"""Seals the frames of one append-only file under a key that no other file has.

Relies on AES-256-GCM from `cryptography`. Promises: half the price of an XAES seal,
for callers that count; a child process gets `VaultForked` instead of a second life for the parent's counter.
"""

from __future__ import annotations

import os
from typing import NoReturn, final
from weakref import WeakValueDictionary

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from localvault.errors import BadParameter, DecryptionFailed
from localvault.model.hidden import Hidden
from localvault.native.memory import Locked, forks, refusal

KEY_SIZE = 32
TAG_SIZE = 16
_NONCE_SIZE = 12


class _Gone:
    """Stands where the cipher was after a wipe or a fork, so that sealing needs no check of its own."""

    def __init__(self, made_after: int) -> None:
        self._made_after = made_after

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> NoReturn:
        raise refusal(self._made_after)

    decrypt = encrypt


@final
class FrameKey(Hidden):
    """An AES-256-GCM key whose nonce is a number the caller uses once.

    The caller promises never to seal twice under one number. That is what a file which only grows, has one writer and
    its own key gives for free; a deterministic nonce of that kind is NIST SP 800-38D section 8.2.1, which bounds the
    number of frames by the counter and not by 2^32. The attack that remains is a caller that goes back: a nonce used
    twice gives away both plaintexts and lets anyone forge.
    """

    __slots__ = ("__weakref__", "_forks", "_gcm")

    def __init__(self, key: Locked) -> None:
        """`key` stays the caller's to wipe, and may be wiped at once.

        Raises:
            BadParameter: not 32 bytes.
            VaultClosed, VaultForked: the key is gone.
        """
        if len(key) != KEY_SIZE:
            raise BadParameter(f"a frame key has {KEY_SIZE} bytes, not {len(key)}")
        self._forks = forks()
        self._gcm: AESGCM | _Gone = AESGCM(key.view())
        _alive[id(self)] = self

    def seal(self, number: int, data: bytes) -> bytes:
        """Return ciphertext and tag, 16 bytes longer than `data`; `number` (below 2^96) must be a new one.

        Raises:
            VaultClosed, VaultForked: the key cannot be used any more.
        """
        return self._gcm.encrypt(number.to_bytes(_NONCE_SIZE), data, None)

    def open(self, number: int, sealed: bytes) -> bytes:
        """Return the plaintext of what `seal` made under the same number.

        Raises:
            DecryptionFailed: another key, another number or altered bytes.
            VaultClosed, VaultForked: the key cannot be used any more.
        """
        try:
            return self._gcm.decrypt(number.to_bytes(_NONCE_SIZE), sealed, None)
        except InvalidTag:
            raise DecryptionFailed("the frame does not open: another key or altered bytes") from None

    def wipe(self) -> None:
        """Forget the key; every later use raises `VaultClosed`."""
        self._gcm = _Gone(self._forks)


_alive: WeakValueDictionary[int, FrameKey] = WeakValueDictionary()


def _forget_all() -> None:
    for key in list(_alive.values()):
        key.wipe()
    _alive.clear()


os.register_at_fork(after_in_child=_forget_all)
