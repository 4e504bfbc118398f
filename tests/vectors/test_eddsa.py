"""Ed25519 against the RFC authors' vectors and Wycheproof."""

from __future__ import annotations

from localvault.algorithms.jwk import encode
from tests.vectors.sources import Cases, find, outcome, wycheproof
from tests.vectors.verbs import Verbs


def test_signatures_of_the_authors_are_made_again(verbs: Verbs, chosen: Cases) -> None:
    """ed25519.cr.yp.to: 1,024 messages of 0 to 1,023 bytes."""
    (path,) = find("cryptography_vectors", "asymmetric/Ed25519/sign.input")
    lines = path.read_text().split()
    assert len(lines) == 1024
    for line in chosen(lines):
        secret, public, message, signed = (bytes.fromhex(part) for part in line.split(":")[:4])
        x = encode(public)
        key = verbs.key({"kty": "OKP", "crv": "Ed25519", "x": x, "d": encode(secret[:32])})
        assert key.sign("EdDSA", message) == signed[:64]
        verbs.key({"kty": "OKP", "crv": "Ed25519", "x": x}).verify("EdDSA", message, signed[:64])
        assert outcome(key.verify, "EdDSA", message + b"!", signed[:64]) == "InvalidSignature"


def test_signatures_of_wycheproof(verbs: Verbs, chosen: Cases) -> None:
    """Valid ones pass, invalid ones do not.

    "Acceptable" are signatures under public keys of small or mixed order, on which RFC 8032 lets verifiers differ: such
    a key is its owner's own doing, and either answer keeps every promise made here.
    """
    results = set()
    for group, test in chosen(wycheproof("ed25519_test.json")):
        message, signature = bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"])
        found = outcome(verbs.key(group["publicKeyPem"]).verify, "EdDSA", message, signature)
        if test["result"] == "acceptable":
            assert found in (None, "InvalidSignature"), test["where"]
            continue
        assert found == (None if test["result"] == "valid" else "InvalidSignature"), test["where"]
        results.add(found)
    assert results == {None, "InvalidSignature"}
