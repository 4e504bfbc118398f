"""Seals the frames of one append-only file under a key that no other file has.

Relies on AES-256-GCM from `face`, and on `frames` where the core has kernels, else on `framing`. Promises: half the
price of an XAES seal, for callers that count; a child process gets `VaultForked` instead of a second life for the
parent's counter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from localvault.errors import BadParameter
from localvault.model.hidden import Hidden
from localvault.native.face import TAG_SIZE, GcmKey
from localvault.native.framing import FRAME, FRAME_BYTES, NONCE_SIZE, Frames
from localvault.native.levels import CHOSEN
from localvault.native.memory import Locked

if TYPE_CHECKING or CHOSEN is None:
    from localvault.native.framing import open_frames, seal_frame
else:
    from localvault.native.frames import open_frames, seal_frame

__all__ = ["FRAME", "FRAME_BYTES", "KEY_SIZE", "TAG_SIZE", "FrameKey", "Frames"]

KEY_SIZE = 32


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
        return self._gcm.seal(number.to_bytes(NONCE_SIZE), data)

    def open(self, number: int, sealed: bytes) -> bytes:
        """Return the plaintext of what `seal` made under the same number.

        Raises:
            DecryptionFailed: another key, another number or altered bytes.
            VaultClosed, VaultForked: the key cannot be used any more.
        """
        return self._gcm.open(number.to_bytes(NONCE_SIZE), sealed)

    def seal_frame(self, number: int, data: bytes) -> bytes:
        """Return the whole frame of `data` (up to 65,520 bytes) for the file; `number` (below 2^64) must be a new one.

        Raises:
            VaultClosed, VaultForked: the key cannot be used any more.
        """
        return seal_frame(self._gcm, number, data)

    def open_frames(self, number: int, chunk: bytes, limit: int) -> Frames:
        """Return the frames that a chunk of the file begins with, `number` being the first one's.

        At most `limit`, and none from the first on that is not all there, has another number or does not open.

        Raises:
            VaultClosed, VaultForked: the key cannot be used any more.
        """
        return open_frames(self._gcm, number, chunk, limit)

    def wipe(self) -> None:
        """Forget the key; every later use raises `VaultClosed`."""
        self._gcm.wipe()
