"""An open vault: its identity, how it ends, and how several handles, threads and processes share it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

import localvault
from localvault import BadParameter, KeyNotFound, Vault, VaultClosed
from localvault.testing.clock import FixedClock
from tests.support import life
from tests.support.folders import content
from tests.support.forking import in_child

USES: dict[str, Callable[[Vault], object]] = {
    "a secret": lambda vault: vault.secrets.get("db"),
    "a write": lambda vault: vault.secrets.set("db", "other"),
    "a list": lambda vault: list(vault.secrets.list()),
    "a key": lambda vault: vault.keys.create("k", "oct"),
    "a token": lambda vault: vault.crypto("data").seal(b"text"),
    "a batch": lambda vault: vault.batch().__enter__(),
    "slots": lambda vault: vault.slots.list(),
    "a new slot": lambda vault: vault.slots.add_recovery_key(),
    "events": lambda vault: list(vault.audit.events()),
    "verify": lambda vault: vault.audit.verify(),
    "the agenda": lambda vault: vault.agenda.run_due(),
    "settings": lambda vault: vault.settings,
    "check": lambda vault: vault.check(),
    "backup": lambda vault: vault.backup(vault.path.parent / "copy"),
    "compact": lambda vault: vault.compact(vault.path.parent / "copy"),
}
uses = pytest.mark.parametrize("use", USES.values(), ids=USES.keys())


@pytest.fixture
def used(vault: Vault) -> Vault:
    """A vault with a secret and a key, both in use."""
    vault.secrets.set("db", "value")
    vault.keys.create("data", "oct")
    vault.crypto("data").seal(b"text")
    return vault


def test_a_vault_says_what_it_is(vault: Vault) -> None:
    """Its id is the folder's for good, its name and URL are settings, its path is where it lies."""
    assert vault.name == "unit"
    assert vault.url == "https://unit.vault.localhost"
    assert len(bytes.fromhex(vault.id)) == 16
    assert (vault.path / "data.mdb").exists()
    assert repr(vault) == f"<Vault at {vault.path}: open>"
    vault.close()
    assert repr(vault) == f"<Vault at {vault.path}: closed>"
    with localvault.open(vault.path, passphrase="unit", allow_weak=True) as again:
        assert again.id == vault.id


def test_two_vaults_have_nothing_in_common(tmp_path: Path) -> None:
    """Their ids differ although all that was given is the same."""
    ids = set()
    for name in ("v", "w"):
        with life.create(tmp_path / name) as vault:
            ids.add(vault.id)
    assert len(ids) == 2


@uses
def test_a_closed_vault_does_nothing(used: Vault, use: Callable[[Vault], object]) -> None:
    """Every room raises `VaultClosed`; nothing is written; closing again does nothing."""
    used.close()
    before = content(used.path)
    with pytest.raises(VaultClosed):
        use(used)
    used.close()
    assert content(used.path) == before
    assert not (used.path.parent / "copy").exists()


def test_leaving_the_block_closes(tmp_path: Path) -> None:
    """Also by an error, which comes out; all events are in the journal and no spool is left."""
    with suppress(KeyError), life.create(tmp_path / "v") as vault:
        vault.secrets.get(vault.secrets.set("db", "value").name)
        raise KeyError
    assert sorted(content(tmp_path / "v")) == ["data.mdb", "head"]
    with pytest.raises(VaultClosed):
        vault.secrets.get("db")


def test_two_handles_of_one_process_share_the_folder(used: Vault, clock: FixedClock) -> None:
    """Each sees the other's writes at once, and goes on when the other is closed."""
    other = localvault.open(used.path, passphrase="unit", allow_weak=True, clock=clock)
    other.secrets.set("db", "theirs")
    assert used.secrets.get("db").value == "theirs"
    token = used.crypto("data").seal(b"text")
    used.keys.rotate("data")
    assert other.crypto("data").open(token) == b"text"
    used.keys.delete("data")
    with pytest.raises(KeyNotFound):
        other.crypto("data").open(token)
    used.close()
    other.secrets.set("db", "still")
    assert other.secrets.get("db").value == "still"
    assert other.check() == []
    told_by = {event.operation for event in other.audit.events()}
    assert {"KeyDelete", "SecretGet", "VaultOpen"} <= told_by
    other.close()


@uses
def test_a_forked_child_has_no_vault(used: Vault, use: Callable[[Vault], object]) -> None:
    """`VaultForked` whatever it tries; the parent notices nothing."""
    assert in_child(lambda: use(used)) == "VaultForked"
    assert used.secrets.get("db").value == "value"
    assert not (used.path.parent / "copy").exists()
    assert used.check() == []


def test_a_forked_child_may_close_and_open(used: Vault, tmp_path: Path) -> None:
    """Closing there takes nothing from the parent; opened again, the child has a vault of its own."""

    def act() -> object:
        used.close()
        with localvault.open(used.path, passphrase="unit", allow_weak=True) as own:
            own.secrets.set("child", str(os.getpid()))
            return own.secrets.get("db").value

    assert in_child(act) == repr("value")
    assert used.secrets.get("child").value
    used.secrets.set("db", "parent")
    assert used.check() == []


def test_threads_share_a_vault(used: Vault) -> None:
    """Eight threads that read, write, seal and list at once: nothing is lost, nothing mixed up."""
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(12):
                used.secrets.set(f"s{number}", f"{number} {turn}")
                assert used.secrets.get(f"s{number}").value == f"{number} {turn}"
                token = used.crypto("data").seal(b"%d" % number)
                assert used.crypto("data").open(token) == b"%d" % number
                assert len(list(used.secrets.versions("db"))) == 1
                with used.batch():
                    used.secrets.set("shared", f"{number}")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    assert [len(list(used.secrets.versions(f"s{number}"))) for number in range(8)] == [12] * 8
    assert len(list(used.secrets.versions("shared"))) == 96
    assert sum(event.operation == "SecretSet" for event in used.audit.events()) == 1 + 2 * 96
    used.audit.verify()
    assert used.check() == []


def test_crypto_looks_its_key_up_at_each_call(vault: Vault) -> None:
    """So it can be asked for before there is a key, and finds whatever there is then."""
    crypto = vault.crypto("later")
    with pytest.raises(KeyNotFound):
        crypto.seal(b"text")
    vault.keys.create("later", "oct")
    assert crypto.open(crypto.seal(b"text")) == b"text"


@pytest.mark.parametrize(
    "changes",
    [{"none": 1}, {"retention_days": 6}, {"name": "a"}, {"retention_days": 30, "max_tags": -1}],
)
def test_a_wrong_setting_changes_nothing(vault: Vault, changes: dict[str, object]) -> None:
    """Not even those beside it."""
    before = vault.settings
    with pytest.raises(BadParameter):
        vault.configure(**changes)
    assert vault.settings == before
