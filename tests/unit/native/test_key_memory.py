"""Where keys and plaintext stand: in the core's locked memory while they are needed, nowhere afterwards.

A process of its own seals, opens and moves tokens and records under keys made here; its memory is searched for what
those keys are made into: the key, the next of its round keys, and the same of every key derived from it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from localvault.model.packed import Packed
from localvault.native import fallback, loops
from localvault.native.levels import OFF, VARIABLE
from localvault.native.memory import Locked
from tests.support.images import keys_in, memory_of
from tests.support.natives import WAYS
from tests.support.processes import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process through /proc")

PREFIX = b"\x01\x01" + b"o" * 16
MARK = b"marked plaintext of a token, "
START = b"lvrec1" + bytes(16) + b"\x01\x01\0\x01\0\0\0\0" + b"\x03"  # of a record's associated data
LEVELS = [way for way in WAYS if way != OFF]

USE = """
import json, os, sys
from localvault.model.packed import Packed
from localvault.native import face, lists
from localvault.native.memory import Locked, wipe

size, end, start = int(sys.argv[1]), int(sys.argv[2]), bytes.fromhex(sys.argv[3])
raw = bytearray(size)
read = 0
while read < size:
    read += os.readv(0, [memoryview(raw)[read:]])
key, gcm = face.XaesKey(Locked.of(memoryview(raw)[:32])), face.GcmKey(Locked.of(memoryview(raw)[32:64]))
tokens = [bytes(raw[at : at + 117]) for at in range(64, end, 117)]
records = [bytes(raw[at : at + 107]) for at in range(end, end + 10 * 107, 107)] + [bytes(raw[end + 10 * 107 :])]
wipe(raw)
del raw
PREFIX, AT = tokens[0][:18], slice(2, 18)
find = lambda _id: key
packed = Packed.of(tokens)
nonces = []
for turn in range(3):
    made = [
        *face.rewrap_many(find, 18, AT, key, PREFIX, packed, b"")[0].to_list(),
        *lists.rewrap_list(find, 18, AT, key, PREFIX, tokens, b"")[0],
        *lists.seal_list(key, PREFIX, [b"another"] * 20, b""),
    ]
    nonces += [token[18:42].hex() for token in made]
    again, _, failed = face.reseal_many(key, key.batch(), start, start, [b"key"] * len(records), records)
    assert not failed
    nonces += [record[8:32].hex() for record in again + records]
    nonce = os.urandom(24)
    key.open(nonce, key.seal(nonce, b"single", b""), b"")
    nonces.append(nonce.hex())
    nonce, sealed = key.batch().seal(b"of a batch", b"")
    key.open(nonce, sealed, b"")
    nonces.append(nonce.hex())
    gcm.open(nonce[:12], gcm.seal(nonce[:12], b"with AES-GCM"))
print(json.dumps(nonces), flush=True)
sys.stdin.read()
"""


class Found(NamedTuple):
    """The memory of a process that has used the keys, and what to look for in it."""

    image: dict[str, bytes]
    keys: dict[str, bytes]


def next_round_keys(key: bytes) -> bytes:
    """The 32 bytes that the key schedule of AES-256 makes from its first 32 (FIPS 197, section 5.2)."""
    words = [key[at : at + 4] for at in range(0, 32, 4)]
    for at in range(8, 16):
        last = words[-1]
        if at == 8:
            last = bytes(a ^ b for a, b in zip(substituted(last[1:] + last[:1]), b"\x01\0\0\0", strict=True))
        elif at == 12:
            last = substituted(last)
        words.append(bytes(a ^ b for a, b in zip(words[at - 8], last, strict=True)))
    return b"".join(words[8:])


def substituted(word: bytes) -> bytes:
    """The S-box on four bytes: its inverse in GF(2^8), then the affine map (FIPS 197, section 5.1.1)."""
    return bytes(_affine(_inverse(byte)) for byte in word)


def _inverse(byte: int) -> int:
    return next((other for other in range(256) if _times(byte, other) == 1), 0)


def _times(a: int, b: int) -> int:
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a = a << 1 ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


def _affine(byte: int) -> int:
    turned = [(byte << shift | byte >> (8 - shift)) & 0xFF for shift in range(5)]
    return turned[0] ^ turned[1] ^ turned[2] ^ turned[3] ^ turned[4] ^ 0x63


def derived(key: bytes, nonce: bytes) -> bytes:
    """The key that XAES-256-GCM derives for a nonce (C2SP: CMAC in counter mode)."""
    made = b""
    for counter in (1, 2):
        mac = CMAC(AES(key))
        mac.update(counter.to_bytes(2) + b"X\0" + nonce[:12])
        made += mac.finalize()
    return made


def after_use(way: str) -> Found:
    """A process at level `way` that seals, opens, rewraps; tokens and keys come from here, in no text of its own."""
    raw, gcm = os.urandom(32), os.urandom(32)
    own = fallback.XaesKey(Locked.of(raw))
    texts = [MARK + os.urandom(15).hex().encode() for _ in range(40)]
    tokens = loops.seal_many(own, PREFIX, Packed.of(texts), b"")
    stored = [MARK + os.urandom(15).hex().encode() for _ in range(10)]
    stored.append((MARK + os.urandom(15).hex().encode()) * 400)  # too long for a thread's room
    sealed = [
        START[22:30] + (nonce := os.urandom(24)) + own.seal(nonce, text, START + b"key") for text in stored
    ]
    end = 64 + len(tokens.data)
    given = raw + gcm + bytes(tokens.data) + b"".join(sealed)
    with subprocess.Popen(
        [sys.executable, "-c", USE, str(len(given)), str(end), START.hex()],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), VARIABLE: way},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(given)
        process.stdin.flush()
        nonces = [bytes.fromhex(nonce) for nonce in json.loads(process.stdout.readline())]
        image = memory_of(process.pid)
        process.communicate()
    assert process.returncode == 0
    assert sum(map(len, image.values())) > 4 << 20
    keys = {"key": raw, "AES-GCM key": gcm, "the tokens' derived key": derived(raw, bytes(tokens[0][18:42]))}
    keys |= {
        f"derived key of {nonce.hex()}": derived(raw, nonce) for nonce in {n[:12]: n for n in nonces}.values()
    }
    keys |= {f"round keys of {name}": next_round_keys(key) for name, key in keys.items()}
    keys |= {f"text {number}": text[len(MARK) :][:30] for number, text in enumerate(texts + stored)}
    return Found(image, keys)


def test_the_round_keys_looked_for_are_those_of_aes() -> None:
    """As in the example of FIPS 197, appendix A.3."""
    key = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
    assert next_round_keys(key).hex() == "9ba354118e6925afa51a8b5f2067fcdea8b09c1a93d194cdbe49846eb75d5b9a"


@pytest.mark.parametrize("way", LEVELS)
def test_no_key_stands_in_ordinary_memory_while_it_is_in_use(way: str) -> None:
    """Neither the key nor one derived from it, nor their round keys, nor plaintext that was sealed again."""
    found = after_use(way)
    assert len(found.keys) > 50
    assert keys_in(found.image, found.keys) == []


def test_the_search_finds_what_is_there() -> None:
    """`cryptography` keeps the keys in use in ordinary memory, and still no plaintext that was moved."""
    found = after_use(OFF)
    seen = keys_in(found.image, found.keys)
    assert any(each.startswith("the tokens' derived key, ") for each in seen)
    assert any(each.startswith("AES-GCM key, ") for each in seen)
    assert any(each.startswith("round keys of AES-GCM key, ") for each in seen)
    assert [each for each in seen if each.startswith("text")] == []
