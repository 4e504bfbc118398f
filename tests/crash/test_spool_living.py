"""Living processes whose spools are folded by others while they append: everything once, in each one's order."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from localvault.journal.journal import Journal
from tests.support.journals import Bench, fields, mutate
from tests.support.victims import Acknowledge, Victim, opened, told_by

EVENTS = [400, pytest.param(40_000, marks=pytest.mark.soak)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A vault's folder, nobody having it open."""
    bench = Bench(tmp_path / "v")
    bench.store.close()
    return bench.folder


@pytest.mark.parametrize("events", EVENTS)
@pytest.mark.parametrize("folds_itself", [False, True])
def test_a_living_process_is_folded_by_others(folder: Path, events: int, folds_itself: bool) -> None:
    """At every look its events are there from the first on without a gap, whoever folded them; in the end all are."""

    def work(bench: Bench, journal: Journal, acknowledge: Acknowledge) -> None:
        for number in range(events):
            if folds_itself and number % 37 == 36:
                mutate(bench, journal, number)
            else:
                journal.note(fields(number))
            acknowledge(number)
        journal.close()

    victims = [Victim(folder, work) for _ in range(2)]
    with opened(folder) as (_bench, journal):
        seen = {victim.process: 0 for victim in victims}
        while min(seen.values()) < events:
            failed = [victim.process for victim in victims if victim.has_failed()]
            assert failed == [], "what they said is on the error output"
            told = told_by(journal)
            for victim in victims:
                numbers = told.get(victim.process, [])
                assert numbers == list(range(len(numbers)))
                assert len(numbers) >= seen[victim.process]
                seen[victim.process] = len(numbers)
        for victim in victims:
            assert victim.end() == list(range(events))
        assert journal.verify().size == 2 * events
    with opened(folder) as (bench, _journal):
        assert bench.spools() == []


def test_a_forked_child_begins_its_own(folder: Path) -> None:
    """A process that forks and opens the vault again in the child: two spools, two processes, nothing mixed."""

    def work(bench: Bench, journal: Journal, acknowledge: Acknowledge) -> None:
        for number in range(20):
            journal.note(fields(number))
        child = os.fork()
        if child == 0:
            own = Bench(folder, create=False)
            again = own.journal(f"{os.getpid()}@child")
            for number in range(20):
                again.note(fields(number))
            again.close()
            os._exit(0)
        for number in range(20, 40):
            journal.note(fields(number))
        acknowledge(child)
        os.waitpid(child, 0)

    victim = Victim(folder, work)
    (child,) = victim.end()
    with opened(folder) as (_bench, journal):
        told = told_by(journal)
        journal.verify()
    assert told[victim.process] == list(range(40))
    assert told[f"{child}@child"] == list(range(20))


def test_a_process_that_dies_by_surprise_is_folded_by_a_living_one(folder: Path) -> None:
    """Without anyone opening the vault anew: the next mutation of any process does it."""

    def work(_bench: Bench, journal: Journal, acknowledge: Acknowledge) -> None:
        for number in range(50):
            journal.note(fields(number))
            acknowledge(number)

    with opened(folder) as (bench, journal):
        victim = Victim(folder, work)
        assert victim.end() == list(range(50))
        assert len(bench.spools()) == 1
        journal._looked_around = 0.0
        mutate(bench, journal, 1)
        assert bench.spools() == [] or journal._settle() is None
        assert bench.spools() == []
        assert journal.head().size == 51
