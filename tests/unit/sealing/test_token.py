"""Tokens: what their prefix says, and the key they are sealed with."""

from __future__ import annotations

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import DecryptionFailed, LocalVaultError, NewerFormat
from localvault.model.packed import Packed
from localvault.native.face import XaesKey, open_many, seal_many
from localvault.native.memory import Locked
from localvault.sealing import token

VERSION_IDS = st.binary(min_size=16, max_size=16)


@given(VERSION_IDS, st.binary(max_size=50), st.binary(max_size=20))
def test_a_token_names_its_key_version(version_id: bytes, plaintext: bytes, context: bytes) -> None:
    """And opens with it."""
    key = XaesKey(token.token_key(Locked.of(b"material 16 byte")))
    sealed = seal_many(key, token.prefix(version_id), Packed.of([plaintext]), context).to_list()[0]
    assert len(sealed) == len(plaintext) + token.OVERHEAD
    assert token.parse(sealed) == version_id
    assert token.prefix(token.parse(sealed)) == sealed[: token.PREFIX_LEN]
    opened, failed = open_many(lambda _id: key, token.PREFIX_LEN, token.KEY_ID, Packed.of([sealed]), context)
    assert (opened.to_list(), failed) == ([plaintext], [])


@given(st.binary(max_size=80))
def test_what_parses_prints_back(data: bytes) -> None:
    """And what does not gives one of our errors."""
    try:
        version_id = token.parse(data)
    except LocalVaultError:
        return
    assert data.startswith(token.prefix(version_id))


@pytest.mark.parametrize("size", range(58))
def test_what_is_too_short_is_no_token(size: int) -> None:
    """Even the empty plaintext's token has 58 bytes."""
    with pytest.raises(DecryptionFailed):
        token.parse((token.prefix(bytes(16)) + bytes(40))[:size])


@pytest.mark.parametrize(
    ("start", "error"),
    [
        (b"\2\1", NewerFormat),
        (b"\1\2", NewerFormat),
        (b"\0\1", DecryptionFailed),
        (b"\1\0", DecryptionFailed),
    ],
)
def test_other_formats_are_said(start: bytes, error: type[LocalVaultError]) -> None:
    """A later one is worth an update; zero never was one."""
    with pytest.raises(error):
        token.parse(start + bytes(56))


@given(VERSION_IDS)
def test_a_prefix_alone_tells_as_much(version_id: bytes) -> None:
    """What a token begins with is enough to read its version; less is not."""
    assert token.parse_prefix(token.prefix(version_id)) == version_id
    with pytest.raises(DecryptionFailed):
        token.parse_prefix(token.prefix(version_id)[:-1])


@pytest.mark.parametrize("size", [0, 15, 17, 32])
def test_a_version_id_has_16_bytes(size: int) -> None:
    """A mistake of ours, not of a caller's."""
    with pytest.raises(ValueError, match="16 bytes"):
        token.prefix(bytes(size))


@pytest.mark.parametrize("size", [16, 24, 32])
def test_the_token_key_is_hkdf_with_its_extract_step(size: int) -> None:
    """HMAC over the material, then over the label: never HMAC under the material, which `HS256` hands out."""
    material = bytes(range(size))
    extracted = hmac.digest(bytes(32), material, "sha256")
    expected = hmac.digest(extracted, b"localvault token v1\x01", "sha256")
    key = token.token_key(Locked.of(material))
    assert key.equals(expected)
    assert not key.equals(hmac.digest(material, b"localvault token v1\x01", "sha256"))
