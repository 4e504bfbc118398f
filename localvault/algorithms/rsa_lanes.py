"""From an RSA key of `cryptography` to one the core computes with, without a Python integer of anything private.

Relies on `native.rsa` and on OpenSSL's PKCS#1 encoding (RFC 8017, appendix A.1.2). Promises: the encoding, and the
parts cut out of it, are wiped.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from localvault.algorithms.pkcs8 import read
from localvault.native.memory import Locked, wipe_bytes
from localvault.native.rsa import LaneKey, Unserved, serves

_PRIVATE = slice(4, 9)  # p, q, dp, dq and qinv, after version, n, e and d


def lane_key(private: rsa.RSAPrivateKey | None, public: rsa.RSAPublicKey) -> LaneKey | None:
    """Return the key laid out for the core, or None if the core does not serve such a key on this machine."""
    if not serves(public.key_size // 8):
        return None
    numbers = public.public_numbers()
    n = numbers.n.to_bytes(public.key_size // 8)
    try:
        if private is None:
            return LaneKey(n, numbers.e)
        parts = _private_parts(private, len(n) // 2)
        try:
            return LaneKey(n, numbers.e, parts)
        finally:
            parts.wipe()
    except Unserved:
        return None


def _private_parts(key: rsa.RSAPrivateKey, half: int) -> Locked:
    der = key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    parts = Locked.zero(5 * half)
    try:
        window = parts.view()
        for index, number in enumerate(_integers(der)[_PRIVATE]):
            digits = number[-half:]  # DER puts a zero before a high bit
            if any(number[:-half]):
                raise Unserved
            window[(index + 1) * half - len(digits) : (index + 1) * half] = digits
    except BaseException:
        parts.wipe()
        raise
    finally:
        wipe_bytes(der)
    return parts


def _integers(der: bytes) -> list[memoryview]:
    found, rest = [], read(memoryview(der))[1]
    while rest:
        _, number, rest = read(rest)
        found.append(number)
    return found
