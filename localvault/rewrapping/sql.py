"""A table of a relational database as a store of tokens, through any driver of the DB-API 2 (PEP 249).

Relies on the caller's connection. Promises: names are quoted and values are parameters, so neither can become SQL; each
batch is one transaction of the database; a row is changed only if it still has the token that was read.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Final, Protocol

from localvault.errors import BadParameter
from localvault.rewrapping.store import TokenRow

_MARKS: Final[dict[str, Callable[[int], str]]] = {
    "qmark": lambda number: "?",
    "format": lambda number: "%s",
    "pyformat": lambda number: "%s",
    "numeric": lambda number: f":{number}",
}
_QUOTES: Final = (
    '"',
    "`",
)  # doubled inside a name, which is what quoting relies on; brackets work differently


class Cursor(Protocol):
    """What is used of a cursor of the DB-API 2."""

    @property
    def rowcount(self) -> int:
        """How many rows the last statement changed."""

    def execute(self, operation: str, parameters: Any = ..., /) -> object:
        """Run a statement."""

    def executemany(self, operation: str, seq_of_parameters: Any, /) -> object:
        """Run a statement with one set of parameters after another."""

    def fetchall(self) -> list[Any]:
        """Return the rows."""

    def close(self) -> object:
        """Let go of it."""


class Connection(Protocol):
    """What is used of a connection of the DB-API 2."""

    def cursor(self) -> Cursor:
        """Return a cursor."""

    def commit(self) -> object:
        """Make what was changed last."""

    def rollback(self) -> object:
        """Undo what was changed."""


class SqlTokens:
    """A column of tokens or wrapped data keys, bytes or base64url text, in one table.

    While it is walked the connection is the walker's: each batch ends with a commit.
    """

    def __init__(
        self,
        connection: Connection,
        table: str | Sequence[str],
        *,
        key: str,
        token: str,
        context: str | bytes = b"",
        where: str | None = None,
        paramstyle: str = "qmark",
        quote: str = '"',
    ) -> None:
        """Nothing is read yet.

        Args:
            connection: of a DB-API 2 driver, with no transaction open.
            table: its name, or its schema's and its name.
            key: a column without duplicates, best the primary key: rows are read in its order. A row with a token must
                have a key.
            token: the column of tokens; where it is NULL there is nothing to do.
            context: bytes, the context of all rows; or the name of a column that has each row's: bytes, text (as UTF-8)
                or a number (its digits); NULL is none.
            where: a condition in SQL that chooses rows, such as `"tenant = 7"`; it is not quoted, so it must not come
                from outside.
            paramstyle: the driver's: `qmark`, `format`, `pyformat` or `numeric`.
            quote: what the database puts around names: `"`, or a backtick for MySQL.

        Raises:
            BadParameter: a name that cannot be one, another paramstyle or quote, or a transaction that is open.
        """
        if paramstyle not in _MARKS:
            raise BadParameter(
                f"{paramstyle!r} is not a style of parameters", hint=f"use {', '.join(_MARKS)}"
            )
        if getattr(connection, "in_transaction", False):
            raise BadParameter(
                "the connection has a transaction open, which the first batch would commit",
                hint="commit it, or use another connection",
            )
        self._connection = connection
        self._mark = _MARKS[paramstyle]
        self._percent = "%" in self._mark(1)
        if quote not in _QUOTES:
            raise BadParameter(
                f"{quote!r} is put around names by no database", hint=f"use {' or '.join(_QUOTES)}"
            )
        self._quote = quote
        parts = [table] if isinstance(table, str) else list(table)
        self._table = ".".join(map(self._quoted, parts))
        # With the table's name before it, SQLite cannot take a column that is misspelt for a text in quotes.
        self._key, self._token = self._column(key), self._column(token)
        self._set = self._quoted(token)
        self._fixed = bytes(context) if not isinstance(context, str) else b""
        self._context = self._column(context) if isinstance(context, str) else None
        self._where = f" AND ({where})" if where else ""
        self.name = f"sql {'.'.join(parts)}.{token} by {key}" + (f" where {where}" if where else "")

    def count(self) -> int:
        """Return how many rows there are."""
        sql = f"SELECT COUNT(*) FROM {self._table} WHERE {self._there()}"  # noqa: S608 (names are quoted)
        return int(self._select(sql, ())[0][0])

    def read(self, after: Any, limit: int) -> list[TokenRow]:
        """Return the first `limit` rows behind the key `after`, or from the beginning.

        Raises:
            BadParameter: a key that is there twice, a token without a key, or something for a context that cannot be
                one.
        """
        if after is None:
            self._check_keys()
        columns = ", ".join(filter(None, (self._key, self._token, self._context)))
        beyond = "" if after is None else f" AND {self._key} > {self._mark(1)}"
        # One row more, so that a key that is there twice shows even where a batch ends between the two.
        sql = (
            f"SELECT {columns} FROM {self._table} WHERE {self._there()}{beyond}"  # noqa: S608 (names are quoted)
            f" ORDER BY {self._key} LIMIT {int(limit) + 1}"
        )
        rows = self._select(sql, () if after is None else (after,))
        for row, following in pairwise(rows):
            if row[0] == following[0]:
                raise BadParameter(
                    "the key column has the same key twice, so its rows cannot be told apart",
                    hint="name the primary key",
                )
        if self._context is None and all(type(row[1]) is bytes for row in rows):
            fixed = self._fixed
            return [TokenRow(key, token, fixed, token) for key, token in rows[:limit]]
        return [self._row(row) for row in rows[:limit]]

    def write(self, changes: Sequence[tuple[TokenRow, bytes]]) -> list[TokenRow]:
        """Give each row its new token if it still has the old one, in one transaction; returns the others.

        Raises:
            BadParameter: a row that changed has something for a context that cannot be one.
        """
        sql = (
            f"UPDATE {self._table} SET {self._set} = {self._mark(1)}"  # noqa: S608 (names are quoted)
            f" WHERE {self._key} = {self._mark(2)} AND {self._token} = {self._mark(3)}"
        )
        values = [(_as_kept(token, row.kept), row.key, row.kept) for row, token in changes]
        cursor = self._connection.cursor()
        try:
            self._begin(cursor)
            cursor.executemany(sql, values)
            left = []
            if cursor.rowcount != len(values):
                # Which ones they were is told by doing it once more, one by one.
                self._connection.rollback()
                self._begin(cursor)
                left = [
                    row
                    for (row, _), value in zip(changes, values, strict=True)
                    if not self._one(cursor, sql, value)
                ]
            found = [self._again(cursor, row) for row in left]
            self._connection.commit()
        except BaseException:
            self._connection.rollback()
            raise
        finally:
            cursor.close()
        return found

    def _one(self, cursor: Cursor, sql: str, value: tuple[Any, ...]) -> bool:
        cursor.execute(sql, value)
        return cursor.rowcount == 1

    def _again(self, cursor: Cursor, row: TokenRow) -> TokenRow:
        """Return a row as it is by now, with an empty token if it is gone."""
        columns = ", ".join(filter(None, (self._key, self._token, self._context)))
        cursor.execute(
            f"SELECT {columns} FROM {self._table} WHERE {self._there()}"  # noqa: S608 (names are quoted)
            f" AND {self._key} = {self._mark(1)}",
            (row.key,),
        )
        found = cursor.fetchall()
        return self._row(found[0]) if found else row._replace(token=b"")

    def _begin(self, cursor: Cursor) -> None:
        # A sqlite3 connection in its autocommit mode would commit, and wait for the disk, row by row.
        if getattr(self._connection, "isolation_level", "") is None:
            cursor.execute("BEGIN IMMEDIATE")

    def _select(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        cursor = self._connection.cursor()
        try:
            cursor.execute(sql, values)
            return cursor.fetchall()
        finally:
            cursor.close()
            # No transaction stays open while the vault works: what is written is checked against what was read.
            self._connection.commit()

    def _check_keys(self) -> None:
        # Left out in silence, they would be taken for moved, and lost when the old version is trimmed.
        sql = (
            f"SELECT COUNT(*) FROM {self._table}"  # noqa: S608 (names are quoted)
            f" WHERE {self._key} IS NULL AND {self._token} IS NOT NULL{self._where}"
        )
        without = self._select(sql, ())[0][0]
        if without:
            raise BadParameter(
                f"{without} rows have a token and nothing in the key column, so they cannot be told apart",
                hint="name the primary key",
            )

    def _row(self, found: Sequence[Any]) -> TokenRow:
        kept = found[1]
        if isinstance(kept, bytearray | memoryview):
            kept = bytes(kept)
        context = self._fixed if self._context is None else _context_of(found[2])
        return TokenRow(found[0], _as_token(kept), context, kept)

    def _there(self) -> str:
        return f"{self._key} IS NOT NULL AND {self._token} IS NOT NULL{self._where}"

    def _column(self, name: str) -> str:
        return f"{self._table}.{self._quoted(name)}"

    def _quoted(self, name: str) -> str:
        if not name or "\0" in name:
            raise BadParameter(f"{name!r} cannot be the name of a table or column")
        quoted = self._quote + name.replace(self._quote, 2 * self._quote) + self._quote
        return quoted.replace("%", "%%") if self._percent else quoted


def _as_token(kept: Any) -> bytes:
    """The token a column has; empty, which fails by itself, for a text or number that is none."""
    if isinstance(kept, bytes):
        return kept
    if not isinstance(kept, str):
        return b""
    try:
        token = base64.b64decode(kept, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
    # A text with another form would be written back in this one: it is left alone.
    return token if base64.urlsafe_b64encode(token).decode() == kept else b""


def _as_kept(token: bytes, old: str | bytes) -> str | bytes:
    return base64.urlsafe_b64encode(token).decode() if isinstance(old, str) else token


def _context_of(found: Any) -> bytes:
    if found is None:
        return b""
    if isinstance(found, str):
        return found.encode()
    if isinstance(found, bytes | bytearray | memoryview):
        return bytes(found)
    if isinstance(found, int):
        return str(found).encode()
    raise BadParameter(f"a context is bytes, text or a whole number, not {type(found).__name__}")
