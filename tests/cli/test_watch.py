"""`agenda run --watch` does what is due as it falls due, and a signal ends it between two rounds."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

import localvault
from localvault import LifetimeAction, RotationPolicy, Vault
from localvault.cli.watching import Signals
from localvault.model.clock import system_clock, to_datetime
from localvault.store.turn import TURN_FILE
from localvault.testing.clock import FixedClock
from tests.support import life
from tests.support.shell import become

PATIENCE = 60.0  # s until something that is about to happen counts as not happening


class Watching:
    """The command line, watching in a process of its own."""

    def __init__(self, folder: Path, *more: str) -> None:
        self._out, self._err = folder / "out", folder / "err"
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            streams = (
                os.open(os.devnull, os.O_RDONLY),
                os.open(self._out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
                os.open(self._err, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
            )
            environment = {"LOCALVAULT_PATH": "vault", "LOCALVAULT_PASSPHRASE": life.PASSPHRASE}
            arguments = ["--allow-weak", "agenda", "run", "--watch", "--interval", "0.05", *more]
            become(arguments, folder, environment, streams)

    def lines(self, count: int) -> list[str]:
        """What it has written, once that is so many lines."""
        deadline = time.monotonic() + PATIENCE
        while not self._out.exists() or len(found := self._out.read_text().splitlines()) < count:
            assert time.monotonic() < deadline, self._err.read_text()
            time.sleep(0.005)
        return found

    def end(self, number: int) -> tuple[int, str]:
        """Send it a signal; returns its exit code, and what it wrote to standard error."""
        os.kill(self.pid, number)
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status), self._err.read_text()


def delete(vault: Vault, *names: str) -> None:
    """Make secrets and delete them."""
    for name in names:
        vault.secrets.set(name, "v")
        vault.secrets.delete(name)


@pytest.fixture
def past(tmp_path: Path) -> Iterator[Vault]:
    """A vault in which it is 90 days and a moment ago: what is deleted there is due, as the system has the time."""
    clock = FixedClock(to_datetime(system_clock()) - timedelta(days=90, seconds=1))
    with life.create(tmp_path / "vault", clock=clock) as vault:
        yield vault


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it(past: Vault, tmp_path: Path, number: int, code: int) -> None:
    """What was due is written, what falls due meanwhile as it is done; the exit code is the documented one."""
    delete(past, "first")
    watching = Watching(tmp_path)
    (line,) = watching.lines(1)
    assert line.split("\t")[1:] == ["purge", "/secrets/first"]
    delete(past, "second")
    assert watching.lines(2)[1].split("\t")[1:] == ["purge", "/secrets/second"]
    ended, err = watching.end(number)
    assert ended == code
    assert err == ("" if code == 0 else "localvault: interrupted\n")
    assert past.check() == []
    assert (past.path / TURN_FILE).exists()


def test_with_json_it_is_an_object_a_line(past: Vault, tmp_path: Path) -> None:
    """Each as soon as it is done, and nothing around them."""
    delete(past, "first", "second")
    watching = Watching(tmp_path, "--json")
    found = [json.loads(line) for line in watching.lines(2)]
    assert {entry["target"] for entry in found} == {"/secrets/first", "/secrets/second"}
    assert {entry["action"] for entry in found} == {"purge"}
    assert watching.end(signal.SIGTERM) == (0, "")


def test_another_takes_over(past: Vault, tmp_path: Path) -> None:
    """Of two, one is killed; the other does what falls due then."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "vault").symlink_to(past.path)
    delete(past, "first")
    one = Watching(tmp_path / "a")
    one.lines(1)
    other = Watching(tmp_path / "b")
    assert one.end(signal.SIGKILL)[0] == -signal.SIGKILL
    delete(past, "second")
    assert other.lines(1)[0].endswith("/secrets/second")
    assert other.end(signal.SIGTERM) == (0, "")


def test_a_rotation_that_fails_is_told(past: Vault, tmp_path: Path) -> None:
    """On standard error, since it is not among what was done."""
    past.keys.create("orders", "oct")
    action = LifetimeAction("Rotate", time_after_create="P90D")
    past.keys.set_rotation_policy("orders", RotationPolicy(lifetime_actions=[action]))
    past.keys.update("orders", enabled=False)
    delete(past, "first")
    watching = Watching(tmp_path)
    assert watching.lines(1)[0].endswith("purge\t/secrets/first")
    code, told = watching.end(signal.SIGTERM)
    assert (code, told.count("key orders was not rotated and will be tried again in an hour")) == (0, 1)


def test_a_reader_that_stops_ends_it(past: Vault, tmp_path: Path) -> None:
    """As it ends every command: with 141, and quietly."""
    delete(past, "first")
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        nothing = os.open(os.devnull, os.O_RDWR)
        os.close(reading)
        environment = {"LOCALVAULT_PATH": "vault", "LOCALVAULT_PASSPHRASE": life.PASSPHRASE}
        become(
            ["--allow-weak", "agenda", "run", "--watch"], tmp_path, environment, (nothing, writing, nothing)
        )
    os.close(writing)
    os.close(reading)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 141


def test_a_signal_before_waiting_is_not_missed() -> None:
    """It ends the next wait at once, however long that is; without one, the time passes."""
    signals = Signals()
    try:
        assert not signals.wait(0.001)
        signals.note(signal.SIGTERM, None)
        assert signals.wait(600)
        assert signals.received == signal.SIGTERM
    finally:
        signals.close()


def test_a_vault_that_cannot_be_written_is_not_watched(past: Vault, tmp_path: Path) -> None:
    """It ends at once, with the exit code of such a vault."""
    path = past.path
    past.close()
    watching = Watching(path.parent, "--read-only")
    _, status = os.waitpid(watching.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 10
    with life.reopen(path) as vault:
        assert not (path / TURN_FILE).exists()
        assert isinstance(vault, localvault.Vault)
