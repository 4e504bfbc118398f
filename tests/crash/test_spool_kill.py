"""Processes killed at any instruction while they note, write and fold: whatever was acknowledged is there, once."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from localvault.journal.journal import Journal
from localvault.store.protocol import WriteTxn
from tests.support.journals import Bench, fields, mutate
from tests.support.victims import Acknowledge, Victim, opened, pause, told_by

ROUNDS = [25, pytest.param(1500, marks=pytest.mark.soak)]
LONGEST = 0.03  # s a victim lives after its first acknowledgement


def notes(_bench: Bench, journal: Journal, acknowledge: Acknowledge) -> None:
    """Reads, one after another."""
    for number in range(10_000):
        journal.note(fields(number))
        acknowledge(number)


def everything(bench: Bench, journal: Journal, acknowledge: Acknowledge) -> None:
    """Reads, writes, batches and folding, as a busy process does."""
    dice = random.Random(len(bench.spools()))
    number = 0
    while number < 10_000:
        choice = dice.random()
        if choice < 0.7:
            journal.note(fields(number))
        elif choice < 0.9:
            mutate(bench, journal, number)
        elif choice < 0.95:
            journal.fold()
            continue
        else:
            with bench.store.write() as txn, journal.gathering(txn):
                for _ in range(3):
                    journal.append(txn, fields(number), b"")
                    number += 1
            journal.committed()
            number -= 1
        acknowledge(number)
        number += 1


def folding(_bench: Bench, journal: Journal, acknowledge: Acknowledge) -> None:
    """Nothing but folding what others have left."""
    for number in range(10_000):
        journal.fold()
        acknowledge(number)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A vault's folder, nobody having it open."""
    bench = Bench(tmp_path / "v")
    bench.store.close()
    return bench.folder


def check(folder: Path, acknowledged: dict[str, list[int]], ends: dict[str, int]) -> None:
    """Each process's events are there from the first to the last it acknowledged, once, in order; all is sound."""
    with opened(folder) as (bench, journal):
        told = told_by(journal)
        for process, numbers in acknowledged.items():
            events = told.get(process, [])
            last = numbers[-1] if numbers else -1
            assert events == list(range(len(events))), process
            assert last < len(events) <= last + 1 + ends[process], process
        journal.verify()
        with bench.store.read() as txn:
            assert list(journal.problems(txn)) == []
        assert bench.spools() == []


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize(("work", "unacknowledged"), [(notes, 1), (everything, 3)])
def test_what_was_acknowledged_is_there_once(
    folder: Path, rounds: int, work: object, unacknowledged: int
) -> None:
    """One process at a time, killed at a random moment; the next one folds what it left."""
    acknowledged: dict[str, list[int]] = {}
    dice = random.Random(rounds)
    for _ in range(rounds):
        victim = Victim(folder, work)
        victim.wait_for_first()
        pause(dice.random() * LONGEST)
        acknowledged[victim.process] = victim.kill()
    assert sum(map(len, acknowledged.values())) > rounds
    check(folder, acknowledged, dict.fromkeys(acknowledged, unacknowledged))


@pytest.mark.parametrize("rounds", ROUNDS)
def test_several_at_once_are_killed(folder: Path, rounds: int) -> None:
    """Two that work and one that folds what they write, all killed in the middle of it."""
    acknowledged: dict[str, list[int]] = {}
    ends: dict[str, int] = {}
    dice = random.Random(rounds)
    for _ in range(rounds // 3):
        workers, gatherer = [Victim(folder, notes), Victim(folder, everything)], Victim(folder, folding)
        for victim in (*workers, gatherer):
            victim.wait_for_first()
        pause(dice.random() * LONGEST)
        for victim in dice.sample([*workers, gatherer], 3):
            numbers = victim.kill()
            if victim in workers:
                acknowledged[victim.process], ends[victim.process] = numbers, 3
    check(folder, acknowledged, ends)


@pytest.mark.parametrize("rounds", ROUNDS)
def test_who_folds_is_killed(folder: Path, rounds: int) -> None:
    """What a dead process left is folded once, however many die while they fold it."""
    dice = random.Random(rounds)
    acknowledged: dict[str, list[int]] = {}
    for _ in range(rounds // 8):
        writer = Victim(folder, notes)
        writer.wait_for_first()
        pause(0.02)
        acknowledged[writer.process] = writer.kill()
        for _killed in range(8):
            victim = Victim(folder, _fold_slowly)
            pause(dice.random() * 0.02)
            victim.kill()
    check(folder, acknowledged, dict.fromkeys(acknowledged, 1))


def _fold_slowly(bench: Bench, journal: Journal, _acknowledge: Acknowledge) -> None:
    """Fold in many small transactions, so that a kill has many places to fall on."""
    for _ in range(10_000):
        bench.store.transact(lambda txn: _some(journal, txn))
        journal._settle()


def _some(journal: Journal, txn: WriteTxn) -> None:
    pen = journal._pen(txn)
    journal._spools.fold_others(pen, 20, living=True)
    pen.finish()
