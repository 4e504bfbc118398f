"""A reader written from docs/format.md alone opens the header and the keyring of a vault whose master key was rotated.

The file `tests/vectors/localvault/rotation.json` was written once, in the middle of the first rotation of a vault.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from localvault.native.memory import Locked
from localvault.sealing import credentials
from localvault.sealing.header import Header
from localvault.sealing.keyring import Keyring
from localvault.sealing.master import MasterKey
from localvault.sealing.scopes import Scopes
from localvault.sealing.unlocking import unlock
from tests.unit.sealing.test_format import FILE, Reading, expand, from_text, stretched, unwrapped, xaes_open

VECTORS: dict[str, Any] = json.loads(FILE.with_name("rotation.json").read_text())
VAULT_ID, MASTER, HEADER, KEYRING = (
    bytes.fromhex(VECTORS[name]) for name in ("vault_id", "master_key", "header", "keyring")
)
SECRETS = {
    2: from_text(VECTORS["keyfile"].split()[1], b"localvault key file v1"),
    3: from_text(VECTORS["recovery_key"], b"localvault recovery key v1"),
}


def purpose(name: str) -> bytes:
    """Section 3.1."""
    return expand(MASTER, b"localvault/master/v1 " + name.encode())


def test_the_header_reads_as_specified() -> None:
    """Sections 1, 2, 2.5 and 2.6: generations, the proof, the new master key by every slot's private key."""
    assert HEADER[-32:] == hashlib.sha256(HEADER[:-32]).digest()
    assert HEADER[-64:-32] == hmac.digest(purpose("slots"), HEADER[:-64], "sha256")
    reading = Reading(HEADER[:-64])
    assert (reading.take(8), reading.number(2), reading.take(16)) == (b"lvheader", 2, VAULT_ID)
    assert (reading.number(4), reading.number(4)) == (1, 0)
    former = bytes.fromhex(VECTORS["old_master_key"])
    transfer = expand(former, b"localvault/master/v1 transfer")
    told = VAULT_ID + (1).to_bytes(4) + purpose("succession")
    assert (reading.number(1), reading.take(32)) == (1, expand(transfer, b"localvault/succession/v1 " + told))
    for label in VECTORS["labels"][: reading.number(1)]:
        kind, slot_id = reading.number(1), reading.take(16)
        body, attributes = reading.take(reading.number(2)), reading.take(reading.number(2))
        held, ephemeral, wrapped = body[:-136], body[-136:-104], body[-104:]
        secret = stretched(VECTORS["passphrase"], held) if kind == 1 else SECRETS[kind]
        binding = VAULT_ID + bytes([kind]) + slot_id + held
        private = X25519PrivateKey.from_private_bytes(
            expand(secret, b"localvault/slot exchange/v1 private " + binding)
        )
        public = private.public_key().public_bytes_raw()
        binding = (1).to_bytes(4) + binding
        info = b"localvault/slot exchange/v1 wrapping " + ephemeral + public + binding
        shared = private.exchange(X25519PublicKey.from_public_bytes(ephemeral))
        wrapping = HKDF(SHA256(), 32, None, info).derive(shared)
        assert unwrapped(wrapping, binding, wrapped) == MASTER
        context = b"lvslot1" + VAULT_ID + bytes([kind]) + slot_id
        plaintext = xaes_open(purpose("slot attributes"), attributes[:24], context, attributes[24:])
        assert plaintext == b"\x80" + public + label.encode()
    assert reading.left == b""


def test_the_keyring_reads_as_specified() -> None:
    """Section 3.4, under the key of `/` at epoch 1, which is the generation."""
    root = expand(purpose("scope root"), b"localvault/scope/v1 " + (1).to_bytes(4) + b"/")
    assert KEYRING[:8] == b"\1\0\0\1\0\0\0\1"
    aad = b"lvrec1" + VAULT_ID + KEYRING[:8] + b"\1" + b"keyring"
    reading = Reading(xaes_open(root, KEYRING[8:32], aad, KEYRING[32:]))
    assert reading.take(32).hex() == VECTORS["index_key"]
    assert (reading.number(2), reading.take(32).hex()) == (1, VECTORS["transfer_key"])
    assert (reading.number(1), reading.take(32).hex()) == (1, VECTORS["old_master_key"])
    assert (reading.number(4), reading.take(16).hex()) == (1, VECTORS["spool_id"])
    assert (reading.take(32).hex(), reading.left) == (VECTORS["spool_key"], b"")


def test_localvault_opens_what_it_wrote_then() -> None:
    """By each credential, and the keyring."""
    header = Header.decode(HEADER)
    assert header.encode() == HEADER
    keyfile = credentials.keyfile_secret(Locked.of(SECRETS[2]))
    recovery = credentials.recovery_key(VECTORS["recovery_key"])
    for credential in (credentials.passphrase(VECTORS["passphrase"]), keyfile, recovery):
        assert unlock(header, credential).key.equals(MASTER)
    master = MasterKey(Locked.of(MASTER))
    assert [slot.label for slot in header.describe(master)] == VECTORS["labels"]
    plaintext = Scopes(master, VAULT_ID, generation=1).sealer("/").open_locked(1, b"keyring", KEYRING)
    keyring = Keyring.decode(plaintext)
    assert keyring.former is not None
    assert keyring.former.equals(bytes.fromhex(VECTORS["old_master_key"]))
