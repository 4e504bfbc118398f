"""The vault's header: who may open it, who may change it, and what is said when it is not as it was written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localvault.errors import (
    BadParameter,
    Conflict,
    Damaged,
    NewerFormat,
    NotAVault,
    Tampered,
    UnlockFailed,
    VaultError,
)
from localvault.native.memory import Locked
from localvault.sealing import credentials, slots
from localvault.sealing import header as module
from localvault.sealing.credentials import Credential
from localvault.sealing.header import Header
from localvault.sealing.master import TRANSFER, MasterKey
from localvault.sealing.profiles import OWASP_MINIMUM
from localvault.sealing.renewing import (
    add_slot,
    change_passphrase,
    finished,
    new_header,
    remove_slot,
    rotated,
)
from localvault.sealing.slots import Slot
from localvault.sealing.unlocking import unlock, unlock_again, unlock_through
from localvault.testing.profiles import CHEAPEST

VAULT_ID = b"v" * 16
MASTER = MasterKey(Locked.of(b"m" * 32))
PASSPHRASE = credentials.passphrase("the first")
RECOVERY = credentials.new_recovery_key()[0]
KEYFILE = credentials.keyfile_secret(Locked.random(32))
WEAK = {"kdf": CHEAPEST, "allow_weak": True}


def full() -> Header:
    """One slot of each kind."""
    header = new_header(VAULT_ID, MASTER, PASSPHRASE, label="first", **WEAK)
    header = add_slot(header, MASTER, KEYFILE, label="machine")
    return add_slot(header, MASTER, RECOVERY)


FULL = full()


def with_checksum(data: bytes) -> bytes:
    """Altered data with a checksum that fits, as an attacker would leave it."""
    return data[:-32] + hashlib.sha256(data[:-32]).digest()


def opens(header: Header, credential: Credential) -> bool:
    """Whether it finds the master key."""
    try:
        return unlock(header, credential, allow_weak=True).key.equals(MASTER.key)
    except UnlockFailed:
        return False


@pytest.mark.parametrize("credential", [PASSPHRASE, KEYFILE, RECOVERY])
def test_each_credential_unlocks(credential: Credential) -> None:
    """After being stored and read."""
    assert opens(Header.decode(FULL.encode()), credential)


@pytest.mark.parametrize(
    "wrong",
    [
        credentials.passphrase("the second"),
        credentials.keyfile_secret(Locked.random(32)),
        credentials.new_recovery_key()[0],
    ],
)
def test_a_wrong_credential_is_said(wrong: Credential) -> None:
    """`UnlockFailed`, naming its kind."""
    with pytest.raises(UnlockFailed, match=wrong.kind_name):
        unlock(FULL, wrong, allow_weak=True)


def test_a_kind_the_vault_has_no_slot_for_is_said() -> None:
    """With the kinds it has."""
    header = new_header(VAULT_ID, MASTER, KEYFILE)
    with pytest.raises(UnlockFailed, match="no passphrase slot") as failed:
        unlock(header, PASSPHRASE)
    assert failed.value.hint == "it has: keyfile"


def test_what_is_stored_prints_back() -> None:
    """Byte for byte."""
    assert Header.decode(FULL.encode()).encode() == FULL.encode()
    assert Header.decode(FULL.encode()) == FULL


def test_the_layout_is_the_formats() -> None:
    """Magic, format, vault id, number of slots, MAC and checksum where format.md section 1 has them."""
    data = FULL.encode()
    assert data[:36] == b"lvheader" + b"\0\x02" + VAULT_ID + bytes(9) + b"\x03"
    assert data[-64:-32] == FULL.mac
    assert data[-32:] == hashlib.sha256(data[:-32]).digest()


def test_every_flipped_bit_is_damage() -> None:
    """Each one, wherever: never a wrong passphrase, a newer format or another vault's."""
    data = FULL.encode()
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Damaged):
            Header.decode(bytes(flipped))


def test_every_cut_is_damage() -> None:
    """Any length, and bytes too many."""
    data = FULL.encode()
    for cut in [*(data[:size] for size in range(len(data))), data + b"\0"]:
        with pytest.raises(Damaged):
            Header.decode(cut)


def test_no_altered_bit_unlocks() -> None:
    """Every bit but the checksum's, with a checksum that fits: an error of ours, and no master key."""
    data = FULL.encode()
    for bit in range((len(data) - 32) * 8):
        altered = bytearray(data)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(VaultError):
            unlock(Header.decode(with_checksum(bytes(altered))), RECOVERY)


def test_an_altered_slot_spoils_the_header_for_all() -> None:
    """`Tampered` also for whoever's own slot is untouched."""
    slots = list(FULL.slots)
    slots[1] = slots[1]._replace(id=bytes(16))
    with pytest.raises(Tampered):
        unlock(FULL._replace(slots=tuple(slots)), RECOVERY)


def changed_slots() -> list[tuple[Slot, ...]]:
    """Everything an attacker could do to the list."""
    one, two, three = FULL.slots
    foreign = new_header(VAULT_ID, MasterKey.generate(), KEYFILE).slots[0]
    return [
        (one, three),
        (three, two, one),
        (one, two, three, three),
        (one, two, three, foreign),
        (one, foreign, three),
        (three,),
    ]


@pytest.mark.parametrize("slots", changed_slots())
def test_no_slot_can_be_slipped_in_or_out(slots: tuple[Slot, ...]) -> None:
    """Nor reordered or doubled: the list is authenticated under the master key."""
    header = Header.decode(FULL._replace(slots=slots).encode())
    with pytest.raises(Tampered):
        unlock(header, RECOVERY)


CHANGES: list[Callable[[Header], object]] = [
    lambda header: add_slot(header, MASTER, PASSPHRASE, **WEAK),
    lambda header: remove_slot(header, MASTER, header.slots[0].id),
    lambda header: change_passphrase(header, MASTER, PASSPHRASE, PASSPHRASE, allow_weak=True),
    lambda header: header.describe(MASTER),
]


@pytest.mark.parametrize("change", CHANGES)
def test_an_altered_header_is_not_signed_anew(change: Callable[[Header], object]) -> None:
    """A change of slots must not bless what somebody slipped in before."""
    with pytest.raises(Tampered):
        change(FULL._replace(slots=FULL.slots[:2]))


def test_the_mac_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the native core's comparison."""
    seen: list[tuple[bytes, bytes]] = []

    def equal(a: bytes, b: bytes) -> bool:
        seen.append((a, b))
        return a == b

    monkeypatch.setattr(module, "equal", equal)
    FULL.authenticate(MASTER)
    assert seen == [(FULL.mac, FULL.mac)]


def altered(at: int, value: bytes) -> bytes:
    """The full header with other bytes somewhere and a fitting checksum."""
    data = FULL.encode()
    return with_checksum(data[:at] + value + data[at + len(value) :])


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (altered(0, b"lvbackup"), NotAVault),
        (altered(8, b"\0\x03"), NewerFormat),
        (altered(8, b"\0\x01"), Damaged),
        (altered(8, b"\0\0"), Damaged),
        (altered(26, bytes(3) + b"\x02"), Damaged),
        (altered(30, bytes(3) + b"\x01"), Damaged),
        (altered(34, b"\xff"), Damaged),
        (altered(35, b"\0"), Damaged),
        (altered(35, b"\x02"), Damaged),
        (altered(35, b"\x04"), Damaged),
        (altered(35, b"\x41"), Damaged),
        (with_checksum(bytes(32)), Damaged),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, error: type[VaultError]) -> None:
    """Another magic, a later format, generations or a number of slots that cannot be."""
    with pytest.raises(error):
        Header.decode(data)


def test_slots_are_added_listed_and_removed() -> None:
    """In order, with id, kind, label and parameters; a removed one opens nothing any more."""
    told = FULL.describe(MASTER)
    assert [(slot.kind, slot.label) for slot in told] == [
        ("passphrase", "first"),
        ("keyfile", "machine"),
        ("recovery", None),
    ]
    assert told[0].kdf == CHEAPEST.text
    assert told[1].kdf is None
    assert [slot.id for slot in told] == [slot.id.hex() for slot in FULL.slots]
    without = remove_slot(FULL, MASTER, FULL.slots[1].id)
    assert without.slots == (FULL.slots[0], FULL.slots[2])
    assert not opens(without, KEYFILE)
    assert opens(without, PASSPHRASE)
    assert opens(without, RECOVERY)


def test_the_last_slot_stays() -> None:
    """`Conflict`, and it still opens; slots nobody here can open do not count."""
    header = new_header(VAULT_ID, MASTER, KEYFILE)
    with pytest.raises(Conflict):
        remove_slot(header, MASTER, header.slots[0].id)
    later = header.slots[0]._replace(kind=9, id=b"l" * 16)
    mixed = Header(VAULT_ID, (), b"").signed(MASTER, (*header.slots, later))
    with pytest.raises(Conflict):
        remove_slot(mixed, MASTER, header.slots[0].id)
    assert remove_slot(mixed, MASTER, later.id) == header


def test_an_unknown_slot_is_not_removed() -> None:
    """`BadParameter`."""
    with pytest.raises(BadParameter):
        remove_slot(FULL, MASTER, bytes(16))


def test_there_is_room_for_64_slots() -> None:
    """And no more."""
    slots = tuple(FULL.slots[1]._replace(id=bytes([n]) * 16) for n in range(64))
    header = Header(VAULT_ID, (), b"").signed(MASTER, slots)
    assert Header.decode(header.encode()) == header
    with pytest.raises(BadParameter, match="64"):
        add_slot(header, MASTER, KEYFILE)


def test_a_passphrase_is_changed_in_its_place() -> None:
    """The new one opens, the old one does not; id, label, parameters and the other slots stay."""
    new = credentials.passphrase("another")
    changed = change_passphrase(FULL, MASTER, PASSPHRASE, new, allow_weak=True)
    assert opens(changed, new)
    assert not opens(changed, PASSPHRASE)
    assert changed.slots[1:] == FULL.slots[1:]
    assert changed.describe(MASTER) == FULL.describe(MASTER)


def test_a_passphrase_can_be_made_stronger_with_the_change() -> None:
    """By new parameters, after which no permission is needed."""
    changed = change_passphrase(FULL, MASTER, PASSPHRASE, PASSPHRASE, kdf=OWASP_MINIMUM, allow_weak=True)
    assert unlock(changed, PASSPHRASE).key.equals(MASTER.key)


def test_only_the_right_old_passphrase_changes_it() -> None:
    """Holding the master key is not enough; and nothing but a passphrase is changed."""
    with pytest.raises(UnlockFailed):
        change_passphrase(FULL, MASTER, credentials.passphrase("wrong"), PASSPHRASE, allow_weak=True)
    for old, new in ((RECOVERY, PASSPHRASE), (PASSPHRASE, RECOVERY)):
        with pytest.raises(BadParameter):
            change_passphrase(FULL, MASTER, old, new, allow_weak=True)


def test_a_change_is_for_the_vault_the_header_belongs_to() -> None:
    """With another vault's master key in hand it is refused, not wrapped."""
    with pytest.raises(Tampered):
        change_passphrase(FULL, MasterKey.generate(), PASSPHRASE, PASSPHRASE, allow_weak=True)


def test_one_slot_that_cannot_be_tried_keeps_no_other_from_opening() -> None:
    """A weak passphrase slot beside a strong one, in either order, needs no permission for the strong one's."""
    strong = credentials.passphrase("strong")
    header = add_slot(FULL, MASTER, strong, kdf=OWASP_MINIMUM)
    assert unlock(header, strong).key.equals(MASTER.key)
    with pytest.raises(BadParameter):
        unlock(header, PASSPHRASE)


@pytest.mark.parametrize("size", [0, 15, 17])
def test_a_vault_id_has_16_bytes(size: int) -> None:
    """Or the layout would not hold."""
    with pytest.raises(BadParameter):
        new_header(bytes(size), MASTER, KEYFILE)


SLOTS = st.builds(
    Slot,
    st.integers(4, 255),
    st.binary(min_size=16, max_size=16),
    st.binary(max_size=300),
    st.binary(max_size=300),
)


@settings(max_examples=50)
@given(st.lists(SLOTS, max_size=8))
def test_slots_of_later_kinds_are_kept_byte_for_byte(later: list[Slot]) -> None:
    """An older localvault adds and removes slots without losing them."""
    header = Header(VAULT_ID, (), b"").signed(MASTER, (FULL.slots[2], *later))
    read = Header.decode(header.encode())
    assert read == header
    assert opens(read, RECOVERY)
    assert add_slot(read, MASTER, KEYFILE).slots[:-1] == header.slots


NEW = MasterKey(Locked.of(b"n" * 32))


def rotated_by(credential: Credential, header: Header = FULL, old: MasterKey = MASTER) -> Header:
    """The header after a rotation by somebody who came in with this credential."""
    unlocked = unlock_through(header, credential, allow_weak=True)
    transfers = [old.derive(TRANSFER), *[MASTER.derive(TRANSFER)] * header.generation]
    return rotated(header, old, NEW, unlocked, transfers)


@pytest.mark.parametrize("by", [PASSPHRASE, KEYFILE, RECOVERY])
@pytest.mark.parametrize("credential", [PASSPHRASE, KEYFILE, RECOVERY])
def test_every_slot_opens_to_the_new_master_key(by: Credential, credential: Credential) -> None:
    """With its own secret, whoever rotated; ids, labels and parameters stay."""
    header = Header.decode(rotated_by(by).encode())
    assert (header.generation, header.oldest, header.unfinished) == (1, 0, True)
    assert unlock(header, credential, allow_weak=True).key.equals(NEW.key)
    assert header.describe(NEW) == FULL.describe(MASTER)
    done = finished(header, NEW)
    assert (done.generation, done.oldest, done.unfinished) == (1, 1, False)
    assert unlock(Header.decode(done.encode()), credential, allow_weak=True).key.equals(NEW.key)


def test_the_old_master_key_gives_nothing_of_the_new_header() -> None:
    """It authenticates neither header nor attributes; nor does any secret of the old header's slots but their own."""
    header = rotated_by(PASSPHRASE)
    with pytest.raises(Tampered):
        header.authenticate(MASTER)
    for old, slot in zip(FULL.slots, header.slots, strict=True):
        with pytest.raises(Tampered):
            slots.attributes_of(slot, VAULT_ID, MASTER)
        kept = slots.attributes_of(old, VAULT_ID, MASTER)
        assert kept.public is not None
        for guess in (kept.transfer, MASTER.key, Locked.of(kept.public), NEW.derive("slots")):
            if len(guess) == 32:
                assert slots.open_with(slot, VAULT_ID, guess, 1) is None
                assert slots.open_exchanged(slot, VAULT_ID, guess, 1) is None


def test_an_open_process_follows_two_rotations_by_its_slot() -> None:
    """The private key of its slot opens the header of either, and none whose slot has another secret."""
    unlocked = unlock_through(FULL, PASSPHRASE, allow_weak=True)
    first = finished(rotated_by(KEYFILE), NEW)
    second = rotated_by(RECOVERY, first, NEW)
    for header in (first, second):
        assert unlock_again(header, unlocked.slot_id, unlocked.exchange).key.equals(NEW.key)
    changed = change_passphrase(first, NEW, PASSPHRASE, credentials.passphrase("other"), **WEAK)
    removed = remove_slot(first, NEW, unlocked.slot_id)
    for header in (changed, removed):
        with pytest.raises(UnlockFailed, match="new master key"):
            unlock_again(header, unlocked.slot_id, unlocked.exchange)


def test_a_master_key_is_followed_only_where_its_maker_had_the_one_before() -> None:
    """Through several rotations; whoever knows the slots' public keys alone makes none that is followed."""
    first = finished(rotated_by(KEYFILE), NEW)
    second = Header.decode(rotated_by(RECOVERY, first, NEW).encode())
    assert second.content() + second.mac == second.encode()[:-32]
    first.follows(NEW, MASTER, 0)
    second.follows(NEW, MASTER, 0)
    second.follows(NEW, NEW, 1)
    stranger = MasterKey.generate()
    altered = second._replace(proofs=(bytes(32), *second.proofs[1:]))
    for header, master, former, generation in (
        (second, stranger, NEW, 1),  # another master key beside the right proofs
        (second, NEW, stranger, 1),
        (second, NEW, MASTER, 1),  # the proof for another generation
        (second._replace(generation=3), NEW, NEW, 2),
        (second._replace(proofs=()), NEW, NEW, 1),
        (altered, NEW, NEW, 1),
    ):
        with pytest.raises(Tampered, match="nobody made"):
            header.follows(master, former, generation)
    with pytest.raises(UnlockFailed, match="255 times"):
        second._replace(generation=256).follows(NEW, MASTER, 0)


def test_a_key_pair_at_hand_stands_for_the_slot_as_it_was_opened() -> None:
    """A slot whose passphrase was changed by an earlier localvault is not wrapped for the passphrase before."""
    alone = remove_slot(remove_slot(FULL, MASTER, FULL.slots[1].id), MASTER, FULL.slots[2].id)
    before = as_format_1(alone)
    unlocked = unlock_through(before, PASSPHRASE, allow_weak=True)
    after = as_format_1(
        change_passphrase(before, MASTER, PASSPHRASE, credentials.passphrase("other"), **WEAK)
    )
    with pytest.raises(Conflict, match=before.slots[0].id.hex()):
        rotated(after, MASTER, NEW, unlocked, [MASTER.derive(TRANSFER)])


def test_a_body_of_one_generation_does_not_open_in_another() -> None:
    """Whoever could sign headers could not mix slots of two rotations either."""
    header = rotated_by(PASSPHRASE)
    assert slots.open_slot(header.slots[1], VAULT_ID, KEYFILE, allow_weak=True, generation=2) is None


def test_a_rotation_is_finished_before_the_next() -> None:
    """There is one former master key at a time."""
    with pytest.raises(Conflict, match="unfinished"):
        rotated_by(PASSPHRASE, rotated_by(PASSPHRASE), NEW)


def as_format_1(header: Header) -> Header:
    """The header as an earlier localvault wrote it: no generation, and slots without public keys."""
    old_slots = []
    for slot in header.slots:
        kept = slots.attributes_of(slot, VAULT_ID, MASTER)._replace(public=None)
        old_slots.append(slot._replace(attributes=slots._seal_attributes(VAULT_ID, MASTER, slot, kept)))
    header = header._replace(slots=tuple(old_slots), written_as=1)
    return header._replace(mac=module._mac(MASTER, header))


def test_a_header_of_format_1_reads_and_prints_back() -> None:
    """Byte for byte, until a slot changes, which makes it format 2."""
    header = as_format_1(FULL)
    data = header.encode()
    assert data[8:10] == b"\0\x01"
    assert Header.decode(data) == header
    assert Header.decode(data).encode() == data
    assert opens(Header.decode(data), RECOVERY)
    removed = remove_slot(Header.decode(data), MASTER, header.slots[1].id)
    assert removed.encode()[8:10] == b"\0\x02"
    assert opens(Header.decode(removed.encode()), PASSPHRASE)


def test_slots_of_format_1_are_named_where_they_keep_the_master_key_from_changing() -> None:
    """All but the one whose secret is at hand; a changed passphrase has a public key."""
    header = as_format_1(FULL)
    with pytest.raises(Conflict) as failed:
        rotated_by(PASSPHRASE, header)
    assert [slot.id.hex() in str(failed.value) for slot in header.slots] == [False, True, True]
    assert "machine" in str(failed.value)
    alone = remove_slot(remove_slot(header, MASTER, header.slots[1].id), MASTER, header.slots[2].id)
    assert unlock(rotated_by(PASSPHRASE, alone), PASSPHRASE, allow_weak=True).key.equals(NEW.key)
    changed = change_passphrase(alone, MASTER, PASSPHRASE, credentials.passphrase("other"), **WEAK)
    added = add_slot(changed, MASTER, KEYFILE)
    assert unlock(rotated_by(KEYFILE, added), credentials.passphrase("other"), allow_weak=True).key.equals(
        NEW.key
    )


def test_a_slot_of_a_later_kind_keeps_the_master_key_from_changing() -> None:
    """It would be left holding the old one."""
    header = FULL.signed(MASTER, (*FULL.slots, Slot(200, b"i" * 16, b"body", b"attributes")))
    with pytest.raises(Conflict, match="unknown"):
        rotated_by(PASSPHRASE, header)
