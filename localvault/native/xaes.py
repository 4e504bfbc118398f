"""XAES-256-GCM (C2SP) by the core's kernels: keys as handles in locked memory, one record at a time.

Relies on the core. Promises: what `fallback` promises, and that neither the key nor one derived from it is ever outside
of locked memory; every derived key is wiped before a call returns, but for that of a batch.
"""

from __future__ import annotations

import itertools
import os
from array import array
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, NoReturn, final

from localvault.errors import BadParameter, DecryptionFailed
from localvault.model.hidden import Hidden
from localvault.native.core import ffi, lib
from localvault.native.fallback import (
    BATCHES_A_KEY,
    COUNTER,
    DERIVING,
    KEY_SIZE,
    NONCE_SIZE,
    TAG_SIZE,
    UNAUTHENTIC,
    Buffer,
    check_keyed,
)
from localvault.native.levels import CHOSEN
from localvault.native.memory import Locked, forks, refusal

if TYPE_CHECKING:
    from _cffi_backend import FFI

_seal, _open = lib.lv_xaes_seal, lib.lv_xaes_open  # looked up once, for the hot path
_gcm_seal = lib.lv_gcm_seal
_OK = lib.LV_OK
_ALIGNMENT = 8  # bytes, of an offset
DIGEST_SIZE = lib.LV_DIGEST_SIZE
_SIZE_MAX = lib.LV_GCM_SIZE_MAX
_TOO_LONG = "a plaintext can have no more than 64 GiB less 32 bytes; cut it up"
_LEVEL = -1 if CHOSEN is None else CHOSEN.number

# Results are written into `bytes` made a moment ago, which nobody else has seen: a `bytearray` would have to be copied.
# CPython shares those of one byte and none; with tags and nonces around them the sealed ones are never so short, and an
# opened one of a byte takes the long way.
_fresh = bytes


# What a wiped key points to: it reads as a handle in a forked child does, so every call answers LV_NO_KEY.
_NOTHING = ffi.from_buffer(bytearray(2048))
GONE_XAES: Any = ffi.cast("lv_xaes *", _NOTHING)
GONE_GCM: Any = ffi.cast("lv_gcm *", _NOTHING)


def view(data: Buffer) -> FFI.CData | bytes:
    """Return what C reads or writes `data` through: for an argument, never for a variable.

    A window that C has on a memoryview must not be in a frame that an exception keeps: when CPython before 3.12.7
    collects both in one cycle, it crashes (python/cpython#77894).
    """
    return data if type(data) is bytes else ffi.from_buffer("uint8_t[]", data)


def size_of(data: Buffer) -> int:
    """Return how many bytes C will see of what is to be sealed.

    Raises:
        BadParameter: more than one nonce may seal.
        TypeError: the buffer has gaps.
    """
    size = len(data) if type(data) is bytes else memoryview(data).cast("B").nbytes
    if size > _SIZE_MAX:
        raise BadParameter(_TOO_LONG)
    return size


def numbers(offsets: array[int] | memoryview) -> FFI.CData:
    """Return what C reads or writes offsets through: for an argument, as `view`."""
    window = ffi.from_buffer("int64_t[]", offsets)
    if int(ffi.cast("uintptr_t", window)) % _ALIGNMENT == 0:
        return window
    # What a caller cut out of some bytes may begin anywhere, and C's numbers may not.
    return ffi.from_buffer("int64_t[]", array("q", bytes(offsets)))


def failed(status: int, made_after: int) -> NoReturn:
    """Raise the error that a status of the core stands for."""
    if status == lib.LV_NO_KEY:
        raise refusal(made_after)
    if status == lib.LV_TOO_LONG:
        raise BadParameter(_TOO_LONG)
    if status == lib.LV_WRONG:
        raise DecryptionFailed(UNAUTHENTIC)
    raise MemoryError("no memory for key material")


@final
class XaesKey(Hidden):
    """A 256-bit key for XAES-256-GCM; as `fallback.XaesKey`, whose docstrings say what holds."""

    __slots__ = ("__weakref__", "_forks", "_shared", "handle")

    def __init__(self, key: Locked) -> None:
        if len(key) != KEY_SIZE:
            raise BadParameter(f"an XAES-256-GCM key has {KEY_SIZE} bytes, not {len(key)}")
        self._forks = forks()
        self._shared: _Shared | None = None
        made = ffi.new("lv_xaes **")
        status = lib.lv_xaes_new(_LEVEL, view(key.view()), made)
        if status != _OK:
            failed(status, self._forks)
        # Freed, and so wiped, when nobody has it any more: a call of another thread that is still at work keeps it.
        self.handle: Any = ffi.gc(made[0], lib.lv_xaes_free)

    def seal(self, nonce: bytes, plaintext: Buffer, aad: bytes) -> bytes:
        """As `fallback.XaesKey.seal`; up to 64 GiB less 32 bytes."""
        if len(nonce) != NONCE_SIZE:
            raise BadParameter(f"an XAES-256-GCM nonce has {NONCE_SIZE} bytes, not {len(nonce)}")
        size = size_of(plaintext)
        out = _fresh(size + TAG_SIZE)
        status = _seal(self.handle, nonce, aad, len(aad), view(plaintext), size, out)
        if status != _OK:
            failed(status, self._forks)
        return out

    def seal_into(self, nonce: bytes, plaintext: Buffer, aad: bytes, out: memoryview) -> None:
        """As `fallback.XaesKey.seal_into`."""
        if len(nonce) != NONCE_SIZE:
            raise BadParameter(f"an XAES-256-GCM nonce has {NONCE_SIZE} bytes, not {len(nonce)}")
        size = size_of(plaintext)
        if out.nbytes != size + TAG_SIZE:
            raise ValueError(f"the output must have {size + TAG_SIZE} bytes, not {out.nbytes}")
        status = _seal(self.handle, nonce, aad, len(aad), view(plaintext), size, view(out))
        if status != _OK:
            failed(status, self._forks)

    def open(self, nonce: bytes, sealed: Buffer, aad: bytes) -> bytes:
        """As `fallback.XaesKey.open`."""
        if len(nonce) != NONCE_SIZE:
            raise BadParameter(f"an XAES-256-GCM nonce has {NONCE_SIZE} bytes, not {len(nonce)}")
        size = size_of(sealed) - TAG_SIZE
        if size < 2:
            return self._open_short(nonce, sealed, size, aad)
        out = _fresh(size)
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

    def open_into(self, nonce: bytes, sealed: Buffer, aad: bytes, out: memoryview) -> None:
        """As `fallback.XaesKey.open_into`."""
        if len(nonce) != NONCE_SIZE:
            raise BadParameter(f"an XAES-256-GCM nonce has {NONCE_SIZE} bytes, not {len(nonce)}")
        size = size_of(sealed) - TAG_SIZE
        if size < 0:
            self._refuse_short(nonce)
        if out.nbytes != size:
            raise ValueError(f"the output must have {size} bytes, not {out.nbytes}")
        status = _open(self.handle, nonce, aad, len(aad), view(sealed), size, view(out))
        if status != _OK:
            failed(status, self._forks)

    def batch(self) -> XaesBatch:
        """As `fallback.XaesKey.batch`."""
        shared = self._shared
        # Two threads that meet here may use one key a few times more than said, or make one too many: no harm done.
        if shared is None or shared.uses_left <= 0:
            shared = self._shared = _Shared(self, os.urandom(DERIVING), self._forks)
        return shared.batch()

    def check(self, status: int) -> None:
        """Raise the error that a status of the core stands for, unless it is LV_OK."""
        if status != _OK:
            failed(status, self._forks)

    def wipe(self) -> None:
        """As `fallback.XaesKey.wipe`."""
        self.handle = GONE_XAES
        self._shared = None


@final
class _Shared:
    """A derived key and the 96 bits of nonce that derive it, for many batches."""

    __slots__ = ("forks", "gcm", "half", "uses_left")

    def __init__(self, key: XaesKey, half: bytes, made_after: int) -> None:
        made = ffi.new("lv_gcm **")
        status = lib.lv_xaes_derive(key.handle, half, made)
        if status != _OK:
            failed(status, made_after)
        # In a child it reads as zeros, so parent and child cannot count on from the same number.
        self.gcm: Any = ffi.gc(made[0], lib.lv_gcm_free)
        self.half = half
        self.uses_left = BATCHES_A_KEY
        self.forks = made_after

    def batch(self) -> XaesBatch:
        """Return a batch with random bits of its own."""
        self.uses_left -= 1
        return XaesBatch(self)


@final
class XaesBatch(Hidden):
    """Seals many records under one derived key and a counter; as `fallback.XaesBatch`, which says why that is safe."""

    __slots__ = ("_forks", "_gcm", "_next", "_shared", "head")

    def __init__(self, shared: _Shared) -> None:
        self.head = shared.half + os.urandom(NONCE_SIZE - DERIVING - COUNTER)
        self._gcm = shared.gcm
        self._forks = shared.forks
        self._shared: _Shared | None = shared
        self._next = itertools.count().__next__

    def seal(self, plaintext: Buffer, aad: bytes) -> tuple[bytes, bytes]:
        """As `fallback.XaesBatch.seal`."""
        nonce = self.head + self._next().to_bytes(COUNTER)
        size = size_of(plaintext)
        out = _fresh(size + TAG_SIZE)
        status = _gcm_seal(self._gcm, nonce[DERIVING:], aad, len(aad), view(plaintext), size, out)
        if status != _OK:
            failed(status, self._forks)
        return nonce, out

    def seal_keyed(
        self, header: bytes, start: bytes, keys: Sequence[bytes], plaintexts: Sequence[bytes]
    ) -> tuple[list[bytes], list[bytes]]:
        """As `fallback.XaesBatch.seal_keyed`."""
        check_keyed(keys, plaintexts)
        count = len(keys)
        derived, nonce = self.beside().whole()
        key_offsets = array("q", accumulate(map(len, keys), initial=0))
        offsets = array("q", accumulate(map(len, plaintexts), initial=0))
        out = bytes(offsets[-1] + count * (len(header) + NONCE_SIZE + TAG_SIZE))
        digests = bytes(count * DIGEST_SIZE)
        places = array("q", bytes(8 * (count + 1)))
        status = lib.lv_xaes_seal_keyed(
            derived,
            nonce,
            header,
            len(header),
            start,
            len(start),
            b"".join(keys),
            numbers(key_offsets),
            b"".join(plaintexts),
            numbers(offsets),
            count,
            out,
            numbers(places),
            digests,
        )
        if status != _OK:
            failed(status, self._forks)
        ends = places.tolist()
        return (
            [out[begin:end] for begin, end in pairwise(ends)],
            [digests[at : at + DIGEST_SIZE] for at in range(0, len(digests), DIGEST_SIZE)],
        )

    def beside(self) -> XaesBatch:
        """Return a batch of the same derived key for a bulk call, since taking many numbers at once is not atomic.

        Raises `VaultClosed` and `VaultForked`.
        """
        if self._shared is None or self._forks != forks():
            raise refusal(self._forks)
        return self._shared.batch()

    def whole(self) -> tuple[FFI.CData, bytes]:
        """Return the derived key and the nonce whose counter is 0, for a bulk call that uses the batch up."""
        return self._gcm, self.head + bytes(COUNTER)

    def wipe(self) -> None:
        """As `fallback.XaesBatch.wipe`."""
        self._gcm = GONE_GCM
        self._shared = None
