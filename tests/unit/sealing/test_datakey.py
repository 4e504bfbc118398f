"""Wrapped data keys as bytes: what they say of themselves, and the keys made from a data key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import BadParameter, DecryptionFailed, LocalVaultError, NewerFormat
from localvault.native.memory import Locked
from localvault.sealing import datakey, filehead, token

VERSION = bytes(range(16))
SHORTEST = {65: 58, 66: 50, 67: 50, 68: 50}


@pytest.mark.parametrize("suite", SHORTEST)
def test_it_says_suite_and_version(suite: int) -> None:
    """From as many bytes as its suite has at least; with one less it is cut short."""
    whole = datakey.prefix(suite, VERSION).ljust(SHORTEST[suite], b"\0")
    assert datakey.parse(whole) == (suite, VERSION)
    assert datakey.is_wrapped(whole)
    with pytest.raises(DecryptionFailed):
        datakey.parse(whole[:-1])


@pytest.mark.parametrize(
    ("start", "error"),
    [
        (b"\0\x41", DecryptionFailed),
        (b"\1\0", DecryptionFailed),
        (b"\1\1", DecryptionFailed),
        (b"\1\x3f", DecryptionFailed),
        (b"\1\x40", DecryptionFailed),
        (b"\1\x80", DecryptionFailed),
        (b"\1\x45", NewerFormat),
        (b"\1\x7f", NewerFormat),
        (b"\2\x41", NewerFormat),
        (b"\xff\x7f", NewerFormat),
    ],
)
def test_what_it_is_not(start: bytes, error: type[LocalVaultError]) -> None:
    """A token, nothing of ours, or something newer."""
    with pytest.raises(error):
        datakey.parse(start + bytes(100))


@given(st.binary(max_size=80))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    """And nothing is both a token and a wrapped data key."""
    read = []
    for parse in (datakey.parse, token.parse):
        try:
            read.append(parse(data))
        except (DecryptionFailed, NewerFormat):
            continue
    assert len(read) < 2


@pytest.mark.parametrize("suite", range(64, 128))
def test_a_token_says_that_it_is_a_wrapped_data_key(suite: int) -> None:
    """Whoever opens one as a token learns what it is."""
    with pytest.raises(DecryptionFailed, match="wrapped data key"):
        token.parse(bytes((1, suite)) + bytes(80))


def test_every_key_is_another() -> None:
    """What is made from one material or data key for different purposes has nothing in common."""
    secret = Locked.of(bytes(range(32)))
    made = [
        derive(secret.view()) if derive is not token.token_key else token.token_key(secret)
        for derive in (
            datakey.wrapping_key,
            datakey.tokens_key,
            datakey.files_key,
            filehead.file_key,
            token.token_key,
        )
    ]
    seen = {bytes(key.view()) for key in made} | {bytes(secret.view())}
    assert len(seen) == 6
    assert all(datakey.data_id(secret.view()) not in each for each in seen)


def test_a_binding_is_for_one_data_key_prefix_and_context() -> None:
    """32 bytes that differ wherever one of the three does."""
    first, second = (memoryview(bytes([number]) * 32) for number in range(2))
    made = [
        datakey.binding(secret, datakey.prefix(suite, VERSION), context)
        for secret in (first, second)
        for suite in (66, 67)
        for context in (b"", b"c")
    ]
    assert {len(each) for each in made} == {32}
    assert len(set(made)) == 8


def test_algorithms_have_their_suites() -> None:
    """By the type and size of the key, and no other."""
    assert datakey.suite_of(None, "oct", 128) == 65
    assert datakey.suite_of("A128KW", "oct", 128) == 66
    assert datakey.suite_of(None, "RSA", 2048) == 67
    assert datakey.suite_of("RSA-OAEP", "RSA", 2048) == 68
    other = [("A128KW", "oct", 256), (None, "EC", None), ("RSA-OAEP", "oct", 128), ("", "oct", 128)]
    for algorithm, kty, size in other:
        with pytest.raises(BadParameter, match="is not an algorithm") as failed:
            datakey.suite_of(algorithm, kty, size)
        assert failed.value.hint
