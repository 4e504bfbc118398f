"""Folding what others left: exactly once, whoever is killed when, and nothing removed before it is safe."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localvault.errors import StoreFull, Tampered
from localvault.journal import fold as fold_module
from localvault.journal.entry import pack_fields
from localvault.journal.frames import FRAME, HEADER
from localvault.journal.journal import Journal
from localvault.store.protocol import WriteTxn
from tests.support.journals import Bench, fields, mutate

# Where the first event's frame begins: behind the header and frame 0, which holds a name of six letters and a time.
FIRST = HEADER + FRAME.size + 33
AT_THE_EDGES = settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def left_by_the_dead(bench: Bench, count: int, process: str = "9@dead", first: int = 0) -> Path:
    """The spool of a process that noted so many events and was killed."""
    before = set(bench.spools())
    spool = bench.spool(process)
    for number in range(first, first + count):
        spool.append(fields(number))
    for file, _end in spool.files():
        os.close(file.descriptor)  # as the system does at the end of a process
        file.descriptor = os.open(os.devnull, os.O_RDONLY)
    (name,) = set(bench.spools()) - before
    return bench.folder / name


def numbers(journal: Journal, process: str | None = None) -> list[int]:
    """The events there are, of one process if it is named."""
    return [event.duration_us for event in journal.events() if process in (None, event.process)]


def test_what_the_dead_left_is_folded_once_and_removed(bench: Bench) -> None:
    """By whoever comes next, on opening; with the process and the time it happened at."""
    left_by_the_dead(bench, 10)
    left_by_the_dead(bench, 5, "8@dead", 100)
    journal = bench.journal()
    journal.recover()
    assert bench.spools() == []
    assert numbers(journal, "9@dead") == list(range(10))
    assert numbers(journal, "8@dead") == list(range(100, 105))
    journal.fold()
    assert len(numbers(journal)) == 15
    journal.verify()


def test_several_spools_of_one_process_are_folded_in_its_order(bench: Bench) -> None:
    """It had to begin a new file after each write that failed: what it did first is told first."""
    spool = bench.spool("9@dead")
    for number in range(8):
        spool.append(fields(number))
        spool.retire(spool.files()[-1][0])
    spool.close()
    journal = bench.journal()
    journal.recover()
    assert numbers(journal) == list(range(8))


def test_a_mutation_folds_the_dead_on_its_way(bench: Bench) -> None:
    """Without anyone asking for it, so long as it has not looked around just before."""
    journal = bench.journal()
    left_by_the_dead(bench, 10)
    mutate(bench, journal, 100)
    assert journal.head().size == 11
    assert bench.spools() == []


def test_a_mutation_folds_no_more_than_it_should(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands left by the dead do not hold up one write; the rest is folded later, in order."""
    monkeypatch.setattr("localvault.journal.journal._AT_ONCE", 7)
    path = left_by_the_dead(bench, 20)
    journal = bench.journal()
    mutate(bench, journal, 100)
    assert journal.head().size == 8
    assert path.exists()
    journal.fold()
    assert not path.exists()
    assert numbers(journal, "9@dead") == list(range(20))


@AT_THE_EDGES
@given(st.integers(1, 6), st.data())
def test_a_torn_end_is_left_aside(
    tmp_path_factory: pytest.TempPathFactory, count: int, data: st.DataObject
) -> None:
    """Cut anywhere in its last frame, a spool gives all frames before it, and is removed."""
    bench = Bench(tmp_path_factory.mktemp("torn") / "v")
    path = left_by_the_dead(bench, count)
    size = path.stat().st_size
    last = (size - FIRST) // count
    os.truncate(path, size - data.draw(st.integers(1, last)))
    journal = bench.journal()
    journal.recover()
    assert numbers(journal) == list(range(count - 1))
    assert bench.spools() == []
    journal.close()
    bench.store.close()


def test_a_kill_before_the_commit_folds_nothing(bench: Bench) -> None:
    """The spool is there as before, and the next one folds it."""
    left_by_the_dead(bench, 10)
    journal = bench.journal()

    def work(txn: WriteTxn) -> None:
        journal._fold(txn, living=False)
        raise KeyError("killed before the commit")

    with pytest.raises(KeyError):
        bench.store.transact(work)
    journal.committed()
    assert len(bench.spools()) == 1
    assert numbers(bench.journal()) == list(range(10))


def test_a_kill_after_the_commit_folds_nothing_twice(bench: Bench) -> None:
    """The spool is still there, and the next one only removes it."""
    path = left_by_the_dead(bench, 10)
    bench.store.transact(lambda txn: bench.journal()._fold(txn, living=False))
    assert path.exists()
    journal = bench.journal()
    journal.recover()
    assert not path.exists()
    assert numbers(journal) == list(range(10))


def test_own_events_are_not_folded_twice_after_a_kill(bench: Bench) -> None:
    """A process killed between its commit and what follows leaves a spool of which part is folded."""
    journal = bench.journal("9@dead")
    for number in range(5):
        journal.note(fields(number))
    bench.store.transact(journal._fold_own)
    for number in range(5, 9):
        journal.note(fields(number))
    (name,) = bench.spools()
    copy = bench.folder.parent / "copy"
    shutil.copy(bench.folder / name, copy)
    journal._spool.close()
    shutil.move(copy, bench.folder / name)
    later = bench.journal()
    later.recover()
    assert numbers(later) == list(range(9))
    assert bench.spools() == []


def test_a_living_process_is_folded_up_to_now(bench: Bench) -> None:
    """Whoever reads the journal sees what others have done; their spools stay theirs."""
    living, reader = bench.journal("5@alive"), bench.journal("6@reader")
    for number in range(30):
        living.note(fields(number))
        if number % 10 == 9:
            assert numbers(reader, "5@alive") == list(range(number + 1))
            assert len(bench.spools()) == 1
    mutate(bench, living, 100)
    assert numbers(living) == [*range(30), 100]
    living.close()
    assert bench.spools() == []
    reader.verify()


def test_a_living_process_is_left_alone_by_mutations(bench: Bench) -> None:
    """Only who reads the journal pays for others' pending events."""
    living, writer = bench.journal("5@alive"), bench.journal("6@writer")
    living.note(fields(1))
    mutate(bench, writer, 2)
    assert writer.head().size == 1
    writer.recover()
    writer.close()
    assert writer.head().size == 1


def test_marks_of_removed_spools_are_removed(bench: Bench) -> None:
    """The table does not grow with each process that ever was."""
    for number in range(5):
        left_by_the_dead(bench, 2, f"{number}@dead")
        bench.journal().recover()
    with bench.store.read() as txn:
        marks = list(txn.scan(6, b"spool"))
    assert len(marks) <= 1
    left_by_the_dead(bench, 1)
    bench.journal().recover()
    with bench.store.read() as txn:
        assert len(list(txn.scan(6, b"spool"))) <= 1


def test_stillborn_spools_are_removed(bench: Bench) -> None:
    """Files of processes killed before they gave them a name; not those of living ones."""
    (bench.folder / "spool-0000.new").write_bytes(b"half a header")
    left_by_the_dead(bench, 1)
    bench.journal().recover()
    assert bench.spools() == []


def test_strange_files_are_left_alone(bench: Bench) -> None:
    """Nothing is read, followed or removed that is not a spool of this vault."""
    (bench.folder / "spool-notes.txt").write_text("mine")
    foreign = bench.folder / f"spool-{'ab' * 16}.lvs"
    foreign.write_bytes(b"not a spool at all, but longer than a header")
    linked = bench.folder / f"spool-{'cd' * 16}.lvs"
    linked.symlink_to(foreign)
    (bench.folder / f"spool-{'ef' * 16}.lvs").mkdir()
    journal = bench.journal()
    journal.note(fields(1))
    journal.fold()
    journal.close()
    assert len(bench.spools()) == 4
    assert foreign.read_bytes().startswith(b"not a spool")
    with bench.store.read() as txn:
        places = [problem.place for problem in journal.problems(txn)]
    assert f"spool-{'ab' * 16}.lvs" in places


def test_a_spool_that_cannot_be_read_waits(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever can read it folds it later; nothing else stops."""
    left_by_the_dead(bench, 3)
    with monkeypatch.context() as broken:
        broken.setattr(fold_module.SpoolFile, "open", raising(PermissionError(13, "Permission denied")))
        journal = bench.journal()
        journal.recover()
        mutate(bench, journal, 100)
    assert numbers(bench.journal(), "9@dead") == [0, 1, 2]


def raising(error: Exception) -> Callable[..., None]:
    """A function that raises `error`."""

    def raises(*_arguments: object, **_options: object) -> None:
        raise error

    return raises


@pytest.mark.parametrize("frame", [1, 4, 8])
def test_a_flaw_in_a_dead_spool_is_told_and_the_file_kept(bench: Bench, frame: int) -> None:
    """The events before it are folded, an event tells where it is, and nothing is told or folded twice."""
    path = left_by_the_dead(bench, 8)
    content = bytearray(path.read_bytes())
    size = (len(content) - FIRST) // 8
    content[len(content) - (8 - frame) * size - 3] ^= 1
    path.write_bytes(content)
    journal = bench.journal("1@later")
    journal.recover()
    journal.recover()
    assert numbers(journal, "9@dead") == list(range(frame - 1))
    told = list(journal.events(operation="JournalFold"))
    assert [(event.result, event.code) for event in told] == [("Failure", "Tampered")]
    details = told[0].details
    assert details is not None
    assert details["spool"] in path.name
    assert details["offset"] == FIRST + (frame - 1) * size
    assert bench.spools() == [path.with_suffix(".bad").name]
    assert path.with_suffix(".bad").read_bytes() == content
    mutate(bench, journal, 200)
    journal.verify()
    with bench.store.read() as txn:
        assert [problem.place for problem in journal.problems(txn)] == [path.with_suffix(".bad").name]


@pytest.mark.parametrize("harm", ["flip", "cut", "blank", "swap"])
def test_a_flaw_in_ones_own_spool_is_told_and_the_work_goes_on(bench: Bench, harm: str) -> None:
    """What was written before it is folded, what comes after goes into a new file, and nothing is refused."""
    journal = bench.journal()
    for number in range(8):
        journal.note(fields(number))
    (name,) = bench.spools()
    path = bench.folder / name
    content = path.read_bytes()
    size = (len(content) - FIRST) // 8
    at = len(content) - 4 * size
    harmed = {
        "flip": content[:at] + bytes(byte ^ 255 for byte in content[at : at + 40]) + content[at + 40 :],
        "cut": content[:at],
        "blank": content[:at] + bytes(len(content) - at),
        "swap": content[:at]
        + content[at + size : at + 2 * size]
        + content[at : at + size]
        + content[at + 2 * size :],
    }[harm]
    with path.open("r+b") as file:
        file.write(harmed)
        file.truncate(len(harmed))
    mutate(bench, journal, 100)
    journal.note(fields(200))
    told = list(journal.events())
    assert [event.duration_us for event in told if event.operation != "JournalFold"] == [0, 1, 2, 3, 100, 200]
    assert sum(event.operation == "JournalFold" for event in told) == 1
    journal.close()
    assert bench.spools() == [path.with_suffix(".bad").name]


def test_a_flaw_that_is_not_committed_is_told_later(bench: Bench) -> None:
    """If the transaction that met it is given up, the file is not set aside, and the next one tells."""
    path = left_by_the_dead(bench, 3)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    journal = bench.journal()

    def work(txn: WriteTxn) -> None:
        journal._fold(txn, living=False)
        raise StoreFull("no space left after all")

    with pytest.raises(StoreFull):
        bench.store.transact(work)
    journal.committed()
    assert bench.spools() == [path.name]
    journal.recover()
    assert bench.spools() == [path.with_suffix(".bad").name]
    assert len(list(journal.events(operation="JournalFold"))) == 1
    assert numbers(journal, "9@dead") == [0, 1]


def test_an_authentic_frame_that_is_no_event_does_not_stop_the_journal(bench: Bench) -> None:
    """A mistake of the version that wrote it: told as a flaw, kept, and everything else goes on."""
    spool = bench.spool("9@dead")
    spool.append(fields(1))
    ((file, _end),) = spool.files()
    sealed = file.key.seal(2, b"\x93\x01\x02\x03")
    os.write(file.descriptor, FRAME.pack(len(sealed), 2) + sealed)
    os.close(file.descriptor)
    file.descriptor = os.open(os.devnull, os.O_RDONLY)
    journal = bench.journal()
    journal.recover()
    assert numbers(journal, "9@dead") == [1]
    assert bench.spools()[0].endswith(".bad")
    journal.verify()


def test_an_event_in_a_longer_form_is_folded_with_the_others(bench: Bench) -> None:
    """Another implementation may write a number in more bytes than it needs: it is the same event."""
    spool = bench.spool("9@dead")
    spool.append(fields(1))
    ((file, _end),) = spool.files()
    packed = pack_fields(fields(2))
    assert packed[1] == 0xCF
    longer = packed[:-2] + b"\xcd\x00\x01" + packed[-1:]
    os.write(file.descriptor, file.key.seal_frame(2, longer) + file.key.seal_frame(3, pack_fields(fields(3))))
    os.close(file.descriptor)
    file.descriptor = os.open(os.devnull, os.O_RDONLY)
    journal = bench.journal()
    journal.recover()
    assert numbers(journal) == [1, 2, 3]
    assert bench.spools() == []
    journal.verify()


def test_a_spool_put_back_is_not_folded_again(bench: Bench) -> None:
    """Not while its mark is there; afterwards its name is as new to the vault as any other's."""
    path = left_by_the_dead(bench, 4)
    content = path.read_bytes()
    journal = bench.journal()
    journal.recover()
    path.write_bytes(content)
    path.chmod(0o600)
    journal.recover()
    assert numbers(journal) == list(range(4))
    assert bench.spools() == []


def test_an_altered_mark_is_noticed(bench: Bench) -> None:
    """How far a spool was read is sealed like everything else: it is not folded from a place someone chose."""
    path = left_by_the_dead(bench, 4)
    content = path.read_bytes()
    bench.journal().recover()
    path.write_bytes(content)
    path.chmod(0o600)
    with bench.store.write() as txn:
        ((key, record),) = txn.scan(6, b"spool")
        txn.put(6, key, record[:-1] + bytes([record[-1] ^ 1]))
    with pytest.raises(Tampered):
        bench.journal().recover()
    with bench.store.read() as txn:
        assert any(problem.place.startswith("spool") for problem in bench.journal().problems(txn))


def test_details_of_a_flaw_are_plain_json(bench: Bench) -> None:
    """As the details of any event, in the one spelling."""
    path = left_by_the_dead(bench, 1)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    journal = bench.journal()
    journal.recover()
    with bench.store.read() as txn:
        ((_key, _record),) = txn.scan(5)
    (event,) = journal.events()
    assert json.loads(json.dumps(event.to_dict()))["details"] == event.details
