"""Leaves: one encoding for ever, that tells what is public and hides who and what."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.journal.leaf import (
    CORRELATION,
    DETAILS,
    OBJECT_VERSION,
    PRINCIPAL,
    PROCESS,
    TARGET,
    WRITES,
    Fields,
    commitment,
    encode,
    leaf_hash,
    salts_needed,
    text_of,
)

VECTORS = Path(__file__).parents[2] / "vectors" / "localvault" / "leaf.json"
NUMBERS = st.integers(0, 2**63)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
MAYBE = st.none() | TEXTS
FIELDS = st.tuples(NUMBERS, TEXTS, TEXTS, TEXTS, MAYBE, TEXTS, MAYBE, NUMBERS, MAYBE, NUMBERS, MAYBE)
MAYBE_BYTES = st.none() | st.binary(max_size=60)
SEQUENCES = st.integers(0, 2**64 - 1)
HIDDEN = (PRINCIPAL, TARGET, PROCESS, OBJECT_VERSION, CORRELATION, DETAILS, WRITES)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def cases() -> list[dict[str, Any]]:
    """The published cases; none is a failure."""
    found: list[dict[str, Any]] = json.loads(VECTORS.read_text())["cases"]
    assert len(found) >= 5
    return found


def salt_of(fields: Fields, writes: bytes | None, seed: int = 0) -> bytes:
    """Salts that differ from field to field."""
    return bytes((at // 16 + seed) % 256 for at in range(salts_needed(fields, writes)))


@pytest.mark.parametrize("case", cases(), ids=lambda case: str(case["what"]))
def test_an_event_has_the_published_leaf(case: dict[str, Any]) -> None:
    """Encoding, commitments and hash are byte for byte those of the vectors, which were made without this code."""
    fields: Fields = tuple(case["fields"])
    writes = None if case["writes"] is None else bytes.fromhex(case["writes"])
    salts = bytes.fromhex(case["salts"])
    assert len(salts) == salts_needed(fields, writes)
    encoding = encode(case["sequence"], fields, case["process"], writes, salts)
    assert encoding.hex() == case["encoding"]
    assert leaf_hash(encoding).hex() == case["leaf_hash"]
    assert {value.hex() for value in msgpack.unpackb(encoding)[8:] if value} == set(
        case["commitments"].values()
    )


@given(SEQUENCES, FIELDS, TEXTS, MAYBE_BYTES)
def test_a_leaf_is_what_the_format_says(
    sequence: int, fields: Fields, process: str, writes: bytes | None
) -> None:
    """Public fields in the clear, identifying ones as commitments under a salt each, absent ones as nil."""
    salts = salt_of(fields, writes)
    decoded = msgpack.unpackb(encode(sequence, fields, process, writes, salts))
    time, operation, principal, target, version, result, code, duration, correlation, count, details = fields
    assert decoded[:8] == [1, sequence, time, operation, result, code, duration, count]
    hidden = (principal, target, process, version, correlation, details, writes)
    assert len(decoded) == 8 + len(hidden)
    for label, value, committed in zip(HIDDEN, hidden, decoded[8:], strict=True):
        if value is None:
            assert committed is None
            continue
        salt, salts = salts[:16], salts[16:]
        plain = value.encode() if isinstance(value, str) else value
        assert committed == commitment(label, salt, plain) == sha256(label + salt + plain).digest()
    assert salts == b""


@given(SEQUENCES, FIELDS, TEXTS, MAYBE_BYTES)
def test_a_leaf_is_in_the_shortest_form(
    sequence: int, fields: Fields, process: str, writes: bytes | None
) -> None:
    """Whoever decodes a leaf and encodes it again, as msgpack's shortest forms, gets the same bytes."""
    encoding = encode(sequence, fields, process, writes, salt_of(fields, writes))
    assert msgpack.packb(msgpack.unpackb(encoding)) == encoding


@given(FIELDS, FIELDS, TEXTS, TEXTS, MAYBE_BYTES, MAYBE_BYTES, SEQUENCES, SEQUENCES)
def test_two_events_never_share_a_leaf(
    one: Fields,
    other: Fields,
    process: str,
    other_process: str,
    writes: bytes | None,
    other_writes: bytes | None,
    sequence: int,
    other_sequence: int,
) -> None:
    """Any difference, in whatever field, is a difference of the leaf."""
    left, right = (sequence, one, process, writes), (other_sequence, other, other_process, other_writes)
    same = encode(*left, salt_of(one, writes)) == encode(*right, salt_of(other, other_writes))
    assert same == (left == right)


@given(FIELDS, TEXTS)
def test_equal_values_do_not_look_equal(fields: Fields, process: str) -> None:
    """Under other salts every commitment is another, so events cannot be tied together by who or what."""
    one = msgpack.unpackb(encode(0, fields, process, None, salt_of(fields, None)))
    other = msgpack.unpackb(encode(0, fields, process, None, salt_of(fields, None, seed=100)))
    assert one[:8] == other[:8]
    assert all(left is None or left != right for left, right in zip(one[8:], other[8:], strict=True))


def test_a_field_cannot_stand_for_another() -> None:
    """The same value under the same salt has another commitment in each field."""
    assert len({commitment(label, bytes(16), b"value") for label in HIDDEN}) == len(HIDDEN)
    assert all(label.endswith(b"\0") and label.count(b"\0") == 1 for label in HIDDEN)


@given(FIELDS, st.integers(-32, 32).filter(bool))
def test_salts_must_be_as_many_as_fields(fields: Fields, more: int) -> None:
    """With too few or too many an event has no leaf, rather than one under a salt cut short."""
    salts = salt_of(fields, None)
    wrong = salts[:more] if more < 0 else salts + bytes(more)
    with pytest.raises(ValueError):
        encode(0, fields, "p", None, wrong)


@given(st.dictionaries(TEXTS, JSON, max_size=4))
def test_details_have_one_text(details: dict[str, Any]) -> None:
    """The order in which a dictionary was filled does not show, and the text says all of it."""
    backwards = dict(reversed(details.items()))
    assert text_of(details) == text_of(backwards)
    assert json.loads(text_of(details)) == details
    fields: Fields = (0, "", "", "", None, "", None, 0, None, 1, details)
    spelt: Fields = (*fields[:10], text_of(details))
    assert encode(0, fields, "", None, bytes(64)) == encode(0, spelt, "", None, bytes(64))


@pytest.mark.parametrize("value", [b"bytes", float("nan"), {1, 2}, object()])
def test_details_have_only_what_json_has(value: object) -> None:
    """Anything else is a mistake of the caller, noticed before there is an event."""
    with pytest.raises((TypeError, ValueError)):
        text_of({"value": value})


def test_the_leaf_hash_is_rfc_6962s() -> None:
    """A zero byte in front, so that no leaf can pass for a node."""
    assert leaf_hash(b"leaf") == sha256(b"\0leaf").digest()
