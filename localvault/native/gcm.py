"""AES-GCM with a nonce the caller answers for, by the core's kernels.

Relies on the core. Promises: what `fallback.GcmKey` promises, and that round keys stand in locked memory only.
"""

from __future__ import annotations

from typing import Any, NoReturn, final

from localvault.errors import BadParameter
from localvault.model.hidden import Hidden
from localvault.native.core import ffi, lib
from localvault.native.fallback import GCM_KEY_SIZES, GCM_NONCE_SIZE, TAG_SIZE, Buffer
from localvault.native.levels import CHOSEN
from localvault.native.memory import Locked, forks
from localvault.native.xaes import GONE_GCM, failed, size_of, view

_seal, _open = lib.lv_gcm_seal, lib.lv_gcm_open  # looked up once, for the hot path
_OK = lib.LV_OK
_LEVEL = -1 if CHOSEN is None else CHOSEN.number


@final
class GcmKey(Hidden):
    """An AES-GCM key of 128, 192 or 256 bits; as `fallback.GcmKey`, whose docstrings say what holds."""

    __slots__ = ("__weakref__", "_forks", "handle")

    def __init__(self, key: Locked) -> None:
        if len(key) not in GCM_KEY_SIZES:
            raise BadParameter(f"an AES-GCM key has 16, 24 or 32 bytes, not {len(key)}")
        self._forks = forks()
        made = ffi.new("lv_gcm **")
        status = lib.lv_gcm_new(_LEVEL, view(key.view()), len(key), made)
        if status != _OK:
            failed(status, self._forks)
        self.handle: Any = ffi.gc(made[0], lib.lv_gcm_free)

    def seal(self, nonce: bytes, plaintext: Buffer, aad: bytes = b"") -> bytes:
        """As `fallback.GcmKey.seal`; up to 64 GiB less 32 bytes."""
        if len(nonce) != GCM_NONCE_SIZE:
            raise BadParameter(f"the nonce has {GCM_NONCE_SIZE} bytes, not {len(nonce)}")
        size = size_of(plaintext)
        out = bytes(size + TAG_SIZE)  # written in place: see `xaes`
        status = _seal(self.handle, nonce, aad, len(aad), view(plaintext), size, out)
        if status != _OK:
            failed(status, self._forks)
        return out

    def open(self, nonce: bytes, sealed: Buffer, aad: bytes = b"") -> bytes:
        """As `fallback.GcmKey.open`."""
        if len(nonce) != GCM_NONCE_SIZE:
            raise BadParameter(f"the nonce has {GCM_NONCE_SIZE} bytes, not {len(nonce)}")
        size = size_of(sealed) - TAG_SIZE
        if size < 2:
            return self._open_short(nonce, sealed, size, aad)
        out = bytes(size)
        status = _open(self.handle, nonce, aad, len(aad), view(sealed), size, out)
        if status != _OK:
            failed(status, self._forks)
        return out

    def _open_short(self, nonce: bytes, sealed: Buffer, size: int, aad: bytes) -> bytes:
        if size < 0:
            self._refuse_short(nonce)
        out = bytearray(size)
        status = _open(self.handle, nonce, aad, len(aad), view(sealed), size, view(out))
        if status != _OK:
            failed(status, self._forks)
        return bytes(out)

    def _refuse_short(self, nonce: bytes) -> NoReturn:
        """Raise for what has not even a tag; that the key is gone is told first."""
        status = _open(self.handle, nonce, b"", 0, bytes(TAG_SIZE), 0, view(bytearray()))
        failed(lib.LV_WRONG if status == _OK else status, self._forks)

    def check(self, status: int) -> None:
        """Raise the error that a status of the core stands for, unless it is LV_OK."""
        if status != _OK:
            failed(status, self._forks)

    def wipe(self) -> None:
        """As `fallback.GcmKey.wipe`."""
        self.handle = GONE_GCM
