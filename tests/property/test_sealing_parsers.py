"""Every parser of the sealing room: what parses prints back byte for byte, and nothing gives an error but ours.

The inputs are valid ones that were cut, spliced, flipped and given a fitting checksum again, and plain junk.
"""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import LocalVaultError
from localvault.native.face import XaesKey
from localvault.native.memory import Locked
from localvault.sealing import armour, credentials, slots, token
from localvault.sealing.cursor import Cursor
from localvault.sealing.header import Header
from localvault.sealing.master import TRANSFER, MasterKey
from localvault.sealing.record import RecordSealer
from localvault.sealing.renewing import add_slot, new_header
from localvault.sealing.scopes import Epochs, Scopes
from localvault.sealing.transfer import open_blob, parse, print_blob, seal_blob
from localvault.sealing.unlocking import unlock
from localvault.testing.profiles import CHEAPEST

MASTER = MasterKey(Locked.of(b"m" * 32))
RECOVERY = credentials.new_recovery_key()[0]
HEADER = add_slot(
    new_header(b"v" * 16, MASTER, credentials.passphrase("p"), kdf=CHEAPEST, allow_weak=True, label="label"),
    MASTER,
    RECOVERY,
)
OWN = "/secrets/" + bytes(16).hex()
SCOPES = Scopes(MASTER, b"v" * 16, {"/secrets": Epochs(2, (0, 0)), OWN: Epochs(1, (2, 3))})
KEY = b"s" + bytes(32)
RECORD = SCOPES.sealer("/secrets").seal(3, KEY, b"value")
OWN_RECORD = SCOPES.object_sealer("/secrets", bytes(16)).seal(3, KEY, b"value")
TOKEN = token.prefix(bytes(16)) + bytes(40)
BLOB = seal_blob(b"payload", header=HEADER, master=MASTER)


@st.composite
def mangled(draw: st.DrawFn, valid: bytes) -> bytes:
    """`valid` with a few bits flipped, and pieces cut out, doubled or put in."""
    data = bytearray(valid)
    for _ in range(draw(st.integers(1, 4))):
        at, size = draw(st.integers(0, len(data))), draw(st.integers(0, 20))
        what = draw(st.sampled_from(["flip", "cut", "double", "put"]))
        if what == "flip" and at < len(data):
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif what == "cut":
            del data[at : at + size]
        elif what == "double":
            data[at:at] = data[at : at + size]
        else:
            data[at:at] = draw(st.binary(max_size=20))
    return bytes(data)


def with_checksum(data: bytes) -> bytes:
    """As an attacker would leave it."""
    return data[:-32] + hashlib.sha256(data[:-32]).digest()


@given(st.one_of(st.binary(max_size=900), mangled(HEADER.encode())), st.booleans())
def test_headers(data: bytes, fitting: bool) -> None:
    """A header that parses prints back, and opens only if it is the very one that was written."""
    data = with_checksum(data) if fitting else data
    try:
        header = Header.decode(data)
        assert header.encode() == data
        unlock(header, RECOVERY)
    except LocalVaultError:
        assert data != HEADER.encode()
    else:
        assert data == HEADER.encode()


@given(st.one_of(st.binary(max_size=300), *(mangled(slots.encode(slot)) for slot in HEADER.slots)))
def test_slots(data: bytes) -> None:
    """A slot that parses prints back, up to where it ends."""
    cursor = Cursor(data, "slot")
    try:
        slot = slots.decode(cursor)
    except LocalVaultError:
        return
    assert slots.encode(slot) == data[: cursor.at]
    assert slot.kind_name in ("passphrase", "keyfile", "recovery", "unknown")


@given(st.one_of(st.binary(max_size=120), mangled(RECORD), mangled(OWN_RECORD)))
def test_records(data: bytes) -> None:
    """A record opens only if it is one that was sealed."""
    try:
        opened = SCOPES.sealer("/secrets").open(3, KEY, data)
    except LocalVaultError:
        assert data not in (RECORD, OWN_RECORD)
    else:
        assert data in (RECORD, OWN_RECORD)
        assert opened == b"value"


@given(st.one_of(st.binary(max_size=80), mangled(RECORD)))
def test_records_of_a_lone_sealer(data: bytes) -> None:
    """The same without a tree of scopes around it."""
    sealer = RecordSealer(b"v" * 16, XaesKey(Locked.of(b"k" * 32)), 1, 2)
    try:
        sealer.open(3, KEY, data)
    except LocalVaultError:
        return
    raise AssertionError("a record under another key opened")


@given(st.one_of(st.binary(max_size=80), mangled(TOKEN)))
def test_tokens(data: bytes) -> None:
    """A token that parses begins with the prefix of the version it names."""
    try:
        version_id = token.parse(data)
    except LocalVaultError:
        return
    assert data.startswith(token.prefix(version_id))


@given(st.one_of(st.binary(max_size=600), mangled(BLOB)), st.booleans())
def test_blobs(data: bytes, fitting: bool) -> None:
    """A blob that parses prints back, and opens only if it is the very one that was made."""
    data = with_checksum(data) if fitting else data
    try:
        assert print_blob(parse(data)) == data
        open_blob(data, header=HEADER, own=(MASTER.derive(TRANSFER),), recovery_key=RECOVERY)
    except LocalVaultError:
        assert data != BLOB
    else:
        assert data == BLOB


@given(st.text(alphabet=armour.ALPHABET + armour.ALPHABET.lower() + " -OoIiLlUu!", max_size=70))
def test_recovery_keys(text: str) -> None:
    """Text that reads as a recovery key is, once tidied up, what that key is shown as."""
    try:
        credential = credentials.recovery_key(text)
    except LocalVaultError:
        return
    tidy = text.upper().translate(str.maketrans("OIL", "011", " -"))
    assert armour.encode(credential.secret, b"localvault recovery key v1") == tidy
