"""A disk that is full: a clear error, nothing lost, nothing half-done, and all well again when there is space."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from localvault.errors import JournalUnavailable, StoreFull
from localvault.journal.journal import Journal
from tests.support.journals import TABLE, Bench, fields, mutate
from tests.support.victims import Acknowledge, Victim, opened, told_by


@contextmanager
def files_no_longer_than(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes in the block: writes fail as on a full disk."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A vault's folder, its data file longer than any spool of these tests, nobody having it open."""
    bench = Bench(tmp_path / "v")
    with bench.store.write() as txn:
        for number in range(300):
            txn.put(TABLE, b"filler%04d" % number, bytes(1000))
    journal = bench.journal("0@first")
    mutate(bench, journal, 0)
    journal.close()
    bench.store.close()
    return bench.folder


def refused(act: Callable[[], None]) -> bool:
    """Whether it raised the error for a full disk."""
    try:
        act()
    except (JournalUnavailable, StoreFull):
        return True
    return False


def events_of(folder: Path, process: str) -> list[int]:
    """The process's events, once the next one has folded them; everything is sound and no spool is left."""
    with opened(folder) as (bench, journal):
        told = told_by(journal)
        journal.verify()
        with bench.store.read() as txn:
            assert list(journal.problems(txn)) == []
        assert bench.spools() == []
    return told.get(process, [])


@pytest.mark.parametrize("limit", [4096, 20_000, 33_333])
def test_a_read_on_a_full_disk_is_refused(folder: Path, limit: int) -> None:
    """Its event is not there; those before it and, when there is space again, those after it are."""

    def work(_bench: Bench, journal: Journal, acknowledge: Acknowledge) -> None:
        number = 0
        with files_no_longer_than(limit):
            for _ in range(3):
                while not refused(partial(journal.note, fields(number))):
                    acknowledge(number)
                    number += 1
                number += 1
        for _ in range(5):
            journal.note(fields(number))
            acknowledge(number)
            number += 1

    victim = Victim(folder, work)
    acknowledged = victim.end()
    assert len(acknowledged) > limit // 200
    assert len(set(range(acknowledged[-1])) - set(acknowledged)) == 3
    assert events_of(folder, victim.process) == acknowledged


def test_a_write_on_a_full_disk_is_refused_and_reads_go_on(folder: Path) -> None:
    """Where only the data file cannot grow: mutations fail, reads are noted, and nothing of either is lost."""

    def work(bench: Bench, journal: Journal, acknowledge: Acknowledge) -> None:
        with files_no_longer_than((bench.folder / "data.mdb").stat().st_size):
            refusals = 0
            for number in range(600):
                if number % 3 == 0:
                    if refused(partial(mutate, bench, journal, number)):
                        refusals += 1
                        continue
                else:
                    journal.note(fields(number, target="/secrets/" + "x" * 40))
                acknowledge(number)
            assert refusals > 100
            assert refused(journal.fold)
        for number in range(1000, 1010):
            mutate(bench, journal, number)
            acknowledge(number)

    victim = Victim(folder, work)
    acknowledged = victim.end()
    assert acknowledged[-1] == 1009
    assert events_of(folder, victim.process) == acknowledged


def test_a_process_that_ends_on_a_full_disk_loses_nothing(folder: Path) -> None:
    """Its spool cannot be folded when it closes; the next one does it."""

    def work(bench: Bench, journal: Journal, acknowledge: Acknowledge) -> None:
        with files_no_longer_than((bench.folder / "data.mdb").stat().st_size):
            for number in range(400):
                journal.note(fields(number, target="/secrets/" + "x" * 40))
                acknowledge(number)
            journal.close()

    victim = Victim(folder, work)
    acknowledged = victim.end()
    assert len(acknowledged) == 400
    assert events_of(folder, victim.process) == acknowledged


def test_a_spool_beyond_its_bound_on_a_full_disk_still_takes_reads(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folding is tried and fails, now and then; reads are not refused for it."""
    monkeypatch.setattr("localvault.journal.spool.PENDING_BYTES", 2000)

    def work(bench: Bench, journal: Journal, acknowledge: Acknowledge) -> None:
        with files_no_longer_than((bench.folder / "data.mdb").stat().st_size):
            for number in range(300):
                journal.note(fields(number))
                acknowledge(number)

    victim = Victim(folder, work)
    acknowledged = victim.end()
    assert len(acknowledged) == 300
    assert events_of(folder, victim.process) == acknowledged
