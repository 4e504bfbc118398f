"""ECDSA and EC keys against NIST, RFC 6979 and Wycheproof."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from localvault.algorithms.jwk import encode
from localvault.algorithms.material import generate
from tests.vectors.sources import Case, Cases, digest, find, nist, outcome, unhex, wycheproof
from tests.vectors.verbs import Verbs

INVALID, REFUSED = "InvalidSignature", "BadParameter"
# curve: NIST's section, Wycheproof's file, algorithm, bits of the hash, bytes of a coordinate
CURVES = {
    "P-256": ("P-256,SHA-256", "secp256r1_sha256", "ES256", "256", 32),
    "P-384": ("P-384,SHA-384", "secp384r1_sha384", "ES384", "384", 48),
    "P-521": ("P-521,SHA-512", "secp521r1_sha512", "ES512", "512", 66),
    "P-256K": ("K-256,SHA-256", "secp256k1_sha256", "ES256K", "256", 32),
}
curves = pytest.mark.parametrize("curve", CURVES)
SIGNATURES = "asymmetric/ECDSA/FIPS_186-3"


def members(case: Case, curve: str, *names: str) -> dict[str, str]:
    """The JSON Web Key of a NIST case."""
    width = CURVES[curve][4]
    jwk = {name[-1]: encode(int(case[name], 16).to_bytes(width, "big")) for name in names}
    return {"kty": "EC", "crv": curve} | jwk


def fixed(case: Case, curve: str) -> bytes:
    """The signature of a NIST case as r || s; a number that does not fit makes it too long."""
    return b"".join(unhex(case[name]).rjust(CURVES[curve][4], b"\0") for name in "RS")


def spki_head(curve: str) -> bytes:
    """What stands before the coordinates in a SubjectPublicKeyInfo of the curve."""
    whole = generate("EC", curve=curve).public_der()
    assert whole is not None
    return whole[: -2 * CURVES[curve][4]]


def of_curve(name: str, curve: str, last: str) -> list[Case]:
    """The cases of one curve with the hash that belongs to it."""
    (path,) = find("cryptography_vectors", name)
    return [case for case in nist(path, last={last}) if case["section"] == CURVES[curve][0]]


@curves
def test_keys_of_nist_sign_and_their_signatures_verify(verbs: Verbs, chosen: Cases, curve: str) -> None:
    """The private key is imported with its point; another signature of it verifies as well as NIST's own."""
    name = "asymmetric/ECDSA/SECP256K1/SigGen.txt" if curve == "P-256K" else f"{SIGNATURES}/SigGen.txt"
    _, _, algorithm, bits, _ = CURVES[curve]
    for case in chosen(of_curve(name, curve, "S")):
        key = verbs.key(members(case, curve, "Qx", "Qy", "d"))
        hashed = digest(bits, bytes.fromhex(case["Msg"]))
        key.verify(algorithm, hashed, fixed(case, curve))
        public = verbs.key(members(case, curve, "Qx", "Qy"))
        public.verify(algorithm, hashed, key.sign(algorithm, hashed))
        assert outcome(public.verify, algorithm, digest(bits, b"another"), fixed(case, curve)) == INVALID, (
            case["where"]
        )


@pytest.mark.parametrize("curve", ["P-256", "P-384", "P-521"])
def test_signatures_of_nist_pass_or_fail(verbs: Verbs, chosen: Cases, curve: str) -> None:
    """With the public point; one that is not on the curve is refused when it is imported."""
    _, _, algorithm, bits, _ = CURVES[curve]
    results = set()
    for case in chosen(of_curve(f"{SIGNATURES}/SigVer.rsp", curve, "Result")):
        try:
            key = verbs.key(members(case, curve, "Qx", "Qy"))
        except ValueError:
            assert case["Result"].startswith("F"), case["where"]
            continue
        expected = None if case["Result"].startswith("P") else INVALID
        found = outcome(key.verify, algorithm, digest(bits, bytes.fromhex(case["Msg"])), fixed(case, curve))
        assert found == expected, case["where"]
        results.add(expected)
    assert results == {None, INVALID}


@pytest.mark.parametrize("curve", ["P-256", "P-384", "P-521"])
def test_points_of_nist_are_accepted_or_refused(verbs: Verbs, chosen: Cases, curve: str) -> None:
    """Public key validation: points off the curve and coordinates out of range are refused, as JWK and as DER."""
    (path,) = find("cryptography_vectors", f"{SIGNATURES}/PKV.rsp")
    width = CURVES[curve][4]
    results = set()
    head = spki_head(curve)
    for case in chosen([case for case in nist(path, last={"Result"}) if case["section"] == curve]):
        numbers = [int(case[name], 16) for name in ("Qx", "Qy")]
        accepted = case["Result"].startswith("P")
        if max(numbers).bit_length() > width * 8:
            assert not accepted, case["where"]
            continue
        x, y = (number.to_bytes(width, "big") for number in numbers)
        found = outcome(verbs.key, {"kty": "EC", "crv": curve, "x": encode(x), "y": encode(y)})
        assert (found != REFUSED) == accepted, case["where"]
        found = outcome(verbs.key, head + x + y)
        assert (found != REFUSED) == accepted, case["where"]
        results.add(case["Result"][0])
    assert results == {"P", "F"}


@curves
def test_fixed_width_signatures_of_wycheproof(verbs: Verbs, chosen: Cases, curve: str) -> None:
    """r || s: edge cases of the arithmetic pass; numbers out of range and other widths do not."""
    _, name, algorithm, bits, _ = CURVES[curve]
    results = set()
    for group, test in chosen(wycheproof(f"ecdsa_{name}_p1363_test.json")):
        key = verbs.key(group["publicKeyJwk"] if "publicKeyJwk" in group else group["publicKeyPem"])
        expected = None if test["result"] == "valid" else INVALID
        message, signature = bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"])
        assert outcome(key.verify, algorithm, digest(bits, message), signature) == expected, test["where"]
        results.add(expected)
    assert results == {None, INVALID}


@curves
def test_der_signatures_of_wycheproof(verbs: Verbs, chosen: Cases, curve: str) -> None:
    """Those whose DER is well-formed, carried over to fixed width; numbers that do not fit it are out of range."""
    _, name, algorithm, bits, width = CURVES[curve]
    carried = 0
    for group, test in chosen(wycheproof(f"ecdsa_{name}_test.json")):
        try:
            signature = b"".join(
                part.to_bytes(width, "big") for part in decode_dss_signature(bytes.fromhex(test["sig"]))
            )
        except (ValueError, OverflowError):
            assert test["result"] == "invalid", test["where"]
            continue
        expected = None if test["result"] == "valid" else INVALID
        hashed = digest(bits, bytes.fromhex(test["msg"]))
        assert outcome(verbs.key(group["publicKeyPem"]).verify, algorithm, hashed, signature) == expected, (
            test["where"]
        )
        carried += 1
    assert carried


def test_signatures_of_rfc_6979_verify(verbs: Verbs) -> None:
    """The deterministic signatures of the RFC's appendix, with each curve's own hash."""
    (path,) = find("cryptography_vectors", "asymmetric/ECDSA/RFC6979/evppkey_ecdsa_rfc6979.txt")
    keys, checked = {}, 0
    for block in path.read_text().split("\n\n"):
        lines = dict(line.split(" = ", 1) for line in block.splitlines() if " = " in line)
        if "-----BEGIN PRIVATE KEY" in block:
            keys[block.split("=", 1)[1].split("\n", 1)[0]] = block.split("\n", 1)[1]
        curve = lines.get("Key", "").removesuffix("_PRIV")
        if curve not in CURVES or "Output" not in lines:
            continue
        _, _, algorithm, bits, width = CURVES[curve]
        if lines["DigestSign"] != f"SHA{bits}":
            continue
        assert load_pem_private_key(keys[lines["Key"]].encode(), None)
        signature = decode_dss_signature(bytes.fromhex(lines["Output"]))
        joined = b"".join(part.to_bytes(width, "big") for part in signature)
        hashed = digest(bits, lines["Input"].strip('"').encode())
        verbs.key(keys[lines["Key"]]).verify(algorithm, hashed, joined)
        checked += 1
    assert checked == 6
