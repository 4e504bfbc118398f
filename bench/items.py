"""Our side where every record has its own associated data: the core's kernels, called through `items.c`.

Relies on a build of the core from source and a C compiler. Promises: what it seals is what `cryptography` seals,
checked once before it is handed out.
"""

from __future__ import annotations

import ctypes
import os
from array import array
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.batch import Batch
from bench.compiling import library
from bench.peers import PeerMissing
from bench.source import Build
from bench.timing import Work

_TAG = 16


class _Batch(ctypes.Structure):
    _fields_ = (
        ("nonces", ctypes.c_char_p),
        ("aad", ctypes.c_char_p),
        ("aad_offsets", ctypes.c_void_p),
        ("data", ctypes.c_char_p),
        ("offsets", ctypes.c_void_p),
        ("count", ctypes.c_size_t),
        ("out", ctypes.c_void_p),
    )


class Items:
    """One AES-256-GCM key for the kernels of `level`, by its number; `folder` is where the program is built."""

    def __init__(self, folder: Path, build: Build, level: int) -> None:
        """Build and load it.

        Raises:
            PeerMissing: it cannot be built here.
        """
        arguments = [f"-I{build.csrc}", f"-I{build.csrc / 'include'}", *map(str, build.objects), "-pthread"]
        self._library = library(Path(__file__).with_suffix(".c"), folder, arguments)
        self._library.items_new.restype = ctypes.c_void_p
        self._secret = os.urandom(32)
        self._gcm = ctypes.c_void_p(self._library.items_new(level, self._secret))
        if self._gcm.value is None:
            raise PeerMissing("this build has no kernels for this processor")

    def seal(self, batch: Batch, contexts: Sequence[bytes]) -> Work:
        """Seal every record with associated data of its own."""
        nonces, data, aad = (b"".join(parts) for parts in (batch.nonces, batch.items, contexts))
        offsets, aad_offsets = _offsets(batch.items), _offsets(contexts)
        out = ctypes.create_string_buffer(len(data) + len(batch) * _TAG)
        described = _Batch(
            *(nonces, aad, aad_offsets.buffer_info()[0], data, offsets.buffer_info()[0], len(batch)),
            ctypes.addressof(out),
        )
        described.buffers = (
            nonces,
            aad,
            aad_offsets,
            data,
            offsets,
            out,
        )  # kept as long as they are pointed to
        seal, gcm, pointer = self._library.items_seal, self._gcm, ctypes.byref(described)
        encrypt = AESGCM(self._secret).encrypt
        expected = map(encrypt, batch.nonces, batch.items, contexts)
        if seal(gcm, pointer) != 0 or out.raw != b"".join(expected):
            raise AssertionError("the core seals to something else than cryptography does")
        return lambda: seal(gcm, pointer)

    def close(self) -> None:
        """Wipe the key."""
        self._library.items_free(self._gcm)


def _offsets(parts: Sequence[bytes]) -> array[int]:
    return array("q", accumulate(map(len, parts), initial=0))
