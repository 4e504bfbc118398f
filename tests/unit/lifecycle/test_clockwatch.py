"""A clock set back does no harm and is told once: in the journal and to subscribers."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import localvault
from localvault import Notice, Vault
from localvault.lifecycle.clockwatch import CLOCK_KEY
from localvault.store.layout import Table
from localvault.store.turn import Turn
from localvault.testing.clock import FixedClock
from tests.support import life
from tests.support.refusals import events, held, unchanged


def told(vault: Vault) -> list[dict[str, str]]:
    """What the events say of clocks set back."""
    found = [event for event in events(vault) if event.operation == "ClockSetBack"]
    return [event.details or {} for event in found if event.result == "Success"]


def run(vault: Vault) -> None:
    """Run the agenda when there is something to do, which is when its time is kept."""
    vault.secrets.set("gone", "v")
    vault.secrets.delete("gone")
    clock: Any = vault._parts.door._clock
    clock.move(days=91)
    assert len(vault.agenda.run_due()) == 1


def test_it_is_told_once(vault: Vault, clock: FixedClock) -> None:
    """One event and one notice with both times, however often it is looked at, in this process or the next."""
    notices: list[Notice] = []
    vault.on("ClockSetBack", notices.append)
    run(vault)
    latest = clock.now
    clock.move(days=-3)
    for _ in range(3):
        assert vault.agenda.run_due() == []
    expected = {"from": latest.isoformat(), "to": clock.now.isoformat()}
    assert told(vault) == [expected]
    (notice,) = notices
    assert (notice.type, notice.subject, notice.time) == ("ClockSetBack", "unit", clock.now)
    assert (notice.data["From"], notice.data["To"]) == (expected["from"], expected["to"])
    assert (notice.data["Id"], notice.data["ObjectType"]) == (vault.url, "Vault")
    path = vault.path
    vault.close()
    with localvault.open(path, passphrase="unit", allow_weak=True, clock=clock) as again:
        again.agenda.run_due()
        clock.move(days=-3)
        again.agenda.run_due()
        again.agenda.run_due()
        assert [each["to"] for each in told(again)] == [expected["to"], clock.now.isoformat()]
        assert again.check() == []


@pytest.mark.parametrize(("back", "count"), [(0, 0), (59, 0), (60, 0), (61, 1)])
def test_a_minute_is_nothing(vault: Vault, clock: FixedClock, back: int, count: int) -> None:
    """Clocks are put right by that much all the time; and the latest time stays what it was."""
    run(vault)
    clock.move(seconds=-back)
    vault.agenda.run_due()
    assert len(told(vault)) == count
    clock.move(seconds=back - 61)
    vault.agenda.run_due()
    assert len(told(vault)) == 1


def test_an_open_vault_knows_also_what_it_did_not_write(vault: Vault, clock: FixedClock) -> None:
    """Rounds with nothing to do write nothing; the time of the last one is remembered all the same."""
    with unchanged(vault):
        vault.agenda.run_due()
        clock.move(days=10)
        vault.agenda.run_due()
    clock.move(days=-1)
    vault.agenda.run_due()
    vault.agenda.run_due()
    assert len(told(vault)) == 1


def test_a_now_that_is_handed_in_is_not_the_clock(vault: Vault, clock: FixedClock) -> None:
    """Neither ahead nor behind."""
    run(vault)
    vault.agenda.run_due(clock.now + timedelta(days=1000))
    vault.agenda.run_due(clock.now - timedelta(days=1000))
    vault.agenda.run_due()
    assert told(vault) == []


def test_of_two_open_vaults_one_tells(vault: Vault, clock: FixedClock) -> None:
    """What the other remembers from before the clock was set back is worth nothing then."""
    with localvault.open(vault.path, passphrase="unit", allow_weak=True, clock=clock) as other:
        run(vault)
        clock.move(hours=1)
        for each in (vault, other):
            each.agenda.run_due()
        clock.move(hours=-5)
        for each in (vault, other, vault, other):
            each.agenda.run_due()
        assert len(told(vault)) == 1
        clock.move(hours=-5)
        for each in (other, vault, other, vault):
            each.agenda.run_due()
        assert len(told(vault)) == 2


def test_of_many_threads_one_tells(vault: Vault, clock: FixedClock) -> None:
    """Whoever comes first."""
    run(vault)
    clock.move(days=-1)
    threads = [threading.Thread(target=vault.agenda.run_due) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told(vault)) == 1


def test_who_has_the_turn_tells(vault: Vault, clock: FixedClock) -> None:
    """Meanwhile nobody else does, or it would be told twice."""
    run(vault)
    clock.move(days=-1)
    turn = Turn(vault.path)
    assert turn.take("somebody")
    with unchanged(vault):
        vault.agenda.run_due()
    turn.give("somebody")
    vault.agenda.run_due()
    assert len(told(vault)) == 1


def test_what_was_not_committed_is_told_again(vault: Vault, clock: FixedClock) -> None:
    """A batch that is undone takes the event with it."""
    run(vault)
    clock.move(days=-1)

    def undone() -> None:
        with vault.batch():
            vault.agenda.run_due()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        undone()
    assert told(vault) == []
    vault.agenda.run_due()
    vault.agenda.run_due()
    assert len(told(vault)) == 1


def test_an_error_when_telling_leaves_it_to_be_told(
    vault: Vault, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, for one; and nobody is kept from the turn by it."""
    run(vault)
    clock.move(days=-1)

    def full(*arguments: Any) -> Any:
        raise localvault.StoreFull("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(vault._parts.journal, "append", full)
        with pytest.raises(localvault.StoreFull):
            vault.agenda.run_due()
    turn = Turn(vault.path)
    assert turn.take("somebody")
    turn.give("somebody")
    assert told(vault) == []
    vault.agenda.run_due()
    assert len(told(vault)) == 1


def test_the_time_is_kept_no_more_often_than_by_the_minute(vault: Vault, clock: FixedClock) -> None:
    """One record, sealed like all others; two runs within a minute write it once."""
    run(vault)
    record = held(vault)[Table.VAULT, CLOCK_KEY]
    for name in ("a", "b"):
        vault.secrets.set(name, "v")
        vault.secrets.delete(name)
    start = clock.now
    clock.move(days=90)
    vault.agenda.run_due(start)
    clock.move(days=-90)
    for _ in range(2):
        vault.secrets.set("c", "v")
        vault.secrets.delete("c")
        clock.move(seconds=30)
        assert vault.agenda.run_due(clock.now + timedelta(days=91))
        kept = held(vault)[Table.VAULT, CLOCK_KEY]
    assert told(vault) != []
    assert kept != record


def test_a_read_only_vault_tells_nothing(tmp_path: Path) -> None:
    """Nothing can be written there; it goes on harmlessly."""
    clock = FixedClock()
    with life.create(tmp_path / "vault", clock=clock) as vault:
        run(vault)
    clock.move(days=-1)
    with life.reopen(tmp_path / "vault", clock=clock, read_only=True) as vault:
        assert vault.agenda.run_due() == []
    with life.reopen(tmp_path / "vault", clock=clock) as vault:
        assert told(vault) == []
        vault.agenda.run_due()
        assert len(told(vault)) == 1
