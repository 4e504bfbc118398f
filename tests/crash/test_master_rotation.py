"""A rotation of the master key that is killed at each single step, or that others read and write through.

Whatever the step: the vault opens and everything in it is readable, the rotation is resumed and ends, no record is left
at the old epoch, the journal verifies, `check` finds nothing and no stray file is left. Whatever the moment: nobody who
works in the vault meanwhile meets an error, and no write and no event of theirs is lost.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from localvault import SecretNotFound
from localvault.door import correlation
from localvault.journal import spool
from tests.crash.test_vault_steps import EVERY, spread
from tests.support.children import Act, Child, Say
from tests.support.rotating import SECRETS, assert_readable, epochs, few_at_once, make, opened
from tests.support.steps import killed_before, steps_of, traceable

SOME = 24  # steps in the normal run


def a_rotation(path: Path) -> Act:
    """Open, read, rotate, write, close."""

    def act(say: Say) -> None:
        few_at_once()
        vault = opened(path)
        vault.secrets.get("secret-3")
        vault.rotate_master_key()
        say("rotated")
        vault.secrets.set("after", "it")
        vault.close()

    return act


@pytest.mark.parametrize("count", [SOME, pytest.param(1 << 30, marks=EVERY)])
def test_killed_before_each_step(memory: Path, count: int) -> None:
    """Everything stays readable, and whoever opens the vault next finishes what was begun."""
    path, original = memory / "v", memory / "original"
    token = make(original)
    shutil.copytree(original, path)
    steps = steps_of(a_rotation(path))
    assert steps > 60 or not traceable()
    met = Counter[bool]()
    for step in spread(steps, count):
        shutil.rmtree(path)
        shutil.copytree(original, path)
        killed, heard = killed_before(a_rotation(path), step)
        assert killed or step > 0.9 * steps
        with opened(path) as vault:
            assert_readable(vault, token)
            unfinished = vault.status()["master_key"]["unfinished_rotation"] is not None
            met[unfinished] += 1
            assert not (unfinished and heard), f"step {step}: it was acknowledged and is unfinished"
            if unfinished or not heard:
                assert vault.rotate_master_key().resumed == unfinished
            assert len(epochs(vault)) == 1
            assert_readable(vault, token)
            vault.audit.verify()
        left = {file.name for file in path.iterdir()} - {"data.mdb", "lock.mdb", "head"}
        assert not left, f"step {step}: the folder still has {left}"
    assert met[True] > 3


def has_stopped(path: Path) -> bool:
    """Whether those at work in the vault are to stop; also if the test is over and its folder gone."""
    return (path.parent / "stop").exists() or not path.exists()


def at_work(path: Path, number: int, *, writes: bool) -> Act:
    """Read, and write, until told to stop by the file `stop`; says how many operations, and what was written last."""

    def act(say: Say) -> None:
        # Small spools, so that files are begun and folded all the time.
        spool.PENDING_BYTES, spool.ROTATE_BYTES = 1_500, 4_000
        chance, written, done = random.Random(number), {}, 0
        vault = opened(path)
        while not has_stopped(path):
            correlation.set(f"{number}-{done}")
            done += 1
            if writes and chance.random() < 0.3:
                name = f"by-{number}-{chance.randrange(6)}"
                written[name] = str(done)
                vault.secrets.set(name, written[name])
            else:
                name = chance.choice(list(SECRETS))
                assert vault.secrets.get(name).value == SECRETS[name]
        say([done, written])
        vault.close()

    return act


def asleep(path: Path, number: int) -> Act:
    """Read once, sleep through everything, meet no record when awake, and die without closing."""

    def act(say: Say) -> None:
        vault = opened(path)
        for done in range(2):
            correlation.set(f"{number}-{done}")
            with pytest.raises(SecretNotFound):
                vault.secrets.get("nothing")
            while not done and not has_stopped(path):
                time.sleep(0.005)
        say([2, {}])
        os._exit(0)

    return act


@pytest.mark.parametrize("rotations", [3, pytest.param(60, marks=EVERY)])
def test_others_read_and_write_meanwhile(
    memory: Path, rotations: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through several rotations, with a process that notices none of them: all writes and events are there, once."""
    few_at_once(monkeypatch)
    path = memory / "v"
    token = make(path)
    acts: list[Callable[[Say], None]] = [
        *(at_work(path, number, writes=number < 2) for number in range(3)),
        asleep(path, 3),
    ]
    children = [Child(act) for act in acts]
    try:
        with opened(path) as vault:
            for _ in range(rotations):
                vault.rotate_master_key()
                time.sleep(0.02)
    finally:
        (memory / "stop").touch()
    heard: list[Any] = []
    for child in children:
        code, said = child.ended()
        assert code == 0, said
        heard.append(said[-1])
    with opened(path) as vault:
        assert_readable(vault, token)
        for _done, written in heard:
            assert {name: vault.secrets.get(name).value for name in written} == written
        told = Counter(event.correlation_id for event in vault.audit.events() if event.correlation_id)
        for number, (done, _written) in enumerate(heard):
            assert {told[f"{number}-{each}"] for each in range(done)} == {1}
        vault.audit.verify()
        assert vault._parts.masters.generation == rotations
        assert epochs(vault) == {rotations}
