"""The peer for bulk sealing in C: intel-ipsec-mb, called through `ipsec_mb.c`, once for a batch.

Relies on the library and its header (Debian: libipsec-mb-dev) and on a C compiler. What makes it a strong peer:

- One key, expanded once; the powers of H too; the kernels that the library itself chooses for this processor.
- The whole batch in one call, the loop over it in C, compiled with -O3 for this processor; buffers are there already.
- Of the library's two ways, calls and bursts of jobs without checks, the quicker one for each size.

It draws no nonce, derives no key and puts no prefix before what it seals.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.batch import CONTEXT, Batch
from bench.compiling import library
from bench.peers import PeerMissing
from bench.timing import Round, Work, in_turn, steady

_HEADERS = (
    Path("/usr/include/intel-ipsec-mb.h"),
    Path("/usr/local/include/intel-ipsec-mb.h"),
)
_TAG = 16
_ROUNDS = 9  # to find out which way is the quicker one


class _Batch(ctypes.Structure):
    _fields_ = (
        ("nonces", ctypes.c_char_p),
        ("aad", ctypes.c_char_p),
        ("aad_size", ctypes.c_size_t),
        ("data", ctypes.c_char_p),
        ("size", ctypes.c_size_t),
        ("count", ctypes.c_size_t),
        ("out", ctypes.c_void_p),
    )


class IpsecMb:
    """One AES-256-GCM key; `folder` is where the program is built."""

    def __init__(self, folder: Path) -> None:
        """Build and load it.

        Raises:
            PeerMissing: no header, no compiler, or no kernel for this processor.
        """
        if not any(header.exists() for header in _HEADERS):
            raise PeerMissing("intel-ipsec-mb.h is not installed (Debian: apt-get install libipsec-mb-dev)")
        self._library = library(Path(__file__).with_suffix(".c"), folder, ["-lIPSec_MB"])
        self._library.peer_new.restype = ctypes.c_void_p
        self._library.peer_version.restype = ctypes.c_char_p
        self._secret = os.urandom(32)
        self._peer = ctypes.c_void_p(self._library.peer_new(self._secret))
        if self._peer.value is None:
            raise PeerMissing("intel-ipsec-mb has nothing for this processor")

    def seal(self, batch: Batch) -> tuple[Round, str]:
        """Return a round that seals the whole batch, and the name of the way it takes: the quicker one of two."""
        ways = {
            "calls": steady(self._way(self._library.peer_seal_by_calls, batch), len(batch)),
            "bursts": steady(self._way(self._library.peer_seal_by_bursts, batch), len(batch)),
        }
        taken = dict(zip(ways, in_turn(list(ways.values()), _ROUNDS), strict=True))
        best = min(ways, key=lambda way: taken[way].median)
        return ways[best], best

    def version(self) -> str:
        """Say which library answered."""
        text: bytes = self._library.peer_version()
        return text.decode()

    def close(self) -> None:
        """Give the key back."""
        self._library.peer_free(self._peer)

    def _way(self, function: ctypes._NamedFuncPointer, batch: Batch) -> Work:
        nonces, data = b"".join(batch.nonces), b"".join(batch.items)
        out = ctypes.create_string_buffer(len(data) + len(batch) * _TAG)
        described = _Batch(nonces, CONTEXT, len(CONTEXT), data, batch.size, len(batch), ctypes.addressof(out))
        described.buffers = nonces, data, out  # kept as long as they are pointed to
        peer, pointer = self._peer, ctypes.byref(described)
        if function(peer, pointer) != 0 or out.raw != self._expected(batch):
            raise AssertionError("intel-ipsec-mb seals to something else than cryptography does")
        return lambda: function(peer, pointer)

    def _expected(self, batch: Batch) -> bytes:
        encrypt = AESGCM(self._secret).encrypt
        return b"".join(encrypt(*pair, CONTEXT) for pair in zip(batch.nonces, batch.items, strict=True))
