"""HMAC against RFC 4231."""

from __future__ import annotations

import pytest

from tests.vectors.sources import Cases, find, nist, oct_jwk, outcome
from tests.vectors.verbs import Verbs

LENGTHS = (16, 24, 32)


@pytest.mark.parametrize("bits", ["256", "384", "512"])
def test_hmac_of_rfc_4231(verbs: Verbs, chosen: Cases, bits: str) -> None:
    """Its keys have lengths that are not offered: filled up with zeros where that changes nothing, else refused.

    RFC 2104 (section 2) fills a key with zeros to the hash's block, so a key and the same key with zeros behind it have
    the same MACs.
    """
    (path,) = find("cryptography_vectors", f"HMAC/rfc-4231-sha{bits}.txt")
    refused = 0
    for case in chosen(nist(path, last={"MD"})):
        key, message, mac = (bytes.fromhex(case[name]) for name in ("Key", "Msg", "MD"))
        length = next((length for length in LENGTHS if length >= len(key)), None)
        if length is None:
            assert outcome(verbs.key, oct_jwk(key)) == "BadParameter"
            refused += 1
            continue
        own = verbs.key(oct_jwk(key.ljust(length, b"\0")))
        assert own.sign(f"HS{bits}", message) == mac, case["where"]
        own.verify(f"HS{bits}", message, mac)
        assert outcome(own.verify, f"HS{bits}", message + b".", mac) == "InvalidSignature"
    assert refused == 2
