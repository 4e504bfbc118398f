"""The examples of RFC 7515 (JWS), 7516 (JWE), 7517 (JWK), 7519 (JWT), 7520 (cookbook) and 8037 (Ed25519)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.vectors.sources import digest, oct_jwk, outcome, rfc, unbase64
from tests.vectors.verbs import Verbs

Example = tuple[dict[str, Any], dict[str, str]]
REFUSED = "BadParameter"


def examples(kind: str, *names: str) -> list[Any]:
    """The examples of one kind in the data files, each with its key."""
    found = []
    for name in names:
        data = rfc(name)
        found += [
            pytest.param(data["keys"][example["key"]], example, id=f"{name} {example['where']}")
            for example in data[kind]
        ]
    return found


def header_of(token: str) -> dict[str, Any]:
    """The protected header of a compact token."""
    header: dict[str, Any] = json.loads(unbase64(token.split(".")[0]))
    return header


@pytest.mark.parametrize(("jwk", "example"), examples("signatures", "rfc7515", "rfc7520", "rfc8037"))
def test_signed_examples_verify(verbs: Verbs, jwk: dict[str, str], example: dict[str, str]) -> None:
    """And, where the algorithm draws nothing at random, are made again to the byte."""
    message, _, signature = (part.encode() for part in example["token"].rpartition("."))
    algorithm, wanted = header_of(example["token"])["alg"], unbase64(signature.decode())
    if jwk["kty"] == "oct" and len(unbase64(jwk["k"])) > 32:
        assert (
            outcome(verbs.key, jwk) == REFUSED
        )  # RFC 7515, A.1 uses an HMAC key of 512 bits, which is not offered
        return
    hashed = message if algorithm in ("EdDSA", "HS256") else digest(algorithm[2:], message)
    key = verbs.key(jwk)
    key.verify(algorithm, hashed, wanted)
    assert outcome(key.verify, algorithm, hashed[:-1] + b"\0", wanted) == "InvalidSignature"
    made = key.sign(algorithm, hashed)
    key.verify(algorithm, hashed, made)
    assert (made == wanted) == (algorithm in ("RS256", "HS256", "EdDSA"))


@pytest.mark.parametrize(("jwk", "example"), examples("encryptions", "rfc7516", "rfc7519", "rfc7520"))
def test_encrypted_examples_open(verbs: Verbs, jwk: dict[str, str], example: dict[str, str]) -> None:
    """The content key by the vault's key, and the content by the content key."""
    protected, wrapped, iv, ciphertext, tag = example["token"].split(".")
    header = header_of(example["token"])
    content_key = content_key_of(verbs, jwk, header, unbase64(wrapped))
    opened = content_of(
        verbs, header["enc"], content_key, protected.encode(), *map(unbase64, (iv, ciphertext, tag))
    )
    assert opened.decode() == example["plaintext"]


def content_key_of(verbs: Verbs, jwk: dict[str, str], header: dict[str, Any], wrapped: bytes) -> bytes:
    """What the `alg` of a JWE header says."""
    if header["alg"] == "dir":
        return unbase64(jwk["k"])
    if header["alg"] == "A256GCMKW":
        return verbs.key(jwk).decrypt(
            "A256GCM", wrapped, unbase64(header["iv"]), b"", unbase64(header["tag"])
        )
    return verbs.key(jwk).unwrap(header["alg"], wrapped)


def content_of(
    verbs: Verbs, enc: str, key: bytes, aad: bytes, iv: bytes, ciphertext: bytes, tag: bytes
) -> bytes:
    """What the `enc` of a JWE header says; RFC 7518, 5.2 puts the MAC key before the AES key."""
    if enc.endswith("GCM"):
        return verbs.key(oct_jwk(key)).decrypt(enc, ciphertext, iv, aad, tag)
    assert enc == "A128CBC-HS256"
    authenticated = aad + iv + ciphertext + (len(aad) * 8).to_bytes(8, "big")
    assert verbs.key(oct_jwk(key[:16])).sign("HS256", authenticated)[:16] == tag
    return verbs.key(oct_jwk(key[16:])).decrypt("A128CBCPAD", ciphertext, iv)


@pytest.mark.parametrize("name", rfc("rfc7517")["accepted"])
def test_keys_of_rfc_7517_are_imported(verbs: Verbs, name: str) -> None:
    """And give their public members back as the RFC prints them."""
    jwk = rfc("rfc7517")["accepted"][name]
    key = verbs.key(jwk)
    assert verbs.key(json.dumps(jwk)) is not None
    if jwk["kty"] != "oct":
        public = key.public_jwk()
        assert public == {member: jwk[member] for member in public}


@pytest.mark.parametrize("name", rfc("rfc7517")["refused"])
def test_a_key_of_512_bits_is_refused(verbs: Verbs, name: str) -> None:
    """Key Vault has symmetric keys of 128, 192 and 256 bits."""
    assert outcome(verbs.key, rfc("rfc7517")["refused"][name]) == REFUSED
