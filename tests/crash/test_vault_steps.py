"""A vault whose writer is killed, or whose disk fails, at each single step of a day's work.

A step is a system call that changes something on disk (see `tests.support.steps`). Whatever the step, what was
acknowledged is there, the operation in flight is there whole or not at all, the journal verifies, `check` finds nothing
and no stray file is left. With an error instead of a kill, the error is one of ours and the vault goes on working.
"""

from __future__ import annotations

import errno
import itertools
import os
import random
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import localvault
from localvault.door import correlation
from localvault.journal import journal, spool
from tests.crash.test_vault_killed import Story, assert_whole
from tests.support import life
from tests.support.children import Child, Say
from tests.support.life import Hand, Op
from tests.support.steps import Call, killed_before, stand_in, steps_of, traceable

EVERY = pytest.mark.soak
SOME = 64  # steps in the normal run


def a_day(copies: Path) -> list[Op]:
    """One of everything that writes, in an order in which all of it succeeds."""
    return [
        ["set", "db", "one"],
        ["set_many", [["api-key", "long 6000"], ["db", "two"], ["x", "bytes 1"]]],
        ["key", "orders", "oct"],
        ["seal", "orders", "a line"],
        ["rotation_policy", "orders"],
        ["rotate", "orders"],
        ["agenda"],
        ["seal", "orders", "another line"],
        ["version_policy", "orders", 1],
        ["generate", "api-key"],
        ["batch", [["set", "x", "three"], ["delete", "db"], ["get", "x"], ["key", "archive", "OKP"]]],
        ["gets", "x", 25],
        ["update", "api-key", "a tag"],
        ["rotate_secret", "api-key"],
        ["master"],
        ["trim", "orders"],
        ["recover", "db"],
        ["backup", "db"],
        ["delete", "db"],
        ["purge", "db"],
        ["restore", "db"],
        ["slot", "on paper"],
        ["passphrase", "another passphrase"],
        ["settings", 3],
        ["unslot"],
        ["copy", str(copies / "copy.vault")],
        ["compact", str(copies / "compact.vault")],
        ["reopen"],
        ["get", "db"],
        ["delete", "x"],
    ]


def work(path: Path, ops: list[Op], say: Say) -> Hand:
    """Open the vault and do the operations one after another."""
    fold_often()
    hand = Hand(path, life.PASSPHRASE)
    for number, op in enumerate(ops):
        do(hand, number, op, say)
    return hand


def do(hand: Hand, number: int, op: Op, say: Say) -> None:
    """Do one operation, saying before and after what it was and what came of it."""
    correlation.set(f"op {number}")
    say(["will", number, op])
    say(["did", number, hand.perform(op)])


def fold_often() -> None:
    """Fold and settle after every few operations and by no clock, so that each run has the same steps."""
    spool.PENDING_BYTES, spool.ROTATE_BYTES = 1_500, 4_000
    journal._SETTLE_EVERY, journal._LOOK_AROUND = -1.0, -1.0


def spread(steps: int, count: int) -> list[int]:
    """Some of so many steps, evenly and from a random one on; pytest shows the seed if one of them fails."""
    seed = random.Random().randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201
    gap = max(1.0, steps / count)
    first = random.Random(seed).random() * gap
    return [int(first + gap * number) for number in range(min(count, steps))]


@pytest.mark.parametrize("count", [SOME, pytest.param(1 << 30, marks=EVERY)])
def test_killed_before_each_step(memory: Path, count: int) -> None:
    """Killed before any step of a day's work, the vault has what was acknowledged and nothing half-done."""

    def the_day(story: Story) -> Callable[[Say], None]:
        return lambda say: work(story.path, a_day(story.copies), say).vault.close()

    story = Story(memory)
    steps = steps_of(the_day(story))
    story.end()
    assert steps > 200 or not traceable()
    for step in spread(steps, count):
        story = Story(memory)
        try:
            killed, heard = killed_before(the_day(story), step)
            # Events tell how long things took, so when it is time to fold differs a little from run to run.
            assert killed or step > 0.9 * steps, "it came to its end before"
            story.look(heard)
        except AssertionError as error:
            raise AssertionError(f"step {step} of {steps}: {error}") from error
        story.end()


def test_making_a_vault_is_killed_before_each_step(memory: Path) -> None:
    """There is no vault yet, and making it again works; or there is a whole one."""

    def making(say: Say) -> None:
        life.create(memory / "vault")
        say("made")

    made, again = 0, 0
    for step in itertools.count():
        killed, heard = killed_before(making, step)
        try:
            life.create(memory / "vault").close()
            again += 1
            assert heard == [], "it was acknowledged and is gone"
        except localvault.VaultExists:
            made += 1
        assert_whole(memory / "vault")
        left = {path.name for path in (memory / "vault").iterdir()} - {"data.mdb", "lock.mdb", "head"}
        assert not left, f"step {step}: the folder still has {left}"
        assert [path.name for path in memory.iterdir()] == ["vault"]
        shutil.rmtree(memory / "vault")
        if not killed:
            break
    assert made > 3
    assert again > 10


def before(number: int) -> Callable[[Call], Any]:
    """An error in place of the call."""

    def fail(call: Call) -> Any:
        raise OSError(number, os.strerror(number))

    return fail


def after(number: int) -> Callable[[Call], Any]:
    """An error although the call took effect."""

    def fail(call: Call) -> Any:
        call()
        raise OSError(number, os.strerror(number))

    return fail


FAULTS = [
    pytest.param(make(number), id=f"{errno.errorcode[number]} {make.__name__}")
    for make in (before, after)
    for number in (errno.ENOSPC, errno.EIO)
]


PROBE = [["set", "probe", "after it"], ["get", "probe"]]


@pytest.mark.parametrize("count", [24, pytest.param(1 << 30, marks=EVERY)])
@pytest.mark.parametrize("fault", FAULTS)
def test_an_error_at_each_step(memory: Path, fault: Callable[[Call], Any], count: int) -> None:
    """If any call of the vault's own fails, the operation is done or raises an error of ours, and the vault goes on."""
    story = Story(memory)
    steps = _told_steps(Child(partial(a_bad_day, story, -1, fault)))
    story.end()
    assert steps > 80
    for step in spread(steps, count):
        story = Story(memory)
        code, heard = Child(partial(a_bad_day, story, step, fault)).ended()
        assert code == 0, f"step {step} of {steps}: it ended with {code}; it had said {heard[-3:]}"
        try:
            story.look([line for line in heard if len(line) == 3])
        except AssertionError as error:
            raise AssertionError(f"step {step} of {steps}: {heard[-6:]} {error}") from error
        story.end()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("by", ["passphrase", "key file"])
def test_making_a_vault_fails_at_each_step(memory: Path, by: str, fault: Callable[[Call], Any]) -> None:
    """If the system fails any call in it, nothing is there and making it works; or a whole vault is, and opens.

    The latter where the call failed after the vault had got its name: taking it back might take it from somebody.
    """
    nothing, whole = 0, 0
    for step in itertools.count():
        folder = memory / f"{step}"
        folder.mkdir()
        code, heard = Child(partial(make_badly, folder, by, step, fault)).ended()
        assert code == 0, f"step {step}: it had said {heard}"
        if heard[-1] <= step:
            break
        if not (folder / "vault" / "data.mdb").exists():
            assert heard[0] == "failed", f"step {step}: it was acknowledged and is not there"
            nothing += 1
            for left in folder.glob("key"):
                left.unlink()
            make(folder, by)
        else:
            whole += 1
        with opened(folder, by) as vault:
            vault.audit.verify()
            assert vault.check() == []
        left = {path.name for path in (folder / "vault").iterdir()} - {"data.mdb", "lock.mdb", "head"}
        assert not left, f"step {step}: the folder still has {left}"
    assert nothing > 5
    assert whole > 5


def make(folder: Path, by: str) -> None:
    """Make a vault in `folder` that a passphrase or a key file opens."""
    if by == "passphrase":
        life.create(folder / "vault").close()
    else:
        localvault.create(folder / "vault", keyfile=folder / "key").close()


def opened(folder: Path, by: str) -> localvault.Vault:
    """The vault that `make` made."""
    if by == "passphrase":
        return life.reopen(folder / "vault")
    return localvault.open(folder / "vault", keyfile=folder / "key")


def make_badly(folder: Path, by: str, step: int, fault: Callable[[Call], Any], say: Say) -> None:
    """Make one, with an error at a step."""
    made = stand_in(step, fault)
    try:
        make(folder, by)
    except localvault.VaultError:
        say("failed")
    say(made[0])


def a_bad_day(story: Story, step: int, fault: Callable[[Call], Any], say: Say) -> None:
    """The day, until an operation fails; then what still must work with the same vault."""
    fold_often()
    made = stand_in(step, fault)
    ops = a_day(story.copies)
    hand: Hand | None = None
    done = 0
    try:
        hand = Hand(story.path, life.PASSPHRASE)
        for number, op in enumerate(ops):
            do(hand, number, op, say)
            done = number + 1
        hand.vault.close()
        say(["steps", made[0]])
        return
    except localvault.VaultError as error:
        say(["failed", f"{type(error).__name__}: {error}"])
    if hand is None or ops[done : done + 1] == [["reopen"]]:
        hand = Hand(story.path, life.PASSPHRASE if hand is None else hand.passphrase)
    for number, op in enumerate(PROBE, len(ops)):
        do(hand, number, op, say)
    hand.vault.close()


def _told_steps(child: Child) -> int:
    code, heard = child.ended()
    assert code == 0
    return int(heard[-1][1])
