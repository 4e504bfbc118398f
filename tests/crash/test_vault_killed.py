"""A vault whose writers are killed (SIGKILL) at any moment keeps everything it had acknowledged.

Each process says what it is about to do and what came of it. After the kill the vault is opened as the next process
would: every acknowledged result must stand, the one operation in flight must be there whole or not at all, every event
exactly once, the journal verified and nothing for `check` to find.
"""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import localvault
from localvault.door import correlation
from localvault.journal import spool
from tests.support import life
from tests.support.children import Child, Say
from tests.support.life import Hand, Model

LONGEST = 0.03  # s a process lives at most after it has begun to work
RENEWED = 2500  # events after which a new vault is begun, so that reading it all stays quick


@pytest.mark.parametrize("seconds", [25, pytest.param(3600, marks=pytest.mark.soak)])
def test_what_was_acknowledged_survives_a_kill_at_any_moment(tmp_path: Path, seconds: int) -> None:
    """Whatever a process was doing when it was killed, all it had been told is there, and nothing is half-done."""
    dice = random.Random()
    seed = dice.randrange(1 << 32)
    dice.seed(seed)
    until = time.monotonic() + seconds
    kills, operations = 0, Counter[str]()
    story = Story(tmp_path)
    while time.monotonic() < until:
        if story.length > RENEWED:
            story.end()
            story = Story(tmp_path)
        kills += 1
        pause = dice.uniform(0, LONGEST)
        try:
            operations.update(story.chapter(dice.randrange(1 << 32), pause))
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, kill {kills}: {error}") from error
    story.end()
    print(f"{kills} kills, {sum(operations.values())} operations: {dict(operations)}")  # noqa: T201  shown by `-s`
    assert kills >= 100 * seconds / 25
    assert operations.keys() >= {"set", "get", "set_many", "batch", "delete", "recover", "purge", "rotate"}


class Story:
    """One vault, the model of it, and the processes that work on it one after another until they are killed."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "vault"
        self.copies = folder / "copies"
        self.copies.mkdir()
        self.model = Model()
        self.number = 0  # of operations begun; each has its own in the journal
        self.ops: dict[str, life.Op] = {}
        self.events = Counter[str]()  # acknowledged, by operation
        self.maybe: dict[str, int] = {}  # of operations that were cut off: so many at most
        self.length = 0
        life.create(self.path).close()

    def chapter(self, seed: int, pause: float) -> list[str]:
        """Let a process work for a while, kill it, and look; returns the verbs it was heard to have done."""
        child = Child(partial(work, self.path, self.copies, self.model.passphrase, seed, self.number))
        if pause > LONGEST / 4:
            child.wait_for_word()  # the others are killed while they open the vault, or soon after
        time.sleep(pause)
        child.kill()
        code, heard = child.ended()
        assert code == -9, f"it ended with {code} before it was killed"
        return self.look(heard)

    def look(self, heard: list[Any]) -> list[str]:
        """Hold what was heard of a killed process against the vault; returns the verbs it had done."""
        begun = {number: op for word, number, op in heard if word == "will"}
        ended = {number: outcome for word, number, outcome in heard if word == "did"}
        self.number += len(begun)
        self.ops |= {f"op {number}": op for number, op in begun.items()}
        for number, outcome in ended.items():
            self.model.apply(begun[number], outcome)
            self.events[f"op {number}"] = life.events_of(begun[number], outcome)
            self._check_copy(begun[number], whole=True)
        # What was cut off may have happened, or not.
        ways = [self.model]
        for number in begun.keys() - ended.keys():
            self.maybe[f"op {number}"] = 200
            self._check_copy(begun[number], whole=False)
            ways.append(self.model.copy())
            ways[-1].apply(begun[number], known=False)
        self._compare(ways)
        return [begun[number][0] for number in ended]

    def end(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.path)
        shutil.rmtree(self.copies)

    def _compare(self, ways: list[Model]) -> None:
        with self._opened(ways) as vault:
            found = life.seen(vault)
            wrong = [life.differences(found, way) for way in ways]
            assert [] in wrong, f"the vault is not as any of these has it: {wrong}"
            way = ways[wrong.index([])]
            life.adopt(found, way)
            way.passphrase = self.model.passphrase
            self.model = way
            self.model.blobs.clear()  # they were in the killed process's memory
            for name, token, text in self.model.opening():
                assert vault.crypto(name).open(token) == text
            self._check_events(vault)
            assert vault.check() == []
            self.length = vault.audit.verify().size
        self.model.tokens = self.model.tokens[-20:]
        left = {path.name for path in self.path.iterdir()} - {"data.mdb", "lock.mdb", "head"}
        assert not left, f"the folder still has {left}"

    def _opened(self, ways: list[Model]) -> localvault.Vault:
        for way in ways:
            try:
                vault = life.reopen(self.path, way.passphrase)
            except localvault.UnlockFailed:
                continue
            self.model.passphrase = way.passphrase
            return vault
        raise AssertionError("no passphrase opens the vault")

    def _check_events(self, vault: localvault.Vault) -> None:
        # Not those of forgetting keys of spools from before a rotation: that is done once the spools are gone.
        told = Counter(
            event.correlation_id
            for event in vault.audit.events()
            if event.correlation_id and (event.details or {}).get("step") != "tidy"
        )
        for name in self.maybe.keys() & told.keys():
            assert told.pop(name) <= self.maybe[name]
        expected = +self.events
        wrong = {
            name: (self.ops[name], told[name], expected[name])
            for name in expected | told
            if told[name] != expected[name]
        }
        assert not wrong, f"events are lost or there too often: {wrong}"

    def _check_copy(self, op: life.Op, *, whole: bool) -> None:
        if op[0] not in ("copy", "compact"):
            return
        target = Path(op[1])
        assert target.exists() or not whole, f"{op[0]} was acknowledged, and there is nothing"
        if target.exists():
            assert_whole(target, self.model.passphrase)
            shutil.rmtree(target)
        for left in self.copies.glob(".new.*"):  # not another copy of the same chapter
            shutil.rmtree(left)


def work(path: Path, copies: Path, passphrase: str, seed: int, number: int, say: Say) -> None:
    """Do one operation after another until killed, saying before and after what it was and what came of it."""
    # Events are folded, and spools changed, within the few operations a process lives for.
    spool.PENDING_BYTES, spool.ROTATE_BYTES = 3_000, 10_000
    dice = random.Random(seed)
    hand = Hand(path, passphrase)
    while True:
        op = life.choose(dice, hand.blobs, copies)
        correlation.set(f"op {number}")
        say(["will", number, op])
        say(["did", number, hand.perform(op)])
        number += 1


def assert_whole(path: Path, passphrase: str = life.PASSPHRASE) -> None:
    """A vault that opens, verifies and has nothing for `check` to find."""
    with life.reopen(path, passphrase) as vault:
        vault.audit.verify()
        assert vault.check() == []
