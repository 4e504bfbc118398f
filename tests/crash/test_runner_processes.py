"""Several processes run the agenda in the background: one works, and when it is killed another takes over.

Whenever that is, what falls due is done exactly once: so the journal says, and so does what is left.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from localvault import Vault
from localvault.model.clock import system_clock, to_datetime
from localvault.testing.clock import FixedClock
from tests.support import life
from tests.support.children import PATIENCE, Child, Say

DUE = 120  # more than a kill in the middle gets done, less than one transaction of the agenda
LONG = pytest.mark.soak


def work(path: Path, say: Say) -> None:
    """Run the agenda in the background; say when this is the one that works, and what it has done."""
    with life.reopen(path) as vault:
        vault.on("SecretPurged", lambda notice: say(["purged", notice.subject]))
        runner, working = vault.agenda.start(0.02), False
        while runner.running:
            if runner.working and not working:
                working = True
                say(["works"])
            time.sleep(0.001)


def delete(vault: Vault, round_: int) -> set[str]:
    """Make secrets and delete them, all due at once."""
    names = {f"r{round_}-{number}" for number in range(DUE)}
    vault.secrets.set_many(dict.fromkeys(names, "v"))
    with vault.batch():
        for name in names:
            vault.secrets.delete(name)
    return names


def worker_of(children: list[Child]) -> Child:
    """The one that works, once there is one."""
    deadline = time.monotonic() + PATIENCE
    while True:
        for child in children:
            if ["works"] in child.heard():
                return child
        assert time.monotonic() < deadline, "nobody works"
        time.sleep(0.001)


def wait_until_done(vault: Vault) -> None:
    """Wait until nothing is deleted any more."""
    deadline = time.monotonic() + PATIENCE
    while next(iter(vault.secrets.list_deleted(page_size=1)), None) is not None:
        assert time.monotonic() < deadline, "nobody has taken over"
        time.sleep(0.005)


def wait_until_told(child: Child, names: set[str]) -> None:
    """Wait until its subscriber was told of all of these."""
    deadline = time.monotonic() + PATIENCE
    while not names <= {words[1] for words in child.heard() if words[0] == "purged"}:
        assert time.monotonic() < deadline, "it was not told of what it did"
        time.sleep(0.005)


@pytest.mark.parametrize("rounds", [3, pytest.param(200, marks=LONG)])
def test_another_takes_over_from_one_that_is_killed(tmp_path: Path, rounds: int) -> None:
    """In the middle of its work or between two rounds; the others never work at the same time."""
    path, dice, heard = tmp_path / "vault", random.Random(rounds), []
    clock = FixedClock(to_datetime(system_clock()) - timedelta(days=90, seconds=1))
    expected: set[str] = set()
    with life.create(path, clock=clock) as vault:
        children = [Child(partial(work, path)) for _ in range(2)]
        for number in range(rounds):
            worker = worker_of(children)
            expected |= delete(vault, number)
            if number % 2:
                wait_until_done(vault)
            time.sleep(dice.uniform(0, 0.05))
            assert [child for child in children if ["works"] in child.heard()] == [worker]
            worker.kill()
            code, said = worker.ended()
            assert code == -9
            heard += said
            children.remove(worker)
            children.append(Child(partial(work, path)))
        wait_until_done(vault)
        last = delete(vault, rounds)
        wait_until_told(worker_of(children), last)
        expected |= last
        for child in children:
            child.kill()
            heard += child.ended()[1]
        assert_once(vault, expected, heard)
    with life.reopen(path) as vault:
        assert vault.check() == []
        vault.audit.verify()
    assert {each.name for each in path.iterdir()} <= {"data.mdb", "lock.mdb", "head", "agenda.lock"}


def assert_once(vault: Vault, expected: set[str], heard: list[Any]) -> None:
    """Each thing was done once, by the journal; subscribers were told of nothing else, and of nothing twice."""
    done = Counter(target for event in vault.audit.events("AgendaRun") for target in event.details["done"])
    assert done == Counter(f"purge /secrets/{name}" for name in expected)
    told = Counter(words[1] for words in heard if words[0] == "purged")
    assert set(told) <= expected
    assert set(told.values()) <= {1}
    assert list(vault.secrets.list_deleted()) == []
