"""The bulk calls on tokens by the core's kernels: one call for the whole batch, spread over threads where it is large.

Relies on the core. Promises: what `loops` promises, which does the same one token at a time; plaintext that is sealed
again stands only in locked memory.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from localvault.errors import DecryptionFailed
from localvault.model.packed import Packed
from localvault.native.core import ffi, lib
from localvault.native.fallback import NONCE_SIZE, TAG_SIZE
from localvault.native.memory import wipe
from localvault.native.target import target
from localvault.native.xaes import XaesKey, numbers, view

OVERHEAD = NONCE_SIZE + TAG_SIZE

Keys: TypeAlias = Callable[[bytes], XaesKey]


def seal_many(
    key: XaesKey, prefix: bytes, items: Packed, context: bytes, out: memoryview | None = None
) -> Packed:
    """As `loops.seal_many`."""
    count, aad = len(items), prefix + context
    window = target(out, items.nbytes + count * (len(prefix) + OVERHEAD))
    offsets = array("q", bytes(8 * (count + 1)))
    derived, nonce = key.batch().whole()
    status = lib.lv_xaes_seal_many(
        derived,
        nonce,
        prefix,
        len(prefix),
        aad,
        len(aad),
        view(items.data),
        numbers(items.offsets),
        count,
        view(window),
        numbers(offsets),
    )
    key.check(status)
    return Packed.trusted(window, offsets)


def open_many(
    keys: Keys, prefix_len: int, key_id: slice, tokens: Packed, context: bytes, out: memoryview | None = None
) -> tuple[Packed, list[int]]:
    """As `loops.open_many`."""
    window = target(out, max(0, tokens.nbytes))
    ring = _Ring(keys, prefix_len, key_id, context)
    try:
        return ring.process(tokens, window, lib.lv_xaes_open_many, (), None)
    except BaseException:
        # What was opened before is not given out, nor left in this frame for reports that show its variables.
        wipe(window)
        raise


def rewrap_many(
    keys: Keys,
    prefix_len: int,
    key_id: slice,
    new_key: XaesKey,
    new_prefix: bytes,
    tokens: Packed,
    context: bytes,
    out: memoryview | None = None,
) -> tuple[Packed, list[int]]:
    """As `loops.rewrap_many`."""
    longer = max(0, len(new_prefix) - prefix_len)
    window = target(out, tokens.nbytes + len(tokens) * longer)
    derived, nonce = new_key.batch().whole()
    aad = new_prefix + context
    sealing = (derived, nonce, new_prefix, len(new_prefix), aad, len(aad))
    ring = _Ring(keys, prefix_len, key_id, context)
    return ring.process(tokens, window, lib.lv_xaes_rewrap_many, sealing, new_key)


class _Known(NamedTuple):
    """What an entry of the core's ring points to."""

    key: XaesKey | None
    handle: Any
    aad: Any


class _Ring:
    """The keys of one call, each asked for once."""

    def __init__(self, keys: Keys, prefix_len: int, key_id: slice, context: bytes) -> None:
        self._keys = keys
        self._prefix_len = prefix_len
        self._key_id = key_id
        self._context = context
        self._known: list[_Known] = []
        made = ffi.new("lv_ring **")
        if lib.lv_ring_new(prefix_len, made) != lib.LV_OK:
            raise MemoryError("no memory for the keys of a batch")
        self._ring = ffi.gc(made[0], lib.lv_ring_free)

    def process(
        self,
        tokens: Packed,
        window: memoryview,
        work: Any,
        sealing: tuple[Any, ...],
        sealing_key: XaesKey | None,
    ) -> tuple[Packed, list[int]]:
        """Do `work` on all tokens, in as many rounds as it takes to find all keys."""
        count = len(tokens)
        offsets = array("q", bytes(8 * (count + 1)))
        outcomes = bytearray((lib.LV_UNKNOWN,)) * count
        failures, unknown = ffi.new("size_t *"), ffi.new("size_t *")
        if count and tokens.offsets[1] - tokens.offsets[0] >= self._prefix_len:
            self._add(bytes(tokens[0][: self._prefix_len]))
        while True:
            status = work(
                self._ring,
                *sealing,
                view(tokens.data),
                numbers(tokens.offsets),
                count,
                view(window),
                numbers(offsets),
                view(outcomes),
                failures,
                unknown,
            )
            self._check(status, sealing_key)
            if not unknown[0]:
                break
            self._add_unknown(tokens, outcomes)
        if failures[0]:
            lib.lv_outcomes_close(view(outcomes), count, view(window), numbers(offsets))
        failed = [index for index, outcome in enumerate(outcomes) if outcome] if failures[0] else []
        return Packed.trusted(window[: offsets[-1]], offsets), failed

    def _add_unknown(self, tokens: Packed, outcomes: bytearray) -> None:
        index = 0
        while (index := self._next_unknown(tokens, outcomes, index)) < len(tokens):
            self._add(bytes(tokens[index][: self._prefix_len]))

    def _next_unknown(self, tokens: Packed, outcomes: bytearray, start: int) -> int:
        data, offsets = view(tokens.data), numbers(tokens.offsets)
        return lib.lv_ring_unknown(self._ring, data, offsets, view(outcomes), start, len(tokens))

    def _add(self, prefix: bytes) -> None:
        try:
            key = self._keys(prefix[self._key_id])
        except DecryptionFailed:
            key = None
        # The key id is part of the prefix and the prefix of the AAD: no token can be made to name another key.
        known = _Known(
            key, ffi.NULL if key is None else key.handle, ffi.from_buffer("uint8_t[]", prefix + self._context)
        )
        self._known.append(known)
        if lib.lv_ring_add(self._ring, prefix, known.handle, known.aad, len(known.aad)) != lib.LV_OK:
            raise MemoryError("no memory for the keys of a batch")

    def _check(self, status: int, sealing_key: XaesKey | None) -> None:
        for key in (sealing_key, *(known.key for known in self._known)):
            if key is not None:
                key.check(status)
