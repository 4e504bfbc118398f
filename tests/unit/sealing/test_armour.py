"""Secrets as text: what people mistype is either understood or found."""

from __future__ import annotations

import base64
import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.native.memory import Locked
from localvault.sealing import armour
from localvault.sealing.armour import Misspelt, decode, encode, grouped

SECRETS = st.binary(min_size=32, max_size=32)
LABEL = b"label"


def text_of(secret: bytes) -> str:
    """The text of bytes that are no secret."""
    return encode(Locked.of(secret), LABEL)


@given(SECRETS)
def test_what_is_written_is_read(secret: bytes) -> None:
    """And has 56 characters of the alphabet."""
    text = text_of(secret)
    assert decode(text, LABEL).equals(secret)
    assert len(text) == 56
    assert set(text) <= set(armour.ALPHABET)


@given(SECRETS, st.randoms())
def test_it_reads_what_people_type(secret: bytes, chance: random.Random) -> None:
    """Any case, blanks and hyphens anywhere, O for 0, I and L for 1."""
    looks_like = {"0": "0Oo", "1": "1IiLl"}
    typed = ""
    for character in text_of(secret):
        typed += chance.choice(looks_like.get(character, character + character.lower()))
        typed += chance.choice(["", "", " ", "-", "\n", "\t", " - "])
    assert decode(typed, LABEL).equals(secret)


@given(SECRETS, st.integers(0, 55), st.sampled_from(armour.ALPHABET))
def test_one_wrong_character_is_found(secret: bytes, at: int, character: str) -> None:
    """Whichever and wherever (but for one in 16 million)."""
    text = text_of(secret)
    changed = text[:at] + character + text[at + 1 :]
    if changed != text:
        with pytest.raises(Misspelt, match="checksum"):
            decode(changed, LABEL)


@given(SECRETS, st.integers(0, 54))
def test_two_swapped_characters_are_found(secret: bytes, at: int) -> None:
    """The other mistake people make."""
    text = text_of(secret)
    swapped = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    if swapped != text:
        with pytest.raises(Misspelt):
            decode(swapped, LABEL)


@given(SECRETS, st.integers(0, 55))
def test_a_missing_character_is_counted(secret: bytes, at: int) -> None:
    """The sentence says how many there are."""
    text = text_of(secret)
    with pytest.raises(Misspelt, match="55 characters instead of 56"):
        decode(text[:at] + text[at + 1 :], LABEL)


@given(SECRETS)
def test_another_purpose_does_not_read_it(secret: bytes) -> None:
    """The label is in the checksum."""
    with pytest.raises(Misspelt):
        decode(text_of(secret), b"another label")


@given(st.text(max_size=80))
def test_any_other_text_is_misspelt(text: str) -> None:
    """Never another error."""
    with pytest.raises(Misspelt):
        decode(text, LABEL)


def test_the_sentence_names_a_wrong_character_and_nothing_else() -> None:
    """What was typed may be nearly right, so it is not repeated."""
    text = text_of(b"s" * 32)
    with pytest.raises(Misspelt) as found:
        decode(text[:-1] + "U", LABEL)
    assert "'U'" in str(found.value)
    assert text[:8] not in str(found.value)


@given(SECRETS)
def test_it_is_base32_in_crockfords_letters(secret: bytes) -> None:
    """RFC 4648's base32 of secret and checksum, with another alphabet: format.md section 2.3."""
    checksum = hashlib.sha256(LABEL + secret).digest()[:3]
    letters = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", armour.ALPHABET)
    assert text_of(secret) == base64.b32encode(secret + checksum).decode().translate(letters)


def test_it_is_shown_in_groups_of_four() -> None:
    """Pinned, because it is printed on paper and must be readable for ever."""
    assert grouped(encode(Locked.of(bytes(range(32))), b"localvault recovery key v1")) == (
        "000G-40R4-0M30-E209-185G-R38E-1W81-24GK-2GAH-C5RR-34D1-P70X-3RFW-BV1Z"
    )
