"""Many signatures or wrapped keys with one key: eight RSA operations at a time where the machine can, else one by one.

Relies on `native.rsa` for the former and on the key's own verbs for the latter. Promises: results and errors are those
of the verb called item by item; what the core withholds because its verification failed, `cryptography` computes again.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from localvault.algorithms.rsa import OAEP_DIGESTS, RsaKey
from localvault.algorithms.rsa_padding import is_pss, pkcs1, pss
from localvault.errors import DecryptionFailed
from localvault.model.packed import Packed
from localvault.native import face
from localvault.native.memory import Locked
from localvault.native.rsa import WORTHWHILE, LaneKey, Unserved, open_oaep

if TYPE_CHECKING:
    from localvault.algorithms.base import KeyMaterial


def sign_many(material: KeyMaterial, algorithm: str, digests: Packed) -> Packed:
    """Return one signature for each digest; arguments as for `KeyMaterial.sign`.

    Raises:
        BadParameter, VaultClosed: as `KeyMaterial.sign`.
    """
    lanes = _lanes(material, len(digests))
    if lanes is not None:
        try:
            return _sign(material, lanes, algorithm, digests)
        except Unserved:
            pass
    return face.sign_many(lambda digest: material.sign(algorithm, digest), digests)


def verify_many(material: KeyMaterial, algorithm: str, digests: Packed, signatures: Packed) -> list[int]:
    """Return the indexes of the signatures that are not good; arguments as for `KeyMaterial.verify`.

    Raises:
        BadParameter: also where there are not as many signatures as digests.
        VaultClosed: as `KeyMaterial.verify`.
    """
    lanes = _lanes(material, len(digests), private=False)
    if lanes is not None and len(digests) == len(signatures):
        try:
            return _verify(material, lanes, algorithm, digests, signatures)
        except Unserved:
            pass
    return face.verify_many(
        lambda digest, signature: material.verify(algorithm, digest, signature), digests, signatures
    )


def wrap_many(material: KeyMaterial, algorithm: str, keys: Packed) -> Packed:
    """Return each key wrapped; arguments as for `KeyMaterial.wrap`.

    Raises:
        BadParameter, VaultClosed: as `KeyMaterial.wrap`.
    """
    return Packed.of([material.wrap(algorithm, key) for key in keys])


def unwrap_many(
    material: KeyMaterial, algorithm: str, wrapped: Packed, *, allow_rsa1_5: bool = False
) -> tuple[Packed, list[int]]:
    """Return each unwrapped key, and the indexes of those that do not open, whose place is empty.

    RSA1_5 goes one by one: what a wrong padding gives (implicit rejection) is for one implementation to decide.

    Raises:
        BadParameter, VaultClosed: as `KeyMaterial.unwrap`.
    """
    lanes = _lanes(material, len(wrapped)) if algorithm in OAEP_DIGESTS else None
    if lanes is not None:
        try:
            return _unwrap(material, lanes, algorithm, wrapped)
        except Unserved:
            pass
    return face.unwrap_many(lambda item: material.unwrap(algorithm, item, allow_rsa1_5=allow_rsa1_5), wrapped)


def _lanes(material: KeyMaterial, items: int, *, private: bool = True) -> LaneKey | None:
    if items < WORTHWHILE or not isinstance(material, RsaKey) or (private and not material.is_private):
        return None
    return material.lanes()


def _sign(material: KeyMaterial, lanes: LaneKey, algorithm: str, digests: Packed) -> Packed:
    assert isinstance(material, RsaKey)
    encode = pss if algorithm.startswith("PS") else pkcs1
    for digest in digests:
        material.check_signature(algorithm, digest)
    encoded = b"".join(encode(bytes(digest), lanes.size) for digest in digests)
    out = bytearray(len(encoded))
    window = memoryview(out)
    for index in lanes.private(encoded, out):
        window[index * lanes.size : (index + 1) * lanes.size] = material.sign(algorithm, digests[index])
    return Packed.trusted(out, array("q", range(0, len(out) + 1, lanes.size)))


def _verify(
    material: KeyMaterial, lanes: LaneKey, algorithm: str, digests: Packed, signatures: Packed
) -> list[int]:
    assert isinstance(material, RsaKey)
    for digest in digests:
        material.check_signature(algorithm, digest)
    # A zero, in place of what is no signature of this key, is not good either.
    numbers = b"".join(bytes(s) if lanes.takes(s) else bytes(lanes.size) for s in signatures)
    out = bytearray(len(numbers))
    lanes.public(numbers, out)
    good = is_pss if algorithm.startswith("PS") else _is_pkcs1
    return [
        index
        for index, (digest, signature) in enumerate(zip(digests, signatures, strict=True))
        if not good(bytes(out[index * lanes.size : (index + 1) * lanes.size]), bytes(digest))
    ]


def _is_pkcs1(encoded: bytes, digest: bytes) -> bool:
    # Compared whole, not parsed: a parser that skips is Bleichenbacher's forgery (CRYPTO 2006 rump session).
    return encoded == pkcs1(digest, len(encoded))


def _unwrap(
    material: KeyMaterial, lanes: LaneKey, algorithm: str, wrapped: Packed
) -> tuple[Packed, list[int]]:
    digest, size = OAEP_DIGESTS[algorithm], lanes.size
    # A zero, in place of what is no ciphertext of this key, does not open either.
    numbers = b"".join(bytes(item) if lanes.takes(item) else bytes(size) for item in wrapped)
    memory = Locked.zero(len(numbers))
    keys, failed = [], []
    try:
        encoded = memory.view()
        withheld = set(lanes.private(numbers, encoded))
        for index, item in enumerate(wrapped):
            key = open_oaep(encoded[index * size : (index + 1) * size], digest)
            if index in withheld:
                key = _again(material, algorithm, item)
            if key is None:
                failed.append(index)
            keys.append(b"" if key is None else key)
    finally:
        memory.wipe()
    return Packed.of(keys), failed


def _again(material: KeyMaterial, algorithm: str, item: memoryview) -> bytes | None:
    try:
        return material.unwrap(algorithm, item)
    except DecryptionFailed:
        return None
