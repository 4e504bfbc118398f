"""AES-GCM, AES-CBC and AES key wrap against NIST, Wycheproof and the RFCs."""

from __future__ import annotations

import pytest

from tests.vectors.sources import Cases, find, nist, oct_jwk, outcome, paragraphs, rfc, wycheproof
from tests.vectors.verbs import Verbs

SIZES = pytest.mark.parametrize("size", [128, 192, 256])
FAILED, REFUSED = "DecryptionFailed", "BadParameter"


@SIZES
@pytest.mark.parametrize("kind", ["gcmDecrypt", "gcmEncryptExtIV"])
def test_gcm_of_nist(verbs: Verbs, chosen: Cases, size: int, kind: str) -> None:
    """Driven through decrypt, because encrypting draws its own iv; ivs and tags of other lengths are refused."""
    (path,) = find("cryptography_vectors", f"ciphers/AES/GCM/{kind}{size}.rsp")
    cases = nist(path, last={"PT", "FAIL"} if kind == "gcmDecrypt" else {"Tag"})
    ours = [case for case in cases if (case["IVlen"], case["Taglen"]) == ("96", "128")]
    for case in chosen(ours):
        assert gcm(verbs, size, case) == (FAILED if "FAIL" in case else bytes.fromhex(case["PT"])), case[
            "where"
        ]
    others = [case for case in cases if (case["IVlen"], case["Taglen"]) != ("96", "128")]
    for case in chosen(others)[:40]:
        assert gcm(verbs, size, case) == REFUSED, case["where"]


def gcm(verbs: Verbs, size: int, case: dict[str, str]) -> object:
    """What decrypting a NIST case gives."""
    key, iv, ciphertext, aad, tag = (bytes.fromhex(case[name]) for name in ("Key", "IV", "CT", "AAD", "Tag"))
    return outcome(verbs.key(oct_jwk(key)).decrypt, f"A{size}GCM", ciphertext, iv, aad, tag)


def test_gcm_of_wycheproof(verbs: Verbs, chosen: Cases) -> None:
    """Valid ones open, altered ones do not, and keys, ivs or tags of other sizes are refused."""
    results = set()
    for group, test in chosen(wycheproof("aes_gcm_test.json")):
        key, iv, aad, ciphertext, tag = (
            bytes.fromhex(test[name]) for name in ("key", "iv", "aad", "ct", "tag")
        )

        expected = bytes.fromhex(test["msg"]) if test["result"] == "valid" else FAILED
        if (group["ivSize"], group["tagSize"]) != (96, 128):
            expected = REFUSED
        own, algorithm = verbs.key(oct_jwk(key)), f"A{len(key) * 8}GCM"
        assert outcome(own.decrypt, algorithm, ciphertext, iv, aad, tag) == expected, test["where"]
        results.add(type(expected))
    assert results == {bytes, str}


@SIZES
@pytest.mark.parametrize("kind", ["GFSbox", "KeySbox", "VarKey", "VarTxt", "MMT"])
def test_cbc_of_nist(verbs: Verbs, chosen: Cases, size: int, kind: str) -> None:
    """Both ways; and CBCPAD gives the same blocks and one more, of padding."""
    (path,) = find("cryptography_vectors", f"ciphers/AES/CBC/CBC{kind}{size}.rsp")
    for case in chosen(paragraphs(path, "CIPHERTEXT")):
        key, iv, plaintext, ciphertext = (
            bytes.fromhex(case[name]) for name in ("KEY", "IV", "PLAINTEXT", "CIPHERTEXT")
        )
        own = verbs.key(oct_jwk(key))
        assert own.encrypt(f"A{size}CBC", plaintext, iv) == (ciphertext, iv, None), case["where"]
        assert own.decrypt(f"A{size}CBC", ciphertext, iv) == plaintext, case["where"]
        padded = own.encrypt(f"A{size}CBCPAD", plaintext, iv).ciphertext
        assert padded[:-16] == ciphertext, case["where"]
        assert own.decrypt(f"A{size}CBCPAD", padded, iv) == plaintext, case["where"]


@pytest.mark.parametrize("case", rfc("rfc7518")["encryptions"], ids=lambda case: case["where"])
def test_cbc_with_padding_of_rfc_7518(verbs: Verbs, case: dict[str, str]) -> None:
    """The ciphertexts of AES_CBC_HMAC_SHA2: the second half of the key encrypts, the first half authenticates."""
    shared = rfc("rfc7518")
    key, iv, plaintext = bytes.fromhex(case["key"]), bytes.fromhex(shared["iv"]), shared["plaintext"].encode()
    aad, ciphertext, tag = (
        shared["associated_data"].encode(),
        bytes.fromhex(case["ciphertext"]),
        bytes.fromhex(case["tag"]),
    )
    cipher = verbs.key(oct_jwk(key[len(key) // 2 :]))
    assert cipher.encrypt(case["cipher"], plaintext, iv).ciphertext == ciphertext
    assert cipher.decrypt(case["cipher"], ciphertext, iv) == plaintext
    authenticated = aad + iv + ciphertext + (len(aad) * 8).to_bytes(8, "big")
    mac = verbs.key(oct_jwk(key[: len(key) // 2])).sign(case["mac"], authenticated)
    assert mac[: len(mac) // 2] == tag


@SIZES
@pytest.mark.parametrize("kind", ["AE", "AD"])
def test_key_wrap_of_nist(verbs: Verbs, chosen: Cases, size: int, kind: str) -> None:
    """SP 800-38F: what wraps is the ciphertext, what unwraps the plaintext, what was altered fails."""
    (path,) = find("cryptography_vectors", f"keywrap/kwtestvectors/KW_{kind}_{size}.txt")
    failures = 0
    for case in chosen(nist(path, last={"C"} if kind == "AE" else {"P", "FAIL"})):
        own, ciphertext = verbs.key(oct_jwk(bytes.fromhex(case["K"]))), bytes.fromhex(case["C"])
        if "FAIL" in case:
            assert outcome(own.unwrap, f"A{size}KW", ciphertext) == FAILED, case["where"]
            failures += 1
            continue
        plaintext = bytes.fromhex(case["P"])
        assert own.unwrap(f"A{size}KW", ciphertext) == plaintext, case["where"]
        assert own.wrap(f"A{size}KW", plaintext) == ciphertext, case["where"]
    assert (failures > 0) == (kind == "AD")


def test_key_wrap_of_wycheproof(verbs: Verbs, chosen: Cases) -> None:
    """Valid ones both ways; altered, cut and ill-sized ones fail."""
    for _group, test in chosen(wycheproof("aes_wrap_test.json")):
        key, plaintext, ciphertext = (bytes.fromhex(test[name]) for name in ("key", "msg", "ct"))
        own, algorithm = verbs.key(oct_jwk(key)), f"A{len(key) * 8}KW"
        if test["result"] == "valid":
            assert own.wrap(algorithm, plaintext) == ciphertext, test["where"]
            assert own.unwrap(algorithm, ciphertext) == plaintext, test["where"]
        elif test["result"] == "invalid":
            assert outcome(own.unwrap, algorithm, ciphertext) == FAILED, test["where"]
        else:
            # "acceptable" marks keys of 8 bytes, which RFC 3394 does not define: neither wrapped nor unwrapped here.
            assert outcome(own.wrap, algorithm, plaintext) == REFUSED, test["where"]
            assert outcome(own.unwrap, algorithm, ciphertext) == FAILED, test["where"]


@pytest.mark.parametrize("case", rfc("rfc3394")["wraps"], ids=lambda case: case["where"])
def test_key_wrap_of_rfc_3394(verbs: Verbs, case: dict[str, str]) -> None:
    """All six, both ways."""
    key, plaintext, ciphertext = (bytes.fromhex(case[name]) for name in ("key", "plaintext", "ciphertext"))
    own, algorithm = verbs.key(oct_jwk(key)), f"A{len(key) * 8}KW"
    assert own.wrap(algorithm, plaintext) == ciphertext
    assert own.unwrap(algorithm, ciphertext) == plaintext
