"""The walker: what it moves, what it leaves, what it says, and where it goes on."""

from __future__ import annotations

import itertools
import random
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import localvault
from localvault import BadParameter, Crypto, KeyDisabled, KeyNotFound, SqlTokens, TokenRow, Vault
from localvault.rewrapping.store import Progress
from tests.support.told import told
from tests.unit.rewrapping.conftest import ROWS


class Rows:
    """A store in memory, to which something may happen between reading and writing."""

    def __init__(self, rows: dict[Any, tuple[bytes, bytes]], name: str = "rows") -> None:
        self.rows = rows
        self.name = name
        self.reads: list[Any] = []
        self.meanwhile: list[Any] = []  # what happens before each write

    def count(self) -> int:
        """How many rows there are."""
        return len(self.rows)

    def read(self, after: Any, limit: int) -> list[TokenRow]:
        """Rows behind a key."""
        self.reads.append(after)
        keys = sorted(key for key in self.rows if after is None or key > after)[:limit]
        return [TokenRow(key, *self.rows[key]) for key in keys]

    def write(self, changes: Sequence[tuple[TokenRow, bytes]]) -> list[TokenRow]:
        """Change what is as it was."""
        if self.meanwhile:
            self.meanwhile.pop(0)()
        left = []
        for row, token in changes:
            now, context = self.rows.get(row.key, (b"", b""))
            if now == row.token:
                self.rows[row.key] = (token, context)
            else:
                left.append(TokenRow(row.key, now, context))
        return left


def rows_of(crypto: Crypto, count: int) -> Rows:
    """So many tokens, whose texts are their keys."""
    return Rows({number: (crypto.seal(str(number).encode()), b"") for number in range(count)})


def versions(tokens: Sequence[bytes]) -> set[str]:
    """Which versions tokens name."""
    return {token[2:18].hex() for token in tokens}


def all_of(table: sqlite3.Connection) -> dict[int, bytes]:
    """The tokens by id."""
    return dict(table.execute("SELECT id, token FROM cards"))


@pytest.mark.parametrize("batch", [1, 7, 40, 10_000])
def test_all_is_moved_to_the_current_version(
    vault: Vault, crypto: Crypto, table: sqlite3.Connection, cards: SqlTokens, batch: int
) -> None:
    """Whatever the size of a batch; each opens as before, and a second run has nothing to do."""
    version = vault.keys.rotate("data").version
    with told(vault) as events:
        done = localvault.rewrap(crypto, cards, batch=batch)
    assert done == (ROWS, 0, 0, (), (version,))
    assert versions(list(all_of(table).values())) == {version}
    assert {key: crypto.open(token) for key, token in all_of(table).items()} == {
        number: str(number).encode() for number in range(ROWS)
    }
    assert [(event.operation, event.count) for event in events] == [
        ("KeyRewrap", min(batch, ROWS - start)) for start in range(0, ROWS, batch)
    ]
    before = all_of(table)
    with told(vault) as events:
        assert localvault.rewrap(crypto, cards, batch=batch) == (0, ROWS, 0, (), (version,))
    assert all_of(table) == before
    assert events == []


def test_data_keys_and_tokens_side_by_side(vault: Vault, crypto: Crypto) -> None:
    """Each kind is one operation of a batch, whatever the algorithm and version."""
    rows: dict[int, tuple[bytes, bytes]] = {}
    for version in range(2):
        made = [crypto.seal(b"text"), crypto.data_key().wrapped, crypto.data_key(algorithm="A256KW").wrapped]
        rows |= {10 * version + number: (item, b"") for number, item in enumerate(made)}
        current = vault.keys.rotate("data").version
    store = Rows(rows)
    with told(vault) as events:
        assert localvault.rewrap(crypto, store) == (6, 0, 0, (), (current,))
    assert [(event.operation, event.count, event.version) for event in events] == [
        ("KeyRewrap", 2, current),
        ("DataKeyRewrap", 4, current),
    ]
    assert versions([token for token, _ in store.rows.values()]) == {current}
    crypto.open_many([store.rows[0][0], store.rows[10][0]])
    crypto.open_data_keys([store.rows[key][0] for key in (1, 2, 11, 12)])


@given(contexts=st.lists(st.sampled_from([b"", b"a", b"b", b"c" * 30]), max_size=60), seed=st.integers(0, 9))
def test_each_row_has_its_context(held: tuple[Vault, Crypto], contexts: list[bytes], seed: int) -> None:
    """Few contexts or many, of tokens and data keys: all are moved, and a row with another context fails alone."""
    vault, crypto = held
    dice = random.Random(seed)
    rows = {}
    for number, context in enumerate(contexts):
        if dice.random() < 0.3:
            rows[number] = (crypto.data_key(context=context).wrapped, context)
        else:
            rows[number] = (crypto.seal(b"text", context), context)
    wrong = {number for number in rows if dice.random() < 0.1}
    store = Rows({k: (token, b"other" if k in wrong else context) for k, (token, context) in rows.items()})
    current = vault.keys.rotate("data").version
    done = localvault.rewrap(crypto, store, batch=25)
    assert done.rewrapped == len(rows) - len(wrong)
    assert {(each.key, each.code) for each in done.failed} == {(key, "DecryptionFailed") for key in wrong}
    for key, (token, context) in store.rows.items():
        if key in wrong:
            assert token == rows[key][0]
        elif token[1] == 1:
            assert crypto.open(token, context) == b"text"
        else:
            crypto.open_data_key(token, context).close()
        assert (token[2:18].hex() == current) == (key not in wrong)


def test_what_does_not_open_is_told_of_and_left(vault: Vault, crypto: Crypto) -> None:
    """With the code of what is wrong with it; the run goes on."""
    store = rows_of(crypto, 6)
    other = vault.keys.create("other", "oct")
    assert other.version is not None
    bad = {
        1: b"",
        2: b"no token",
        3: store.rows[3][0][:-1] + b"?",
        4: b"\1\2" + store.rows[4][0][2:],
        5: b"\1\x60" + store.rows[5][0][2:],
        7: vault.crypto("other").seal(b"text"),
    }
    store.rows |= {key: (token, b"") for key, token in bad.items()}
    vault.keys.rotate("data")
    done = localvault.rewrap(crypto, store, batch=3)
    assert done.rewrapped == 1
    assert {each.key: each.code for each in done.failed} == {
        1: "DecryptionFailed",
        2: "DecryptionFailed",
        3: "DecryptionFailed",
        4: "NewerFormat",
        5: "NewerFormat",
        7: "DecryptionFailed",
    }
    assert {key: store.rows[key][0] for key in bad} == bad


def test_what_the_application_writes_meanwhile_stays(vault: Vault, crypto: Crypto) -> None:
    """A row that was changed is read again: moved if it must be, left if it is current, forgotten if it is gone."""
    store, old = rows_of(crypto, 5), crypto.seal(b"changed")
    current = vault.keys.rotate("data").version
    fresh = crypto.seal(b"fresh")

    def meanwhile() -> None:
        store.rows[1], store.rows[2] = (old, b""), (fresh, b"")
        del store.rows[3]

    store.meanwhile.append(meanwhile)
    assert localvault.rewrap(crypto, store) == (3, 1, 3, (), (current,))
    assert store.rows[2] == (fresh, b"")
    assert {key: crypto.open(token) for key, (token, _) in store.rows.items()} == {
        0: b"0",
        1: b"changed",
        2: b"fresh",
        4: b"4",
    }
    assert versions([token for token, _ in store.rows.values()]) == {current}


def test_a_row_that_never_rests_is_told_of(vault: Vault, crypto: Crypto) -> None:
    """After five tries it is among what failed, as it is then."""
    store = rows_of(crypto, 3)
    others = [crypto.seal(str(number).encode()) for number in range(9)]
    vault.keys.rotate("data")
    store.meanwhile += [lambda token=token: store.rows.update({1: (token, b"")}) for token in others]
    done = localvault.rewrap(crypto, store)
    assert (done.rewrapped, done.conflicts) == (2, 5)
    assert done.failed == ((1, "Conflict"),)
    assert crypto.open(store.rows[1][0]) == b"4"


def test_a_rotation_in_the_middle_is_caught_up_with(vault: Vault, crypto: Crypto) -> None:
    """The run goes on to the new version, begins again for what came before, and says so."""
    store = rows_of(crypto, 10)
    first = vault.keys.rotate("data").version
    store.meanwhile += [lambda: None, lambda: vault.keys.rotate("data")]
    done = localvault.rewrap(crypto, store, batch=3)
    second = vault.keys.get("data").version
    assert done.versions == (first, second)
    assert (done.current, done.failed) == (0, ())
    assert done.rewrapped == 10 + 6  # those of the first two batches were moved twice
    assert versions([token for token, _ in store.rows.values()]) == {second}
    assert localvault.rewrap(crypto, store).current == 10


def test_a_rotation_in_the_last_batch_is_caught_up_with(vault: Vault, crypto: Crypto) -> None:
    """Also where nothing is read after it."""
    store = rows_of(crypto, 10)
    vault.keys.rotate("data")
    store.meanwhile.append(lambda: vault.keys.rotate("data"))
    done = localvault.rewrap(crypto, store)
    current = vault.keys.get("data").version
    assert done.versions[-1] == current
    assert versions([token for token, _ in store.rows.values()]) == {current}


def test_to_a_version_of_ones_choice(vault: Vault, crypto: Crypto) -> None:
    """With the verbs of one version all rows are moved to that one, back if need be."""
    store = rows_of(crypto, 4)
    old = vault.keys.get("data").version
    vault.keys.rotate("data")
    localvault.rewrap(crypto, store)
    assert localvault.rewrap(vault.crypto("data", old), store).versions == (old,)
    assert versions([token for token, _ in store.rows.values()]) == {old}


def test_a_key_that_may_not_ends_the_run(vault: Vault, crypto: Crypto) -> None:
    """The error is the verb's; what was moved before stays moved, and the next run goes on."""
    store = rows_of(crypto, 9)
    old = vault.keys.get("data").version
    current = vault.keys.rotate("data").version
    store.meanwhile += [lambda: None, lambda: vault.keys.update("data", old, enabled=False)]
    with pytest.raises(KeyDisabled):
        localvault.rewrap(crypto, store, batch=3)
    assert [token[2:18].hex() == current for token, _ in store.rows.values()] == [True] * 6 + [False] * 3
    vault.keys.update("data", old, enabled=True)
    assert localvault.rewrap(crypto, store, batch=3)[:2] == (3, 6)
    with pytest.raises(KeyNotFound):
        localvault.rewrap(vault.crypto("none"), store)


def test_how_far_it_is_is_told(vault: Vault, crypto: Crypto, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each batch: rows done and in all, what was moved, how fast, how long it will take; an error ends it."""
    moments = itertools.count(100.0, 2.0)
    monkeypatch.setattr("localvault.rewrapping.walker.monotonic", lambda: next(moments))
    store, seen = rows_of(crypto, 10), list[Progress]()
    vault.keys.rotate("data")
    localvault.rewrap(crypto, store, batch=4, progress=seen.append)
    assert [(each.done, each.total, each.rewrapped, each.failed) for each in seen] == [
        (4, 10, 4, 0),
        (8, 10, 8, 0),
        (10, 10, 10, 0),
    ]
    assert [(each.rate, each.remaining) for each in seen] == [(2, 3), (2, 1), (10 / 6, 0)]
    assert Progress(3, None, 0, 0, 1.0, 3).remaining is None
    assert Progress(0, 5, 0, 0, 0.0, 0).remaining is None

    def stop(progress: Progress) -> None:
        raise InterruptedError

    vault.keys.rotate("data")
    with pytest.raises(InterruptedError):
        localvault.rewrap(crypto, store, batch=4, progress=stop)
    assert localvault.rewrap(crypto, store).rewrapped == 6


class Note:
    """A keeper that is a variable."""

    def __init__(self) -> None:
        self.text: str | None = None

    def load(self) -> str | None:
        """The text."""
        return self.text

    def save(self, text: str | None) -> None:
        """Keep it."""
        self.text = text


def stopped(crypto: Crypto, store: Rows, after: int, keeper: Any) -> None:
    """A run that ends after so many batches of 3."""
    seen: list[Progress] = []

    def stop(progress: Progress) -> None:
        seen.append(progress)
        if len(seen) == after:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        localvault.rewrap(crypto, store, batch=3, progress=stop, checkpoint=keeper)


@pytest.mark.parametrize("how", ["file", "keeper"])
def test_a_checkpoint_saves_reading(vault: Vault, crypto: Crypto, tmp_path: Path, how: str) -> None:
    """The next run goes on behind what is done, knows what failed there, and removes the checkpoint at its end."""
    keeper: Any = tmp_path / "checkpoint" if how == "file" else Note()
    store = rows_of(crypto, 10)
    store.rows[1] = (b"no token", b"")
    vault.keys.rotate("data")
    stopped(crypto, store, 2, keeper)
    store.reads.clear()
    seen: list[Progress] = []
    done = localvault.rewrap(crypto, store, batch=3, progress=seen.append, checkpoint=keeper)
    assert store.reads[0] == 5
    assert (done.rewrapped, done.failed) == (4, ((1, "DecryptionFailed"),))
    assert [each.done for each in seen] == [9, 10]
    assert list(tmp_path.glob("check*")) == list(tmp_path.glob(".new.*")) == []
    assert how == "file" or keeper.text is None


@pytest.mark.parametrize("why", ["rotated", "garbage", "half", "other form", "none"])
def test_a_checkpoint_that_does_not_hold_any_more(vault: Vault, crypto: Crypto, why: str) -> None:
    """After a rotation, or where it cannot be read, the run begins at the beginning."""
    keeper, store = Note(), rows_of(crypto, 10)
    vault.keys.rotate("data")
    stopped(crypto, store, 2, keeper)
    assert keeper.text is not None
    if why == "rotated":
        vault.keys.rotate("data")
    keeper.text = {
        "rotated": keeper.text,
        "garbage": "{",
        "half": '{"format": 1}',
        "other form": keeper.text.replace('"format": 1', '"format": 2'),
        "none": None,
    }[why]
    store.reads.clear()
    done = localvault.rewrap(crypto, store, checkpoint=keeper)
    assert store.reads[0] is None
    assert (done.rewrapped, done.current) == ((10, 0) if why == "rotated" else (4, 6))


def test_a_rotation_in_a_run_that_was_killed(vault: Vault, crypto: Crypto) -> None:
    """Rows that came before the rotation are not skipped by the next run."""
    keeper, store = Note(), rows_of(crypto, 10)
    vault.keys.rotate("data")
    store.meanwhile += [lambda: None, lambda: vault.keys.rotate("data")]
    stopped(crypto, store, 3, keeper)
    localvault.rewrap(crypto, store, checkpoint=keeper)
    assert versions([token for token, _ in store.rows.values()]) == {vault.keys.get("data").version}


def test_a_checkpoint_of_another_store_is_refused(vault: Vault, crypto: Crypto, tmp_path: Path) -> None:
    """Before anything is read; and keys that it could not keep are refused where it is used."""
    keeper = Note()
    vault.keys.rotate("data")
    stopped(crypto, rows_of(crypto, 10), 1, keeper)
    other = Rows({}, "others")
    with pytest.raises(BadParameter, match="another store"):
        localvault.rewrap(crypto, other, checkpoint=keeper)
    odd = Rows({(1, 2): (crypto.seal(b""), b"")}, "odd")
    with pytest.raises(BadParameter, match="tuple"):
        localvault.rewrap(crypto, odd, checkpoint=Note())
    raw = Rows({bytes([number]): (crypto.seal(b""), b"") for number in range(8)}, "bytes")
    keeper = Note()
    vault.keys.rotate("data")
    stopped(crypto, raw, 2, keeper)
    raw.reads.clear()
    localvault.rewrap(crypto, raw, checkpoint=keeper)
    assert raw.reads[0] == b"\5"
    for place in (tmp_path, tmp_path / "none" / "checkpoint"):
        with pytest.raises(BadParameter, match="the checkpoint"):
            localvault.rewrap(crypto, rows_of(crypto, 3), checkpoint=place)


@pytest.mark.parametrize("batch", [0, -1, 1_000_001])
def test_a_batch_has_limits(crypto: Crypto, batch: int) -> None:
    """From one row to a million."""
    with pytest.raises(BadParameter, match="batch"):
        localvault.rewrap(crypto, Rows({}), batch=batch)


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One vault for many examples."""
    from tests.support import life

    with life.create(tmp_path_factory.mktemp("held") / "vault") as vault:
        vault.keys.create("data", "oct")
        yield vault, vault.crypto("data")
