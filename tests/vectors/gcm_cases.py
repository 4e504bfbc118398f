"""Every published AES-GCM and XAES-256-GCM case that the native core offers, in one form.

Relies on sources.py. Promises: a case has a nonce of 96 bits (192 for XAES-256-GCM) and a tag of 128; those with
others are counted in `skipped`. Of each source there is at least one case.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from tests.vectors.sources import HERE, Case, find, nist, wycheproof

SIZES = (128, 192, 256)
C2SP = HERE / "c2sp" / "xaes_256_gcm.json"


@dataclass(frozen=True)
class Sealed:
    """One case: `plaintext` is None if it must not open. A nonce of 24 bytes says that it is XAES-256-GCM."""

    where: str
    key: bytes
    nonce: bytes
    aad: bytes
    ciphertext: bytes
    tag: bytes
    plaintext: bytes | None

    def packed(self) -> bytes:
        """The case as tests/native/test_vectors.c reads it."""
        kind = b"X" if len(self.nonce) == 24 else b"G"
        opens = self.plaintext is not None
        lengths = len(self.aad).to_bytes(4, "little") + len(self.ciphertext).to_bytes(4, "little")
        plaintext = self.plaintext if self.plaintext is not None else bytes(len(self.ciphertext))
        head = bytes([len(self.key)]) + kind + bytes([opens]) + lengths
        return head + self.key + self.nonce + self.aad + plaintext + self.ciphertext + self.tag


@dataclass
class Cases:
    """The cases of one source, and how many of it are left out for the size of their nonce or tag."""

    cases: list[Sealed] = field(default_factory=list)
    skipped: int = 0


def _of_nist(case: Case) -> Sealed:
    key, iv, aad, ciphertext, tag = (bytes.fromhex(case[name]) for name in ("Key", "IV", "AAD", "CT", "Tag"))
    plaintext = None if "FAIL" in case else bytes.fromhex(case["PT"])
    return Sealed(case["where"], key, iv, aad, ciphertext, tag, plaintext)


def of_nist() -> Cases:
    """CAVP: 6 files, decryption and encryption with an external IV for each size of key."""
    found = Cases()
    for size in SIZES:
        for kind, last in (("gcmDecrypt", {"PT", "FAIL"}), ("gcmEncryptExtIV", {"Tag"})):
            (path,) = find("cryptography_vectors", f"ciphers/AES/GCM/{kind}{size}.rsp")
            every = nist(path, last=last)
            ours = [_of_nist(case) for case in every if (case["IVlen"], case["Taglen"]) == ("96", "128")]
            if not ours:
                raise LookupError(f"{path} has no cases of our sizes")
            found.cases += ours
            found.skipped += len(every) - len(ours)
    return found


def of_wycheproof() -> Cases:
    """Wycheproof: what is altered does not open."""
    found = Cases()
    for group, test in wycheproof("aes_gcm_test.json"):
        if (group["ivSize"], group["tagSize"]) != (96, 128):
            found.skipped += 1
            continue
        parts = (bytes.fromhex(test[name]) for name in ("key", "iv", "aad", "ct", "tag"))
        plaintext = bytes.fromhex(test["msg"]) if test["result"] == "valid" else None
        found.cases.append(Sealed(test["where"], *parts, plaintext))
    if not found.cases:
        raise LookupError("Wycheproof has no cases of our sizes")
    return found


def of_c2sp() -> Cases:
    """XAES-256-GCM as published, and each case once with a changed tag."""
    found = Cases()
    for case in json.loads(C2SP.read_text())["cases"]:
        key, nonce, aad, plaintext, sealed = (
            bytes.fromhex(case[name]) for name in ("key", "nonce", "aad", "plaintext", "ciphertext")
        )
        ciphertext, tag = sealed[:-16], sealed[-16:]
        altered = bytes([tag[0] ^ 1]) + tag[1:]
        found.cases.append(Sealed("c2sp", key, nonce, aad, ciphertext, tag, plaintext))
        found.cases.append(Sealed("c2sp, altered", key, nonce, aad, ciphertext, altered, None))
    if not found.cases:
        raise LookupError(f"{C2SP} has no cases")
    return found


SOURCES = {"nist": of_nist, "wycheproof": of_wycheproof, "c2sp": of_c2sp}


def packed() -> bytes:
    """All cases one after another, for the C program."""
    return b"".join(case.packed() for read in SOURCES.values() for case in read().cases)


def accumulated_hash(iterations: int) -> str:
    """What C2SP publishes for so many accumulated random cases."""
    (entry,) = (
        entry for entry in json.loads(C2SP.read_text())["accumulated"] if entry["iterations"] == iterations
    )
    return str(entry["hash"])


def random_cases(iterations: int) -> list[tuple[bytes, bytes, bytes, bytes]]:
    """C2SP's random inputs, drawn from SHAKE-128 of nothing: key, nonce, plaintext and associated data."""
    # 57 to 567 bytes a case; hashlib gives a prefix of the stream at once.
    stream = memoryview(hashlib.shake_128().digest(iterations * 340))
    cases, at = list[tuple[bytes, bytes, bytes, bytes]](), 0
    for _ in range(iterations):
        key, nonce, at = bytes(stream[at : at + 32]), bytes(stream[at + 32 : at + 56]), at + 57
        plaintext, at = bytes(stream[at : at + stream[at - 1]]), at + stream[at - 1] + 1
        aad, at = bytes(stream[at : at + stream[at - 1]]), at + stream[at - 1]
        cases.append((key, nonce, plaintext, aad))
    return cases
