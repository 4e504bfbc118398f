"""Proving the journal: no change, removal, move or addition by who has no key goes unnoticed, and it says where."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import Tampered
from localvault.journal.audit import Digests, read_writes
from localvault.journal.head import HEAD_KEY, JOURNAL, TREE
from localvault.journal.journal import Journal
from localvault.store.protocol import WriteTxn
from tests.support.journals import Bench, fields, mutate

EVENTS = 600


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vault folder with six hundred events: two complete subtrees of 256 and some more."""
    bench = Bench(tmp_path_factory.mktemp("written") / "v")
    fill(bench, EVENTS)
    bench.store.close()
    return bench.folder


@pytest.fixture
def copy(written: Path, tmp_path: Path) -> Bench:
    """A copy of it, to be harmed."""
    shutil.copytree(written, tmp_path / "v")
    return Bench(tmp_path / "v", create=False)


def fill(bench: Bench, count: int, first: int = 0) -> None:
    """So many events, a mutation now and then among the notes."""
    journal = bench.journal()
    for number in range(first, first + count):
        if number % 50 == 49:
            mutate(bench, journal, number)
        else:
            journal.note(fields(number))
    journal.fold()
    journal.close()


def runs(txn: WriteTxn) -> list[tuple[bytes, bytes]]:
    """The records of the journal."""
    return list(txn.scan(JOURNAL))


def altered(record: bytes) -> bytes:
    """The record with its last bit flipped."""
    return record[:-1] + bytes([record[-1] ^ 1])


def found(bench: Bench) -> list[str]:
    """Where `problems` says something is wrong."""
    with bench.store.read() as txn:
        return [problem.place for problem in bench.journal().problems(txn)]


def first_bad(bench: Bench) -> int:
    """The event that `verify` names."""
    with pytest.raises(Tampered) as raised:
        bench.journal().verify()
    match = re.match(r"journal (\d+): ", raised.value.message)
    assert match, raised.value.message
    assert raised.value.hint
    return int(match[1])


def span(txn: WriteTxn, place: int) -> tuple[bytes, bytes, int, int]:
    """The key and record of the `place`-th run, and its first and last event."""
    before, (key, record) = runs(txn)[place - 1], runs(txn)[place]
    return key, record, int.from_bytes(before[0]) + 1, int.from_bytes(key)


def test_an_untouched_journal_is_sound(copy: Bench) -> None:
    """`verify` returns what the head says, and `problems` finds nothing."""
    head = copy.journal().verify()
    assert head.size == EVENTS
    assert head == copy.journal().head()
    assert found(copy) == []


def test_a_changed_event_is_found(copy: Bench) -> None:
    """One bit of one record: the events in it are named."""
    with copy.store.write() as txn:
        key, record, first, last = span(txn, 30)
        txn.put(JOURNAL, key, altered(record))
    assert first_bad(copy) == first
    assert found(copy) == [f"journal {first}"]
    with pytest.raises(Tampered):
        list(copy.journal().events())
    assert last > first


@pytest.mark.parametrize("place", [0, 30, -1])
def test_a_removed_record_is_found(copy: Bench, place: int) -> None:
    """At the beginning, in the middle or at the end."""
    with copy.store.write() as txn:
        keys = [key for key, _record in runs(txn)]
        before = keys[place - 1] if place else b"\xff" * 8
        expected = (int.from_bytes(before) + 1) % 2**64
        txn.delete(JOURNAL, keys[place])
    assert f"journal {expected}" in found(copy)
    if place == -1:
        with pytest.raises(Tampered, match=f"event {expected} is the first"):
            mutate(copy, copy.journal(), 1)
    with copy.store.read() as txn:
        (problem,) = [each for each in copy.journal().problems(txn) if each.place == f"journal {expected}"]
    assert "missing" in problem.sentence


def test_a_cut_end_is_found_whatever_else_is_put_right(copy: Bench) -> None:
    """Removing the last events and the nodes over them does not help without a head that counts fewer."""
    with copy.store.write() as txn:
        for key, _record in runs(txn)[20:]:
            txn.delete(JOURNAL, key)
        for key, _record in list(txn.scan(TREE)):
            if key != HEAD_KEY:
                txn.delete(TREE, key)
        last = int.from_bytes(runs(txn)[-1][0])
    assert found(copy)[0] == f"journal {last + 1}"


def test_swapped_records_are_found(copy: Bench) -> None:
    """Each opens only at its own place."""
    with copy.store.write() as txn:
        one, other = runs(txn)[10], runs(txn)[12]
        first = span(txn, 10)[2]
        txn.put(JOURNAL, one[0], other[1])
        txn.put(JOURNAL, other[0], one[1])
    assert first_bad(copy) == first
    assert len(found(copy)) == 2


@pytest.mark.parametrize(
    "key", [b"\0" * 7 + b"\x01", (EVENTS + 5).to_bytes(8), b"short", b"head", b"\xff" * 9, b"\xff" * 8]
)
def test_an_added_record_is_found(copy: Bench, key: bytes) -> None:
    """Made up, or a copy of an authentic one, at any key of the journal."""
    with copy.store.write() as txn:
        record = runs(txn)[3][1]
        txn.put(JOURNAL, key, record)
    assert any(place.startswith("journal") for place in found(copy))
    with pytest.raises(Tampered):
        copy.journal().verify()


def test_all_of_it_removed_is_found(copy: Bench) -> None:
    """A head without events, and events without a head."""
    with copy.store.write() as txn:
        head = txn.get(TREE, HEAD_KEY)
        assert head is not None
        everything = runs(txn)
        for key, _record in everything:
            txn.delete(JOURNAL, key)
    assert first_bad(copy) == 0
    with copy.store.write() as txn:
        for key, record in everything:
            txn.put(JOURNAL, key, record)
        txn.delete(TREE, HEAD_KEY)
    assert first_bad(copy) == 0
    with pytest.raises(Tampered):
        mutate(copy, copy.journal(), 1)


def test_an_altered_head_is_found(copy: Bench) -> None:
    """And nothing is written behind it."""
    with copy.store.write() as txn:
        record = txn.get(TREE, HEAD_KEY)
        assert record is not None
        txn.put(TREE, HEAD_KEY, altered(record))
    assert "journal head" in found(copy)
    with pytest.raises(Tampered):
        copy.journal().verify()
    with pytest.raises(Tampered):
        mutate(copy, copy.journal(), 1)


def node(level: int, place: int) -> bytes:
    """Where a node stands."""
    return bytes([level]) + place.to_bytes(8)


HARM: dict[str, Callable[[WriteTxn], object]] = {
    "altered": lambda txn: txn.put(TREE, node(8, 1), altered(txn.get(TREE, node(8, 1)) or b"")),
    "removed": lambda txn: txn.delete(TREE, node(9, 0)),
    "swapped": lambda txn: txn.put(TREE, node(8, 0), txn.get(TREE, node(8, 1)) or b""),
    "added": lambda txn: txn.put(TREE, node(8, 2), txn.get(TREE, node(8, 1)) or b""),
    "strange": lambda txn: txn.put(TREE, b"strange", b"record"),
}


@pytest.mark.parametrize("harm", HARM)
def test_a_harmed_node_is_found(copy: Bench, harm: str) -> None:
    """Nodes serve proofs, so they are part of what is proved."""
    with copy.store.write() as txn:
        HARM[harm](txn)
    assert len(found(copy)) == 1
    assert found(copy)[0].startswith("tree ")
    with pytest.raises(Tampered):
        copy.journal().verify()


def test_events_of_another_history_are_found(copy: Bench, tmp_path: Path) -> None:
    """Authentic events from a copy of the vault that went its own way: every record opens, and the tree tells."""
    shutil.copytree(copy.folder, tmp_path / "other")
    other = Bench(tmp_path / "other", create=False)
    fill(copy, 300, 1000)
    fill(other, 300, 2000)
    with other.store.read() as theirs:
        record = dict(theirs.scan(JOURNAL))
    with copy.store.write() as txn:
        ours = dict(txn.scan(JOURNAL))
        same = sorted(key for key in ours.keys() & record.keys() if int.from_bytes(key) >= EVENTS + 100)
        txn.put(JOURNAL, same[0], record[same[0]])
    start = int.from_bytes(same[0])
    named = first_bad(copy)
    assert named <= start
    assert start - named < 256
    # The same at the very end, where no complete subtree stands over the event yet.
    with copy.store.write() as txn:
        txn.put(JOURNAL, same[0], ours[same[0]])
        txn.put(JOURNAL, same[-1], record[same[-1]])
    named = first_bad(copy)
    assert 0 <= int.from_bytes(same[-1]) - named < 256
    other.store.close()


def test_every_harm_is_told_and_none_hides_another(copy: Bench) -> None:
    """Going on past the first problem, each place is named, and the digests of the rest are still there."""
    with copy.store.write() as txn:
        first, second, third = span(txn, 5), span(txn, 25), span(txn, 40)
        txn.put(JOURNAL, first[0], altered(first[1]))
        txn.delete(JOURNAL, second[0])
        txn.put(JOURNAL, third[0], first[1])
        txn.put(TREE, b"strange", b"")
    digests: Digests = {}
    with copy.store.read() as txn:
        places = [problem.place for problem in copy.journal().problems(txn, digests)]
    assert places == [
        f"journal {first[2]}",
        f"journal {second[2]}",
        f"journal {third[2]}",
        "tree 73747261" + "6e6765",
    ]
    assert 6 < len(digests) <= EVENTS // 50
    assert first_bad(copy) == first[2]


@given(
    st.dictionaries(
        st.tuples(st.integers(0, 255), st.binary(max_size=200)), st.binary(min_size=16, max_size=16)
    )
)
def test_writes_are_read_as_they_were_written(told: dict[tuple[int, bytes], bytes]) -> None:
    """Table, key and digest of each, a digest of zeros for a removal."""
    blob = b"".join(bytes([table, len(key)]) + key + digest for (table, key), digest in told.items())
    digests: Digests = {}
    read_writes(blob, digests)
    assert digests == {place: digest if any(digest) else None for place, digest in told.items()}
    for cut in range(1, min(len(blob), 18)):
        with pytest.raises(ValueError):
            read_writes(blob[:-cut], {})


@given(st.binary(max_size=100))
def test_any_bytes_are_writes_or_an_error(blob: bytes) -> None:
    """Nothing in them is trusted."""
    digests: Digests = {}
    try:
        read_writes(blob, digests)
    except ValueError:
        return
    assert all(digest is None or len(digest) == 16 for digest in digests.values())


def test_a_journal_can_be_proved_while_it_grows(copy: Bench) -> None:
    """`verify` looks at one moment: what is written meanwhile changes nothing."""
    journal: Journal = copy.journal()
    with copy.store.read() as txn:
        problems = journal.problems(txn)
        fill(copy, 20, 5000)
        assert [problem for problem in problems if problem.place.startswith("journal")] == []
    assert journal.verify().size == EVENTS + 20
