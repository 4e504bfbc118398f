"""What the crypto verbs return, under the names of Azure's CryptographyClient.

Relies on `hidden`. Promises: results that hold plaintext or a key show nothing of it.
"""

from __future__ import annotations

from localvault.model.hidden import Hidden


class EncryptResult:
    """What `encrypt` made: `.ciphertext`, and for AES `.iv`, for AES-GCM `.authentication_tag` (16 bytes)."""

    __slots__ = (
        "additional_authenticated_data",
        "algorithm",
        "authentication_tag",
        "ciphertext",
        "iv",
        "key_id",
    )

    def __init__(
        self,
        key_id: str,
        algorithm: str,
        ciphertext: bytes,
        iv: bytes | None = None,
        authentication_tag: bytes | None = None,
        additional_authenticated_data: bytes | None = None,
    ) -> None:
        self.key_id = key_id
        self.algorithm = algorithm
        self.ciphertext = ciphertext
        self.iv = iv
        self.authentication_tag = authentication_tag
        self.additional_authenticated_data = additional_authenticated_data


class WrapResult:
    """What `wrap_key` made: `.encrypted_key`."""

    __slots__ = ("algorithm", "encrypted_key", "key_id")

    def __init__(self, key_id: str, algorithm: str, encrypted_key: bytes) -> None:
        self.key_id = key_id
        self.algorithm = algorithm
        self.encrypted_key = encrypted_key


class SignResult:
    """What `sign` made: `.signature`."""

    __slots__ = ("algorithm", "key_id", "signature")

    def __init__(self, key_id: str, algorithm: str, signature: bytes) -> None:
        self.key_id = key_id
        self.algorithm = algorithm
        self.signature = signature


class DecryptResult(Hidden):
    """What `decrypt` opened: `.plaintext`."""

    __slots__ = ("algorithm", "key_id", "plaintext")

    def __init__(self, key_id: str, algorithm: str, plaintext: bytes) -> None:
        self.key_id = key_id
        self.algorithm = algorithm
        self.plaintext = plaintext


class UnwrapResult(Hidden):
    """What `unwrap_key` opened: `.key`."""

    __slots__ = ("algorithm", "key", "key_id")

    def __init__(self, key_id: str, algorithm: str, key: bytes) -> None:
        self.key_id = key_id
        self.algorithm = algorithm
        self.key = key
