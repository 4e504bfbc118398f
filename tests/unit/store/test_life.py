"""A random life of a store, held against a dictionary and against the engine's own verifier."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from lmdb import verify

from localvault.store import environment, trust
from localvault.store.layout import KEY_MAX, PIECE, Table
from localvault.store.lmdb import LmdbStore

TABLES = st.sampled_from([Table.VAULT, Table.OBJECTS, Table.VERSIONS, Table.ACCESS])
KEYS = st.one_of(
    st.binary(min_size=1, max_size=3),
    st.integers(0, 400).map(lambda number: number.to_bytes(8, "big")),
    st.binary(min_size=KEY_MAX, max_size=KEY_MAX),
)
SIZES = st.sampled_from([0, 1, 40, 250, 900, PIECE - 1, PIECE, 3 * PIECE, 20_000])
PLACES = st.tuples(TABLES, KEYS)


class Life(RuleBasedStateMachine):
    """One store; `found` says whether it is doubted as a store found on disk is."""

    @initialize(doubted=st.booleans())
    def begin(self, doubted: bool) -> None:
        """Make the store."""
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "vault"
        self.doubted = doubted
        self.model: dict[tuple[Table, bytes], bytes] = {}
        self.store = LmdbStore.create(self.path)
        if doubted:
            self.reopen()

    @rule(places=st.lists(st.tuples(PLACES, SIZES), max_size=60), fill=st.binary(min_size=1, max_size=1))
    def put(self, places: list[tuple[tuple[Table, bytes], int]], fill: bytes) -> None:
        """Put many values in one transaction."""
        with self.store.write() as txn:
            for (table, key), size in places:
                txn.put(table, key, fill * size)
                self.model[table, key] = fill * size

    @rule(start=st.integers(0, 400), count=st.integers(1, 300), size=SIZES)
    def put_in_a_row(self, start: int, count: int, size: int) -> None:
        """Put values under keys that follow each other, as the journal does."""
        with self.store.write() as txn:
            for number in range(start, start + count):
                key = number.to_bytes(8, "big")
                txn.put(Table.JOURNAL, key, bytes(min(size, 900)))
                self.model[Table.JOURNAL, key] = bytes(min(size, 900))

    @rule(data=st.data(), share=st.integers(1, 10))
    def delete(self, data: st.DataObject, share: int) -> None:
        """Delete a share of everything, and something that may not be there."""
        gone = sorted(self.model)[:: data.draw(st.integers(1, 5))][: len(self.model) * share // 10]
        with self.store.write() as txn:
            for place in gone:
                assert txn.delete(*place)
                del self.model[place]
            place = data.draw(PLACES)
            assert txn.delete(*place) == (self.model.pop(place, None) is not None)

    @rule()
    def reopen(self) -> None:
        """Close and open."""
        self.store.close()
        self.store = LmdbStore.open(self.path)
        if not self.doubted:
            assert self.store._environment is not None
            self.store._environment.guard = None

    @rule(prefix=st.binary(max_size=2), table=TABLES, reverse=st.booleans())
    def scan(self, prefix: bytes, table: Table, reverse: bool) -> None:
        """Scan a prefix."""
        wanted = sorted((key, value) for (where, key), value in self.model.items() if where == table)
        wanted = [entry for entry in wanted if entry[0].startswith(prefix)]
        with self.store.read() as txn:
            found = list(txn.scan(table, prefix, reverse=reverse))
        assert found == (wanted[::-1] if reverse else wanted)

    @invariant()
    def agrees(self) -> None:
        """Everything is as in the model, and the file is sound by both walks."""
        with self.store.read() as txn:
            found = {(table, key): value for table in Table for key, value in txn.scan(table)}
            assert found == self.model
            for table, key in list(self.model)[:20]:
                assert txn.get(table, key) == self.model[table, key]
            assert txn.get(Table.AGENDA, b"never there") is None
        assert self.store.verify_structure() == []
        assert verify.verify(str(self.path)) == []

    def teardown(self) -> None:
        """Close the store."""
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()


@pytest.mark.parametrize("trusting", [True, False])
def test_a_random_life_agrees_with_a_dictionary(monkeypatch: pytest.MonkeyPatch, trusting: bool) -> None:
    """Whatever is done, what is read is what a dictionary would hold, and every page is accounted for."""
    monkeypatch.setattr(environment, "MAP_START", 128 << 10)
    if not trusting:
        monkeypatch.setattr(trust, "_PAGES_A_LOOK", 0)
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    life = settings(max_examples=60, stateful_step_count=15, deadline=None, suppress_health_check=checks)
    run_state_machine_as_test(Life, settings=life)
