"""Sealed files written and read from docs/format.md, section 10, alone.

Uses nothing of localvault: HKDF, CMAC and AES-GCM from `cryptography`. The writer takes what it is to draw as an
argument and makes, where it is told to, files that no localvault would.
"""

from __future__ import annotations

from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

HEADER, TAG = 47, 16


class Refused(Exception):
    """It does not open: what localvault calls `DecryptionFailed`."""


class Newer(Exception):
    """A higher format or suite."""


class Head(NamedTuple):
    """The header's fields."""

    version: bytes
    nonce: bytes
    log2: int = 16
    form: int = 1
    suite: int = 1
    magic: bytes = b"lvsealed"

    def encode(self) -> bytes:
        """Section 10.1."""
        return (
            self.magic
            + self.form.to_bytes(2)
            + bytes([self.suite])
            + self.version
            + bytes([self.log2])
            + self.nonce
        )


def file_key(material: bytes) -> bytes:
    """Section 10.2."""
    return HKDF(SHA256(), 32, None, b"localvault file v1").derive(material)


def _gcm(key: bytes, nonce: bytes) -> AESGCM:
    """The AES-256-GCM key that XAES-256-GCM derives from the first half of a nonce."""
    derived = b""
    for counter in (1, 2):
        mac = CMAC(AES(key))
        mac.update(counter.to_bytes(2) + b"X\0" + nonce[:12])
        derived += mac.finalize()
    return AESGCM(derived)


def pieces(content: bytes, size: int) -> list[bytes]:
    """The content cut as section 10.2 says."""
    return [content[start : start + size] for start in range(0, len(content), size)] or [b""]


def chunks(
    material: bytes,
    head: Head,
    cut: list[bytes],
    context: bytes = b"",
    *,
    flags: list[int] | None = None,
    first: int = 0,
) -> list[bytes]:
    """Seal pieces; `flags` and `first` are what they are to be unless told otherwise."""
    key = file_key(material)
    gcm = _gcm(key, head.nonce)
    flags = [0] * (len(cut) - 1) + [1] if flags is None else flags
    return [
        gcm.encrypt(
            (head.nonce + (first + i).to_bytes(4) + bytes([flag]))[12:], piece, head.encode() + context
        )
        for i, (piece, flag) in enumerate(zip(cut, flags, strict=True))
    ]


def seal(material: bytes, head: Head, content: bytes, context: bytes = b"") -> bytes:
    """A whole sealed file."""
    return head.encode() + b"".join(chunks(material, head, pieces(content, 1 << head.log2), context))


def read(materials: dict[bytes, bytes], data: bytes, context: bytes = b"") -> bytes:
    """Section 10.3; `materials` by version id.

    Raises:
        Refused, Newer: as the section has it.
    """
    form, suite = int.from_bytes(data[8:10]), data[10] if len(data) > 10 else 0
    if len(data) < 11 or data[:8] != b"lvsealed" or not form or not suite:
        raise Refused
    if form > 1 or suite > 1:
        raise Newer
    if len(data) < HEADER or not 10 <= data[27] <= 20 or data[11:27] not in materials:
        raise Refused
    header, rest, whole = data[:HEADER], data[HEADER:], (1 << data[27]) + TAG
    sealed = [rest[start : start + whole] for start in range(0, len(rest), whole)]
    if not sealed or len(sealed[-1]) < TAG + (len(sealed) > 1):
        raise Refused
    gcm = _gcm(file_key(materials[data[11:27]]), header[28:])
    content = b""
    for i, chunk in enumerate(sealed):
        nonce = header[28:] + i.to_bytes(4) + bytes([i == len(sealed) - 1])
        try:
            content += gcm.decrypt(nonce[12:], chunk, header + context)
        except InvalidTag:
            raise Refused from None
    return content
