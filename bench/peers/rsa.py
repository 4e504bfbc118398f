"""The peer for signing: `cryptography`'s RSA, called once for each digest.

Relies on `cryptography`. Everything that can be made once is: key, padding, hash. OpenSSL verifies what it computed
through CRT before it hands it out, as our side does. The timed loop stands here, inline.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from bench.timing import Work

_EXPONENT = 65_537


class RsaLoop:
    """One private key of `size` bits."""

    def __init__(self, size: int) -> None:
        self._key = rsa.generate_private_key(_EXPONENT, size)

    def sign(self, digests: Sequence[bytes]) -> Work:
        """Sign every digest with PKCS#1 v1.5 padding and SHA-256."""
        sign, padded, hashed = self._key.sign, padding.PKCS1v15(), Prehashed(hashes.SHA256())

        def work() -> None:
            for digest in digests:
                sign(digest, padded, hashed)

        return work
