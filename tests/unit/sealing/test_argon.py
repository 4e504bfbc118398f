"""Argon2id out of and into locked memory: the published value, and the same as another implementation gives."""

from __future__ import annotations

import pytest
from argon2 import low_level
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import VaultClosed
from localvault.native.memory import Locked
from localvault.sealing import argon
from localvault.sealing.argon import stretch
from localvault.sealing.profiles import RFC_9106_LOW_MEMORY, KdfProfile


def stretched(passphrase: bytes, salt: bytes, profile: KdfProfile) -> bytes:
    """As plain bytes."""
    return bytes(stretch(Locked.of(passphrase), salt, profile).view())


def test_it_is_the_reference_implementations() -> None:
    """The Argon2id vector of phc-winner-argon2, src/test.c: two passes over 64 MiB."""
    expected = "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"
    assert stretched(b"password", b"somesalt", KdfProfile("", 2, 65536, 1)).hex() == expected


@given(
    st.binary(min_size=1, max_size=100),
    st.binary(min_size=16, max_size=16),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(0, 100),
)
def test_it_agrees_with_openssl(passphrase: bytes, salt: bytes, lanes: int, passes: int, more: int) -> None:
    """For any passphrase, salt and parameters."""
    memory = 8 * lanes + more
    other = Argon2id(salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=memory)
    assert stretched(passphrase, salt, KdfProfile("", passes, memory, lanes)) == other.derive(passphrase)


def test_without_more_threads_one_does_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system refuses threads the result is the same, not an error."""
    wanted = stretched(b"passphrase", bytes(16), RFC_9106_LOW_MEMORY)
    real = low_level.core

    def no_threads(context: object, kind: int) -> int:
        few = context.threads == 1  # type: ignore[attr-defined]
        return real(context, kind) if few else low_level.lib.ARGON2_THREAD_FAIL

    monkeypatch.setattr(argon, "core", no_threads)
    assert stretched(b"passphrase", bytes(16), RFC_9106_LOW_MEMORY) == wanted


def test_too_little_memory_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """`MemoryError`, with what was asked for."""
    failing = low_level.lib.ARGON2_MEMORY_ALLOCATION_ERROR
    monkeypatch.setattr(argon, "core", lambda _context, _kind: failing)
    with pytest.raises(MemoryError, match="3 passes over 64 MiB"):
        stretched(b"passphrase", bytes(16), RFC_9106_LOW_MEMORY)


def test_a_wiped_passphrase_is_refused() -> None:
    """`VaultClosed`, not the result for zeros."""
    passphrase = Locked.of(b"passphrase")
    passphrase.wipe()
    with pytest.raises(VaultClosed):
        stretch(passphrase, bytes(16), RFC_9106_LOW_MEMORY)
