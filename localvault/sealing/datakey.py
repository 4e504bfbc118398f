"""Wrapped data keys: how the form a data key is kept in is written and read, and the keys made from a data key.

Relies on HKDF and HMAC; wrapping itself is `crypto.wrapping`. Promises: a wrapped data key names the key version and
the algorithm it was wrapped with, and opens with the context it was made with, or not at all. docs/format.md, section
11.

    wrapped data key = format (1) | suite (1) | key version (16) | wrapped, as the suite has it

The first 18 bytes stand where a token has them, so that what reads the version of a token reads this one's too. Its
suites are none of a token's, and its keys neither: nothing that one verb made can be opened by the other, whatever
contexts a caller chooses and whoever alters the second byte. The rejected alternative, a token under a context of our
own, would have to keep callers from choosing that context.
"""

from __future__ import annotations

import hmac
from typing import Final, NamedTuple

from localvault.errors import BadParameter, DecryptionFailed, NewerFormat
from localvault.native.face import NONCE_SIZE, TAG_SIZE
from localvault.native.memory import Locked
from localvault.sealing.hkdf import extract_and_expand
from localvault.sealing.token import KEY_ID, PREFIX_LEN, WRAPPED_KEYS

FORMAT: Final = 1
XAES_256_GCM: Final = 65
AES_KW: Final = 66
RSA_OAEP_256: Final = 67
RSA_OAEP: Final = 68
SIZES: Final = (128, 192, 256)
"""Bits a data key can have."""
BINDING_SIZE: Final = 32
ID_SIZE: Final = 16
_XAES_OVERHEAD: Final = PREFIX_LEN + NONCE_SIZE + TAG_SIZE

_SUITES: Final = {
    "XAES-256-GCM": XAES_256_GCM,
    "A128KW": AES_KW,
    "A192KW": AES_KW,
    "A256KW": AES_KW,
    "RSA-OAEP-256": RSA_OAEP_256,
    "RSA-OAEP": RSA_OAEP,
}
_NAMES: Final = {suite: name for name, suite in _SUITES.items()}
_DEFAULTS: Final = {"oct": "XAES-256-GCM", "RSA": "RSA-OAEP-256"}
_NEWEST: Final = max(_SUITES.values())


class Wrapped(NamedTuple):
    """What a wrapped data key says of itself, before anything of it is authenticated."""

    suite: int
    version_id: bytes
    """Of the key, 16 bytes."""


def suite_of(algorithm: str | None, kty: str, size: int | None) -> int:
    """The suite of an algorithm of a key, or (None) of the one that its type wraps with unless told otherwise.

    Raises:
        BadParameter: not an algorithm of such a key, or a type of key that wraps nothing.
    """
    name = _DEFAULTS.get(kty) if algorithm is None else algorithm
    suite = _SUITES.get(name or "")
    if suite is None or not serves(suite, kty) or (suite == AES_KW and name != algorithm_of(suite, size)):
        fitting = {algorithm_of(other, size) for other in _NAMES if serves(other, kty)}
        raise BadParameter(
            f"{str(name)[:40]!r} is not an algorithm that this {kty} key wraps data keys with",
            hint=f"use {' or '.join(sorted(fitting))}" if fitting else "use an oct or RSA key",
        )
    return suite


def algorithm_of(suite: int, size: int | None) -> str:
    """The name of the algorithm a suite stands for with a key of `size` bits."""
    return f"A{size}KW" if suite == AES_KW else _NAMES[suite]


def serves(suite: int, kty: str) -> bool:
    """Whether keys of this type wrap with that suite."""
    return kty == ("oct" if suite in (XAES_256_GCM, AES_KW) else "RSA")


def prefix(suite: int, version_id: bytes) -> bytes:
    """The 18 bytes every data key begins with that was wrapped so by this key version (its id, 16 bytes)."""
    return bytes((FORMAT, suite)) + version_id


def is_wrapped(data: bytes) -> bool:
    """Whether this begins as a wrapped data key does, of whatever suite."""
    return len(data) >= PREFIX_LEN and data[1] in WRAPPED_KEYS


def parse(wrapped: bytes) -> Wrapped:
    """What a wrapped data key says of itself.

    Raises:
        DecryptionFailed: no wrapped data key, or one cut short.
        NewerFormat: of a format or suite this localvault does not know.
    """
    if not is_wrapped(wrapped) or not wrapped[0] or wrapped[1] == WRAPPED_KEYS.start:
        raise DecryptionFailed("this is not a wrapped data key, or not all of it")
    if wrapped[0] > FORMAT or wrapped[1] > _NEWEST:
        raise NewerFormat("the data key was wrapped by a newer localvault", hint="update localvault")
    if len(wrapped) < (_XAES_OVERHEAD if wrapped[1] == XAES_256_GCM else PREFIX_LEN + BINDING_SIZE):
        raise DecryptionFailed("this is not a wrapped data key, or not all of it")
    return Wrapped(wrapped[1], wrapped[KEY_ID])


def binding(secret: memoryview, prefix: bytes, context: bytes) -> bytes:
    """The 32 bytes that bind version, algorithm and context to a data key whose algorithm takes no associated data.

    HMAC-SHA256 (RFC 2104) under a key derived from the data key itself: who does not have that cannot make one for
    another context, and finding two data keys with one binding takes a collision of SHA-256, so it commits to the key.
    The prefix has a fixed width, so no context can pass for a part of it. What remains: whoever has the public part of
    an RSA key can wrap a data key of their own, as with any public key.
    """
    key = extract_and_expand(secret, b"localvault data key binding v1")
    try:
        return hmac.digest(key.view(), prefix + context, "sha256")
    finally:
        key.wipe()


def wrapping_key(material: memoryview) -> Locked:
    """The 32-byte key that seals data keys, from the material of an `oct` key (16, 24 or 32 bytes).

    Neither the one of tokens nor of files, nor the material, for the reasons that `token.token_key` gives.
    """
    return extract_and_expand(material, b"localvault data key v1")


def data_id(secret: memoryview) -> bytes:
    """The 16 bytes by which what a data key sealed names it: the same however and how often the key is wrapped.

    An output of HKDF for a purpose of its own, which tells nothing of the key. Of 2^32 data keys two have the same id
    with a chance of 2^-65.
    """
    derived = extract_and_expand(secret, b"localvault data key id v1")
    try:
        return bytes(derived.view()[:ID_SIZE])
    finally:
        derived.wipe()


def tokens_key(secret: memoryview) -> Locked:
    """The 32-byte key a data key seals tokens with.

    Derived, so that an engine which got the data key itself may use it for AES-GCM or whatever it likes.
    """
    return extract_and_expand(secret, b"localvault data key tokens v1")


def files_key(secret: memoryview) -> Locked:
    """The 32-byte key a data key seals files with."""
    return extract_and_expand(secret, b"localvault data key files v1")
