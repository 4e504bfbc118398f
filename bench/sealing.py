"""Our side of bulk sealing: the calls whose time is taken, each checked once before.

Relies on the room of localvault below its door (`native`): what authorising and the journal add is a figure of its own.
Promises: every way is shown to open again to what went in before it is handed out.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable
from typing import Any

import localvault
from bench.batch import CONTEXT, Batch
from bench.timing import Work
from localvault.native import face
from localvault.native.core import ffi, lib
from localvault.native.memory import Locked

# Prefix and context together are the 16 bytes that the peers authenticate. A token's own prefix is 10 bytes longer.
PREFIX = CONTEXT[:8]
REST = CONTEXT[8:]
OVERHEAD = len(PREFIX) + face.NONCE_SIZE + face.TAG_SIZE


class Sealer:
    """One key, and the ways to seal and open a batch with it."""

    def __init__(self) -> None:
        # Any: what only the core's keys have is used below, too.
        self._key: Any = face.XaesKey(Locked.of(os.urandom(face.KEY_SIZE)))

    def packed(self, batch: Batch) -> Work:
        """Packed in, packed out, into a buffer that is there."""
        out = batch.buffer(OVERHEAD)
        return self._checked(lambda: face.seal_many(self._key, PREFIX, batch.packed, REST, out), batch)

    def packed_anew(self, batch: Batch) -> Work:
        """Packed in, packed out, into a new buffer each time."""
        return self._checked(lambda: face.seal_many(self._key, PREFIX, batch.packed, REST), batch)

    def lists(self, batch: Batch) -> Work:
        """A list of bytes in, a list of bytes out."""
        items, pack = batch.items, localvault.Packed.of
        self.packed_anew(batch)
        return lambda: face.seal_many(self._key, PREFIX, pack(items), REST).to_list()

    def each(self, batch: Batch) -> Work:
        """Every record under a key of its own, through the core's call: no verb seals a batch so."""
        nonces = os.urandom(face.NONCE_SIZE * len(batch))
        out, offsets = batch.buffer(OVERHEAD), array("q", bytes(8 * (len(batch) + 1)))
        arguments: tuple[Any, ...] = (
            *(nonces, PREFIX, len(PREFIX), CONTEXT, len(CONTEXT)),
            *(_bytes(batch.packed.data), _numbers(batch.packed.offsets), len(batch)),
            *(_bytes(out), _numbers(offsets)),
        )

        def seal() -> localvault.Packed:
            self._key.check(lib.lv_xaes_seal_each(self._key.handle, *arguments))
            return localvault.Packed.trusted(out, offsets)

        return self._checked(seal, batch)

    def opening_of_singles(self, batch: Batch) -> Work:
        """Open, in one call, tokens that were sealed one by one, each under a key of its own."""
        sealed = []
        for item in batch.items:
            nonce = os.urandom(face.NONCE_SIZE)
            sealed.append(PREFIX + nonce + self._key.seal(nonce, item, CONTEXT))
        tokens, out = localvault.Packed.of(sealed), batch.buffer(OVERHEAD)
        self._check(tokens, batch)
        return lambda: self._open(tokens, out)

    def _open(self, tokens: localvault.Packed, out: memoryview | None = None) -> localvault.Packed:
        every_prefix = slice(0, len(PREFIX))
        opened, failed = face.open_many(lambda _: self._key, len(PREFIX), every_prefix, tokens, REST, out)
        if failed:
            raise AssertionError("a record does not open")
        return opened

    def _checked(self, seal: Callable[[], localvault.Packed], batch: Batch) -> Work:
        self._check(seal(), batch)
        return seal

    def _check(self, tokens: localvault.Packed, batch: Batch) -> None:
        if self._open(tokens).to_list() != batch.items:
            raise AssertionError("what was sealed opens to something else")


def _bytes(data: memoryview) -> Any:
    return ffi.from_buffer("uint8_t[]", data)


def _numbers(data: memoryview | array[int]) -> Any:
    return ffi.from_buffer("int64_t[]", data)
