"""A run of the agenda that is killed at each single step, and two at once: each due thing is done exactly once.

A step is a system call that changes something on disk (see `tests.support.steps`). Whatever the step, what was told is
done, the next run does the rest and nothing again, the journal verifies, and `check` finds agenda and heads agreeing.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from localvault import LifetimeAction, RotationPolicy, Vault
from localvault.agenda import COMPLETE_KEY, VAULT
from localvault.lifecycle import completing, due
from localvault.testing.clock import FixedClock
from tests.crash.test_vault_steps import fold_often, spread
from tests.support import life
from tests.support.children import Child, Say
from tests.support.steps import killed_before, steps_of

EVERY = pytest.mark.soak
POLICY = RotationPolicy("P300D", [LifetimeAction("Rotate", "P90D"), LifetimeAction("Notify", None, "P40D")])
KINDS = {"ec": "EC", "okp": "OKP", "off": "oct"} | {f"oct-{number}": "oct" for number in range(5)}
OPERATIONS = {
    "rotate": "KeyRotateIfDue",
    "near-expiry": "KeyNearExpiryEventGridNotification",
    "expired": "KeyExpiredEventGridNotification",
}
Done = Counter[tuple[str, str]]


def furnish(path: Path) -> None:
    """A vault in which everything the agenda does falls due within 90 days, and one thing fails."""
    clock = FixedClock()
    with life.create(path, clock=clock) as vault:
        for name, kty in KINDS.items():
            vault.keys.create(name, kty)
        vault.keys.set_rotation_policies(KINDS, POLICY)
        vault.keys.update("off", enabled=False)
        for name, days in (("near", 120), ("past", 60)):
            vault.keys.create(name, "oct", expires_on=clock.now + timedelta(days=days))
        for name in ("gone", "lost"):
            vault.secrets.set(name, "v")
            vault.secrets.delete(name)


EXPECTED: Done = Counter(
    [("rotate", f"/keys/{name}") for name in KINDS if name != "off"]
    + [("purge", "/secrets/gone"), ("purge", "/secrets/lost")]
    + [("near-expiry", "/keys/near"), ("near-expiry", "/keys/past"), ("expired", "/keys/past")]
)


def later() -> FixedClock:
    """The day on which everything is due."""
    clock = FixedClock()
    clock.move(days=90)
    return clock


def run(path: Path, say: Say) -> None:
    """Open the vault and run its agenda, a few things to a transaction."""
    fold_often()
    due._AT_ONCE, completing._AT_ONCE = 3, 2
    with life.reopen(path, clock=later()) as vault:
        say("open")
        say([[entry.action, entry.target] for entry in vault.agenda.run_due()])


def assert_done_once(path: Path, *, told: list[Any]) -> None:
    """After one more run everything is done, each thing once; what was told is among it."""
    with life.reopen(path, clock=later()) as vault:
        vault.agenda.run_due()
        done = done_by_its_events(vault)
        assert done == EXPECTED
        assert {tuple(each) for each in told} <= set(EXPECTED)
        for name in KINDS:
            assert len(list(vault.keys.versions(name))) == (1 if name == "off" else 2), name
        assert list(vault.secrets.list_deleted()) == []
        assert vault.agenda.run_due() == []
        coming = Counter(entry.action for entry in vault.agenda.upcoming())
        assert coming == {"rotate": 8, "near-expiry": 7, "expired": 8}
        vault.audit.verify()
        assert vault.check() == []


def done_by_its_events(vault: Vault) -> Done:
    """What the journal says was done, successes only."""
    names = {operation: action for action, operation in OPERATIONS.items()}
    found: Done = Counter()
    for event in vault.audit.events(result="Success"):
        if event.operation in names:
            found[names[event.operation], event.target] += 1
        elif event.operation == "AgendaRun" and event.details:
            found.update(tuple(each.split(" ", 1)) for each in event.details["done"])
    return found


@pytest.mark.parametrize("old", [False, True], ids=["", "a vault of the first released version"])
@pytest.mark.parametrize("count", [40, pytest.param(1 << 30, marks=EVERY)])
def test_killed_before_each_step(memory: Path, count: int, old: bool) -> None:
    """Nothing twice and nothing left out, wherever the run was killed."""
    furnish(memory / "vault")
    if old:
        with life.reopen(memory / "vault", clock=FixedClock()) as vault:
            forget_that_it_is_complete(vault)
    shutil.copytree(memory / "vault", memory / "first")
    steps = steps_of(partial(run, memory / "vault"))
    assert steps > 20
    for step in spread(steps, count):
        shutil.rmtree(memory / "vault")
        shutil.copytree(memory / "first", memory / "vault")
        _killed, heard = killed_before(partial(run, memory / "vault"), step)
        try:
            assert_done_once(memory / "vault", told=heard[1] if len(heard) > 1 else [])
        except AssertionError as error:
            raise AssertionError(f"step {step} of {steps}: {error}") from error


def forget_that_it_is_complete(vault: Vault) -> None:
    """Take away the record that every head has its entries, so that they are looked for before the run."""

    def forget(call: Any, mutation: Any) -> None:
        mutation.delete(VAULT, COMPLETE_KEY)

    vault._parts.door.write(completing.AGENDA_RUN, "/", forget)


@pytest.mark.parametrize("rounds", [3, pytest.param(300, marks=EVERY)])
def test_two_that_run_at_once_do_each_thing_once(memory: Path, rounds: int) -> None:
    """Between them they are told of everything, and of nothing both."""
    furnish(memory / "first")
    for _ in range(rounds):
        shutil.copytree(memory / "first", memory / "vault")
        begin = time.time() + 0.3
        children = [Child(_at(begin, partial(run, memory / "vault"))) for _ in range(3)]
        ends = [child.ended() for child in children]
        assert [code for code, _ in ends] == [0, 0, 0]
        told: Done = Counter(tuple(each) for _, heard in ends for each in heard[1])
        assert told == EXPECTED
        assert_done_once(memory / "vault", told=[])
        shutil.rmtree(memory / "vault")


def _at(begin: float, act: Callable[[Say], None]) -> Callable[[Say], None]:
    """`act`, begun at a moment (s): so that several begin together."""

    def wait(say: Say) -> None:
        while time.time() < begin:
            pass
        act(say)

    return wait
