"""What tests/native/sealed.c writes, computed with `cryptography`: the same ladder of records once more."""

from __future__ import annotations

from collections.abc import Iterator

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

EVERY_SIZE = 1100
LARGEST = (1 << 20) + 33
LARGE_SIZES = (2048, 4095, 4096, 4097, 20011)
AAD_SIZES = (0, 1, 13, 16, 65, 529)
KEY_SIZES = (16, 24, 32)
BATCH = 200
NONCE = 24
PREFIX = b"a prefix\0"


def fill(size: int, first: int) -> bytes:
    """The ladder's bytes, as in C."""
    return bytes((i * 7 + first) & 255 ^ i >> 8 & 255 for i in range(size))


PLAIN = fill(LARGEST, 3)
AAD = fill(600, 5)


def derived(key: bytes, nonce: bytes) -> AESGCM:
    """The key that c2sp.org/XAES-256-GCM derives from the first half of a nonce: CMAC of two single blocks."""
    aes = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305
    zero = int.from_bytes(aes.update(bytes(16)))
    mask = (zero << 1) % (1 << 128) ^ (zero >> 127) * 0b10000111
    messages = [bytes([0, number]) + b"X\0" + nonce[:12] for number in (1, 2)]
    blocks = [(int.from_bytes(message) ^ mask).to_bytes(16) for message in messages]
    return AESGCM(b"".join(map(aes.update, blocks)))


def _single_records() -> Iterator[bytes]:
    for key_size in KEY_SIZES:
        cipher = AESGCM(fill(32, key_size)[:key_size])
        for aad_size in AAD_SIZES:
            for size in (*range(EVERY_SIZE + 1), *LARGE_SIZES):
                yield cipher.encrypt(fill(12, size), PLAIN[:size], AAD[:aad_size])


def _batches(key: bytes) -> Iterator[bytes]:
    sizes = [i * 97 % 200 if i < BATCH // 2 else i * 397 % EVERY_SIZE for i in range(BATCH)]
    shared, nonces = fill(NONCE, 1), fill(NONCE * BATCH, 2)
    counter = int.from_bytes(shared[-4:])
    together = [shared[:-4] + (counter + i).to_bytes(4) for i in range(BATCH)]
    each = [nonces[i * NONCE :][:NONCE] for i in range(BATCH)]
    for nonces_of_batch in (together, each):
        at = 0
        for nonce, size in zip(nonces_of_batch, sizes, strict=True):
            sealed = derived(key, nonce).encrypt(nonce[12:], PLAIN[at : at + size], AAD[:33])
            yield PREFIX + nonce + sealed
            at += size


def _derived_keys() -> Iterator[bytes]:
    key = fill(32, 99)
    for size in (*range(0, EVERY_SIZE + 1, 11), LARGEST):
        nonce = fill(NONCE, size)
        yield derived(key, nonce).encrypt(nonce[12:], PLAIN[:size], AAD[:13])
    yield from _batches(key)


def ladder() -> bytes:
    """All that a level has to write."""
    return b"".join((*_single_records(), *_derived_keys()))
