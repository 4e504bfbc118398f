"""A runner does what is due when it is due, goes on whatever happens, and ends when it is told to or with the vault."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

import localvault
from localvault import BadParameter, ReadOnlyVault, StoreFull, Vault, VaultClosed
from localvault.lifecycle.runner import Runner
from localvault.store.turn import TURN_FILE, Turn
from localvault.testing.clock import FixedClock
from tests.support.children import run
from tests.support.refusals import events, size, unchanged


class Waiting:
    """Stands in for waiting: moves the clock by what would be waited for, and stops after so many times."""

    def __init__(
        self, clock: FixedClock, times: int, act: Callable[[int], None] = lambda number: None
    ) -> None:
        self.waits: list[float] = []
        self._clock, self._times, self._act = clock, times, act

    def __call__(self, seconds: float) -> bool:
        """Let the time pass; returns whether it is time to stop."""
        self.waits.append(seconds)
        self._clock.move(seconds=seconds)
        self._act(len(self.waits))
        return len(self.waits) >= self._times


def delete(vault: Vault, *names: str) -> None:
    """Make secrets and delete them: each is due for purging 90 days later."""
    for name in names:
        vault.secrets.set(name, "v")
        vault.secrets.delete(name)


def runner(vault: Vault, wait: Any = None, interval: float = 60.0) -> Runner:
    """A runner that has not begun."""
    return vault.agenda._new_runner(interval, False, wait)


def test_what_falls_due_is_done_on_time(vault: Vault, clock: FixedClock) -> None:
    """It wakes at the interval, and before that when something known falls due."""
    delete(vault, "first")
    clock.move(seconds=90)
    delete(vault, "second")
    clock.move(days=90, seconds=-170)
    waiting = Waiting(clock, 5)
    done = [(entry.target, clock.now - entry.due_on) for entry in vault.agenda.watch(wait=waiting)]
    assert done == [("/secrets/first", timedelta(0)), ("/secrets/second", timedelta(0))]
    # 80 s to the first: a whole interval, then the rest; 90 s from there to the second likewise.
    assert waiting.waits == [60, 20, 60, 30, 60]


def test_a_long_interval_is_only_cut_short_by_what_is_near(vault: Vault, clock: FixedClock) -> None:
    """An hour between rounds is an hour, unless something falls due within the next minute."""
    delete(vault, "a")
    clock.move(days=90, seconds=-50)
    waiting = Waiting(clock, 2)
    assert len(list(vault.agenda.watch(3600, wait=waiting))) == 1
    assert waiting.waits == [50, 3600]


def test_an_idle_round_writes_and_journals_nothing(vault: Vault, clock: FixedClock) -> None:
    """Its beginning and its first look are told, and no more: a year of watching fills no journal with nothing."""
    delete(vault, "a")
    before = size(vault)
    with unchanged(vault):
        assert list(vault.agenda.watch(wait=Waiting(clock, 50))) == []
    found = [event for event in events(vault, before) if event.operation != "AuditRead"]
    assert [(event.operation, event.details) for event in found] == [
        ("AgendaWatch", {"commands": False, "interval": 60.0}),
        ("AgendaList", None),
    ]


def test_an_idle_round_takes_less_than_a_millisecond(vault: Vault, clock: FixedClock) -> None:
    """Among many that are not due yet; the best of several, for the machine may be busy."""
    vault.secrets.set_many({f"s{number}": "v" for number in range(2_000)})
    with vault.batch():
        for number in range(2_000):
            clock.move(minutes=7)
            vault.secrets.delete(f"s{number}")
    idle = runner(vault)
    idle.step()
    took = []
    for _ in range(50):
        began = time.process_time()
        assert idle.step() == []
        took.append(time.process_time() - began)
    assert min(took) < 0.001


def test_a_step_is_one_round(vault: Vault, clock: FixedClock) -> None:
    """At the vault's clock, or at a moment that is handed in."""
    delete(vault, "a", "b")
    one = runner(vault)
    assert one.step() == []
    assert one.step(clock.now + timedelta(days=89)) == []
    done = one.step(clock.now + timedelta(days=91))
    assert {entry.target for entry in done} == {"/secrets/a", "/secrets/b"}
    assert one.working
    assert one.step() == []


@pytest.mark.parametrize("interval", [0, -1, 0.001, 86_401, float("nan"), float("inf"), "60", None, True])
def test_an_interval_out_of_range_is_refused(vault: Vault, interval: Any) -> None:
    """Before anything begins."""
    for begin in (vault.agenda.start, vault.agenda.watch):
        with pytest.raises(BadParameter):
            begin(interval)
    assert not (vault.path / TURN_FILE).exists()


def test_a_clock_that_stands_still_is_no_reason_to_run_in_circles(vault: Vault, clock: FixedClock) -> None:
    """What is due a microsecond from now is waited for, at least a moment."""
    delete(vault, "a")
    clock.move(days=90, microseconds=-1)
    waits: list[float] = []
    list(vault.agenda.watch(wait=lambda seconds: waits.append(seconds) or len(waits) == 3))
    assert min(waits) >= 0.01


class Failing:
    """`Door.write` that fails so many times."""

    def __init__(self, vault: Vault, monkeypatch: pytest.MonkeyPatch, times: int, error: Exception) -> None:
        door = vault._parts.door
        self.left, self._error, self._write = times, error, door.write
        monkeypatch.setattr(door, "write", self)

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        """Fail, or write."""
        if self.left:
            self.left -= 1
            raise self._error
        return self._write(*arguments, **more)


@pytest.mark.parametrize("error", [StoreFull("no space left"), RuntimeError("a secret in a message")])
def test_a_round_that_fails_is_tried_again(
    vault: Vault,
    clock: FixedClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    """After a pause that grows up to a quarter of an hour; nothing is lost; the log tells the kind of error only."""
    delete(vault, "a")
    clock.move(days=90)
    Failing(vault, monkeypatch, 6, error)
    failed: list[Exception] = []
    waiting = Waiting(clock, 8)
    with caplog.at_level(logging.DEBUG):
        done = list(vault.agenda.watch(wait=waiting, failed=failed.append))
    assert [entry.target for entry in done] == ["/secrets/a"]
    assert failed == [error] * 6
    assert waiting.waits == [120, 240, 480, 900, 900, 900, 60, 60]
    assert len(caplog.records) == 6
    assert str(error) not in caplog.text


def test_the_last_error_is_kept_until_a_round_goes_well(
    vault: Vault, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For who looks at the runner."""
    delete(vault, "a")
    clock.move(days=90)
    failing = Failing(vault, monkeypatch, 2, StoreFull("no space left"))
    seen: list[Any] = []
    one = runner(vault, Waiting(clock, 4, lambda number: seen.append(one.last_error)))
    assert len(list(one.entries())) == 1
    assert [type(error) for error in seen] == [StoreFull, StoreFull, type(None), type(None)]
    assert failing.left == 0


def test_a_thousand_failures_are_not_the_end(
    vault: Vault, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pause does not outgrow its number."""
    monkeypatch.setattr(logging.getLogger("localvault"), "error", lambda *arguments: None)
    waiting = Waiting(clock, 1_101)
    one = runner(vault, waiting)

    def fail(*arguments: Any, **more: Any) -> Any:
        if len(waiting.waits) < 1_100:
            raise StoreFull("no space left")
        return ["done"]

    one._run_due = fail
    assert list(one.entries()) == ["done"]
    assert max(waiting.waits) == 900


def test_in_the_background(vault: Vault, clock: FixedClock) -> None:
    """A thread that does not keep the program from ending; its `with` block ends it."""
    delete(vault, "a")
    done, go_on = threading.Event(), threading.Event()
    vault.on("SecretPurged", lambda notice: done.set())

    def wait(seconds: float) -> bool:
        go_on.wait(30)
        return False

    clock.move(days=90)
    with vault.agenda.start(wait=wait) as one:
        assert done.wait(30)
        assert one.running
        assert next(thread for thread in threading.enumerate() if thread.name == "localvault agenda").daemon
        with pytest.raises(BadParameter):
            vault.agenda.start()
        go_on.set()
    assert not one.running
    assert not one.working
    assert one.last_error is None
    one.stop()
    vault.agenda.start().stop()


def test_it_really_waits(vault: Vault) -> None:
    """Without a stand-in, it ends at once when it is told to in the middle of waiting for a day."""
    one = vault.agenda.start(86_400)
    began = time.monotonic()
    one.stop()
    assert not one.running
    assert time.monotonic() - began < 10


def test_it_ends_with_the_vault(vault: Vault) -> None:
    """Nobody has to remember it; and who iterates ends, too."""
    one = vault.agenda.start()
    path = vault.path
    watching = vault.agenda.watch(wait=lambda seconds: vault.close())
    assert list(watching) == []
    assert not one.running
    assert one.last_error is None
    turn = Turn(path)
    assert turn.take("somebody")
    turn.give("somebody")
    with pytest.raises(VaultClosed):
        vault.agenda.start()


def test_a_subscriber_in_its_thread_may_close_the_vault(vault: Vault, clock: FixedClock) -> None:
    """It does not wait for itself."""
    delete(vault, "a")
    clock.move(days=90)
    vault.on("SecretPurged", lambda notice: vault.close())
    one = vault.agenda.start()
    deadline = time.monotonic() + 30
    while one.running:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    assert one.last_error is None


def test_a_subscriber_that_ends_its_thread_is_told(
    vault: Vault, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    """`sys.exit` there ends the runner, but not silently."""
    delete(vault, "a")
    clock.move(days=90)

    def leave(notice: Any) -> None:
        raise SystemExit(5)

    vault.on("SecretPurged", leave)
    one = vault.agenda.start()
    deadline = time.monotonic() + 30
    while one.running:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    assert isinstance(one.last_error, SystemExit)
    assert "SystemExit" in caplog.text
    turn = Turn(vault.path)
    assert turn.take("somebody")
    turn.give("somebody")


def test_a_forked_child_has_no_runner(vault: Vault) -> None:
    """Neither does it run there, nor does it hang when it is stopped there, nor does stopping it there end it here."""
    one = vault.agenda.start()

    def child(say: Any) -> None:
        one.stop()
        vault.agenda.close()
        say([one.running])

    event: Any = one._stopping
    with event._cond:  # as its thread may hold it at any moment, and nobody lets go of it in the child
        assert run(child, hang=30) == [[False]]
    assert one.running
    one.stop()


def test_one_of_two_works(vault: Vault, clock: FixedClock) -> None:
    """The other stands by, and takes over at its next look once the first has stopped."""
    delete(vault, "a", "b")
    with localvault.open(vault.path, passphrase="unit", allow_weak=True, clock=clock) as other:
        one = runner(vault, lambda seconds: None)
        working = one.entries()
        standing = runner(other)
        one.step()
        clock.move(days=90)
        assert standing.step() == []
        assert (one.working, standing.working) == (True, False)
        assert standing._pause() == 60.0
        assert next(working).target in ("/secrets/a", "/secrets/b")
        assert standing.step() == []
        working.close()
        assert not one.working
        assert standing.step() == []
        assert standing.working
        delete(vault, "c")
        clock.move(days=90)
        assert [entry.target for entry in standing.step()] == ["/secrets/c"]


def test_where_nothing_can_be_written_there_is_no_runner(vault: Vault, clock: FixedClock) -> None:
    """It says so at once, and makes no file."""
    path = vault.path
    vault.close()
    with localvault.open(path, passphrase="unit", allow_weak=True, clock=clock, read_only=True) as reading:
        for begin in (reading.agenda.start, reading.agenda.watch):
            with pytest.raises(ReadOnlyVault):
                begin()
    assert not (path / TURN_FILE).exists()


def test_its_file_is_no_stranger_in_the_folder(vault: Vault, tmp_path: Any) -> None:
    """`check` finds nothing wrong, a copy leaves it out, and the vault opens with it there."""
    path = vault.path
    vault.agenda.start(wait=lambda seconds: True).stop()
    assert (path / TURN_FILE).exists()
    assert vault.check() == []
    assert vault.status()["bytes"] > 0
    vault.backup(tmp_path / "copy")
    vault.compact(tmp_path / "compact")
    for copy in ("copy", "compact"):
        assert {each.name for each in (tmp_path / copy).iterdir()} == {"data.mdb", "head"}
    vault.close()
    with localvault.open(path, passphrase="unit", allow_weak=True) as again:
        assert again.check() == []
