"""Frames of an append-only file by the core's kernels: a chunk of a file in one call.

Relies on the core. Promises: what `framing` promises, which does the same one frame at a time.
"""

from __future__ import annotations

from array import array

from localvault.native.core import ffi, lib
from localvault.native.framing import FRAME_BYTES, OVERHEAD, Frames
from localvault.native.gcm import GcmKey
from localvault.native.xaes import numbers

_seal, _open = lib.lv_frame_seal, lib.lv_frames_open  # looked up once, for the hot path
_OK = lib.LV_OK


def seal_frame(gcm: GcmKey, number: int, data: bytes) -> bytes:
    """As `framing.seal_frame`; up to 65,520 bytes of data."""
    size = len(data)
    out = bytes(size + OVERHEAD)  # written in place: see `xaes`
    status = _seal(gcm.handle, number, data, size, out)
    if status != _OK:
        gcm.check(status)
    return out


def open_frames(gcm: GcmKey, number: int, chunk: bytes, limit: int) -> Frames:
    """As `framing.open_frames`."""
    size = len(chunk)
    limit = max(0, min(limit, size // OVERHEAD))
    if not limit or number.bit_length() > 64:
        return Frames(b"", array("q", [0]))
    out = bytes(min(size, limit * FRAME_BYTES))
    offsets = array("q", bytes(8 * (limit + 1)))
    count = ffi.new("size_t *")
    gcm.check(_open(gcm.handle, number, chunk, size, limit, out, numbers(offsets), count))
    return Frames(out, offsets[: count[0] + 1])
