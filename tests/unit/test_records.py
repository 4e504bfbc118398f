"""Sealed records in one transaction: what was written at a place comes back from there, all together or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localvault.errors import Tampered
from localvault.lifecycle.kinds import COLLECTIONS
from localvault.native.memory import Locked
from localvault.records import (
    AGENDA,
    HEADER_KEY,
    OBJECTS,
    VAULT,
    VERSIONS,
    Memo,
    Mutation,
    Records,
    Sealers,
)
from localvault.sealing.master import MasterKey
from localvault.sealing.record import digest
from localvault.sealing.scopes import Scopes
from localvault.store.lmdb import LmdbStore

MASTER = b"the master key of these records!"
SECRET, KEY = b"s" + b"1" * 16, b"k" + b"1" * 16


class Bench:
    """A store and the sealers of a vault, without the vault."""

    def __init__(self, folder: Path) -> None:
        self.store = LmdbStore.create(folder)
        self.scopes = Scopes(MasterKey(Locked.of(MASTER)), b"records-vault-id")
        self.sealers = Sealers(self.scopes, COLLECTIONS)

    def write(self, *changes: tuple[int, bytes, bytes | None]) -> bytes:
        """Put each record, or delete it where None is given, in one mutation; returns what `apply` tells."""
        with self.store.write() as txn:
            mutation = Mutation(txn, self.sealers)
            for table, key, plaintext in changes:
                if plaintext is None:
                    mutation.delete(table, key)
                else:
                    mutation.put(table, key, plaintext)
            return mutation.apply()

    def read(self, table: int, key: bytes) -> bytes | None:
        """The opened record, by a transaction of its own."""
        with self.store.read() as txn:
            return Records(txn, self.sealers).get(table, key)

    def raw(self, table: int, key: bytes) -> bytes | None:
        """The record as it is stored."""
        with self.store.read() as txn:
            return txn.get(table, key)

    def put_raw(self, table: int, key: bytes, record: bytes | None) -> None:
        """Store a record as an attacker would."""
        assert record is not None
        with self.store.write() as txn:
            txn.put(table, key, record)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """An empty store."""
    bench = Bench(tmp_path / "v")
    yield bench
    bench.store.close()


PLACES = [
    (VAULT, b"settings"),
    (OBJECTS, SECRET),
    (OBJECTS, b"S" + b"1" * 16),
    (OBJECTS, KEY),
    (VERSIONS, SECRET),
]


@pytest.mark.parametrize("place", PLACES)
def test_what_was_written_comes_back(bench: Bench, place: tuple[int, bytes]) -> None:
    """From its place in every table; nothing of it is readable in the store."""
    bench.write((*place, b"the plaintext"))
    assert bench.read(*place) == b"the plaintext"
    record = bench.raw(*place)
    assert record is not None
    assert b"plaintext" not in record


@pytest.mark.parametrize("origin", PLACES)
@pytest.mark.parametrize("place", [*PLACES, (VERSIONS, SECRET + b"v" * 16), (AGENDA, SECRET)])
def test_a_record_opens_in_its_own_place_only(
    bench: Bench, origin: tuple[int, bytes], place: tuple[int, bytes]
) -> None:
    """Copied to another key, table, kind or deletion state it is `Tampered`, by each way of reading."""
    bench.write((*origin, b"one"))
    bench.put_raw(*place, bench.raw(*origin))
    if origin == place:
        assert bench.read(*place) == b"one"
        return
    with bench.store.read() as txn:
        records = Records(txn, bench.sealers)
        memo: Memo[bytes] = Memo(bytes, 10)
        with pytest.raises(Tampered):
            records.get(*place)
        with pytest.raises(Tampered):
            list(records.scan(place[0], place[1]))
        with pytest.raises(Tampered):
            records.remembered(*place, memo)
        assert memo.values() == []
        assert records.exists(*place)


def test_a_record_altered_by_any_bit_does_not_open(bench: Bench) -> None:
    """Also one that has been remembered: what is remembered holds for the very same bytes only."""
    bench.write((OBJECTS, SECRET, b"one"))
    record = bench.raw(OBJECTS, SECRET)
    assert record is not None
    memo: Memo[bytes] = Memo(bytes, 10)
    with bench.store.read() as txn:
        assert Records(txn, bench.sealers).remembered(OBJECTS, SECRET, memo) == b"one"
    with bench.store.write() as txn:
        records = Records(txn, bench.sealers)
        for position in range(len(record)):
            altered = bytearray(record)
            altered[position] ^= 1 << position % 8
            txn.put(OBJECTS, SECRET, bytes(altered))
            with pytest.raises(Tampered):
                records.remembered(OBJECTS, SECRET, memo)
        txn.put(OBJECTS, SECRET, record[:-1])
        with pytest.raises(Tampered):
            records.get(OBJECTS, SECRET)


def test_a_mutation_is_seen_by_itself_and_by_nobody_else_until_applied(bench: Bench) -> None:
    """It reads its own changes; the store has none of them before `apply`."""
    bench.write((OBJECTS, SECRET, b"old"), (OBJECTS, KEY, b"stays"))
    with bench.store.write() as txn:
        mutation = Mutation(txn, bench.sealers)
        mutation.put(OBJECTS, SECRET, b"new")
        mutation.delete(OBJECTS, KEY)
        memo: Memo[bytes] = Memo(bytes, 10)
        assert mutation.get(OBJECTS, SECRET) == b"new"
        assert mutation.remembered(OBJECTS, SECRET, memo) == b"new"
        assert mutation.get(OBJECTS, KEY) is None
        assert not mutation.exists(OBJECTS, KEY)
        assert Records(txn, bench.sealers).get(OBJECTS, SECRET) == b"old"
        assert mutation.count(OBJECTS) == 2
        assert dict(mutation.scan(OBJECTS, b"s")) == {SECRET: b"old"}
        mutation.apply()
        assert dict(mutation.scan(OBJECTS, b"s")) == {SECRET: b"new"}
        assert dict(mutation.scan(OBJECTS, b"k")) == {}
        assert mutation.count(OBJECTS) == 1
        assert bench.read(OBJECTS, SECRET) == b"old"
    assert bench.read(OBJECTS, SECRET) == b"new"
    assert bench.read(OBJECTS, KEY) is None


def test_a_mutation_that_was_not_applied_leaves_nothing(bench: Bench) -> None:
    """Whatever it held is forgotten with it."""
    with bench.store.write() as txn:
        Mutation(txn, bench.sealers).put(OBJECTS, SECRET, b"new")
    assert bench.raw(OBJECTS, SECRET) is None


def test_apply_tells_what_it_wrote(bench: Bench) -> None:
    """Table, key and digest of each record, in key order, zeros for a removal; nothing twice."""
    bench.write((OBJECTS, KEY, b"gone"))
    told = bench.write((VERSIONS, SECRET, b"v"), (OBJECTS, SECRET, b"o"), (OBJECTS, KEY, None))
    expected = b""
    for table, key in ((OBJECTS, KEY), (OBJECTS, SECRET), (VERSIONS, SECRET)):
        record = bench.raw(table, key)
        expected += bytes((table, len(key))) + key + (bytes(16) if record is None else digest(record))
    assert told == expected
    with bench.store.write() as txn:
        mutation = Mutation(txn, bench.sealers)
        mutation.put(OBJECTS, SECRET, b"1")
        mutation.put(OBJECTS, SECRET, b"2")
        assert len(mutation.apply()) == 2 + len(SECRET) + 16
        assert mutation.apply() == b""


@given(
    st.lists(
        st.tuples(
            st.sampled_from([(OBJECTS, SECRET), (OBJECTS, KEY), (VERSIONS, SECRET), (VAULT, b"settings")]),
            st.one_of(st.none(), st.binary(max_size=50)),
            st.booleans(),
        ),
        max_size=12,
    )
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_last_change_of_a_place_holds(
    bench: Bench, changes: list[tuple[tuple[int, bytes], bytes | None, bool]]
) -> None:
    """Whatever the order of putting (in either way) and removing."""
    held: dict[tuple[int, bytes], bytes | None] = {}
    with bench.store.write() as txn:
        mutation = Mutation(txn, bench.sealers)
        for (table, key), plaintext, quick in changes:
            held[table, key] = plaintext
            if plaintext is None:
                mutation.delete(table, key)
            elif quick:
                mutation.putter(table, key)(key, plaintext)
            else:
                mutation.put(table, key, plaintext)
            assert mutation.get(table, key) == plaintext
        mutation.apply()
    for (table, key), plaintext in held.items():
        assert bench.read(table, key) == plaintext


def test_the_same_plaintext_is_never_the_same_record(bench: Bench) -> None:
    """Within one mutation, and in two: every record has a nonce of its own."""
    seen = set()
    for _ in range(3):
        bench.write(*[(OBJECTS, b"s" + bytes([number]) * 16, b"same") for number in range(20)])
        for number in range(20):
            record = bench.raw(OBJECTS, b"s" + bytes([number]) * 16)
            assert record is not None
            seen.add(record[-20:])
    assert len(seen) == 60


def test_each_collection_is_sealed_under_its_own_scope(bench: Bench) -> None:
    """Deleted or not; what belongs to no kind is the root's. A scope handed out opens nothing beside it."""
    of = bench.sealers.of
    assert of(OBJECTS, SECRET) is of(VERSIONS, SECRET) is of(AGENDA, SECRET) is of(OBJECTS, SECRET.upper())
    assert of(OBJECTS, KEY) is of(OBJECTS, b"K" + KEY[1:])
    assert len({id(of(OBJECTS, SECRET)), id(of(OBJECTS, KEY)), id(bench.sealers.root)}) == 3
    assert of(VAULT, b"settings") is of(VAULT, b"keys") is bench.sealers.root


def test_the_header_is_kept_as_it_is(bench: Bench) -> None:
    """It unlocks the rest, so it is not sealed; its digest is told like any other's."""
    with bench.store.write() as txn:
        mutation = Mutation(txn, bench.sealers)
        mutation.put_header(b"header bytes")
        told = mutation.apply()
    assert bench.raw(VAULT, HEADER_KEY) == b"header bytes"
    assert told == bytes((VAULT, len(HEADER_KEY))) + HEADER_KEY + digest(b"header bytes")


def test_a_scan_begins_where_it_is_told(bench: Bench) -> None:
    """At the key, or after it where there is none; in key order, and within its prefix."""
    keys = [b"s" + bytes([number]) * 16 for number in range(5)]
    bench.write(*[(OBJECTS, key, bytes([number])) for number, key in enumerate(keys)], (OBJECTS, KEY, b"k"))
    with bench.store.read() as txn:
        records = Records(txn, bench.sealers)
        assert [key for key, _ in records.scan(OBJECTS, b"s")] == keys
        assert [key for key, _ in records.scan(OBJECTS, b"s", start=keys[2])] == keys[2:]
        assert [key for key, _ in records.scan(OBJECTS, b"s", start=keys[2] + b"\0")] == keys[3:]
        assert list(records.scan(OBJECTS, keys[1])) == [(keys[1], b"\1")]


class Counted:
    """A decoder that counts."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, plaintext: bytes) -> list[bytes]:
        """Count, and decode."""
        self.calls += 1
        return [plaintext]


def test_what_is_remembered_is_decoded_once_for_the_same_bytes(bench: Bench) -> None:
    """The very same object comes again until anybody writes the record anew, even with the same plaintext."""
    decode = Counted()
    memo: Memo[list[bytes]] = Memo(decode, 10)

    def ask() -> list[bytes] | None:
        with bench.store.read() as txn:
            return Records(txn, bench.sealers).remembered(OBJECTS, SECRET, memo)

    assert ask() is None
    bench.write((OBJECTS, SECRET, b"1"))
    first = ask()
    assert first is ask()
    assert decode.calls == 1
    bench.write((OBJECTS, SECRET, b"1"))
    assert ask() == [b"1"]
    assert decode.calls == 2
    bench.write((OBJECTS, SECRET, None))
    assert ask() is None
    memo.clear()
    assert memo.values() == []


def test_what_a_mutation_remembered_and_did_not_write_is_not_believed(bench: Bench) -> None:
    """A transaction that came to nothing leaves a memory that fits no record."""
    bench.write((OBJECTS, SECRET, b"old"))
    memo: Memo[bytes] = Memo(bytes, 10)
    with bench.store.write() as txn:
        mutation = Mutation(txn, bench.sealers)
        mutation.put(OBJECTS, SECRET, b"new")
        assert mutation.remembered(OBJECTS, SECRET, memo) == b"new"
    with bench.store.read() as txn:
        assert Records(txn, bench.sealers).remembered(OBJECTS, SECRET, memo) == b"old"


def test_a_memory_keeps_to_its_limit() -> None:
    """The oldest makes room; what is remembered anew takes no second place."""
    memo: Memo[bytes] = Memo(bytes, 3)
    for number in [0, 1, 2, 2]:
        memo.put(b"%d" % number, b"record", b"plaintext %d" % number)
    assert sorted(memo.entries) == [b"0", b"1", b"2"]
    memo.put(b"3", b"record", b"plaintext 3")
    assert sorted(memo.entries) == [b"1", b"2", b"3"]
    assert sorted(memo.values()) == [b"plaintext 1", b"plaintext 2", b"plaintext 3"]


def test_what_many_wrote_together_is_told_of_each(bench: Bench) -> None:
    """By the places each calls its own, wherever they stand; what nobody owns goes with the first."""
    places = [bytes((table,)) + key for table in (OBJECTS, VERSIONS) for key in (SECRET, SECRET + b"2", KEY)]
    with bench.store.write() as txn:
        mutation = Mutation(txn, bench.sealers)
        mutation.put(VAULT, b"of nobody", b"value")
        put = mutation.putter(OBJECTS, SECRET)
        for place in places:
            if place[:1] == bytes((OBJECTS,)) and place[1:2] == b"s":
                put(place[1:], b"value")
            else:
                mutation.put(place[0], place[1:], b"value")
        each = mutation.apply_each([places[:2], [], places[2:], [b"\x02never written"]])
    records = {place: bench.raw(place[0], place[1:]) for place in (*places, bytes((VAULT,)) + b"of nobody")}
    told = {p: p[:1] + bytes((len(p) - 1,)) + p[1:] + digest(record or b"") for p, record in records.items()}
    nobody = told.pop(bytes((VAULT,)) + b"of nobody")
    assert each == [
        told[places[0]] + told[places[1]] + nobody,
        b"",
        b"".join(told[place] for place in places[2:]),
        b"",
    ]
