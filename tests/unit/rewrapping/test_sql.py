"""A table as a store: names, keys, texts, contexts and conditions; what other programs do to it meanwhile."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import localvault
from localvault import BadParameter, Crypto, SqlTokens, Vault
from tests.unit.rewrapping.conftest import ROWS

NAMES = ["plain", "two words", 'a "quoted" one', "select", "x'; DROP TABLE cards; --", "ä", "100%"]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_a_name(vault: Vault, crypto: Crypto, name: str) -> None:
    """Of tables and columns: what a name has in it never becomes SQL."""
    quoted = '"' + name.replace('"', '""') + '"'
    key, token, context = (quoted[:-1] + suffix + '"' for suffix in (" key", " token", " context"))
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE TABLE {quoted} ({key} TEXT PRIMARY KEY, {token} BLOB, {context} TEXT)")
        row = ("it's", crypto.seal(b"text", b"c"), "c")
        connection.execute(f"INSERT INTO {quoted} VALUES (?, ?, ?)", row)  # noqa: S608
        connection.commit()
        vault.keys.rotate("data")
        store = SqlTokens(
            connection, name, key=f"{name} key", token=f"{name} token", context=f"{name} context"
        )
        assert store.count() == 1
        assert localvault.rewrap(crypto, store).rewrapped == 1
        ((moved,),) = connection.execute(f"SELECT {token} FROM {quoted}")  # noqa: S608
        assert crypto.open(moved, b"c") == b"text"


def test_a_token_without_a_key_is_refused(vault: Vault, crypto: Crypto, table: sqlite3.Connection) -> None:
    """It could not be moved, and must not be taken for moved; nothing else is moved either."""
    vault.keys.rotate("data")
    table.execute("UPDATE cards SET context = id WHERE id != 7")
    table.commit()
    store = SqlTokens(table, "cards", key="context", token="token")
    with pytest.raises(BadParameter, match=r"^1 rows have a token and nothing in the key column"):
        localvault.rewrap(crypto, store)
    table.execute("UPDATE cards SET token = NULL WHERE id = 7")
    table.commit()
    assert localvault.rewrap(crypto, store).rewrapped == ROWS - 1


@pytest.mark.parametrize("keys", ["INTEGER", "TEXT", "BLOB", "REAL"])
@pytest.mark.parametrize("batch", [1, 3, 100])
def test_keys_of_every_type(vault: Vault, crypto: Crypto, keys: str, batch: int) -> None:
    """Also where they are no primary key, rows without one are left out by a condition, or tokens are NULL."""
    make: dict[str, Callable[[int], Any]] = {
        "INTEGER": lambda n: n - 5,
        "TEXT": lambda n: f"{'aAbB'[n % 4]}{n}",
        "BLOB": lambda n: bytes([255 - n]),
        "REAL": lambda n: n / 3,
    }
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE TABLE t (k {keys} UNIQUE, c BLOB)")
        rows = [(make[keys](number), crypto.seal(str(number).encode())) for number in range(11)]
        connection.executemany("INSERT INTO t VALUES (?, ?)", rows)
        connection.execute("INSERT INTO t VALUES (NULL, ?), (?, NULL)", (b"not looked at", make[keys](11)))
        connection.commit()
        current = vault.keys.rotate("data").version
        store = SqlTokens(connection, "t", key="k", token="c", where="k IS NOT NULL")
        assert store.count() == 11
        assert localvault.rewrap(crypto, store, batch=batch) == (11, 0, 0, (), (current,))
        moved = dict(connection.execute("SELECT k, c FROM t WHERE k IS NOT NULL AND c IS NOT NULL"))
        assert {key: crypto.open(token) for key, token in moved.items()} == {
            make[keys](number): str(number).encode() for number in range(11)
        }


def test_a_key_that_is_there_twice_is_refused(vault: Vault, crypto: Crypto) -> None:
    """Wherever a batch ends: which of the two rows is meant could not be told."""
    for batch in (1, 2, 3, 10):
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.execute("CREATE TABLE t (k, c)")
            token = crypto.seal(b"text")
            connection.executemany(
                "INSERT INTO t VALUES (?, ?)", [(1, token), (2, token), (2, token), (3, token)]
            )
            connection.commit()
            with pytest.raises(BadParameter, match="twice"):
                localvault.rewrap(crypto, SqlTokens(connection, "t", key="k", token="c"), batch=batch)


def test_texts_stay_texts(vault: Vault, crypto: Crypto) -> None:
    """Base64url with its padding; what has another form is left alone and told of."""
    tokens = [crypto.seal(b"x" * length) for length in range(4)]
    good = [base64.urlsafe_b64encode(token).decode() for token in tokens]
    other = [
        "",
        "?",
        good[1].rstrip("=") + " ",
        base64.b64encode(tokens[2] + b"\xff\xff").decode(),
        "ä",
        5,
        2.5,
    ]
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (k INTEGER PRIMARY KEY, c)")
        connection.executemany("INSERT INTO t (c) VALUES (?)", [(text,) for text in [*good, *other]])
        connection.commit()
        vault.keys.rotate("data")
        done = localvault.rewrap(crypto, SqlTokens(connection, "t", key="k", token="c"))
        assert (done.rewrapped, [each.key for each in done.failed]) == (4, list(range(5, 12)))
        found = [text for (text,) in connection.execute("SELECT c FROM t ORDER BY k")]
        assert found[4:] == other
        assert [crypto.open(base64.urlsafe_b64decode(text)) for text in found[:4]] == [
            b"x" * length for length in range(4)
        ]


@pytest.mark.parametrize(
    ("value", "context"),
    [(b"\0c", b"\0c"), ("ä", "ä".encode()), (7, b"7"), (None, b"")],
)
def test_a_column_has_the_context(vault: Vault, crypto: Crypto, value: Any, context: bytes) -> None:
    """Bytes as they are, text in UTF-8, a number in digits, NULL for none."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (k INTEGER PRIMARY KEY, c, x)")
        connection.execute("INSERT INTO t VALUES (1, ?, ?)", (crypto.seal(b"text", context), value))
        connection.commit()
        vault.keys.rotate("data")
        assert (
            localvault.rewrap(crypto, SqlTokens(connection, "t", key="k", token="c", context="x")).rewrapped
            == 1
        )
        connection.execute("UPDATE t SET x = 1.5")
        connection.commit()
        with pytest.raises(BadParameter, match="float"):
            localvault.rewrap(crypto, SqlTokens(connection, "t", key="k", token="c", context="x"))


def test_a_condition_chooses_rows(vault: Vault, crypto: Crypto, table: sqlite3.Connection) -> None:
    """The others are neither moved nor counted."""
    store = SqlTokens(table, ("main", "cards"), key="id", token="token", where="id < 3 OR id = 9")
    current = vault.keys.rotate("data").version
    assert store.count() == 4
    assert localvault.rewrap(crypto, store, batch=2).rewrapped == 4
    moved = {
        key for key, token in table.execute("SELECT id, token FROM cards") if token[2:18].hex() == current
    }
    assert moved == {0, 1, 2, 9}


@pytest.mark.parametrize("names", [("none", "id", "token", b""), ("cards", "none", "token", b""),
                                   ("cards", "id", "none", b""), ("cards", "id", "token", "none")])  # fmt: skip
def test_a_misspelt_name_is_an_error(
    crypto: Crypto, table: sqlite3.Connection, names: tuple[Any, ...]
) -> None:
    """SQLite would take a column it does not have for a text; it is not let to."""
    name, key, token, context = names
    with pytest.raises(sqlite3.OperationalError, match="no such"):
        localvault.rewrap(crypto, SqlTokens(table, name, key=key, token=token, context=context))


def test_what_cannot_be_used_is_refused(table: sqlite3.Connection) -> None:
    """Names without a character or with NUL, styles and quotes of no database, a transaction that somebody has open."""
    for name in ("", "a\0b"):
        with pytest.raises(BadParameter, match="name"):
            SqlTokens(table, "cards", key=name, token="token")
    with pytest.raises(BadParameter, match="style"):
        SqlTokens(table, "cards", key="id", token="token", paramstyle="named")
    for quote in ("", "[", "'"):
        with pytest.raises(BadParameter, match="no database"):
            SqlTokens(table, "cards", key="id", token="token", quote=quote)
    table.execute("DELETE FROM cards WHERE id = 1")
    with pytest.raises(BadParameter, match="transaction"):
        SqlTokens(table, "cards", key="id", token="token")
    table.rollback()


@pytest.mark.parametrize("isolation", ["DEFERRED", None])
def test_what_others_write_meanwhile_stays(
    vault: Vault, crypto: Crypto, tmp_path: Path, isolation: Any
) -> None:
    """Rows changed and removed between reading and writing, by another connection: none is written over."""
    file = tmp_path / "cards.sqlite"
    with (
        closing(sqlite3.connect(file, isolation_level=isolation)) as connection,
        closing(sqlite3.connect(file)) as other,
    ):
        connection.execute("CREATE TABLE cards (id INTEGER PRIMARY KEY, token BLOB)")
        rows = [(number, crypto.seal(str(number).encode())) for number in range(ROWS)]
        connection.executemany("INSERT INTO cards VALUES (?, ?)", rows)
        connection.commit()
        current = vault.keys.rotate("data").version
        store = SqlTokens(connection, "cards", key="id", token="token")
        read = store.read

        def interfered(after: Any, limit: int) -> Any:
            found = read(after, limit)
            if after is None:
                with other:
                    other.execute("UPDATE cards SET token = ? WHERE id = 3", (crypto.seal(b"fresh"),))
                    other.execute("UPDATE cards SET token = ? WHERE id = 4", (rows[30][1],))
                    other.execute("DELETE FROM cards WHERE id = 5")
            return found

        store.read = interfered  # type: ignore[method-assign]
        done = localvault.rewrap(crypto, store, batch=10)
        assert done == (ROWS - 2, 1, 3, (), (current,))
        assert not connection.in_transaction
        found = dict(other.execute("SELECT id, token FROM cards"))
        assert {key: crypto.open(token) for key, token in found.items()} == {
            number: {3: b"fresh", 4: b"30"}.get(number, str(number).encode())
            for number in range(ROWS)
            if number != 5
        }


@pytest.mark.parametrize("fails_at", ["executemany", "commit"])
def test_a_batch_is_one_transaction(vault: Vault, crypto: Crypto, tmp_path: Path, fails_at: str) -> None:
    """If the database fails in it, nothing of it is written; the error is the database's own."""
    file = tmp_path / "cards.sqlite"

    class Failing(sqlite3.Connection):
        writes = 0

        def cursor(self, *arguments: Any) -> Any:
            return super().cursor(FailingCursor)

        def commit(self) -> None:
            if fails_at == "commit" and self.writes == 2 and self.in_transaction:
                raise sqlite3.OperationalError("no commit")
            super().commit()

    class FailingCursor(sqlite3.Cursor):
        def executemany(self, sql: str, values: Any) -> Any:
            self.connection.writes += 1  # type: ignore[attr-defined]
            found = super().executemany(sql, values)
            if fails_at == "executemany" and self.connection.writes == 2:  # type: ignore[attr-defined]
                raise sqlite3.OperationalError("no more")
            return found

    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE cards (id INTEGER PRIMARY KEY, token BLOB)")
        connection.executemany("INSERT INTO cards VALUES (?, ?)", [(n, crypto.seal(b"x")) for n in range(9)])
        connection.commit()
    current = vault.keys.rotate("data").version
    with closing(sqlite3.connect(file, factory=Failing)) as failing:
        with pytest.raises(sqlite3.OperationalError, match="no"):
            localvault.rewrap(crypto, SqlTokens(failing, "cards", key="id", token="token"), batch=3)
        assert not failing.in_transaction
    with closing(sqlite3.connect(file)) as connection:
        found = [
            token[2:18].hex() == current
            for (token,) in connection.execute("SELECT token FROM cards ORDER BY id")
        ]
        assert found == [True] * 3 + [False] * 6


class Recorded:
    """A connection that keeps what it is asked, for drivers that are not here."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.rowcount = 1

    def cursor(self) -> Recorded:
        """Itself."""
        return self

    def execute(self, sql: str, values: Any = ()) -> None:
        """Keep a statement."""
        self.asked.append((sql, values))

    executemany = execute

    def fetchall(self) -> list[Any]:
        """No rows."""
        return []

    def commit(self) -> None:
        """Do nothing."""

    rollback = close = commit


@pytest.mark.parametrize(
    ("style", "first", "table"),
    [
        ("qmark", "?", "`a%`"),
        ("format", "%s", "`a%%`"),
        ("pyformat", "%s", "`a%%`"),
        ("numeric", ":1", "`a%`"),
    ],
)
def test_other_drivers_get_their_own_marks(style: str, first: str, table: str) -> None:
    """Parameters as the driver writes them, names in the database's own quotes, with `%` doubled where it is a mark."""
    driver = Recorded()
    store = SqlTokens(driver, "a%", key="k", token="c", paramstyle=style, quote="`")
    store.read(5, 2)
    store.write([(localvault.TokenRow(1, b"old", b"", b"old"), b"new")])
    (select, selected), (update, updated) = driver.asked
    marks = {"qmark": "???", "numeric": (":1", ":2", ":3")}.get(style, ("%s",) * 3)
    there = f"{table}.`k` IS NOT NULL AND {table}.`c` IS NOT NULL"
    assert select.split(" FROM ") == [
        f"SELECT {table}.`k`, {table}.`c`",
        f"{table} WHERE {there} AND {table}.`k` > {first} ORDER BY {table}.`k` LIMIT 3",
    ]
    assert update.split(" SET ") == [
        f"UPDATE {table}",
        f"`c` = {marks[0]} WHERE {table}.`k` = {marks[1]} AND {table}.`c` = {marks[2]}",
    ]
    assert (selected, updated) == ((5,), [(b"new", 1, b"old")])
