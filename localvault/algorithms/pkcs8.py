"""PEM, DER and PKCS#8: finding the one private key in a text, bounding what its password costs, and writing PEM.

Relies on `cryptography` for the key formats themselves. Promises: a hostile text is refused in time linear in its
length, and a hostile key-derivation count before it is run; what is written opens with any tool that reads PBES2.
"""

from __future__ import annotations

import base64
import binascii
import os
from textwrap import wrap
from typing import TYPE_CHECKING, Literal, NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.padding import PKCS7

from localvault.errors import BadParameter

if TYPE_CHECKING:
    from collections.abc import Iterator

INTEGER, BITS, OCTETS, OID, SEQUENCE = 0x02, 0x03, 0x04, 0x06, 0x30
_PBES2 = bytes.fromhex("2a864886f70d01050d")
_PBKDF2 = bytes.fromhex("2a864886f70d01050c")
_SCRYPT = bytes.fromhex("2b06010401da47040b")
_HMAC_SHA256 = bytes.fromhex("2a864886f70d0209")
_AES256_CBC = bytes.fromhex("60864801650304012a")

# What a password may cost on import: about 3 seconds of PBKDF2, or scrypt in 256 MiB. OpenSSL writes 2,048 rounds
# and scrypt in 16 MiB; without a bound one import could run for days.
ROUNDS_MAX = 5_000_000
SCRYPT_BYTES_MAX, SCRYPT_P_MAX = 1 << 28, 16
# What it costs on export: OWASP's figure for PBKDF2-HMAC-SHA256 (Password Storage Cheat Sheet, 2023). The library's own
# writer uses 2,048, which is why the envelope is made here.
ROUNDS = 600_000


class Pem(NamedTuple):
    """One block: its label, its headers (of the old OpenSSL encryption) or none, its content, and its text."""

    label: bytes
    headers: bytes
    der: bytes
    text: bytes


def blocks(text: bytes) -> Iterator[Pem]:
    """Yield the blocks of a PEM text (RFC 7468); what stands between them is ignored.

    Raises:
        BadParameter: a block is not closed or not base64.
    """
    start = text.find(b"-----BEGIN ")
    while start >= 0:
        label_end = text.find(b"-----", start + 11, start + 80)
        label = text[start + 11 : label_end]
        end = text.find(b"-----END " + label + b"-----", label_end) if label_end >= 0 else -1
        if end < 0:
            raise BadParameter("the PEM text breaks off")
        headers, _, body = text[label_end + 5 : end].replace(b"\r", b"").rpartition(b"\n\n")
        stop = end + len(label) + 14
        yield Pem(label, headers, _base64(body), text[start:stop] + b"\n")
        start = text.find(b"-----BEGIN ", stop)


def _base64(body: bytes) -> bytes:
    try:
        return binascii.a2b_base64(b"".join(body.split()), strict_mode=True)
    except binascii.Error:
        raise BadParameter("the PEM text is not base64") from None


def kind(der: bytes) -> Literal["private", "encrypted", "public"]:
    """Return what a key in DER is, by its first elements, after bounding what opening an encrypted one costs.

    A private key (PKCS#8, PKCS#1, SEC 1) begins with its version; a SubjectPublicKeyInfo (RFC 5280) is an algorithm and
    a bit string, an EncryptedPrivateKeyInfo (RFC 5958, 3) an algorithm and octets.

    Raises:
        BadParameter: none of these, or a key derivation that costs too much.
    """
    tag, body, rest = read(memoryview(der))
    first, scheme, after = read(body)
    if tag == SEQUENCE and not rest:
        if first == INTEGER:
            return "private"
        second = read(after)[0] if first == SEQUENCE else None
        if second == BITS:
            return "public"
        if second == OCTETS:
            _check_scheme(scheme)
            return "encrypted"
    raise BadParameter("this is no key in PEM, DER or JSON: the DER is something else")


def _check_scheme(scheme: memoryview) -> None:
    name, parameters = _algorithm(scheme)
    if name == _PBES2:
        name, parameters = _algorithm(_expect(parameters, SEQUENCE)[0])
        if name == _SCRYPT:
            _check_scrypt(parameters)
            return
    _, after = _expect(
        parameters, OCTETS
    )  # the salt: the same place in PBKDF2, PBES1 and PKCS#12 (RFC 8018, RFC 7292)
    if _integer(after)[0] > ROUNDS_MAX:
        raise BadParameter(f"opening the key would take more than {ROUNDS_MAX:,} rounds of key derivation")


def _check_scrypt(parameters: memoryview) -> None:
    _, after = _expect(parameters, OCTETS)
    n, after = _integer(after)
    r, after = _integer(after)
    p, _ = _integer(after)
    if 128 * n * r > SCRYPT_BYTES_MAX or p > SCRYPT_P_MAX:
        raise BadParameter(f"opening the key would take more than {SCRYPT_BYTES_MAX >> 20} MiB of memory")


def _algorithm(body: memoryview) -> tuple[bytes, memoryview]:
    name, after = _expect(body, OID)
    return bytes(name), _expect(after, SEQUENCE)[0]


def _integer(data: memoryview) -> tuple[int, memoryview]:
    body, rest = _expect(data, INTEGER)
    return int.from_bytes(body, "big"), rest


def _expect(data: memoryview, tag: int) -> tuple[memoryview, memoryview]:
    found, body, rest = read(data)
    if found != tag:
        raise BadParameter("the encrypted key is not DER as it should be")
    return body, rest


def read(data: memoryview) -> tuple[int, memoryview, memoryview]:
    """Return tag, content and what follows of the first element of DER (X.690).

    Raises:
        BadParameter: it is cut off, or its length is not in the one form DER allows.
    """
    if len(data) < 2:
        raise BadParameter("this is no key in PEM, DER or JSON: read as DER, it breaks off")
    tag, length, start = data[0], data[1], 2
    if length >= 0x80:
        start = 2 + (length & 0x7F)
        length = int.from_bytes(data[2:start], "big")
        if not 3 <= start <= 6 or len(data) < start or length < 0x80 or data[2] == 0:
            raise BadParameter("this is no key in PEM, DER or JSON: read as DER, it has a malformed length")
    if len(data) < start + length:
        raise BadParameter("this is no key in PEM, DER or JSON: read as DER, it breaks off")
    return tag, data[start : start + length], data[start + length :]


def to_pem(der: bytes, password: str | bytes | None) -> str:
    """Return a PKCS#8 PrivateKeyInfo as PEM text, encrypted under `password` if there is one.

    Raises:
        BadParameter: an empty password, or one that UTF-8 cannot carry.
    """
    if password is None:
        return _armour("PRIVATE KEY", der)
    try:
        secret = password.encode() if isinstance(password, str) else bytes(password)
    except UnicodeEncodeError:  # which would show the password
        raise BadParameter("the password holds half of a surrogate pair, which UTF-8 cannot carry") from None
    if not secret:
        raise BadParameter(
            "an empty password protects nothing", hint="give one, or None to leave the key readable"
        )
    return _armour("ENCRYPTED PRIVATE KEY", _encrypt(der, secret))


def _encrypt(der: bytes, password: bytes) -> bytes:
    """PBES2 of RFC 8018 (6.2): PBKDF2-HMAC-SHA256 and AES-256-CBC, with a salt and iv of 16 random bytes."""
    salt, iv = os.urandom(16), os.urandom(16)
    key = PBKDF2HMAC(hashes.SHA256(), 32, salt, ROUNDS).derive(password)
    padder, context = PKCS7(128).padder(), Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    ciphertext = context.update(padder.update(der) + padder.finalize()) + context.finalize()
    rounds = ROUNDS.to_bytes(3, "big")
    prf = _write(SEQUENCE, _write(OID, _HMAC_SHA256), b"\x05\x00")
    derivation = _write(SEQUENCE, _write(OCTETS, salt), _write(INTEGER, rounds), prf)
    parameters = _write(
        SEQUENCE,
        _write(SEQUENCE, _write(OID, _PBKDF2), derivation),
        _write(SEQUENCE, _write(OID, _AES256_CBC), _write(OCTETS, iv)),
    )
    return _write(SEQUENCE, _write(SEQUENCE, _write(OID, _PBES2), parameters), _write(OCTETS, ciphertext))


def _write(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes((tag, len(body))) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


def _armour(label: str, der: bytes) -> str:
    body = "\n".join(wrap(base64.b64encode(der).decode(), 64))
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"
