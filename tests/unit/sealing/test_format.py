"""A reader written from docs/format.md alone opens a vault's bytes, and so will every later localvault.

The file `tests/vectors/localvault/sealing.json` was written once. The reader below uses nothing of localvault: Argon2id
and HKDF from `cryptography`, XAES-256-GCM as CMAC and AES-GCM.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from localvault.native.face import XaesKey
from localvault.native.memory import Locked
from localvault.sealing import credentials, token
from localvault.sealing.header import Header
from localvault.sealing.keyfile import read_keyfile
from localvault.sealing.master import INDEX, TRANSFER, MasterKey, NameIndex
from localvault.sealing.record import digest
from localvault.sealing.scopes import Epochs, Scopes
from localvault.sealing.transfer import open_blob
from localvault.sealing.unlocking import unlock

FILE = Path(__file__).parents[2] / "vectors" / "localvault" / "sealing.json"
VECTORS: dict[str, Any] = json.loads(FILE.read_text())
VAULT_ID, MASTER, HEADER = (bytes.fromhex(VECTORS[name]) for name in ("vault_id", "master_key", "header"))
BLOB = bytes.fromhex(VECTORS["backup"]["blob"])
PAYLOAD = bytes.fromhex(VECTORS["backup"]["payload"])


class Reading:
    """The specification's notation: bytes read front to back."""

    def __init__(self, data: bytes) -> None:
        self.left = data

    def take(self, size: int) -> bytes:
        """The next bytes."""
        taken, self.left = self.left[:size], self.left[size:]
        assert len(taken) == size
        return taken

    def number(self, size: int) -> int:
        """The next bytes as a number."""
        return int.from_bytes(self.take(size))


def expand(key: bytes, info: bytes) -> bytes:
    """The specification's `expand`."""
    return HKDFExpand(SHA256(), 32, info).derive(key)


def xaes_open(key: bytes, nonce: bytes, aad: bytes, sealed: bytes) -> bytes:
    """The inverse of the specification's `xaes`."""
    derived = b""
    for counter in (1, 2):
        mac = CMAC(AES(key))
        mac.update(counter.to_bytes(2) + b"X\0" + nonce[:12])
        derived += mac.finalize()
    return AESGCM(derived).decrypt(nonce[12:], sealed, aad)


def purpose(name: str) -> bytes:
    """Section 3.1."""
    return expand(MASTER, b"localvault/master/v1 " + name.encode())


def unwrapped(secret: bytes, binding: bytes, wrapped: bytes) -> bytes:
    """Section 2.1."""
    commitment, nonce, sealed = wrapped[:32], wrapped[32:56], wrapped[56:]
    assert commitment == expand(secret, b"localvault/wrap/v1 commitment " + binding)
    return xaes_open(expand(secret, b"localvault/wrap/v1 key " + binding), nonce, binding, sealed)


def stretched(passphrase: str, held: bytes) -> bytes:
    """Section 2.2."""
    reading = Reading(held)
    passes, memory, lanes = reading.number(4), reading.number(4), reading.number(1)
    kdf = Argon2id(salt=reading.take(16), length=32, iterations=passes, lanes=lanes, memory_cost=memory)
    return kdf.derive(unicodedata.normalize("NFC", passphrase).encode())


def from_text(text: str, label: bytes) -> bytes:
    """Section 2.3."""
    letters = str.maketrans("0123456789ABCDEFGHJKMNPQRSTVWXYZ", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "- \n")
    data = base64.b32decode(text.translate(letters))
    assert hashlib.sha256(label + data[:32]).digest()[:3] == data[32:]
    return data[:32]


KEYFILE_SECRET = from_text(VECTORS["keyfile"].split()[1], b"localvault key file v1")
RECOVERY_SECRET = from_text(VECTORS["recovery_key"], b"localvault recovery key v1")
TRANSFER_KEY = expand(RECOVERY_SECRET, b"localvault/recovery transfer/v1")


def test_the_header_reads_as_specified() -> None:
    """Sections 1 and 2: checksum, MAC, and the master key out of every slot."""
    assert HEADER[-32:] == hashlib.sha256(HEADER[:-32]).digest()
    assert HEADER[-64:-32] == hmac.digest(purpose("slots"), HEADER[:-64], "sha256")
    reading = Reading(HEADER[:-64])
    assert (reading.take(8), reading.number(2), reading.take(16)) == (b"lvheader", 1, VAULT_ID)
    for _ in range(reading.number(1)):
        kind, slot_id = reading.number(1), reading.take(16)
        body, attributes = reading.take(reading.number(2)), reading.take(reading.number(2))
        held, wrapped = body[:-104], body[-104:]
        secret = (
            stretched(VECTORS["passphrase"], held)
            if kind == 1
            else {2: KEYFILE_SECRET, 3: RECOVERY_SECRET}[kind]
        )
        assert unwrapped(secret, VAULT_ID + bytes([kind]) + slot_id + held, wrapped) == MASTER
        context = b"lvslot1" + VAULT_ID + bytes([kind]) + slot_id
        plaintext = xaes_open(purpose("slot attributes"), attributes[:24], context, attributes[24:])
        assert plaintext[1 : 1 + plaintext[0]] == (TRANSFER_KEY if kind == 3 else b"")
        assert plaintext[1 + plaintext[0] :].decode() == VECTORS["labels"][kind - 1]
    assert reading.left == b""


@pytest.mark.parametrize("case", VECTORS["names"])
def test_names_are_blinded_as_specified(case: dict[str, str]) -> None:
    """Section 3.2, read and written."""
    message = case["kind"].encode() + case["name"].lower().encode()
    assert hmac.digest(purpose("index"), message, "sha256")[:16].hex() == case["name_id"]
    index = NameIndex(MasterKey(Locked.of(MASTER)).derive(INDEX))
    assert index.blind(case["kind"].encode(), case["name"]).hex() == case["name_id"]


def scope_key(path: str, epochs: dict[str, int]) -> bytes:
    """Section 3.3."""
    key = expand(purpose("scope root"), b"localvault/scope/v1 " + bytes(4) + b"/")
    at = ""
    for name in path.split("/")[1:] if path != "/" else []:
        at += "/" + name
        key = expand(key, b"localvault/scope/v1 " + epochs[at].to_bytes(4) + name.encode())
    return key


EPOCHS = {case["path"]: case["epoch"] for case in VECTORS["records"]}


@pytest.mark.parametrize("case", VECTORS["records"])
def test_records_read_as_specified(case: dict[str, Any]) -> None:
    """Section 4, also by localvault's own sealers."""
    record, key, plaintext = (bytes.fromhex(case[name]) for name in ("record", "key", "plaintext"))
    depth = case["path"].count("/") if case["path"] != "/" else 0
    assert record[:8] == bytes([1, depth]) + case["schema"].to_bytes(2) + case["epoch"].to_bytes(4)
    aad = b"lvrec1" + VAULT_ID + record[:8] + bytes([case["table"]]) + key
    assert xaes_open(scope_key(case["path"], EPOCHS), record[8:32], aad, record[32:]) == plaintext
    own = next(path for path in EPOCHS if path.count("/") == 2)
    epochs = {"/secrets": Epochs(EPOCHS["/secrets"]), own: Epochs(EPOCHS[own], (EPOCHS["/secrets"],))}
    collection = "/" if case["path"] == "/" else "/secrets"
    sealer = Scopes(MasterKey(Locked.of(MASTER)), VAULT_ID, epochs).sealer(collection)
    assert sealer.open(case["table"], key, record) == plaintext
    assert digest(record).hex() == case["digest"] == hashlib.sha256(record).hexdigest()[:32]


@pytest.mark.parametrize(
    "case", [{k: bytes.fromhex(v) for k, v in case.items()} for case in VECTORS["tokens"]]
)
def test_tokens_read_as_specified(case: dict[str, bytes]) -> None:
    """Section 5, also by localvault's own keys."""
    sealed = case["token"]
    assert sealed[:18] == b"\1\1" + case["version"] == token.prefix(token.parse(sealed))
    key = HKDF(SHA256(), 32, None, b"localvault token v1").derive(case["material"])
    aad = sealed[:18] + case["context"]
    assert xaes_open(key, sealed[18:42], aad, sealed[42:]) == case["plaintext"]
    own = XaesKey(token.token_key(Locked.of(case["material"])))
    assert own.open(sealed[18:42], sealed[42:], aad) == case["plaintext"]


def test_the_backup_reads_as_specified() -> None:
    """Section 6: the same blob key out of every stanza, and the payload."""
    assert BLOB[-32:] == hashlib.sha256(BLOB[:-32]).digest()
    reading = Reading(BLOB[:-32])
    assert (reading.take(8), reading.number(2)) == (b"lvbackup", 1)
    keys = []
    for _ in range(reading.number(1)):
        kind, body = reading.number(1), reading.take(reading.number(2))
        held, wrapped = body[:-104], body[-104:]
        if kind == 2:
            secret = stretched(VECTORS["backup"]["transfer_passphrase"], held)
        else:
            secret = {1: purpose("transfer"), 3: TRANSFER_KEY}[kind]
        keys.append(unwrapped(secret, b"lvblob1" + bytes([kind]) + held, wrapped))
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert reading.take(32) == expand(keys[0], b"localvault/blob/v1 commitment")
    front = BLOB[: -len(reading.left) - 32]
    nonce = reading.take(24)
    assert xaes_open(expand(keys[0], b"localvault/blob/v1 payload"), nonce, front, reading.left) == PAYLOAD


def test_localvault_opens_what_it_wrote_then(tmp_path: Path) -> None:
    """By each credential, header and backup."""
    path = tmp_path / "key"
    path.write_text(VECTORS["keyfile"])
    path.chmod(0o600)
    recovery = credentials.recovery_key(VECTORS["recovery_key"])
    header = Header.decode(HEADER)
    for credential in (credentials.passphrase(VECTORS["passphrase"]), read_keyfile(path), recovery):
        assert unlock(header, credential).key.equals(MASTER)
    master = MasterKey(Locked.of(MASTER))
    assert [slot.label for slot in header.describe(master)] == VECTORS["labels"]
    assert open_blob(BLOB, header=header, own=(master.derive(TRANSFER),)) == PAYLOAD
    assert open_blob(BLOB, recovery_key=recovery) == PAYLOAD
    transfer = credentials.passphrase(VECTORS["backup"]["transfer_passphrase"])
    assert open_blob(BLOB, passphrase=transfer) == PAYLOAD
