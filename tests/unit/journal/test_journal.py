"""The journal as the door and an audit use it: what was taken is there once, in order, and can be found again."""

from __future__ import annotations

import itertools
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localvault.errors import StoreFull, Tampered, VaultClosed
from localvault.journal import reading
from localvault.journal.audit import Digests
from localvault.journal.journal import Journal
from localvault.journal.leaf import Fields
from localvault.store.faults import Restart
from localvault.store.lmdb import LmdbStore
from localvault.store.protocol import WriteTxn
from tests.support.forking import in_child
from tests.support.journals import TABLE, Bench, fields, mutate, writes


def numbers(journal: Journal, **filters: Any) -> list[int]:
    """The events there are, each by its number."""
    return [event.duration_us for event in journal.events(**filters)]


def test_notes_and_mutations_are_events_in_order(bench: Bench) -> None:
    """What a process noted before it wrote comes before it, and every sequence is there once."""
    journal = bench.journal("7@boot")
    for number in range(30):
        if number % 3:
            journal.note(fields(number))
        else:
            mutate(bench, journal, number)
    events = list(journal.events())
    assert [event.duration_us for event in events] == list(range(30))
    assert [event.sequence for event in events] == list(range(30))
    assert {event.process for event in events} == {"7@boot"}
    assert events[0].operation == "SecretSet"
    assert events[1].operation == "SecretGet"


def test_the_time_is_the_operations_own(bench: Bench) -> None:
    """Not that of the folding, however late it comes."""
    journal = bench.journal()
    journal.note(fields(5))
    bench.now += 86_400_000_000
    (event,) = journal.events()
    assert event.time_us == fields(5)[0]


def test_everything_noted_is_told(bench: Bench) -> None:
    """Each field of a note and of a mutation comes back as it went in, details as a dictionary."""
    journal = bench.journal("7@boot")
    told: Fields = (
        1,
        "KeySign",
        "Zoë",
        "/keys/k",
        "0" * 32,
        "Denied",
        "Forbidden",
        2,
        "request",
        3,
        {"b": [1, None]},
    )
    journal.note(told)
    bench.store.transact(lambda txn: journal.append(txn, told, b""))
    for event in journal.events():
        assert (
            event.time_us,
            event.operation,
            event.principal,
            event.target,
            event.version,
            event.result,
            event.code,
            event.duration_us,
            event.correlation_id,
            event.count,
            event.details,
        ) == told


def test_a_mutation_that_is_not_committed_has_no_event(bench: Bench) -> None:
    """And what waited in the spool before it still waits."""
    journal = bench.journal()
    journal.note(fields(1))

    def work(txn: WriteTxn) -> None:
        journal.append(txn, fields(2), writes(b"key"))
        raise KeyError("the operation failed after all")

    with pytest.raises(KeyError):
        bench.store.transact(work)
    journal.committed()
    mutate(bench, journal, 3)
    assert numbers(journal) == [1, 3]
    journal.verify()


def test_a_transaction_run_again_has_one_event(bench: Bench) -> None:
    """The store may run an operation twice; what the first attempt wrote is gone with it."""
    journal = bench.journal()
    journal.note(fields(1))
    attempts = itertools.count()

    def work(txn: WriteTxn) -> None:
        journal.append(txn, fields(2), writes(b"key"))
        if next(attempts) == 0:
            raise Restart("another process wrote")

    bench.store.transact(work)
    journal.committed()
    assert next(attempts) == 2
    assert numbers(journal) == [1, 2]
    journal.verify()


@settings(deadline=None, max_examples=20)
@given(st.lists(st.sampled_from(["note", "set", "fail", "fold", "batch", "reopen", "other"]), max_size=40))
def test_any_life_is_told_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, life: list[str]
) -> None:
    """Whatever is done in whatever order, each process's events are there once, in its order, and prove sound."""
    bench = Bench(tmp_path_factory.mktemp("life") / "v")
    journals = [bench.journal("0@x"), bench.journal("1@x")]
    expected: dict[str, list[int]] = {"0@x": [], "1@x": []}
    at = 0
    for number, step in enumerate(life):
        journal, told = journals[at], expected[f"{at}@x"]
        if step == "note":
            journal.note(fields(number))
            told.append(number)
        elif step == "set":
            mutate(bench, journal, number)
            told.append(number)
        elif step == "fail":
            with pytest.raises(KeyError):
                bench.store.transact(lambda txn, journal=journal: fail(txn, journal))
        elif step == "fold":
            journal.fold()
        elif step == "batch":
            told += batch(bench, journal, number)
        elif step == "reopen":
            journal.close()
            journals[at] = bench.journal(f"{at}@x")
            journals[at].recover()
        else:
            at = 1 - at
    events = list(journals[0].events())
    assert [event.sequence for event in events] == list(range(len(events)))
    for process, told in expected.items():
        assert [event.duration_us for event in events if event.process == process] == told
    assert journals[0].verify().size == len(events) == sum(map(len, expected.values()))
    with bench.store.read() as txn:
        assert list(journals[0].problems(txn)) == []
    for journal in journals:
        journal.close()
    assert bench.spools() == []
    bench.store.close()


def fail(txn: WriteTxn, journal: Journal) -> None:
    """An operation that fails after its event was appended."""
    journal.append(txn, fields(1_000_000), writes(b"failed"))
    raise KeyError("failed")


def batch(bench: Bench, journal: Journal, number: int) -> list[int]:
    """Three mutations in one transaction, with a read between them; the read is told after them."""
    with bench.store.write() as txn, journal.gathering(txn):
        journal.append(txn, fields(number * 10, operation="SecretSet"), writes(b"a"))
        journal.note(fields(number * 10 + 3))
        journal.append(txn, fields(number * 10 + 1, operation="SecretSet"), writes(b"b"))
        journal.append(txn, fields(number * 10 + 2, operation="SecretSet"), writes(b"a"))
    journal.committed()
    return [number * 10 + at for at in range(4)]


def test_a_batch_that_fails_has_no_events(bench: Bench) -> None:
    """All of it is gone, and the next one is as if it had not been."""
    journal = bench.journal()
    with pytest.raises(KeyError), bench.store.write() as txn, journal.gathering(txn):
        fail(txn, journal)
    assert batch(bench, journal, 1) == [10, 11, 12, 13]
    assert numbers(journal) == [10, 11, 12, 13]
    journal.verify()


def test_a_batch_of_reads_alone_is_none(bench: Bench) -> None:
    """An empty batch writes nothing, and its reads wait in the spool."""
    journal = bench.journal()
    with bench.store.write() as txn, journal.gathering(txn):
        journal.note(fields(1))
    journal.committed()
    assert journal.head().size == 0
    assert numbers(journal) == [1]


def test_reads_in_a_batch_never_wait_for_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, in the batch's thread or another: folding them would wait for the batch itself."""
    monkeypatch.setattr("localvault.journal.spool.PENDING_BYTES", 4096)
    journal = bench.journal()

    def read() -> None:
        for number in range(200):
            journal.note(fields(number))

    with bench.store.write() as txn, journal.gathering(txn):
        journal.append(txn, fields(1), writes(b"a"))
        read()
        other = threading.Thread(target=read)
        other.start()
        other.join(timeout=30)
        assert not other.is_alive()
        assert list(journal.events(limit=0)) == []
    assert len(numbers(journal)) == 401


def test_a_spool_is_folded_when_it_is_long(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads alone, without a mutation or an end, do not let it grow beyond its bound."""
    monkeypatch.setattr("localvault.journal.spool.PENDING_BYTES", 4096)
    journal = bench.journal()
    for number in range(500):
        journal.note(fields(number))
    assert journal.head().size > 450
    assert numbers(journal) == list(range(500))


def test_a_read_succeeds_when_folding_does_not(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its event is safe in the spool; folding is tried again when as much more is waiting, not at every read."""
    monkeypatch.setattr("localvault.journal.spool.PENDING_BYTES", 4096)
    journal = bench.journal()
    attempts = []

    def full(_self: object, work: object) -> None:
        attempts.append(work)
        raise StoreFull("no space left")

    with monkeypatch.context() as broken:
        broken.setattr(type(bench.store), "transact", full)
        for number in range(200):
            journal.note(fields(number))
    assert 2 < len(attempts) < 10
    assert numbers(journal) == list(range(200))


def test_nothing_readable_is_in_the_store(bench: Bench) -> None:
    """Neither names nor processes: the journal's records are sealed like any other."""
    journal = bench.journal("process-marker")
    for number in range(400):
        journal.note(fields(number, operation="OperationMarker", target="/secrets/name-marker"))
    journal.fold()
    content = b"".join(path.read_bytes() for path in bench.folder.iterdir())
    for marker in (b"process-marker", b"OperationMarker", b"name-marker", b"owner", b"Success"):
        assert marker not in content


FILTERS: list[tuple[dict[str, Any], list[int]]] = [
    ({}, list(range(10))),
    ({"operation": "SecretSet"}, [0, 3, 6, 9]),
    ({"operation": "secretset"}, []),
    ({"principal": "owner"}, list(range(10))),
    ({"principal": "nobody"}, []),
    ({"target": "/secrets/a"}, [0, 2, 4, 6, 8]),
    ({"target": "/secrets"}, list(range(10))),
    ({"target": "/secrets/"}, list(range(10))),
    ({"target": "/"}, list(range(10))),
    ({"target": "/sec"}, []),
    ({"result": "Failure"}, []),
    ({"since": fields(4)[0]}, [4, 5, 6, 7, 8, 9]),
    ({"until": fields(4)[0]}, [0, 1, 2, 3]),
    ({"limit": 3}, [0, 1, 2]),
    ({"limit": 0}, []),
    ({"reverse": True}, list(range(9, -1, -1))),
    ({"reverse": True, "limit": 2, "operation": "SecretSet"}, [9, 6]),
]


@pytest.mark.parametrize(("filters", "expected"), FILTERS, ids=lambda value: str(value))
def test_events_are_found_by_what_they_say(
    bench: Bench, filters: dict[str, Any], expected: list[int]
) -> None:
    """Each filter that is given must fit, and the order is the one asked for."""
    journal = bench.journal()
    for number in range(10):
        operation = "SecretGet" if number % 3 else "SecretSet"
        journal.note(fields(number, operation=operation, target=f"/secrets/{'ab'[number % 2]}"))
    assert numbers(journal, **filters) == expected


@pytest.mark.parametrize("reverse", [False, True])
def test_events_are_read_in_pages(bench: Bench, monkeypatch: pytest.MonkeyPatch, reverse: bool) -> None:
    """Many more than one page come out once each; events that come meanwhile are left for the next time."""
    monkeypatch.setattr(reading, "_PAGE", 2)
    journal = bench.journal()
    for number in range(100):
        journal.note(fields(number))
    found = []
    for event in journal.events(reverse=reverse):
        found.append(event.duration_us)
        journal.note(fields(1000))
        journal.fold()
    assert found == list(range(99, -1, -1) if reverse else range(100))


def test_a_reader_holds_no_transaction(bench: Bench) -> None:
    """Events can be looked at one by one while the store is written, for hours if need be."""
    journal = bench.journal()
    for number in range(10):
        journal.note(fields(number))
    events = journal.events()
    next(events)
    mutate(bench, journal, 1)
    assert len(list(events)) == 9


def test_the_head_is_what_verify_finds(bench: Bench) -> None:
    """Size and root as stored, cheaply, and recomputed."""
    journal = bench.journal()
    assert journal.head().size == 0
    for number in range(300):
        journal.note(fields(number))
    journal.fold()
    assert journal.head() == journal.verify()
    assert journal.head().size == 300
    assert set(journal.head().to_dict()) == {"size", "root"}


def test_the_last_digest_of_each_record_is_known(bench: Bench) -> None:
    """Of the last mutation that wrote it, or none if the last one removed it."""
    journal = bench.journal()

    def write(*entries: tuple[bytes, bytes]) -> None:
        blob = b"".join(writes(key, digest) for key, digest in entries)
        bench.store.transact(lambda txn: journal.append(txn, fields(), blob))

    write((b"a", b"1" * 16), (b"b", b"1" * 16), (b"", b"1" * 16))
    write((b"a", b"2" * 16), (b"k" * 200, b"2" * 16))
    write((b"b", bytes(16)))
    journal.note(fields())
    journal.committed()
    expected: Digests = {
        (TABLE, b"a"): b"2" * 16,
        (TABLE, b"b"): None,
        (TABLE, b""): b"1" * 16,
        (TABLE, b"k" * 200): b"2" * 16,
    }
    with bench.store.read() as txn:
        assert journal.latest_digests(txn) == expected
        filled: Digests = {}
        assert list(journal.problems(txn, filled)) == []
        assert filled == expected


def test_a_long_mutation_is_one_event(bench: Bench) -> None:
    """With the digests of ten thousand records, which take many pages."""
    journal = bench.journal()
    blob = b"".join(writes(b"key%030d" % number) for number in range(10_000))
    journal.note(fields(1))
    bench.store.transact(lambda txn: journal.append(txn, fields(2), blob))
    journal.note(fields(3))
    assert numbers(journal) == [1, 2, 3]
    journal.verify()
    with bench.store.read() as txn:
        assert len(journal.latest_digests(txn)) == 10_000


def test_two_processes_journals_are_one(bench: Bench) -> None:
    """Each sees the other's events, those still in its spool included, and both verify."""
    one, other = bench.journal("1@x"), bench.journal("2@x")
    for number in range(20):
        (one if number % 2 else other).note(fields(number))
        if number % 5 == 0:
            mutate(bench, one, 100 + number)
    assert sorted(numbers(one)) == sorted(numbers(other))
    assert len(numbers(one)) == 24
    assert one.verify() == other.verify()


def test_a_closed_journal_takes_nothing(bench: Bench) -> None:
    """What it had is in the journal, and no file of it is left."""
    journal = bench.journal()
    journal.note(fields(1))
    journal.close()
    assert bench.spools() == []
    with pytest.raises(VaultClosed):
        journal.note(fields(2))
    assert numbers(bench.journal()) == [1]
    journal.close()


def test_closing_without_space_leaves_events_for_the_next(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost and nothing is raised: the spool stays and is folded later."""
    journal = bench.journal()
    journal.note(fields(1))

    def full(_self: object, work: object) -> None:
        raise StoreFull("no space left")

    with monkeypatch.context() as broken:
        broken.setattr(type(bench.store), "transact", full)
        journal.close()
    assert len(bench.spools()) == 1
    later = bench.journal()
    later.recover()
    assert bench.spools() == []
    assert numbers(later) == [1]


def test_a_read_only_journal_can_be_read(tmp_path: Path) -> None:
    """What is in the store is told; nothing is folded, written or removed."""
    bench = Bench(tmp_path / "v")
    journal = bench.journal()
    mutate(bench, journal, 1)
    journal.close()
    waiting = bench.journal()
    waiting.note(fields(2))
    bench.store.close()

    def state() -> dict[str, int]:
        return {
            path.name: path.stat().st_mtime_ns for path in bench.folder.iterdir() if path.name != "lock.mdb"
        }

    before = state()
    bench.store = LmdbStore.open(bench.folder, read_only=True)
    reader = bench.journal()
    reader.recover()
    assert numbers(reader) == [1]
    assert reader.verify().size == 1
    reader.close()
    bench.store.close()
    assert state() == before
    waiting.close()


def test_a_child_can_do_nothing_with_its_parents_journal(bench: Bench) -> None:
    """And the parent's goes on as if there had been none."""
    journal = bench.journal()
    journal.note(fields(1))
    assert in_child(lambda: journal.note(fields(2))) == "VaultForked"
    assert (
        in_child(lambda: bench.store.transact(lambda txn: journal.append(txn, fields(2), b"")))
        == "VaultForked"
    )
    assert in_child(lambda: journal.verify()) == "VaultForked"
    assert in_child(lambda: journal.close()) == "None"
    journal.note(fields(3))
    assert numbers(journal) == [1, 3]


def test_threads_share_a_journal(bench: Bench) -> None:
    """Notes, mutations, folding and reading at once: everything once, each thread's in order, and sound."""
    journal = bench.journal()
    errors = []

    def work(number: int) -> None:
        try:
            for at in range(60):
                if at % 10 == number:
                    mutate(bench, journal, number * 100 + at)
                elif at % 20 == 15:
                    journal.fold()
                    journal.note(fields(number * 100 + at))
                else:
                    journal.note(fields(number * 100 + at))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    found = numbers(journal)
    assert len(found) == 240
    for number in range(4):
        assert [at for at in found if at // 100 == number] == [number * 100 + at for at in range(60)]
    assert journal.verify().size == 240


def test_a_commit_is_never_turned_into_an_error(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can go wrong after it (a note that cannot be written, a reader too many) is left for later."""
    journal = bench.journal()

    def fails(*_arguments: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", fails)
    mutate(bench, journal, 1)
    monkeypatch.setattr(type(bench.store), "read", fails)
    mutate(bench, journal, 2)
    monkeypatch.undo()
    assert numbers(journal) == [1, 2]


def test_a_journal_whose_head_was_altered_takes_no_more(bench: Bench) -> None:
    """Mutations are refused rather than written behind events that cannot be trusted; notes still wait."""
    journal = bench.journal()
    mutate(bench, journal, 1)
    with bench.store.write() as txn:
        record = txn.get(6, b"head")
        assert record is not None
        txn.put(6, b"head", record[:-1] + bytes([record[-1] ^ 1]))
    with pytest.raises(Tampered):
        mutate(bench, journal, 2)
    journal.note(fields(3))
    with pytest.raises(Tampered):
        journal.fold()
    with pytest.raises(Tampered):
        journal.head()


def by_python(patch: pytest.MonkeyPatch) -> None:
    """Leave everything to Python that the core does elsewhere."""
    patch.setattr("localvault.journal.pen.AT_HAND", False)
    patch.setattr("localvault.journal.audit.leaves_of_run", lambda _run, _last: None)
    patch.setattr("localvault.journal.tree.extend_tree", lambda *_of: None)


@pytest.mark.parametrize("python_writes", [False, True])
def test_what_the_core_writes_python_proves_and_the_reverse(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, python_writes: bool
) -> None:
    """Over thousands of events of all kinds: the tree, the nodes and the runs are the same whoever makes them."""
    texts: list[str | None] = [None, "é" * 20, "x" * 300, "y" * 2000]
    journal = bench.journal("7@boot")
    with monkeypatch.context() as patch:
        if python_writes:
            by_python(patch)
        for number in range(1500):
            told = fields(
                number, version=texts[number % 2], correlation=texts[number // 7 % (3 + (number > 1400))]
            )
            journal.note(told)
            if number % 400 == 399:
                mutate(bench, journal, number)
        journal.fold()
    with monkeypatch.context() as patch:
        if not python_writes:
            by_python(patch)
        head = journal.verify()
        with bench.store.read() as txn:
            assert list(journal.problems(txn)) == []
            sizes = [len(record) for _key, record in txn.scan(5)]
    assert head == journal.head()
    assert head.size == 1503
    assert [event.duration_us for event in journal.events() if event.operation == "SecretGet"] == list(
        range(1500)
    )
    assert sum(size > 1700 + 48 + 3 for size in sizes) == sum(
        number // 7 % 4 == 3 for number in range(1401, 1500)
    )
    assert sum(sizes) / len(sizes) > 1000


@pytest.mark.parametrize("python", [False, True])
@pytest.mark.parametrize("details", [{"slots": ["é" * 40] * 500}, {"n": "x" * 20_000}, None])
def test_a_mutation_with_too_much_to_tell_is_told_in_short(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, python: bool, details: dict[str, Any] | None
) -> None:
    """And what is proved is what is stored, not what was cut off."""
    if python:
        by_python(monkeypatch)
    journal = bench.journal()
    target = "/secrets/db" if details else "/secrets/" + "x" * 20_000
    told: Fields = (1, "SecretSet", "owner", target, None, "Success", None, 2, None, 1, details)
    bench.store.transact(lambda txn: journal.append(txn, told, writes(b"key")))
    journal.verify()
    (event,) = journal.events()
    assert event.details == {"clipped": True}
