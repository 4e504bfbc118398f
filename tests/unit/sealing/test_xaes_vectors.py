"""The published vectors of c2sp.org/XAES-256-GCM, from their data file, through the sealing that records use."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from localvault.native.face import XaesKey
from localvault.native.memory import Locked

FILE = Path(__file__).parents[2] / "vectors" / "c2sp" / "xaes_256_gcm.json"
VECTORS: dict[str, Any] = json.loads(FILE.read_text())
CASES = [{name: bytes.fromhex(value) for name, value in case.items()} for case in VECTORS["cases"]]
ACCUMULATED = {entry["iterations"]: entry["hash"] for entry in VECTORS["accumulated"]}


def test_the_file_holds_what_was_published() -> None:
    """Two cases (one for each value of the bit that CMAC's K1 branches on) and two hashes."""
    assert len(CASES) == 2
    assert sorted(ACCUMULATED) == [10_000, 1_000_000]


@pytest.mark.parametrize("case", CASES)
def test_a_published_case_seals_and_opens(case: dict[str, bytes]) -> None:
    """Byte for byte, with the derived key and nonce that the specification shows in between."""
    key = XaesKey(Locked.of(case["key"]))
    assert key.seal(case["nonce"], case["plaintext"], case["aad"]) == case["ciphertext"]
    assert key.open(case["nonce"], case["ciphertext"], case["aad"]) == case["plaintext"]
    derived = AESGCM(case["derived_key"])
    assert derived.decrypt(case["derived_nonce"], case["ciphertext"], case["aad"]) == case["plaintext"]


def accumulated(iterations: int) -> str:
    """The accumulated randomised test: SHAKE-128 of nothing gives the inputs, another one hashes the outputs."""
    # 57 to 567 bytes a case; hashlib gives a prefix of the stream at once.
    stream = memoryview(hashlib.shake_128().digest(iterations * 340))
    hashed, at = hashlib.shake_128(), 0

    def read(size: int) -> bytes:
        nonlocal at
        at += size
        assert at <= len(stream)
        return bytes(stream[at - size : at])

    for _ in range(iterations):
        key, nonce = XaesKey(Locked.of(read(32))), read(24)
        plaintext = read(read(1)[0])
        aad = read(read(1)[0])
        ciphertext = key.seal(nonce, plaintext, aad)
        assert key.open(nonce, ciphertext, aad) == plaintext
        hashed.update(ciphertext)
    return hashed.hexdigest(32)


def test_10_000_random_cases_hash_to_the_published_value() -> None:
    """Any wrong byte in any of them would change it."""
    assert accumulated(10_000) == ACCUMULATED[10_000]


@pytest.mark.soak
def test_1_000_000_random_cases_hash_to_the_published_value() -> None:
    """The same at length."""
    assert accumulated(1_000_000) == ACCUMULATED[1_000_000]
