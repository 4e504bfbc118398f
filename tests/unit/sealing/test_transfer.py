"""Backups: opened by the vault, a recovery key or the transfer passphrase, and by nothing and nobody else."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localvault.errors import BadParameter, Damaged, LocalVaultError, NewerFormat, Tampered, UnlockFailed
from localvault.native.face import XaesKey
from localvault.native.memory import Locked
from localvault.sealing import credentials, slots, transfer
from localvault.sealing.credentials import Credential
from localvault.sealing.header import Header
from localvault.sealing.hkdf import expand
from localvault.sealing.master import TRANSFER, MasterKey
from localvault.sealing.renewing import add_slot, new_header, remove_slot, rotated
from localvault.sealing.transfer import open_blob, parse, print_blob, seal_blob
from localvault.sealing.unlocking import unlock_through
from localvault.sealing.wrap import unwrap, wrap
from localvault.testing.profiles import CHEAPEST

MASTER = MasterKey(Locked.of(b"m" * 32))
RECOVERY, SECOND = credentials.new_recovery_key()[0], credentials.new_recovery_key()[0]
PASSPHRASE = credentials.passphrase("transfer")
KEYFILE = credentials.keyfile_secret(Locked.random(32))
OWN = (MASTER.derive(TRANSFER),)
PAYLOAD = b"one object"


def header_with(*recovery_keys: Credential) -> Header:
    """A vault with these recovery keys."""
    header = new_header(b"v" * 16, MASTER, KEYFILE)
    for key in recovery_keys:
        header = add_slot(header, MASTER, key)
    return header


HEADER = header_with(RECOVERY, SECOND)


def sealed(
    payload: bytes = PAYLOAD, header: Header = HEADER, passphrase: Credential | None = PASSPHRASE
) -> bytes:
    """A blob with the cheapest passphrase."""
    return seal_blob(
        payload, header=header, master=MASTER, passphrase=passphrase, kdf=CHEAPEST, allow_weak=True
    )


BLOB = sealed()


def altered(blob: bytes, at: int, value: bytes) -> bytes:
    """Other bytes somewhere, and a checksum that fits."""
    content = blob[:at] + value + blob[at + len(value) : -32]
    return content + hashlib.sha256(content).digest()


@given(st.binary(max_size=1000))
def test_every_way_opens_to_the_same(payload: bytes) -> None:
    """The vault itself, either recovery key, the passphrase."""
    blob = sealed(payload)
    assert open_blob(blob, header=HEADER, own=OWN) == payload
    assert open_blob(blob, recovery_key=RECOVERY) == payload
    assert open_blob(blob, recovery_key=SECOND) == payload
    assert open_blob(blob, passphrase=PASSPHRASE, allow_weak=True) == payload


def test_another_vault_opens_it_with_the_recovery_key() -> None:
    """Although its own master key does not fit."""
    other = new_header(b"w" * 16, MasterKey.generate(), KEYFILE)
    assert (
        open_blob(BLOB, header=other, own=(MasterKey.generate().derive(TRANSFER),), recovery_key=RECOVERY)
        == PAYLOAD
    )


@pytest.mark.parametrize(
    ("ways", "sentence"),
    [
        ({}, "another vault"),
        ({"passphrase": credentials.passphrase("wrong")}, "passphrase"),
        ({"recovery_key": credentials.new_recovery_key()[0]}, "recovery key"),
        ({"header": HEADER, "own": (MasterKey.generate().derive(TRANSFER),)}, "another vault"),
        ({"header": HEADER._replace(vault_id=b"w" * 16), "own": OWN}, "another vault"),
        (
            {
                "passphrase": PASSPHRASE,
                "recovery_key": SECOND,
                "blob": sealed(header=header_with(), passphrase=None),
            },
            "another",
        ),
    ],
)
def test_nothing_else_opens_it(ways: dict[str, object], sentence: str) -> None:
    """`UnlockFailed`, with the ways that would."""
    blob = ways.pop("blob", BLOB)
    with pytest.raises(UnlockFailed, match=sentence) as failed:
        open_blob(blob, allow_weak=True, **ways)
    assert str(failed.value.hint).startswith("it opens with the vault it was made in")


def test_a_removed_recovery_slot_gets_no_more_backups() -> None:
    """But opens those made before."""
    without = remove_slot(HEADER, MASTER, HEADER.slots[1].id)
    with pytest.raises(UnlockFailed):
        open_blob(sealed(header=without), recovery_key=RECOVERY)
    assert open_blob(BLOB, recovery_key=RECOVERY) == PAYLOAD


def test_whoever_reads_the_header_cannot_make_a_backup() -> None:
    """Without the master key there is nothing to seal under; a made-up slot list is refused."""
    with pytest.raises(Tampered):
        seal_blob(PAYLOAD, header=HEADER._replace(slots=HEADER.slots[:2]), master=MASTER)
    with pytest.raises(Tampered):
        seal_blob(PAYLOAD, header=HEADER, master=MasterKey.generate())


def test_every_flipped_bit_is_found() -> None:
    """As damage, or as no backup at all: never a wrong passphrase."""
    for bit in range(len(BLOB) * 8):
        flipped = bytearray(BLOB)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BadParameter if bit < 64 else Damaged):
            open_blob(bytes(flipped), header=HEADER, own=OWN)


def test_no_altered_bit_opens() -> None:
    """With a checksum that fits, by any way but the passphrase (whose parameters could be costly to try)."""
    for bit in range(64, (len(BLOB) - 32) * 8):
        blob = altered(BLOB, bit // 8, bytes([BLOB[bit // 8] ^ 1 << bit % 8]))
        for ways in ({"header": HEADER, "own": OWN}, {"recovery_key": SECOND}):
            with pytest.raises(LocalVaultError):
                open_blob(blob, **ways)


def test_every_cut_is_found() -> None:
    """Any length."""
    for size in range(len(BLOB)):
        with pytest.raises(BadParameter if size < 8 else Damaged):
            parse(BLOB[:size])


def test_stanzas_cannot_be_taken_out_or_carried_over() -> None:
    """They are associated data of the payload, even where the right one is still there."""
    parsed, other = parse(BLOB), parse(sealed(b"another"))
    for stanzas in (parsed.stanzas[:1], parsed.stanzas[::-1], (*parsed.stanzas, *other.stanzas[:1])):
        with pytest.raises(Tampered):
            open_blob(print_blob(parsed._replace(stanzas=stanzas)), header=HEADER, own=OWN)
    with pytest.raises(Tampered):
        open_blob(print_blob(parsed._replace(stanzas=other.stanzas)), header=HEADER, own=OWN)


def test_another_payload_of_the_vault_does_not_fit() -> None:
    """Each blob has its own key, and says which by its commitment."""
    parsed, other = parse(BLOB), parse(sealed(b"another"))
    for parts in ({"sealed": other.sealed, "nonce": other.nonce}, {"commitment": other.commitment}):
        with pytest.raises(Tampered):
            open_blob(print_blob(parsed._replace(**parts)), header=HEADER, own=OWN)


def test_a_blob_key_must_be_the_one_committed_to() -> None:
    """Even where the payload's tag fits: AES-GCM alone would let one blob open differently for two people."""
    blob_key, secret = Locked.of(b"b" * 32), slots.recovery_transfer_key(RECOVERY)
    held = bytes(16)
    stanza = transfer.Stanza(transfer.RECOVERY, held, wrap(secret, b"lvblob1\x03" + held, blob_key))
    for commitment, fits in ((transfer._commitment(blob_key), True), (bytes(32), False)):
        front = transfer._front([stanza], commitment)
        sealer = XaesKey(expand(blob_key, b"localvault/blob/v1 payload"))
        blob = print_blob(
            transfer.Blob((stanza,), commitment, front, bytes(24), sealer.seal(bytes(24), b"x", front))
        )
        if fits:
            assert open_blob(blob, recovery_key=RECOVERY) == b"x"
        else:
            with pytest.raises(Tampered):
                open_blob(blob, recovery_key=RECOVERY)


def test_the_passphrase_is_tried_last_wherever_it_stands() -> None:
    """What costs nothing goes first: here the recovery key fits, and tells that the order was altered."""
    parsed = parse(BLOB)
    reordered = print_blob(parsed._replace(stanzas=parsed.stanzas[::-1]))
    with pytest.raises(Tampered):
        open_blob(reordered, passphrase=PASSPHRASE, recovery_key=RECOVERY)


@pytest.mark.parametrize("size", [0, 1, 103])
def test_a_stanza_of_any_kind_has_room_for_a_wrapped_key(size: int) -> None:
    """Or the reader would step back."""
    stanza = b"\x09" + size.to_bytes(2) + bytes(300)
    content = b"lvbackup\0\x01\x01" + stanza
    with pytest.raises(Damaged, match="size"):
        parse(content + hashlib.sha256(content).digest())


@pytest.mark.parametrize(
    ("blob", "error"),
    [
        (b"", BadParameter),
        (b"not a backup", BadParameter),
        (altered(BLOB, 8, b"\0\x02"), NewerFormat),
        (altered(BLOB, 8, b"\0\0"), Damaged),
        (altered(BLOB, 10, b"\xff"), Damaged),
        (altered(BLOB, 12, b"\0\x01"), Damaged),
        (altered(BLOB, 12, b"\xff\xff"), Damaged),
    ],
)
def test_what_cannot_be_read_says_why(blob: bytes, error: type[LocalVaultError]) -> None:
    """No backup, a later format, lengths and numbers that cannot be."""
    with pytest.raises(error):
        open_blob(blob, recovery_key=RECOVERY)


def test_a_stanza_of_a_later_kind_is_passed_over() -> None:
    """Whoever can read it holds other credentials."""
    parsed = parse(BLOB)
    later = parsed._replace(stanzas=(transfer.Stanza(9, b"??", bytes(104)), *parsed.stanzas))
    assert parse(print_blob(later)).stanzas == later.stanzas
    with pytest.raises(Tampered):
        open_blob(print_blob(later), header=HEADER, own=OWN)


def test_one_passphrase_is_all_a_blob_can_ask_for() -> None:
    """A hostile one costs one try."""
    parsed = parse(BLOB)
    twice = parsed._replace(stanzas=(*parsed.stanzas, parsed.stanzas[-1]))
    with pytest.raises(Damaged, match="more than one passphrase"):
        parse(print_blob(twice))


def test_weak_passphrases_need_permission() -> None:
    """To seal and to open; other ways do not."""
    with pytest.raises(BadParameter):
        seal_blob(PAYLOAD, header=HEADER, master=MASTER, passphrase=PASSPHRASE, kdf=CHEAPEST)
    with pytest.raises(BadParameter):
        open_blob(BLOB, passphrase=PASSPHRASE)
    assert open_blob(BLOB, passphrase=PASSPHRASE, recovery_key=RECOVERY) == PAYLOAD


def test_no_work_is_done_before_the_parameters_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A blob that asks for terabytes gets nothing."""
    parsed = parse(BLOB)
    greedy = parsed.stanzas[-1]._replace(held=b"\xff" * 25)
    monkeypatch.setattr(transfer, "stretched", None)
    with pytest.raises(Tampered):
        open_blob(print_blob(parsed._replace(stanzas=(greedy,))), passphrase=PASSPHRASE, allow_weak=True)


@settings(max_examples=300)
@given(st.binary(max_size=400))
def test_junk_gives_our_errors(junk: bytes) -> None:
    """With and without magic, format and checksum."""
    start = b"lvbackup\0\x01" + junk
    for blob in (junk, start, start + hashlib.sha256(start).digest()):
        try:
            parsed = parse(blob)
        except LocalVaultError:
            continue
        assert print_blob(parsed) == blob
        with pytest.raises(LocalVaultError):
            open_blob(blob, header=HEADER, own=OWN, recovery_key=RECOVERY)


def test_after_a_rotation_the_old_master_key_opens_no_new_backup() -> None:
    """The recovery key opens those made before and after, and so does the vault; the old master key only the former."""
    unlocked = unlock_through(HEADER, RECOVERY)
    new = MasterKey.generate()
    header = rotated(HEADER, MASTER, new, unlocked, OWN)
    blob = seal_blob(PAYLOAD, header=header, master=new)
    assert open_blob(blob, recovery_key=RECOVERY) == PAYLOAD
    assert open_blob(BLOB, recovery_key=RECOVERY) == PAYLOAD
    own = (new.derive(TRANSFER), *OWN)
    assert open_blob(blob, header=header, own=own) == open_blob(BLOB, header=header, own=own) == PAYLOAD
    with pytest.raises(UnlockFailed):
        open_blob(blob, header=header, own=OWN)
    kept = next(slot for slot in HEADER.slots if slot.kind == credentials.RECOVERY)
    transfer = slots.attributes_of(kept, HEADER.vault_id, MASTER).transfer
    for stanza in parse(blob).stanzas:
        assert stanza.kind != 3
        assert unwrap(transfer, b"lvblob1" + bytes([stanza.kind]) + stanza.held, stanza.wrapped) is None
