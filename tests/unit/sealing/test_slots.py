"""One slot: bound to its vault and parameters, opened by its credential, labelled for the unlocked only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import BadParameter, Damaged, Tampered
from localvault.native.memory import Locked
from localvault.sealing import credentials, slots
from localvault.sealing.credentials import Credential
from localvault.sealing.cursor import Cursor
from localvault.sealing.master import MasterKey
from localvault.sealing.profiles import OWASP_MINIMUM, KdfProfile, named
from localvault.sealing.slots import Slot, describe, make, open_slot
from localvault.testing.profiles import CHEAPEST

VAULT_ID = b"v" * 16
MASTER = MasterKey(Locked.of(b"m" * 32))


def by_kind(kind: str) -> Credential:
    """A new credential of each kind."""
    made = {
        "passphrase": lambda: credentials.passphrase("passphrase"),
        "keyfile": lambda: credentials.keyfile_secret(Locked.random(32)),
        "recovery": lambda: credentials.new_recovery_key()[0],
    }
    return made[kind]()


def slot_for(credential: Credential, label: str | None = None, kdf: KdfProfile = CHEAPEST) -> Slot:
    """A slot of the tests' vault."""
    return make(VAULT_ID, MASTER, credential, kdf=kdf, label=label, allow_weak=True)[0]


def opened(slot: Slot, credential: Credential, vault_id: bytes = VAULT_ID) -> MasterKey | None:
    """What the credential opens."""
    return open_slot(slot, vault_id, credential, allow_weak=True)


KINDS = ["passphrase", "keyfile", "recovery"]


@pytest.mark.parametrize("kind", KINDS)
def test_its_credential_opens_it(kind: str) -> None:
    """And finds the very master key; the slot stands in its header as it was made."""
    credential = by_kind(kind)
    slot = slots.decode(Cursor(slots.encode(slot_for(credential)), "slot"))
    master = opened(slot, credential)
    assert master is not None
    assert master.key.equals(MASTER.key)
    assert slot.kind_name == kind


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_no_other_credential_opens_it(kind: str, other: str) -> None:
    """Neither of its own kind nor of another, not even with the same secret."""
    credential = by_kind(kind)
    slot = slot_for(credential)
    same_secret = Credential(by_kind(other).kind, credential.secret)
    wrong = credentials.passphrase("Passphrase") if other == "passphrase" else by_kind(other)
    assert opened(slot, wrong) is None
    if other != kind:
        assert opened(slot, same_secret) is None


@pytest.mark.parametrize("kind", KINDS)
def test_it_belongs_to_its_vault_kind_and_id(kind: str) -> None:
    """Carried over to another, it opens nothing: all of them are bound into the wrap."""
    credential = by_kind(kind)
    slot = slot_for(credential)
    assert opened(slot, credential, b"w" * 16) is None
    assert opened(slot._replace(id=bytes(16)), credential) is None
    for other in (2, 3):
        if other != slot.kind and kind != "passphrase":
            assert opened(slot._replace(kind=other), Credential(other, credential.secret)) is None


@pytest.mark.parametrize("at", range(25))
def test_parameters_and_salt_are_bound(at: int) -> None:
    """Changing any byte of them leads to another key, or is refused before it is tried."""
    credential = by_kind("passphrase")
    slot = slot_for(credential)
    body = bytearray(slot.body)
    body[at] ^= 1
    try:
        assert opened(slot._replace(body=bytes(body)), credential) is None
    except Tampered:
        assert at < 9


def test_the_same_secret_is_wrapped_differently_each_time() -> None:
    """New id, new salt, new nonce."""
    credential = by_kind("passphrase")
    first, second = slot_for(credential), slot_for(credential)
    assert first.id != second.id
    assert first.body[9:25] != second.body[9:25]
    assert first.body[25:57] != second.body[25:57]


def test_a_weak_slot_is_neither_made_nor_opened_without_permission() -> None:
    """`BadParameter` with the way out."""
    credential = by_kind("passphrase")
    with pytest.raises(BadParameter) as refused:
        make(VAULT_ID, MASTER, credential, kdf=CHEAPEST, label=None, allow_weak=False)
    assert "allow_weak" in str(refused.value.hint)
    with pytest.raises(BadParameter):
        open_slot(slot_for(credential), VAULT_ID, credential, allow_weak=False)


def test_no_work_is_done_before_the_parameters_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slot that asks for terabytes gets nothing."""
    credential = by_kind("passphrase")
    slot = slot_for(credential)
    greedy = slot._replace(body=b"\xff" * 8 + slot.body[8:])
    monkeypatch.setattr(slots, "stretch", None)
    with pytest.raises(Tampered):
        opened(greedy, credential)


def test_a_slot_tells_its_parameters_by_name() -> None:
    """Those of a passphrase; others have none."""
    assert slot_for(by_kind("passphrase"), kdf=OWASP_MINIMUM).kdf is OWASP_MINIMUM
    assert slot_for(by_kind("passphrase")).kdf == named(1, 8, 1)
    assert slot_for(by_kind("recovery")).kdf is None


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=100), st.sampled_from(KINDS))
def test_labels_are_told_to_the_unlocked_only(label: str, kind: str) -> None:
    """They come back as given and stand nowhere in the slot."""
    slot = slot_for(by_kind(kind), label)
    assert describe(slot, VAULT_ID, MASTER).label == (label or None)
    if len(label) > 3:
        assert label.encode() not in slots.encode(slot)


@pytest.mark.parametrize("wrong", ["l" * 101, "\ud800"])
def test_a_label_that_cannot_be_kept_is_refused(wrong: str) -> None:
    """`BadParameter`."""
    with pytest.raises(BadParameter):
        slot_for(by_kind("keyfile"), wrong)


def test_attributes_belong_to_their_slot() -> None:
    """Exchanged between slots, altered or cut they are `Tampered`."""
    first, second = slot_for(by_kind("keyfile"), "first"), slot_for(by_kind("keyfile"), "second")
    altered = bytes([first.attributes[0] ^ 1]) + first.attributes[1:]
    for attributes in (second.attributes, altered, first.attributes[:40], first.attributes[:41], b""):
        with pytest.raises(Tampered):
            describe(first._replace(attributes=attributes), VAULT_ID, MASTER)
    with pytest.raises(Tampered):
        describe(first, VAULT_ID, MasterKey.generate())


def test_a_recovery_slot_keeps_a_transfer_key_that_is_not_the_recovery_key() -> None:
    """The vault finds the same key as the holder of the recovery key."""
    credential = by_kind("recovery")
    kept = slots.attributes_of(slot_for(credential, "label"), VAULT_ID, MASTER).transfer
    assert kept.equals(slots.recovery_transfer_key(credential))
    assert not kept.equals(credential.secret)
    assert len(slots.attributes_of(slot_for(by_kind("keyfile")), VAULT_ID, MASTER).transfer) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_slot_of_another_size_is_damaged(kind: str) -> None:
    """One byte more or less in the body, with its length made to fit."""
    slot = slot_for(by_kind(kind))
    for body in (slot.body[:-1], slot.body + b"\0", b""):
        with pytest.raises(Damaged):
            slots.decode(Cursor(slots.encode(slot._replace(body=body)), "slot"))


def test_a_slot_of_a_later_kind_is_kept() -> None:
    """Any body; nothing here opens it, and it can still be listed."""
    slot = slot_for(by_kind("keyfile"))._replace(kind=9, body=b"whatever")
    assert slots.decode(Cursor(slots.encode(slot), "slot")) == slot
    assert slot.kind_name == "unknown"
    assert all(opened(slot, by_kind(kind)) is None for kind in KINDS)
