"""HMAC-SHA256 of many short messages.

Relies on the core, and on the standard library where this process uses none of its levels. Promises: both give the
same.
"""

from __future__ import annotations

import hmac
from array import array
from collections.abc import Sequence
from itertools import accumulate

from localvault.native.core import ffi, lib
from localvault.native.levels import CHOSEN
from localvault.native.memory import Locked

_BLOCK = 64  # bytes; a longer key would be hashed first


def hmac_many(key: Locked, messages: Sequence[bytes], size: int) -> list[bytes]:
    """Return the first `size` bytes (1 to 32) of the HMAC of each message under a key of up to 64 bytes.

    Raises `ValueError` for other sizes, `VaultClosed` and `VaultForked`.
    """
    if not 0 < size <= 32 or len(key) > _BLOCK:
        raise ValueError("HMAC-SHA256 gives 1 to 32 bytes, here under a key of up to 64")
    secret = key.view()
    if CHOSEN is None:
        return [hmac.digest(secret, message, "sha256")[:size] for message in messages]
    offsets = array("q", accumulate(map(len, messages), initial=0))
    out = bytearray(size * len(messages))
    lib.lv_hmac_many(
        ffi.from_buffer("uint8_t[]", secret),
        len(secret),
        b"".join(messages),
        ffi.from_buffer("int64_t[]", offsets),
        len(messages),
        size,
        ffi.from_buffer("uint8_t[]", out),
    )
    made = bytes(out)
    return [made[at : at + size] for at in range(0, len(made), size)]
