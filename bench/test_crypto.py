"""Single operations with keys. Nothing here is judged: run.py tells the figures."""

from __future__ import annotations

import os
from typing import Any

import pytest

import localvault

MESSAGE, DIGEST = os.urandom(64), os.urandom(32)


@pytest.mark.parametrize(("key", "algorithm"), [("aes", "A256GCM"), ("rsa", "RSA-OAEP-256")])
def test_encrypt(benchmark: Any, vault: localvault.Vault, key: str, algorithm: str) -> None:
    """Encrypt 64 bytes."""
    assert benchmark(vault.crypto(key).encrypt, algorithm, MESSAGE).ciphertext


@pytest.mark.parametrize(("key", "algorithm"), [("aes", "A256KW"), ("rsa", "RSA-OAEP-256")])
def test_unwrap_key(benchmark: Any, vault: localvault.Vault, key: str, algorithm: str) -> None:
    """Unwrap a data key of 32 bytes."""
    crypto = vault.crypto(key)
    wrapped = crypto.wrap_key(algorithm, DIGEST).encrypted_key
    assert benchmark(crypto.unwrap_key, algorithm, wrapped).key == DIGEST


@pytest.mark.parametrize(("key", "algorithm"), [("ec", "ES256"), ("rsa", "PS256"), ("ed", "EdDSA")])
def test_sign(benchmark: Any, vault: localvault.Vault, key: str, algorithm: str) -> None:
    """Sign 32 bytes."""
    crypto = vault.crypto(key)
    crypto.verify(algorithm, DIGEST, benchmark(crypto.sign, algorithm, DIGEST).signature)


@pytest.mark.parametrize(("key", "algorithm"), [("ec", "ES256"), ("rsa", "PS256"), ("ed", "EdDSA")])
def test_verify(benchmark: Any, vault: localvault.Vault, key: str, algorithm: str) -> None:
    """Verify a signature over 32 bytes."""
    crypto = vault.crypto(key)
    signature = crypto.sign(algorithm, DIGEST).signature
    benchmark(crypto.verify, algorithm, DIGEST, signature)


def test_seal(benchmark: Any, vault: localvault.Vault) -> None:
    """Seal 64 bytes into a token."""
    crypto = vault.crypto("aes")
    assert crypto.open(benchmark(crypto.seal, MESSAGE)) == MESSAGE


def test_open(benchmark: Any, vault: localvault.Vault) -> None:
    """Open a token of 64 bytes."""
    crypto = vault.crypto("aes")
    assert benchmark(crypto.open, crypto.seal(MESSAGE)) == MESSAGE


def test_seal_many_of_ten_thousand(benchmark: Any, vault: localvault.Vault) -> None:
    """Seal 10,000 times 64 bytes, packed in and packed out."""
    items = localvault.Packed.of(os.urandom(64) for _ in range(10_000))
    crypto = vault.crypto("aes")
    tokens = benchmark(crypto.seal_many, items)
    assert bytes(crypto.open_many(tokens).data) == bytes(items.data)


def test_open_many_of_ten_thousand(benchmark: Any, vault: localvault.Vault) -> None:
    """Open 10,000 tokens of 64 bytes, packed in and packed out."""
    items = localvault.Packed.of(os.urandom(64) for _ in range(10_000))
    crypto = vault.crypto("aes")
    assert bytes(benchmark(crypto.open_many, crypto.seal_many(items)).data) == bytes(items.data)
