"""Frame keys: what is sealed under a number opens under that number, and a child has no second turn."""

from __future__ import annotations

import copy
import gc
import pickle

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import BadParameter, DecryptionFailed, VaultClosed
from localvault.native.frame import FrameKey
from localvault.native.memory import Locked
from tests.support.forking import in_child

NUMBERS = st.integers(0, 2**64)
KEY = FrameKey(Locked.of(b"k" * 32))


@given(NUMBERS, st.binary(max_size=200))
def test_a_frame_opens_under_its_number(number: int, data: bytes) -> None:
    """It is AES-256-GCM with the number as nonce, and no other number opens it."""
    sealed = KEY.seal(number, data)
    assert KEY.open(number, sealed) == data
    assert sealed == AESGCM(b"k" * 32).encrypt(number.to_bytes(12), data, None)
    with pytest.raises(DecryptionFailed):
        KEY.open(number + 1, sealed)


@given(st.binary(max_size=80), st.integers(0), st.integers(1, 255))
def test_an_altered_frame_does_not_open(data: bytes, at: int, change: int) -> None:
    """Whichever byte is changed, and if it is cut."""
    sealed = bytearray(KEY.seal(1, data))
    sealed[at % len(sealed)] ^= change
    with pytest.raises(DecryptionFailed):
        KEY.open(1, bytes(sealed))
    for shorter in (sealed[:-1], b""):
        with pytest.raises(DecryptionFailed):
            KEY.open(1, bytes(shorter))


def test_a_wiped_key_is_gone() -> None:
    """For both directions; the key it was made from may be wiped earlier."""
    source = Locked.random(32)
    key = FrameKey(source)
    source.wipe()
    sealed = key.seal(0, b"data")
    assert key.open(0, sealed) == b"data"
    key.wipe()
    with pytest.raises(VaultClosed):
        key.seal(1, b"data")
    with pytest.raises(VaultClosed):
        key.open(0, sealed)


def test_a_child_cannot_seal() -> None:
    """It would count on from the parent's number: the same nonce for two texts."""
    assert in_child(lambda: KEY.seal(7, b"data")) == "VaultForked"
    assert in_child(lambda: KEY.open(7, b"data" * 8)) == "VaultForked"
    assert KEY.open(7, KEY.seal(7, b"data")) == b"data"


def test_a_key_of_another_size_is_refused() -> None:
    """Only AES-256."""
    for size in (0, 16, 31, 33):
        with pytest.raises(BadParameter):
            FrameKey(Locked.zero(size))


def test_a_key_is_not_shown_nor_copied() -> None:
    """By no `repr`, pickle or copy; and it goes when it is dropped."""
    key = FrameKey(Locked.of(b"marker-of-a-secret-key-in-a-test"))
    assert "marker" not in repr(key)
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            leak(key)
    del key
    gc.collect()
