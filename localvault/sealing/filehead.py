"""What a sealed file begins with, and the key its chunks are sealed under.

Relies on HKDF. Promises: a header prints back byte for byte what was parsed; one that comes from outside can make
nobody set aside more memory than a chunk of 1 MiB. docs/format.md, section 10.

    header = "lvsealed" (8) | format (2) | suite (1) | key version (16) | log2 of the chunk size (1) | nonce (19)
"""

from __future__ import annotations

import os
import struct
from typing import Final, NamedTuple

from localvault.errors import DecryptionFailed, NewerFormat
from localvault.native.memory import Locked
from localvault.native.stream import HEAD_SIZE
from localvault.sealing.hkdf import extract_and_expand

MAGIC: Final = b"lvsealed"
FORMAT: Final = 1
XAES_256_GCM: Final = 1
CHUNK_LOG2: Final = 16
"""What is written: 64 KiB. Measured, 1 MiB is hardly quicker and 4 KiB takes three times as long; tags add 0.02 %."""
LOG2_RANGE: Final = range(10, 21)
"""What is read: 1 KiB to 1 MiB. The upper end bounds the memory that a header can ask for."""
_FORM: Final = struct.Struct(f">8sHB16sB{HEAD_SIZE}s")
HEADER_SIZE: Final = _FORM.size
_KNOWN: Final = struct.Struct(">8sHB")  # stands at the beginning in every format
_INFO = b"localvault file v1"


class FileHeader(NamedTuple):
    """The header of one sealed file."""

    version_id: bytes
    """Of the key, 16 bytes."""
    chunk_log2: int
    nonce: bytes
    """19 bytes: what the nonces of all chunks begin with."""

    @classmethod
    def new(cls, version_id: bytes, chunk_log2: int = CHUNK_LOG2) -> FileHeader:
        """A header for one file, to be used for no other."""
        # 96 of the random bits derive the file's AES-256-GCM key (XAES-256-GCM), so that its chunks are all there ever
        # is under it: 2^32 of 64 KiB stay within 2^44 blocks. The other 56 begin the nonces, and would keep two files
        # apart that drew the same key: 2^32 files of one key version meet in all 152 bits with a chance of 2^-89.
        return cls(version_id, chunk_log2, os.urandom(HEAD_SIZE))

    @property
    def chunk_size(self) -> int:
        """Bytes of plaintext in every chunk but the last."""
        return 1 << self.chunk_log2

    def encode(self) -> bytes:
        """The header, 47 bytes."""
        return _FORM.pack(MAGIC, FORMAT, XAES_256_GCM, *self)


def parse(header: bytes) -> FileHeader:
    """What the first 47 bytes of a file say, before anything of it is authenticated.

    Raises:
        DecryptionFailed: not a sealed file, or not so much as a whole header.
        NewerFormat: of a format or suite this localvault does not know.
    """
    if len(header) >= _KNOWN.size:
        magic, form, suite = _KNOWN.unpack_from(header)
        if magic == MAGIC and form and suite and (form > FORMAT or suite > XAES_256_GCM):
            raise NewerFormat("the file was sealed by a newer localvault", hint="update localvault")
    if len(header) != HEADER_SIZE:
        raise _not_sealed()
    magic, form, suite, version_id, chunk_log2, nonce = _FORM.unpack(header)
    if (magic, form, suite) != (MAGIC, FORMAT, XAES_256_GCM) or chunk_log2 not in LOG2_RANGE:
        raise _not_sealed()
    return FileHeader(version_id, chunk_log2, nonce)


def _not_sealed() -> DecryptionFailed:
    return DecryptionFailed("this is not a sealed file, or not all of it")


def file_key(material: memoryview) -> Locked:
    """The 32-byte key that seals files, from the material of an `oct` key (16, 24 or 32 bytes).

    Not the one that seals tokens: with a key for each, nothing of the one format can be made to pass for the other,
    whatever contexts a caller chooses. With HKDF's extract step, for the reason that `token_key` gives.
    """
    return extract_and_expand(material, _INFO)
