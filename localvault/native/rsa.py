"""RSA's bare operations, many at a time: eight side by side in the core, where the processor has AVX512-IFMA.

Relies on the core (csrc/rsa). Promises: private numbers stand in locked memory only; a private result is released
after it was verified with the public exponent, else its index is reported and the event counted; whoever calls has
other code for what cannot be served here.
"""

from __future__ import annotations

import os
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, final

from localvault.model.hidden import Hidden
from localvault.native.core import ffi, lib
from localvault.native.levels import VARIABLE
from localvault.native.memory import Locked, wipe

if TYPE_CHECKING:
    from typing_extensions import Buffer

WORTHWHILE: Final = 3
"""Operations from which a call is quicker here: one takes as long as eight, or as two elsewhere."""
EXPONENT_MAX: Final = (1 << 64) - 1
_LEVELS: Final = ("", "avx512")  # what may be asked for and still mean this
_PRIVATE_PARTS: Final = 5

_faults = 0
_counting = Lock()


class Unserved(Exception):
    """The core cannot do it here and now: another processor, another kind of key, a fork, no memory."""


def serves(size: int) -> bool:
    """Whether keys of `size` bytes are served in this process; the first question of a size takes milliseconds."""
    if os.environ.get(VARIABLE, "") not in _LEVELS:
        return False
    return lib.lv_rsa_status(size) == lib.LV_OK


def faults() -> int:
    """How many private results of this process were withheld because their verification failed.

    Not 0: this machine computes wrongly, or somebody makes it.
    """
    return _faults


@final
class LaneKey(Hidden):
    """An RSA key laid out for the core. May be used by several threads at once."""

    __slots__ = ("__weakref__", "_handle", "_n", "size")

    size: int
    """Bytes of the modulus, and of every number that goes in or comes out."""

    def __init__(self, n: bytes, e: int, private: Locked | None = None) -> None:
        """Take a key's numbers.

        Args:
            n: the modulus, big-endian, without zeros in front.
            e: the public exponent.
            private: p, q, dp, dq and 1/q mod p, big-endian, each half as long as n, one after another; stays the
                caller's to wipe. None: the public half, which verifies only.

        Raises:
            Unserved: the core has nothing for such a key.
            VaultClosed, VaultForked: `private` can no longer be read.
        """
        self.size, self._n = len(n), n
        half = self.size // 2
        if (private is not None and len(private) != _PRIVATE_PARTS * half) or not 0 <= e <= EXPONENT_MAX:
            raise Unserved
        p = q = dp = dq = qinv = ffi.NULL
        if private is not None:
            start: Any = ffi.from_buffer("uint8_t[]", private.view())
            p, q, dp, dq, qinv = (start + i * half for i in range(_PRIVATE_PARTS))
        made = ffi.new("lv_rsa **")
        modulus = ffi.from_buffer("uint8_t[]", n)
        if lib.lv_rsa_new(self.size, modulus, e, p, q, dp, dq, qinv, made) != lib.LV_OK:
            raise Unserved
        self._handle: Any = ffi.gc(made[0], lib.lv_rsa_free)

    def takes(self, number: Buffer) -> bool:
        """Whether a number has as many bytes as the modulus and is below it; neither is secret."""
        window = memoryview(number)
        return window.nbytes == self.size and bytes(window) < self._n

    def private(self, numbers: Buffer, out: Buffer) -> list[int]:
        """Raise numbers (`size` bytes each, one after another) to the private exponent, into `out`.

        Returns the indexes of those that are withheld, whose place in `out` is zero: those `takes` refuses, and those
        whose verification failed, which are counted.

        Raises:
            Unserved: the core cannot, or the key is a public half; `out` holds nothing of use.
        """
        global _faults
        withheld = self._run(lib.lv_rsa_private, numbers, out)
        if withheld:
            window = memoryview(numbers)
            with _counting:
                _faults += sum(self.takes(window[i * self.size : (i + 1) * self.size]) for i in withheld)
        return withheld

    def public(self, numbers: Buffer, out: Buffer) -> list[int]:
        """Raise numbers to the public exponent, into `out`; returns the indexes of those `takes` refuses.

        Raises:
            Unserved: the core cannot.
        """
        return self._run(lib.lv_rsa_public, numbers, out)

    def _run(self, operation: Any, numbers: Buffer, out: Buffer) -> list[int]:
        source, target = ffi.from_buffer("uint8_t[]", numbers), ffi.from_buffer("uint8_t[]", out, True)
        items, rest = divmod(len(source), self.size)
        if rest or len(target) != len(source):
            raise ValueError(f"numbers and results are {self.size} bytes each")
        good = bytearray(items)
        keys = ffi.new(ffi.typeof("lv_rsa *[]"), [self._handle] * items)  # handles, nothing secret
        if operation(keys, source, target, ffi.from_buffer("uint8_t[]", good), items) != lib.LV_OK:
            raise Unserved
        return [index for index, is_good in zip(count(), good, strict=False) if not is_good]


def open_oaep(encoded: memoryview, digest: int) -> bytes | None:
    """Take the padding off what `LaneKey.private` made of an RSAES-OAEP ciphertext with an empty label.

    `encoded` is used up and wiped; `digest` is 20 (SHA-1) or 32 (SHA-256), for the hash and for MGF1. None if it is not
    so padded, after a time that does not tell why.
    """
    start = ffi.new("size_t *")
    try:
        window = ffi.from_buffer("uint8_t[]", encoded, True)
        if lib.lv_rsa_oaep(window, len(window), digest, start) != lib.LV_OK:
            return None
        return bytes(encoded[start[0] :])
    finally:
        wipe(encoded)
