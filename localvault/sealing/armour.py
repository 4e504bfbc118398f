"""32 bytes as text that people can write down and type: Crockford's base32 with a checksum.

Relies on SHA-256. Promises: what is typed may differ in case, spaces, hyphens, O for 0, I and L for 1; any other slip
is found, but for one in 2^24; the bytes go straight into locked memory. docs/format.md, section 2.

    56 characters = base32(32 bytes | first 3 bytes of SHA-256(label | 32 bytes))

The checksum gives away 24 bits of a hash of 256 random ones: nothing that helps to find them. The rejected
alternative, a list of words, takes 24 of them in one language for the same bits, and is no easier to scan or print.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from localvault.native.memory import Locked
from localvault.sealing.hkdf import KEY_SIZE

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CHECKSUM_SIZE: Final = 3
LENGTH: Final = (KEY_SIZE + CHECKSUM_SIZE) * 8 // 5
GROUP: Final = 4

_VALUES = {character: value for value, character in enumerate(ALPHABET)} | {"O": 0, "I": 1, "L": 1}
_IGNORED = frozenset(" -\t\r\n")


class Misspelt(Exception):
    """The text is not one that `encode` wrote; the sentence says what is wrong with it, without the text."""


def encode(secret: Locked, label: bytes) -> str:
    """56 characters for 32 bytes; `label` keeps texts of different purposes apart."""
    number = int.from_bytes(bytes(secret.view()) + _checksum(secret, label))
    return "".join(ALPHABET[number >> shift & 31] for shift in range((LENGTH - 1) * 5, -1, -5))


def grouped(text: str) -> str:
    """The 56 characters in 14 groups of four with hyphens between them."""
    return "-".join(text[at : at + GROUP] for at in range(0, len(text), GROUP))


def decode(text: Iterable[str], label: bytes) -> Locked:
    """The 32 bytes that `encode` made `text` of; it is read character by character.

    Raises:
        Misspelt: another number of characters, one outside of the alphabet, or a checksum that does not fit.
    """
    values = [_value(character) for character in text if character not in _IGNORED]
    if len(values) != LENGTH:
        raise Misspelt(f"it has {len(values)} characters instead of {LENGTH}")
    secret = Locked.zero(KEY_SIZE)
    checksum = _unpack(values, secret.view())
    if checksum != _checksum(secret, label):
        secret.wipe()
        raise Misspelt("its checksum does not fit, so at least one character is wrong")
    return secret


def _value(character: str) -> int:
    value = _VALUES.get(character.upper())
    if value is None:
        raise Misspelt(f"{character!r} is not one of its characters")
    return value


def _unpack(values: list[int], window: memoryview) -> bytes:
    """Writes the first bytes into `window`, never more than 12 bits at a time outside of it; returns the rest."""
    rest = bytearray()
    pending = bits = position = 0
    for value in values:
        pending, bits = pending << 5 | value, bits + 5
        if bits >= 8:
            bits -= 8
            byte, pending = pending >> bits, pending & (1 << bits) - 1
            if position < len(window):
                window[position] = byte
            else:
                rest.append(byte)
            position += 1
    return bytes(rest)


def _checksum(secret: Locked, label: bytes) -> bytes:
    hashed = hashlib.sha256(label)
    hashed.update(secret.view())
    return hashed.digest()[:CHECKSUM_SIZE]
