"""The slots of an open vault: each opens it until it is removed, the last one stays, and no change is half done."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import localvault
from localvault import OWASP_MINIMUM, BadParameter, Conflict, LocalVaultError, Tampered, UnlockFailed, Vault
from localvault import slots as module
from localvault.records import HEADER_KEY, VAULT
from localvault.testing.profiles import CHEAPEST
from tests.support import life
from tests.support.children import Child, Say
from tests.support.folders import flip
from tests.support.told import told


def opens(vault: Vault, **unlocking: Any) -> bool:
    """Whether a secret opens the vault's folder now."""
    try:
        localvault.open(vault.path, allow_weak=True, **unlocking).close()
    except UnlockFailed:
        return False
    return True


def kinds(vault: Vault) -> list[tuple[str, str | None]]:
    """Kind and label of every slot, in order."""
    return [(slot.kind, slot.label) for slot in vault.slots.list()]


def test_every_kind_of_slot_opens_until_it_is_removed(vault: Vault) -> None:
    """They are listed in order with what a person needs to tell them apart, and removing one leaves the others."""
    added = vault.slots.add_passphrase("second", label="Ann", kdf=CHEAPEST)
    keyed = vault.slots.add_keyfile(vault.path.parent / "k", label="cron")
    recovery = vault.slots.add_recovery_key(label="in the safe")
    assert kinds(vault) == [
        ("passphrase", None),
        ("passphrase", "Ann"),
        ("keyfile", "cron"),
        ("recovery", "in the safe"),
    ]
    listed = vault.slots.list()
    assert (listed[1], listed[2]) == (added, keyed)
    assert len({slot.id for slot in listed}) == 4
    assert added.kdf == "Argon2id, 1 pass over 8 KiB, 1 lane"
    assert keyed.kdf is None
    ways: list[dict[str, Any]] = [
        {"passphrase": "unit"},
        {"passphrase": "second"},
        {"keyfile": vault.path.parent / "k"},
        {"recovery_key": recovery},
    ]
    assert [opens(vault, **way) for way in ways] == [True] * 4
    for number, slot in enumerate(listed[:-1]):
        vault.slots.remove(slot.id)
        assert [opens(vault, **way) for way in ways] == [at > number for at in range(4)]
    assert kinds(vault) == [("recovery", "in the safe")]


def test_the_last_slot_is_not_removed(vault: Vault) -> None:
    """`Conflict` with a hint, and it still opens."""
    with pytest.raises(Conflict, match="last slot") as failed:
        vault.slots.remove(vault.slots.list()[0].id)
    assert failed.value.hint
    assert opens(vault, passphrase="unit")


@pytest.mark.parametrize("wrong", ["", "0" * 32, "not hex", "00", "x" * 500])
def test_a_slot_that_is_not_there_is_not_removed(vault: Vault, wrong: str) -> None:
    """`BadParameter`, and all stay."""
    vault.slots.add_recovery_key()
    with pytest.raises(BadParameter, match="there is no slot"):
        vault.slots.remove(wrong)
    assert len(vault.slots.list()) == 2


def test_a_passphrase_is_changed_in_its_place(vault: Vault) -> None:
    """The old one opens nothing any more, the new one does; id, label and (unless asked for) cost stay."""
    vault.slots.add_passphrase("old", label="Ann", kdf=CHEAPEST)
    vault.slots.add_recovery_key()
    before = vault.slots.list()
    vault.slots.change_passphrase("old", b"n\xc3\xa9w")
    assert vault.slots.list() == before
    assert not opens(vault, passphrase="old")
    assert opens(vault, passphrase="néw")
    assert opens(vault, passphrase="ne\u0301w"), "the same text, typed on another keyboard"
    assert opens(vault, passphrase="unit")
    vault.slots.change_passphrase("néw", "dear", kdf=OWASP_MINIMUM)
    changed = vault.slots.list()[1]
    assert (changed.id, changed.label) == (before[1].id, "Ann")
    assert changed.kdf == "Argon2id, 2 passes over 19 MiB, 1 lane"


REFUSED: dict[str, tuple[Callable[[Vault], object], type[LocalVaultError]]] = {
    "a wrong old passphrase": (lambda v: v.slots.change_passphrase("wrong", "new"), UnlockFailed),
    "an empty old one": (lambda v: v.slots.change_passphrase("", "new"), BadParameter),
    "an empty new one": (lambda v: v.slots.change_passphrase("unit", ""), BadParameter),
    "a long new one": (lambda v: v.slots.change_passphrase("unit", "x" * 4097), BadParameter),
    "an empty passphrase": (lambda v: v.slots.add_passphrase(""), BadParameter),
    "half a character": (lambda v: v.slots.add_passphrase("\ud800"), BadParameter),
    "a long label": (lambda v: v.slots.add_passphrase("x", label="l" * 101, kdf=CHEAPEST), BadParameter),
    "a long label of a recovery key": (lambda v: v.slots.add_recovery_key(label="l" * 101), BadParameter),
    "a long label of a key file": (
        lambda v: v.slots.add_keyfile(v.path.parent / "k", label="l" * 101),
        BadParameter,
    ),
    "a key file where something is": (lambda v: v.slots.add_keyfile(v.path / "data.mdb"), BadParameter),
    "a key file in no folder": (lambda v: v.slots.add_keyfile(v.path.parent / "no" / "k"), BadParameter),
    "an impossible cost": (
        lambda v: v.slots.add_passphrase("x", kdf=CHEAPEST._replace(memory_kib=1)),
        BadParameter,
    ),
}


@pytest.mark.parametrize(("act", "error"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused_changes_nothing(
    vault: Vault, act: Callable[[Vault], object], error: type[LocalVaultError]
) -> None:
    """The slots are as they were, no key file is left, none overwritten."""
    before, files = vault.slots.list(), sorted(vault.path.parent.iterdir())
    with pytest.raises(error) as failed:
        act(vault)
    assert type(failed.value) is error
    assert vault.slots.list() == before
    assert sorted(vault.path.parent.iterdir()) == files
    assert opens(vault, passphrase="unit")
    assert vault.check() == []


def test_a_weak_cost_needs_asking_for(tmp_path: Path) -> None:
    """Where the vault was opened without `allow_weak`, no weak slot is added and none made of a good one."""
    with localvault.create(tmp_path / "v", keyfile=tmp_path / "k", name="keyed") as vault:
        with pytest.raises(BadParameter, match="too cheap"):
            vault.slots.add_passphrase("x", kdf=CHEAPEST)
        vault.slots.add_passphrase("x", kdf=OWASP_MINIMUM)
        with pytest.raises(BadParameter, match="too cheap"):
            vault.slots.change_passphrase("x", "y", kdf=CHEAPEST)
        assert [slot.kdf for slot in vault.slots.list()][1] == "Argon2id, 2 passes over 19 MiB, 1 lane"


@pytest.mark.parametrize("label", [None, "", "l" * 100, "über 😀"])
def test_a_label_comes_back(vault: Vault, label: str | None) -> None:
    """Up to 100 characters of any kind; it cannot be read in the folder."""
    vault.slots.add_recovery_key(label=label)
    assert vault.slots.list()[1].label == (label or None)
    if label:
        assert label.encode() not in (vault.path / "data.mdb").read_bytes()


def test_there_are_64_slots_at_most(vault: Vault) -> None:
    """One more is refused, its key file is gone; with one removed there is room again."""
    shown = [vault.slots.add_recovery_key(label=f"key {number}") for number in range(63)]
    assert len(set(shown)) == 63
    for attempt in (
        lambda: vault.slots.add_recovery_key(),
        lambda: vault.slots.add_keyfile(vault.path.parent / "k"),
        lambda: vault.slots.add_passphrase("x", kdf=CHEAPEST),
    ):
        with pytest.raises(BadParameter, match="at most 64 slots"):
            attempt()
    assert not (vault.path.parent / "k").exists()
    assert opens(vault, recovery_key=shown[-1])
    vault.slots.remove(vault.slots.list()[5].id)
    vault.slots.add_keyfile(vault.path.parent / "k")
    assert opens(vault, keyfile=vault.path.parent / "k")
    assert len(vault.slots.list()) == 64


def test_events_tell_which_slot_and_nothing_secret(vault: Vault) -> None:
    """By its id, so that a removal can be told from an addition made later."""
    with told(vault) as events:
        recovery = vault.slots.add_recovery_key(label="label of a slot")
        added = vault.slots.list()[1].id
        vault.slots.change_passphrase("unit", "passphrase")
        vault.slots.remove(added)
    first = vault.slots.list()[0].id
    writes = [(event.operation, event.details) for event in events if event.operation != "SlotList"]
    assert writes == [
        ("SlotAdd", {"slots": [added]}),
        ("PassphraseChange", {"slots": [first]}),
        ("SlotRemove", {"slots": [added]}),
    ]
    text = repr(events)
    assert not any(secret in text for secret in (recovery, "label of", "'unit'", "'passphrase'"))


def test_a_batch_that_is_undone_undoes_its_slots(vault: Vault) -> None:
    """What was added in it does not open, what was removed still does."""
    first = vault.slots.list()[0].id
    shown: list[str] = []

    def act() -> None:
        with vault.batch():
            shown.append(vault.slots.add_recovery_key())
            vault.slots.remove(first)
            raise KeyError

    with pytest.raises(KeyError):
        act()
    assert opens(vault, passphrase="unit")
    assert not opens(vault, recovery_key=shown[0])


def test_a_change_on_top_of_another_is_refused(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """`Conflict` if somebody else changed the slots while a passphrase was being stretched; theirs stands."""
    real = {name: getattr(module, name) for name in ("add_slot", "change_passphrase")}

    def meanwhile(name: str) -> Callable[..., Any]:
        def act(*arguments: Any, **options: Any) -> Any:
            monkeypatch.setattr(module, name, real[name])
            with localvault.open(vault.path, passphrase="unit", allow_weak=True) as other:
                other.slots.add_recovery_key(label="theirs")
            return real[name](*arguments, **options)

        return act

    attempts: dict[str, Callable[[], object]] = {
        "add_slot": lambda: vault.slots.add_keyfile(vault.path.parent / "k"),
        "change_passphrase": lambda: vault.slots.change_passphrase("unit", "new"),
    }
    for number, (name, attempt) in enumerate(attempts.items(), 1):
        monkeypatch.setattr(module, name, meanwhile(name))
        with pytest.raises(Conflict, match="somebody else") as failed:
            attempt()
        assert failed.value.hint == "do it again"
        assert kinds(vault) == [("passphrase", None)] + [("recovery", "theirs")] * number
    assert not (vault.path.parent / "k").exists()
    vault.slots.change_passphrase("unit", "new")


def test_processes_that_change_slots_at_once_lose_none(tmp_path: Path) -> None:
    """Each addition that was acknowledged is there and opens, each refused one is not."""
    life.create(tmp_path / "v").close()

    def work(say: Say) -> None:
        with life.reopen(tmp_path / "v") as vault:
            for _ in range(12):
                try:
                    say(vault.slots.add_recovery_key())
                except Conflict:
                    say(None)

    children = [Child(work) for _ in range(2)]
    said: list[str | None] = []
    for child in children:
        code, heard = child.ended()
        assert code == 0
        said += heard
    shown = [text for text in said if text is not None]
    assert len(said) == 24
    with life.reopen(tmp_path / "v") as vault:
        assert len(vault.slots.list()) == 1 + len(shown)
        assert all(opens(vault, recovery_key=text) for text in shown)
        assert vault.check() == []


@pytest.mark.parametrize("at", [-40, 12, 60, -80])
def test_an_altered_slot_list_is_never_used(vault: Vault, at: int) -> None:
    """`Tampered` by every verb of the open vault, and nothing is written over it."""
    store = vault._parts.store
    with store.write() as txn:
        header = bytearray(txn.get(VAULT, HEADER_KEY) or b"")
        flip(header, at)
        header[-32:] = hashlib.sha256(header[:-32]).digest()
        txn.put(VAULT, HEADER_KEY, bytes(header))
    for attempt in (
        lambda: vault.slots.list(),
        lambda: vault.slots.add_recovery_key(),
        lambda: vault.slots.remove("0" * 32),
        lambda: vault.slots.change_passphrase("unit", "new"),
    ):
        with pytest.raises(Tampered):
            attempt()
    with store.read() as txn:
        assert txn.get(VAULT, HEADER_KEY) == bytes(header)
