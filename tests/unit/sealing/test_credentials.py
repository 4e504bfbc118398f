"""What opens a slot: taken in whole, normalised, and shown by nothing."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import BadParameter, UnlockFailed, VaultClosed
from localvault.sealing import credentials
from localvault.sealing.credentials import Credential

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)


def held(credential: Credential) -> bytes:
    """The secret's bytes."""
    return bytes(credential.secret.view())


@given(TEXT)
def test_text_is_utf_8_in_normal_form_c(text: str) -> None:
    """As RFC 8265 has it; in particular every way to write a letter opens the same slot."""
    expected = unicodedata.normalize("NFC", text).encode()
    assert held(credentials.passphrase(text)) == expected
    assert held(credentials.passphrase(unicodedata.normalize("NFD", text))) == expected


@given(st.binary(min_size=1, max_size=4096))
def test_bytes_are_taken_as_they_are(data: bytes) -> None:
    """Nothing is decoded, trimmed or normalised."""
    assert held(credentials.passphrase(data)) == data


def test_blanks_count() -> None:
    """A passphrase from a file keeps its line end unless the caller takes it off."""
    assert held(credentials.passphrase(" two words \n")) == b" two words \n"


@pytest.mark.parametrize("wrong", ["", b"", "a" * 4097, b"a" * 4097, "ä" * 2049])
def test_empty_and_endless_passphrases_are_refused(wrong: str | bytes) -> None:
    """`BadParameter`, which does not repeat them."""
    with pytest.raises(BadParameter) as refused:
        credentials.passphrase(wrong)
    assert "aaa" not in str(refused.value)


def test_half_a_surrogate_pair_is_refused() -> None:
    """It has no UTF-8; the text is not in the error, nor in what the error was made from."""
    with pytest.raises(BadParameter) as refused:
        credentials.passphrase("marker\ud800")
    assert "marker" not in repr(refused.value)
    assert refused.value.__suppress_context__


def test_a_recovery_key_is_read_back_as_typed() -> None:
    """From the text that was shown once, however it is written."""
    credential, text = credentials.new_recovery_key()
    assert len(text.split("-")) == 14
    assert credentials.recovery_key(text.lower().replace("-", "  ")).secret.equals(credential.secret)


def test_two_recovery_keys_differ() -> None:
    """256 random bits each."""
    assert len({credentials.new_recovery_key()[1] for _ in range(100)}) == 100


def test_a_mistyped_recovery_key_says_so() -> None:
    """`UnlockFailed` like a wrong one, but with a sentence that helps."""
    _credential, text = credentials.new_recovery_key()
    wrong = text[:-1] + ("0" if text[-1] != "0" else "2")
    with pytest.raises(UnlockFailed, match="mistyped"):
        credentials.recovery_key(wrong)


def test_a_wiped_credential_is_of_no_use() -> None:
    """`VaultClosed`."""
    credential = credentials.passphrase("x")
    credential.wipe()
    with pytest.raises(VaultClosed):
        held(credential)
