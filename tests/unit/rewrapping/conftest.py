"""A key, and a table of tokens sealed under it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from localvault import Crypto, SqlTokens, Vault

ROWS = 40


@pytest.fixture
def crypto(vault: Vault) -> Crypto:
    """The verbs of an oct key `data`."""
    vault.keys.create("data", "oct")
    return vault.crypto("data")


@pytest.fixture
def table(crypto: Crypto) -> Iterator[sqlite3.Connection]:
    """`cards`: tokens of 40 texts, "0" to "39"."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE cards (id INTEGER PRIMARY KEY, token BLOB, context)")
    rows = [(number, crypto.seal(str(number).encode())) for number in range(ROWS)]
    connection.executemany("INSERT INTO cards (id, token) VALUES (?, ?)", rows)
    connection.commit()
    yield connection
    connection.close()


@pytest.fixture
def cards(table: sqlite3.Connection) -> SqlTokens:
    """The table as the walker sees it."""
    return SqlTokens(table, "cards", key="id", token="token")
