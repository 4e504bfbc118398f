"""The peer for moving tokens to a new key: `MultiFernet.rotate` of `cryptography`, called once for each token.

Relies on `cryptography`. Fernet (AES-128-CBC, HMAC-SHA256, base64) is what Python applications seal data keys with that
have to outlive a rotation. The timed loop stands here, inline.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.fernet import Fernet, MultiFernet

from bench.timing import Work


class FernetLoop:
    """An old key and a new one."""

    def __init__(self) -> None:
        self._old = Fernet(Fernet.generate_key())
        self._both = MultiFernet([Fernet(Fernet.generate_key()), self._old])

    def rotate(self, plaintexts: Sequence[bytes]) -> Work:
        """Move every token, sealed under the old key before, to the new one."""
        tokens = [self._old.encrypt(plaintext) for plaintext in plaintexts]
        rotate = self._both.rotate
        if self._both.decrypt(rotate(tokens[0])) != plaintexts[0]:
            raise AssertionError("MultiFernet returned something else than what was sealed")

        def work() -> None:
            for token in tokens:
                rotate(token)

        return work
