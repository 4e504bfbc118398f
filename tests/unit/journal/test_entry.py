"""Entries and runs: what was noted is what is read, and no text a caller hands in can stop the journal."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.journal import entry
from localvault.journal.entry import (
    FIELDS_BYTES,
    Entry,
    pack,
    pack_entry,
    pack_fields,
    pack_run,
    unpack_fields,
    unpack_run,
    with_text,
)
from localvault.journal.leaf import Fields, text_of

NUMBERS = st.integers(-(2**63), 2**63)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
MAYBE = st.none() | TEXTS
FIELDS = st.tuples(NUMBERS, TEXTS, TEXTS, TEXTS, MAYBE, TEXTS, MAYBE, NUMBERS, MAYBE, NUMBERS, MAYBE)
ENTRIES = st.lists(
    st.tuples(FIELDS, TEXTS, st.binary(max_size=112), st.none() | st.binary(max_size=60)),
    min_size=1,
    max_size=9,
)
HOSTILE = st.text(max_size=30) | st.just("\ud800") | st.just("x" * 20_000) | st.just("\udfff" * 20_000)


def fields(**changed: Any) -> Fields:
    """Ordinary fields, but for what is given by position."""
    values: list[Any] = [1, "SecretGet", "owner", "/secrets/db", None, "Success", None, 2, None, 1, None]
    for place, value in changed.items():
        values[int(place[1:])] = value
    return tuple(values)


@given(ENTRIES, st.integers(0, 2**63))
def test_a_run_is_read_as_it_was_written(
    written: list[tuple[Fields, str, bytes, bytes | None]], first: int
) -> None:
    """Every entry, in order, under its own number."""
    run = pack_run(
        [
            pack_entry(pack_fields(which), pack(process), salts, writes)
            for which, process, salts, writes in written
        ]
    )
    read = list(unpack_run(first + len(written) - 1, run))
    assert read == [
        Entry(first + at, which, process, salts, writes)
        for at, (which, process, salts, writes) in enumerate(written)
    ]


@given(st.binary(max_size=300), st.integers(0, 2**64 - 1))
def test_any_bytes_are_a_run_or_an_error(plaintext: bytes, last: int) -> None:
    """A later version's records, opened by this one, give `ValueError` or `TypeError` and nothing else."""
    try:
        list(unpack_run(last, plaintext))
    except (ValueError, TypeError):
        return


@pytest.mark.parametrize(
    "plaintext",
    [
        b"",
        b"\x90",
        b"\x91\xc0",
        b"\x91" * 5000,
        b"\xdd\xff\xff\xff\xff",
        b"\x91\x94" + msgpack.packb([1] * 11) + b"\xa0\xc4\x00\xc0",
        pack_run([pack_entry(pack_fields(fields()), pack("p"), b"", None)] * 3),
    ],
)
def test_what_is_no_run_is_refused(plaintext: bytes) -> None:
    """Empty, nested, of other types, longer than the number of events there can have been."""
    with pytest.raises((ValueError, TypeError)):
        list(unpack_run(1, plaintext))


@given(HOSTILE, HOSTILE, HOSTILE)
def test_no_text_stops_an_event(operation: str, principal: str, target: str) -> None:
    """Lone surrogates and endless names are told, escaped and clipped, within bounds."""
    packed = pack_fields(fields(_1=operation, _2=principal, _3=target))
    assert len(packed) <= FIELDS_BYTES
    told = unpack_fields(packed)
    for said, given_text in zip(told[1:4], (operation, principal, target), strict=True):
        try:
            given_text.encode()
        except UnicodeEncodeError:
            continue
        assert said == given_text or (
            told[10] == '{"clipped":true}' and said in (given_text, given_text[:1024] + "…")
        )


@given(FIELDS)
def test_ordinary_fields_are_not_clipped(which: Fields) -> None:
    """What fits is kept to the letter."""
    assert unpack_fields(pack_fields(which)) == which


@pytest.mark.parametrize("place", ["_0", "_1", "_2", "_3", "_5", "_7", "_9"])
@pytest.mark.parametrize("value", [None, b"bytes", 1.5, True])
def test_fields_of_other_types_are_no_event(place: str, value: object) -> None:
    """They are refused when read, even where msgpack would have them."""
    with pytest.raises(ValueError):
        unpack_fields(msgpack.packb(fields(**{place: value})))


def test_details_become_text_once() -> None:
    """As a dictionary or as their text, what is stored is the same; what JSON lacks is a mistake."""
    as_dictionary = with_text(fields(_10={"b": 1, "a": "x"}))
    assert as_dictionary[10] == '{"a":"x","b":1}'
    assert with_text(as_dictionary) == as_dictionary
    assert with_text(fields()) == fields()
    with pytest.raises(TypeError):
        with_text(fields(_10={"key": b"bytes"}))


@given(
    st.dictionaries(
        st.text(max_size=3) | st.just("algorithm"), st.text(max_size=5) | st.integers(0, 1) | st.booleans()
    )
)
def test_details_remembered_are_told_as_details_made(details: dict[str, Any]) -> None:
    """What equals something told before, and is not the same, has its own text: 1 is not true."""
    for told in (
        details,
        {"algorithm": "x"},
        {"n": 1},
        {"n": True},
        {"n": 1.0},
        {"n": "1"},
        dict(reversed(details.items())),
    ):
        assert with_text(fields(_10=told))[10] == text_of(told)


def test_few_details_are_remembered() -> None:
    """However many different ones are told, and however long."""
    for number in range(1000):
        with_text(fields(_10={"name": str(number)}))
        with_text(fields(_10={"name": "x" * 10_000 + str(number)}))
    assert 0 < len(entry._texts) <= 256
    assert all(len(text) <= 200 for text in entry._texts.values())


def test_an_event_tells_everything() -> None:
    """Each field under its name, details as a dictionary, time as a date with its zone."""
    told = Entry(7, fields(_0=1_764_000_000_000_001, _10='{"n":1}'), "4242@boot", b"", None)
    event = told.event()
    assert event.to_dict() == {
        "sequence": 7,
        "time": "2025-11-24T16:00:00.000001+00:00",
        "operation": "SecretGet",
        "principal": "owner",
        "target": "/secrets/db",
        "version": None,
        "result": "Success",
        "code": None,
        "duration_us": 2,
        "correlation_id": None,
        "process": "4242@boot",
        "count": 1,
        "details": {"n": 1},
    }
    with pytest.raises(AttributeError):
        event.target = "/secrets/other"
