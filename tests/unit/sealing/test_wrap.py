"""Wrapped keys: the right secret opens, any other is known before anything is deciphered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import Tampered
from localvault.native.face import XaesKey
from localvault.native.memory import Locked
from localvault.sealing import wrap as module
from localvault.sealing.wrap import WRAPPED_SIZE, commitment, unwrap, wrap

KEYS = st.binary(min_size=32, max_size=32)
BINDINGS = st.binary(max_size=60)


@given(KEYS, KEYS, BINDINGS)
def test_what_is_wrapped_unwraps(secret: bytes, key: bytes, binding: bytes) -> None:
    """With the same secret and binding; 104 bytes, different each time."""
    wrapped = wrap(Locked.of(secret), binding, Locked.of(key))
    assert len(wrapped) == WRAPPED_SIZE == 104
    opened = unwrap(Locked.of(secret), binding, wrapped)
    assert opened is not None
    assert opened.equals(key)
    assert wrap(Locked.of(secret), binding, Locked.of(key)) != wrapped


@given(KEYS, KEYS, BINDINGS, BINDINGS)
def test_another_secret_or_binding_is_not_it(
    secret: bytes, other: bytes, binding: bytes, bound: bytes
) -> None:
    """None, and no error: the caller tries the next slot."""
    wrapped = wrap(Locked.of(secret), binding, Locked.random(32))
    if other != secret:
        assert unwrap(Locked.of(other), binding, wrapped) is None
    if bound != binding:
        assert unwrap(Locked.of(secret), bound, wrapped) is None


@given(st.integers(0, 103 * 8 + 7))
def test_no_bit_can_be_changed(bit: int) -> None:
    """In the commitment it is another secret's; behind it, an alteration."""
    secret = Locked.of(b"s" * 32)
    wrapped = bytearray(wrap(secret, b"", Locked.random(32)))
    wrapped[bit // 8] ^= 1 << bit % 8
    if bit // 8 < 32:
        assert unwrap(secret, b"", bytes(wrapped)) is None
    else:
        with pytest.raises(Tampered):
            unwrap(secret, b"", bytes(wrapped))


def test_nothing_is_deciphered_for_a_wrong_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commitment decides, so a ciphertext made to open under many keys gains nothing."""
    wrapped = wrap(Locked.of(b"s" * 32), b"", Locked.random(32))
    monkeypatch.setattr(module, "XaesKey", None)
    assert unwrap(Locked.of(b"t" * 32), b"", wrapped) is None


def test_the_commitment_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the native core's comparison."""
    seen: list[tuple[bytes, bytes]] = []
    monkeypatch.setattr(module, "equal", lambda a, b: seen.append((a, b)))
    wrapped = wrap(Locked.of(b"s" * 32), b"x", Locked.random(32))
    unwrap(Locked.of(b"s" * 32), b"x", wrapped)
    assert seen == [(wrapped[:32], wrapped[:32])]


def test_commitment_and_wrapping_key_have_nothing_in_common() -> None:
    """The commitment is public and must not be the key, or its beginning."""
    secret = Locked.of(b"s" * 32)
    key = Locked.random(32)
    wrapped = wrap(secret, b"x", key)
    public = XaesKey(Locked.of(commitment(secret, b"x")))
    assert public.seal(wrapped[32:56], key.view(), b"x") != wrapped[56:]
