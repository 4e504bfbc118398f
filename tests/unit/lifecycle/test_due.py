"""What falls due is done once, when it is due, however far the clock has moved."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import localvault
from localvault import BadParameter, LocalVaultError, SecretNotFound, StoreFull, Vault
from localvault.lifecycle.due import Entry
from localvault.testing.clock import FixedClock
from tests.support.refusals import events, held, size, unchanged

RETENTION = timedelta(days=90)


def delete(vault: Vault, *names: str) -> None:
    """Make secrets and delete them."""
    with vault.batch():
        for name in names:
            vault.secrets.set(name, "v")
            vault.secrets.delete(name)


def deleted(vault: Vault) -> set[str]:
    """The names of the deleted secrets."""
    return {gone.name for gone in vault.secrets.list_deleted()}


def test_upcoming_is_what_will_be_done_the_earliest_first(vault: Vault, clock: FixedClock) -> None:
    """Action, object and time, of secrets and keys."""
    vault.keys.create("Key", "oct")
    clock.move(hours=30)
    delete(vault, "Late")
    clock.move(hours=-30)
    vault.keys.delete("key")
    start = datetime(2026, 1, 1, tzinfo=UTC) + RETENTION
    expected = [
        Entry("purge", "/keys/Key", start),
        Entry("purge", "/secrets/Late", start + timedelta(hours=30)),
    ]
    before = size(vault)
    assert vault.agenda.upcoming() == expected
    assert [(event.operation, event.count) for event in events(vault, before)] == [("AgendaList", 2)]
    assert expected[0].to_dict() == {
        "action": "purge",
        "target": "/keys/Key",
        "due_on": "2026-04-01T00:00:00+00:00",
    }


def test_nothing_is_done_before_it_is_due(vault: Vault, clock: FixedClock) -> None:
    """Not a microsecond; and then it is, once, and told."""
    delete(vault, "gone")
    clock.move(microseconds=RETENTION // timedelta(microseconds=1) - 1)
    with unchanged(vault):
        assert vault.agenda.run_due() == []
    clock.move(microseconds=1)
    before = size(vault)
    assert vault.agenda.run_due() == [Entry("purge", "/secrets/gone", clock.now)]
    told = [(event.operation, event.count, event.details) for event in events(vault, before)]
    assert told == [("AgendaList", 1, None), ("AgendaRun", 1, {"done": ["purge /secrets/gone"]})]
    with pytest.raises(SecretNotFound):
        vault.secrets.get_deleted("gone")
    assert vault.secrets.set("gone", "anew").value == "anew"
    assert vault.agenda.run_due() == vault.agenda.upcoming() == []


def test_purging_when_due_leaves_nothing(vault: Vault, clock: FixedClock) -> None:
    """The same as purging by hand: no head, no version, no entry."""
    vault.secrets.set("stays", "v")
    before = set(held(vault))
    delete(vault, "gone")
    clock.move(days=90)
    vault.agenda.run_due()
    left = {(table, key) for table, key in held(vault) if key not in (b"agenda", b"agenda-clock")}
    assert left == before
    assert vault.check() == []


def test_only_what_is_due_at_now_is_done(vault: Vault, clock: FixedClock) -> None:
    """`now` may lie ahead of the clock or behind it, and needs a zone."""
    for number in range(4):
        delete(vault, f"gone-{number}")
        clock.move(minutes=20)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    clock.move(days=200)
    with unchanged(vault):
        assert vault.agenda.run_due(start) == []
    done = vault.agenda.run_due(start + RETENTION + timedelta(minutes=20))
    assert [entry.target for entry in done] == ["/secrets/gone-0", "/secrets/gone-1"]
    assert deleted(vault) == {"gone-2", "gone-3"}
    clock.move(days=-200)
    done = vault.agenda.run_due(clock.now + timedelta(days=1000))
    assert [entry.target for entry in done] == ["/secrets/gone-2", "/secrets/gone-3"]


@pytest.mark.parametrize("now", [datetime(2030, 1, 1), "2030-01-01", 5])
def test_a_now_that_is_no_moment_is_refused(vault: Vault, now: Any) -> None:
    """Guessing its zone would purge hours too early."""
    delete(vault, "gone")
    with unchanged(vault), pytest.raises(BadParameter):
        vault.agenda.run_due(now)


def test_a_clock_set_back_makes_nothing_due(vault: Vault, clock: FixedClock) -> None:
    """What was not due is not; what was deleted on the earlier clock is found when its own time comes."""
    delete(vault, "first")
    clock.move(days=-1000)
    with unchanged(vault):
        assert vault.agenda.run_due() == []
    delete(vault, "second")
    clock.move(days=90)
    assert [entry.target for entry in vault.agenda.run_due()] == ["/secrets/second"]
    clock.move(days=1000)
    assert [entry.target for entry in vault.agenda.run_due()] == ["/secrets/first"]


def test_what_falls_due_earlier_than_what_was_done_is_still_found(vault: Vault, clock: FixedClock) -> None:
    """A shorter retention, or a clock that was ahead, puts entries before those that are over."""
    delete(vault, "ahead")
    vault.agenda.run_due(clock.now + timedelta(days=365))
    vault.configure(retention_days=7)
    delete(vault, *[f"gone-{number}" for number in range(5)])
    clock.move(days=7)
    assert len(vault.agenda.run_due()) == 5


def test_what_was_recovered_is_not_purged(vault: Vault, clock: FixedClock) -> None:
    """Also if it was deleted again since: then the later date holds."""
    delete(vault, "back", "again")
    vault.secrets.recover("back")
    vault.secrets.recover("again")
    clock.move(days=1)
    vault.secrets.delete("again")
    clock.move(days=89)
    assert vault.agenda.run_due() == []
    assert vault.secrets.get("back").value == "v"
    clock.move(days=1)
    assert [entry.target for entry in vault.agenda.run_due()] == ["/secrets/again"]


class Between:
    """Lets somebody else act after `run_due` has read what is due and before it writes."""

    def __init__(self, vault: Vault, monkeypatch: pytest.MonkeyPatch, act: Any) -> None:
        door = vault._parts.door
        together = door.together

        def late() -> Any:
            monkeypatch.undo()
            act()
            return together()

        monkeypatch.setattr(door, "together", late)


@pytest.mark.parametrize("again", ["stays", "is deleted again", "is purged", "is made anew"])
def test_an_object_that_changed_after_the_look_is_left_alone(
    vault: Vault, clock: FixedClock, monkeypatch: pytest.MonkeyPatch, again: str
) -> None:
    """Recovered, deleted again or purged by somebody else meanwhile: nothing is done to it, and nothing told."""
    delete(vault, "raced", "due")

    def act() -> None:
        if again == "is purged":
            return vault.secrets.purge("raced")
        vault.secrets.recover("raced")
        if again == "is made anew":
            vault.secrets.set("raced", "new")
        if again == "is deleted again":
            vault.secrets.delete("raced")
        return None

    clock.move(days=90)
    Between(vault, monkeypatch, act)
    assert [entry.target for entry in vault.agenda.run_due()] == ["/secrets/due"]
    upcoming = [entry.target for entry in vault.agenda.upcoming()]
    assert upcoming == (["/secrets/raced"] if again == "is deleted again" else [])
    if again == "stays":
        assert vault.secrets.get("raced").value == "v"
    assert vault.check() == []


def test_an_entry_of_the_same_hour_is_another_one(
    vault: Vault, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recovered and deleted again within the hour, while a run ahead of the clock goes on: the new date holds."""
    delete(vault, "raced")

    def act() -> None:
        vault.secrets.recover("raced")
        clock.move(minutes=10)
        vault.secrets.delete("raced")

    Between(vault, monkeypatch, act)
    assert vault.agenda.run_due(clock.now + RETENTION) == []
    assert [entry.due_on for entry in vault.agenda.upcoming()] == [clock.now + RETENTION]
    clock.move(days=90)
    assert [entry.target for entry in vault.agenda.run_due()] == ["/secrets/raced"]


def test_what_is_entered_after_the_look_is_not_forgotten(
    vault: Vault, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if it falls due before what is being done: the next run does it, among however many others."""
    vault.secrets.set_many({f"s{number}": "v" for number in range(400)})
    clock.move(days=1)
    vault.secrets.delete("s0")
    clock.move(days=20)
    vault.secrets.delete("s1")
    clock.move(days=-10)

    def act() -> None:
        vault.secrets.delete("s2")
        with vault.batch():
            for number in range(3, 400):
                vault.secrets.delete(f"s{number}")

    Between(vault, monkeypatch, act)
    assert len(vault.agenda.run_due(clock.now + timedelta(days=101))) == 2
    clock.move(days=90)
    assert len(vault.agenda.run_due()) == 398
    assert deleted(vault) == set()


def test_many_are_done_in_parts_and_all_told(
    vault: Vault, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than one transaction takes; in the order they fell due, each once."""
    monkeypatch.setattr("localvault.lifecycle.due._AT_ONCE", 256)
    names = [f"gone-{number}" for number in range(600)]
    vault.secrets.set_many(dict.fromkeys(names, "v"))
    with vault.batch():
        for name in names:
            vault.secrets.delete(name)
            clock.move(minutes=7)
    clock.move(days=90)
    before = size(vault)
    done = vault.agenda.run_due()
    assert [entry.target.removeprefix("/secrets/") for entry in done] == names
    counts = [event.count for event in events(vault, before) if event.operation == "AgendaRun"]
    assert sum(counts) == 600
    assert max(counts) <= 256
    assert deleted(vault) == set()


def test_a_run_that_breaks_off_repeats_nothing_and_loses_nothing(
    vault: Vault, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was committed before is done; the rest is done by the next run."""
    monkeypatch.setattr("localvault.lifecycle.due._AT_ONCE", 256)
    names = [f"gone-{number}" for number in range(300)]
    vault.secrets.set_many(dict.fromkeys(names, "v"))
    with vault.batch():
        for name in names:
            vault.secrets.delete(name)
            clock.move(minutes=1)
    clock.move(days=90)
    door = vault._parts.door
    write, writes = door.write, []

    def failing(*arguments: Any, **more: Any) -> Any:
        writes.append(arguments)
        if len(writes) == 2:
            raise StoreFull("no space left")
        return write(*arguments, **more)

    monkeypatch.setattr(door, "write", failing)
    with pytest.raises(StoreFull):
        vault.agenda.run_due()
    monkeypatch.setattr(door, "write", write)
    left = deleted(vault)
    assert 0 < len(left) < 300
    done = [entry.target.removeprefix("/secrets/") for entry in vault.agenda.run_due()]
    assert done == [name for name in names if name in left]


@pytest.mark.parametrize("entries", [0, 1, 50])
def test_a_now_centuries_ahead_takes_no_longer(vault: Vault, clock: FixedClock, entries: int) -> None:
    """What is due is found by looking at the entries there are, not at every hour until then."""
    delete(vault, *[f"gone-{number}" for number in range(entries)])
    began = time.process_time()
    assert len(vault.agenda.run_due(datetime.max.replace(tzinfo=UTC))) == entries
    assert vault.agenda.run_due(datetime.max.replace(tzinfo=UTC)) == []
    assert time.process_time() - began < 1  # hour by hour it would be minutes


def test_a_deletion_on_a_clock_that_began_in_1970_takes_no_longer(vault: Vault, clock: FixedClock) -> None:
    """A machine without a battery deletes in 1970 and runs what is due once it knows the time."""
    start = clock()
    clock.move(days=-20_454)
    delete(vault, "gone")
    clock.move(microseconds=start - clock())
    delete(vault, "new")
    began = time.process_time()
    assert [entry.target for entry in vault.agenda.run_due()] == ["/secrets/gone"]
    assert time.process_time() - began < 1
    assert deleted(vault) == {"new"}


def test_a_read_only_vault_lists_what_is_due_and_does_nothing(vault: Vault, clock: FixedClock) -> None:
    """The list can be read; doing it needs a vault that can be written."""
    delete(vault, "gone")
    clock.move(days=90)
    path: Path = vault.path
    vault.close()
    with localvault.open(path, passphrase="unit", allow_weak=True, clock=clock, read_only=True) as reading:
        assert len(reading.agenda.upcoming()) == 1
        with pytest.raises(LocalVaultError):
            reading.agenda.run_due()
        assert len(reading.agenda.upcoming()) == 1
