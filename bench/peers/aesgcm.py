"""The peer for bulk sealing: `cryptography`'s AESGCM, called once for each record of a list.

Relies on `cryptography`. What makes it a fair, and a strong, peer:

- One key, its object made once, its method looked up once; nonces and associated data are ready.
- What it returns is let go at once, so its allocator hands out the same warm memory again; only where our side returns
  a list does it, too.
- The timed loops stand here, inline.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from time import perf_counter

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.batch import CONTEXT, Batch
from bench.timing import Work


class AesGcmLoop:
    """One AES-256-GCM key."""

    def __init__(self) -> None:
        self._gcm = AESGCM(os.urandom(32))

    def seal(self, batch: Batch) -> Work:
        """Seal every record with 16 bytes of associated data."""
        encrypt, nonces, items = self._gcm.encrypt, batch.nonces, batch.items

        def work() -> None:
            for nonce, item in zip(nonces, items, strict=True):
                encrypt(nonce, item, CONTEXT)

        return work

    def seal_to_list(self, batch: Batch) -> Work:
        """Seal every record and keep them all."""
        encrypt, nonces, items = self._gcm.encrypt, batch.nonces, batch.items
        return lambda: [encrypt(nonce, item, CONTEXT) for nonce, item in zip(nonces, items, strict=True)]

    def seal_mixed(self, batch: Batch, contexts: Sequence[bytes]) -> Work:
        """Seal every record with associated data of its own."""
        encrypt, nonces, items = self._gcm.encrypt, batch.nonces, batch.items

        def work() -> None:
            for nonce, item, context in zip(nonces, items, contexts, strict=True):
                encrypt(nonce, item, context)

        return work

    def open(self, batch: Batch) -> Work:
        """Open every record, sealed before."""
        encrypt, decrypt, nonces = self._gcm.encrypt, self._gcm.decrypt, batch.nonces
        sealed = [encrypt(nonce, item, CONTEXT) for nonce, item in zip(nonces, batch.items, strict=True)]

        def work() -> None:
            for nonce, item in zip(nonces, sealed, strict=True):
                decrypt(nonce, item, CONTEXT)

        return work

    def time_encrypts(self, plaintext: bytes, nonces: Sequence[bytes]) -> float:
        """Encrypt `plaintext` under every nonce and return the seconds for one."""
        encrypt = self._gcm.encrypt
        started = perf_counter()
        for nonce in nonces:
            encrypt(nonce, plaintext, None)
        return (perf_counter() - started) / len(nonces)
