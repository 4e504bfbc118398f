"""From an event to the leaf of the tree: the one encoding a stranger must be able to recompute.

Source: RFC 6962 section 2.1 for the leaf hash; docs/format.md section 7 for the encoding. Relies on msgpack's shortest
forms. Promises: final; the same event and salts give the same leaf for ever, and a leaf tells nothing of its
identifying fields to who does not have their salts.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any, TypeAlias

import msgpack

VERSION = 1
SALT = 16

Fields: TypeAlias = tuple[
    int, str, str, str, str | None, str, str | None, int, str | None, int, dict[str, Any] | str | None
]
"""time (µs since the epoch), operation, principal, target, version (32 hex digits), result, code, duration (µs),
correlation id, count, details (a dictionary, or its `text_of`)."""

# Each label ends with a zero byte and every salt is 16 bytes, so no commitment can stand for another field or value.
PRINCIPAL, TARGET, PROCESS = b"lv1/principal\0", b"lv1/target\0", b"lv1/process\0"
OBJECT_VERSION, CORRELATION = b"lv1/version\0", b"lv1/correlation\0"
DETAILS, WRITES = b"lv1/details\0", b"lv1/writes\0"

_pack = msgpack.Packer(autoreset=True).pack
_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode


def text_of(details: dict[str, Any]) -> str:
    """Return details as the JSON text that is committed to: keys sorted, no white space, as in RFC 8785.

    Raises:
        TypeError, ValueError: something JSON does not have.
    """
    return _json(details)


def commitment(label: bytes, salt: bytes, value: bytes) -> bytes:
    """Return the 32 bytes that stand for `value` in a leaf.

    Hiding: 128 random bits in front of the value make guessing it, however few values there are, cost 2^128 trials.
    Binding: SHA-256. One salt serves one field of one event, so that each can be shown or erased alone, and equal
    values in two events do not look equal.
    """
    return sha256(label + salt + value).digest()


def salts_needed(fields: Fields, writes: bytes | None) -> int:
    """Return how many bytes of salt the event takes: 16 for each identifying field it has."""
    present = 3 + (fields[4] is not None) + (fields[8] is not None) + (fields[10] is not None)
    return SALT * (present + (writes is not None))


def encode(sequence: int, fields: Fields, process: str, writes: bytes | None, salts: bytes) -> bytes:
    """Return the canonical encoding of an event, identifying fields as commitments, absent ones as nil.

    `salts` has `salts_needed` random bytes: 16 for the principal, the target, the process, then for those of version,
    correlation id, details and writes that are there.
    """
    time, operation, principal, target, version, result, code, duration, correlation, count, details = fields
    # `commitment`, written out: half of what folding an event costs is in these lines.
    hidden: list[bytes | None] = [
        sha256(PRINCIPAL + salts[:16] + principal.encode()).digest(),
        sha256(TARGET + salts[16:32] + target.encode()).digest(),
        sha256(PROCESS + salts[32:48] + process.encode()).digest(),
        None,
        None,
        None,
        None,
    ]
    at = 48
    if version is not None:
        hidden[3] = sha256(OBJECT_VERSION + salts[at : at + 16] + version.encode()).digest()
        at += 16
    if correlation is not None:
        hidden[4] = sha256(CORRELATION + salts[at : at + 16] + correlation.encode()).digest()
        at += 16
    if details is not None:
        text = details if isinstance(details, str) else text_of(details)
        hidden[5] = sha256(DETAILS + salts[at : at + 16] + text.encode()).digest()
        at += 16
    if writes is not None:
        hidden[6] = sha256(WRITES + salts[at : at + 16] + writes).digest()
        at += 16
    if len(salts) != at:
        raise ValueError("an event needs 16 bytes of salt for each identifying field")
    encoded: bytes = _pack(
        (VERSION, sequence, time, operation, result, code, duration, count, *hidden),
    )
    return encoded


def leaf_hash(encoding: bytes) -> bytes:
    """Return the leaf's hash, RFC 6962 section 2.1: the zero byte keeps leaves apart from nodes."""
    return sha256(b"\0" + encoding).digest()
