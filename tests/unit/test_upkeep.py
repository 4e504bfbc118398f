"""Looking after a vault: check finds whatever was changed behind its back, and a copy is whole and sound."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import localvault
from localvault import BadParameter, Problem, Settings, StoreFull, Vault, VaultExists
from localvault.lifecycle.ground import SETTINGS_KEY
from localvault.records import AGENDA, HEADER_KEY, OBJECTS, VAULT, VERSIONS
from localvault.store.protocol import WriteTxn
from localvault.testing.clock import FixedClock
from tests.support.told import told

Place = tuple[int, bytes]


@pytest.fixture
def full(vault: Vault) -> Vault:
    """A vault with two secrets, one of two versions, a key, a deleted secret and two slots."""
    vault.secrets.set("db", "first")
    vault.secrets.set("db", "second")
    vault.secrets.set("Other", "value")
    vault.keys.create("data", "oct")
    vault.secrets.set("gone", "value")
    vault.secrets.delete("gone")
    vault.slots.add_recovery_key()
    return vault


def records(vault: Vault, table: int) -> dict[bytes, bytes]:
    """The sealed records of a table, by key."""
    with vault._parts.store.read() as txn:
        return dict(txn.scan(table))


def change(vault: Vault, act: Callable[[WriteTxn], object]) -> None:
    """Write behind the vault's back, without an event."""
    with vault._parts.store.write() as txn:
        act(txn)


def everything(vault: Vault) -> dict[Place, bytes]:
    """Every record a check compares with the journal."""
    tables = (VAULT, OBJECTS, VERSIONS, AGENDA)
    return {(table, key): record for table in tables for key, record in records(vault, table).items()}


# Settings and status


def test_settings_are_changed_and_stay(vault: Vault, clock: FixedClock) -> None:
    """What is returned is what every handle sees, now and after closing; the event tells what was changed."""
    other = localvault.open(vault.path, passphrase="unit", allow_weak=True, clock=clock)
    with told(vault) as events:
        made = vault.configure(retention_days=30, max_tags=2)
    assert made == Settings("unit", retention_days=30, max_tags=2)
    assert vault.settings == other.settings == made
    assert [(event.operation, event.details) for event in events] == [
        ("VaultUpdate", {"retention_days": 30, "max_tags": 2})
    ]
    with pytest.raises(BadParameter, match="tags"):
        other.secrets.set("db", "", tags={"a": "", "b": "", "c": ""})
    other.close()
    vault.close()
    with localvault.open(vault.path, passphrase="unit", allow_weak=True) as again:
        assert again.settings == made


def test_purge_protection_stays_on(vault: Vault) -> None:
    """Once it is on, nothing switches it off; the rest can still be set."""
    vault.configure(purge_protection=True)
    with pytest.raises(BadParameter, match="switched off"):
        vault.configure(purge_protection=False)
    with pytest.raises(BadParameter, match="shortened"):
        vault.configure(retention_days=7)
    assert vault.configure(max_tags=7) == Settings("unit", max_tags=7, purge_protection=True)


def test_a_new_name_is_in_every_url(full: Vault) -> None:
    """Of objects that were there before, too."""
    full.configure(name="Renamed", suffix="vault.example:8443")
    assert full.url == "https://renamed.vault.example:8443"
    assert full.secrets.get("db").id.startswith(f"{full.url}/secrets/db/")
    assert full.crypto("data").sign("HS256", b"x").key_id.startswith(f"{full.url}/keys/data/")


def test_settings_that_were_not_written_are_not_used(full: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither those of a batch that was undone nor those a full disk refused: every URL is as before."""
    before, url = full.secrets.get("db").id, full.url

    def undone() -> None:
        with full.batch():
            full.configure(suffix="undone.example")
            assert full.secrets.get("db").id.startswith("https://unit.undone.example/")
            full.secrets.set("new", "")
            raise KeyError

    with pytest.raises(KeyError):
        undone()
    assert full.secrets.get("db").id == before
    assert full.url == url

    def no_space(*_: object) -> None:
        raise StoreFull("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(full._parts.journal, "append", no_space)
        with pytest.raises(StoreFull):
            full.configure(name="full")
    assert full.secrets.get("db").id == before
    assert full.configure(name="written").home.url == full.url != url
    assert full.secrets.get("db").id.startswith(full.url)


def test_status_counts(full: Vault) -> None:
    """Objects, deleted ones, versions, events, bytes; and nothing of what they are called."""
    size = sum(path.stat().st_size for path in full.path.iterdir())
    status = full.status()
    assert status["bytes"] == size
    assert status["path"] == str(full.path)
    assert status["id"] == full.id
    assert (status["name"], status["url"]) == ("unit", full.url)
    assert status["settings"] == full.settings._asdict()
    assert status["counts"] == {
        "secrets": 2,
        "deleted_secrets": 1,
        "keys": 1,
        "deleted_keys": 0,
        "versions": 5,
    }
    size = status["journal"]["size"]
    assert 0 < size <= len(list(full.audit.events()))
    assert full.status()["journal"]["size"] > size
    assert "Other" not in repr(status)


# Check


def test_a_sound_vault_has_no_problem(full: Vault) -> None:
    """However often it is asked; the event counts the records that were looked at."""
    for _ in range(2):
        with told(full) as events:
            assert full.check() == []
        assert [event.count for event in events] == [len(everything(full))]


def test_every_flipped_record_is_found_in_its_place(full: Vault) -> None:
    """Each record of each table, one at a time; what cannot be opened hides nothing else, and restored all is well."""
    for (table, key), record in everything(full).items():
        flipped = record[:-1] + bytes([record[-1] ^ 1])
        change(full, lambda txn, at=(table, key, flipped): txn.put(*at))
        problems = full.check()
        assert len(problems) == 1, (table, key)
        if (table, key) == (VAULT, HEADER_KEY):
            assert problems[0].place == "vault header"
        change(full, lambda txn, at=(table, key, record): txn.put(*at))
    assert full.check() == []


def test_every_removed_record_is_found(full: Vault) -> None:
    """Each one by itself, with the name of its object where that can still be read."""
    for (table, key), record in everything(full).items():
        if table == VAULT and key == SETTINGS_KEY:
            continue  # without it nothing can be asked of the vault at all
        change(full, lambda txn, at=(table, key): txn.delete(*at))
        assert [problem.sentence for problem in full.check()] == [
            "the record the journal tells of is not there"
        ], (table, key)
        change(full, lambda txn, at=(table, key, record): txn.put(*at))
    assert full.check() == []


def test_every_record_put_back_to_an_older_state_of_itself_is_found(full: Vault, clock: FixedClock) -> None:
    """Head, version, settings, agenda's first hour, slot list: each opens, and only the journal knows better."""
    before = everything(full)
    clock.move(days=1)
    full.secrets.update("db", tags={"new": "tag"})
    full.secrets.update("Other", enabled=False)
    full.keys.update("data", operations=["encrypt"])
    full.configure(retention_days=8)
    full.slots.add_recovery_key()
    full.agenda.run_due()
    after = everything(full)
    changed = [place for place, record in before.items() if place in after and after[place] != record]
    assert {table for table, _ in changed} == {VAULT, OBJECTS, VERSIONS}
    assert (VAULT, HEADER_KEY) in changed
    for table, key in changed:
        change(full, lambda txn, at=(table, key, before[table, key]): txn.put(*at))
        problems = full.check()
        assert len(problems) == 1, (table, key, problems)
        assert "older state" in problems[0].sentence
        change(full, lambda txn, at=(table, key, after[table, key]): txn.put(*at))
    assert full.check() == []


def test_a_problem_says_which_object_it_is(full: Vault) -> None:
    """By its scope and version, as people know it."""
    old = everything(full)
    version = full.secrets.get("db").version
    full.secrets.update("db", enabled=True, tags={"a": "b"})
    for (table, key), record in old.items():
        if table in (OBJECTS, VERSIONS) and everything(full)[table, key] != record:
            change(full, lambda txn, at=(table, key, record): txn.put(*at))
    sentence = "an older state of this record was put back"
    assert full.check() == [
        Problem("/secrets/db", sentence),
        Problem(f"/secrets/db/{version}", sentence),
    ]


def test_what_was_purged_and_put_back_is_found(full: Vault) -> None:
    """Its records open, and the journal tells that they were removed."""
    before = everything(full)
    full.secrets.purge("gone")
    gone = {place: record for place, record in before.items() if place not in everything(full)}
    assert len(gone) == 3  # head, version, agenda entry
    for (table, key), record in gone.items():
        change(full, lambda txn, at=(table, key, record): txn.put(*at))
    assert [problem.sentence for problem in full.check()] == ["the journal tells of no such record"] * 3


def test_a_record_moved_or_copied_elsewhere_is_found(full: Vault) -> None:
    """To another object's place or to a place that never was: it does not open there."""
    versions = records(full, VERSIONS)
    (one, first), (two, second), *_ = versions.items()
    change(full, lambda txn: (txn.put(VERSIONS, one, second), txn.put(VERSIONS, two, first)))
    assert len(full.check()) == 2
    change(full, lambda txn: (txn.put(VERSIONS, one, first), txn.put(VERSIONS, two, second)))
    change(full, lambda txn: txn.put(VERSIONS, one[:-16] + bytes(16), first))
    problems = full.check()
    assert len(problems) == 1
    assert problems[0].place.endswith("/" + "0" * 32)


def test_check_goes_on_past_everything(full: Vault) -> None:
    """All that is wrong comes out at once, the journal's own problems too; and it tells how far it is."""
    for (table, key), record in everything(full).items():
        if key not in (HEADER_KEY, SETTINGS_KEY):
            change(full, lambda txn, at=(table, key, record[:-1]): txn.put(*at))
    found = full.check()
    assert len(found) == len(everything(full)) - 2
    assert all(isinstance(problem, Problem) and problem.sentence for problem in found)


def test_check_says_how_far_it_is(full: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls with what is done and how much there is."""
    monkeypatch.setattr("localvault.upkeep._PROGRESS_EVERY", 2)
    seen: list[tuple[int, int]] = []
    assert full.check(lambda done, total: seen.append((done, total))) == []
    assert [done for done, _ in seen] == list(range(2, len(everything(full)) + 1, 2))
    assert all(total >= len(everything(full)) for _, total in seen)


def test_check_changes_nothing(full: Vault) -> None:
    """Not even what is wrong."""
    change(full, lambda txn: txn.put(VERSIONS, b"s" + bytes(32), b"no record of this vault" * 3))
    before = everything(full)
    assert len(full.check()) == 1
    assert everything(full) == before


# Copies

COPIES: dict[str, Callable[[Vault, Path], None]] = {"backup": Vault.backup, "compact": Vault.compact}
copies = pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES.keys())


def reopened(path: Path) -> Vault:
    """The copy, opened on its own."""
    return localvault.open(path, passphrase="unit", allow_weak=True)


@copies
def test_a_copy_holds_everything(full: Vault, copy: Callable[[Vault, Path], None], tmp_path: Path) -> None:
    """It opens with the same slots, is sound, has the same id, every value, key and event up to then."""
    token = full.crypto("data").seal(b"text")
    events = list(full.audit.events())
    copy(full, tmp_path / "copy")
    full.secrets.set("db", "later")
    with reopened(tmp_path / "copy") as other:
        assert other.id == full.id
        assert other.secrets.get("db").value == "second"
        assert [secret.name for secret in other.secrets.list_deleted()] == ["gone"]
        assert other.crypto("data").open(token) == b"text"
        assert list(other.audit.events())[: len(events)] == events
        assert other.check() == []
        assert other.audit.verify().size > len(events)
        other.secrets.set("own", "life")
    assert [secret.name for secret in full.secrets.list() if secret.name == "own"] == []
    assert full.check() == []


@copies
def test_a_copy_is_made_while_a_writer_runs(
    vault: Vault, copy: Callable[[Vault, Path], None], tmp_path: Path
) -> None:
    """The writer does not wait for its end; the copy is of one moment: no gap in what was written one by one."""
    started, stop = threading.Event(), threading.Event()
    written = [0]

    def write() -> None:
        while not stop.is_set():
            vault.secrets.set("counter", f"{written[0]}")
            vault.secrets.set(f"n{written[0]}", "x" * 3000)
            written[0] += 1
            started.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert started.wait(30)
        before = written[0]
        copy(vault, tmp_path / "copy")
        after = written[0]
    finally:
        stop.set()
        writer.join(30)
    with reopened(tmp_path / "copy") as other:
        last = int(str(other.secrets.get("counter").value))
        numbered = {secret.name for secret in other.secrets.list()} - {"counter"}
        assert before - 1 <= last <= after
        assert numbered in ({f"n{number}" for number in range(size)} for size in (last, last + 1))
        assert other.check() == []
    assert vault.check() == []


def test_compacting_loses_what_was_purged(full: Vault, tmp_path: Path) -> None:
    """Its sealed bytes stay in the file, and so in a backup; they are not in what `compact` writes."""
    key = next(key for key in records(full, VERSIONS) if key[:1] == b"k")
    before = records(full, VERSIONS)
    full.secrets.delete("Other")
    full.secrets.purge("Other")
    full.secrets.purge("gone")
    lost = [record for place, record in before.items() if place not in records(full, VERSIONS)]
    assert len(lost) == 2
    full.backup(tmp_path / "backup")
    full.compact(tmp_path / "compact")
    whole, compacted = (
        (path / "data.mdb").read_bytes() for path in (tmp_path / "backup", tmp_path / "compact")
    )
    assert any(record[32:] in whole for record in lost), "there was something to lose"
    assert not any(record[-24:] in compacted for record in lost)
    assert records(full, VERSIONS)[key][-24:] in compacted
    assert len(compacted) < len(whole)
    with reopened(tmp_path / "compact") as other:
        assert other.check() == []


@copies
@pytest.mark.parametrize("there", ["v", "file", "folder"])
def test_a_copy_overwrites_nothing(
    full: Vault, copy: Callable[[Vault, Path], None], tmp_path: Path, there: str
) -> None:
    """`VaultExists`, and what is there stays."""
    (tmp_path / "file").write_text("text")
    (tmp_path / "folder").mkdir()
    with pytest.raises(VaultExists):
        copy(full, tmp_path / there)
    assert (tmp_path / "file").read_text() == "text"
    assert list((tmp_path / "folder").iterdir()) == []
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder", "v"]


@copies
def test_a_copy_has_no_place_in_the_vault_itself(full: Vault, copy: Callable[[Vault, Path], None]) -> None:
    """Nor in a folder that is not there."""
    for path in (full.path / "copy", full.path / "deep" / "copy", full.path.parent / "no" / "copy"):
        with pytest.raises(BadParameter):
            copy(full, path)
    assert full.check() == []


@copies
def test_a_vault_open_for_reading_is_copied_too(
    full: Vault, copy: Callable[[Vault, Path], None], tmp_path: Path
) -> None:
    """That is how one leaves a medium that cannot be written."""
    full.close()
    with localvault.open(full.path, passphrase="unit", allow_weak=True, read_only=True) as reading:
        copy(reading, tmp_path / "copy")
    with reopened(tmp_path / "copy") as other:
        assert other.secrets.get("db").value == "second"
        assert other.check() == []


def test_a_copy_that_is_put_back_later_is_noticed(full: Vault, tmp_path: Path) -> None:
    """An older data file in place of the newest does not open, by the note beside it."""
    full.backup(tmp_path / "copy")
    full.secrets.set("db", "third")
    full.close()
    (full.path / "data.mdb").write_bytes((tmp_path / "copy" / "data.mdb").read_bytes())
    with pytest.raises(localvault.Tampered, match="older than its last use"):
        reopened(full.path)
    (full.path / "head").unlink()
    with reopened(full.path) as put_back:
        assert put_back.secrets.get("db").value == "second"
