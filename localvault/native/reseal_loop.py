"""Records of the store opened under one key and sealed again under another, one at a time: for any machine.

Relies on `fallback`. Promises: what is sealed again stands meanwhile in one locked buffer and in no Python object, and
the buffer is wiped at the end. docs/format.md, section 4:

    record = header (8) | nonce (24) | ciphertext | tag (16)        sealed with AAD = start | key
    start  = … | header | table (1)                                 header = version, depth, schema (2), epoch (4)
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from localvault.errors import DecryptionFailed
from localvault.native.fallback import DIGEST_SIZE, NONCE_SIZE, TAG_SIZE, XaesBatch, XaesKey, check_keyed
from localvault.native.memory import Locked

HEADER_SIZE = 8
TABLE_SIZE = 1
SCHEMA = slice(2, 4)  # of the header
OVERHEAD = HEADER_SIZE + NONCE_SIZE + TAG_SIZE


def reseal_many(
    old: XaesKey,
    batch: XaesBatch,
    start: bytes,
    new_start: bytes,
    keys: Sequence[bytes],
    records: Sequence[bytes],
) -> tuple[list[bytes], list[bytes], list[int]]:
    """Each record sealed again, the first 16 bytes of each one's SHA-256, and the indexes of those that did not open.

    Records keep their schema, their length and the key they stand at; `start` and `new_start` say all else that their
    associated data begin with, before and after. One whose header is not that of `start` does not open. In the place
    of one that does not are empty bytes.

    Nonces are a batch's, counted under random bits of its own (see `fallback.XaesBatch`), and never the old ones: the
    old record and the new one have nothing in common but what they say.

    Raises `BadParameter` for a record above 2 GiB, `ValueError` for keys and records that do not pair up,
    `VaultClosed` and `VaultForked`.
    """
    check_pairs(start, new_start, keys, records)
    made, digests, failed = list[bytes](), list[bytes](), list[int]()
    room = Locked.zero(max(0, max(map(len, records), default=0) - OVERHEAD))
    try:
        for index, (key, record) in enumerate(zip(keys, records, strict=True)):
            again = _resealed(old, batch, start, new_start, key, record, room.view())
            if again:
                made.append(again)
                digests.append(sha256(again).digest()[:DIGEST_SIZE])
            else:
                failed.append(index)
                made.append(b"")
                digests.append(b"")
    finally:
        room.wipe()
    return made, digests, failed


def check_pairs(start: bytes, new_start: bytes, keys: Sequence[bytes], records: Sequence[bytes]) -> None:
    """Raises `ValueError` unless there is a key for each record and both starts have one length, a header's or more."""
    check_keyed(keys, records)
    if len(start) != len(new_start) or len(start) < HEADER_SIZE + TABLE_SIZE:
        raise ValueError(
            "associated data must begin with a header and a table, and in both with the same length"
        )


def _resealed(
    old: XaesKey,
    batch: XaesBatch,
    start: bytes,
    new_start: bytes,
    key: bytes,
    record: bytes,
    room: memoryview,
) -> bytes:
    """One record sealed again; nothing if it does not open."""
    size, schema = len(record) - OVERHEAD, record[SCHEMA]
    if (
        size < 0
        or _with_schema(start, schema)[-HEADER_SIZE - TABLE_SIZE : -TABLE_SIZE] != record[:HEADER_SIZE]
    ):
        return b""
    sealed_at, plaintext = HEADER_SIZE + NONCE_SIZE, room[:size]
    try:
        aad = _with_schema(start, schema) + key
        old.open_into(record[HEADER_SIZE:sealed_at], memoryview(record)[sealed_at:], aad, plaintext)
    except DecryptionFailed:
        return b""
    # The old tag has vouched for the schema, so it may be carried over.
    new = _with_schema(new_start, schema)
    again = bytearray(len(record))
    again[:HEADER_SIZE] = new[-HEADER_SIZE - TABLE_SIZE : -TABLE_SIZE]
    batch.seal_into(plaintext, new + key, memoryview(again)[HEADER_SIZE:])
    return bytes(again)


def _with_schema(start: bytes, schema: bytes) -> bytes:
    """What associated data begin with, for a record of this schema."""
    at = len(start) - HEADER_SIZE - TABLE_SIZE
    return start[: at + SCHEMA.start] + schema + start[at + SCHEMA.stop :]
