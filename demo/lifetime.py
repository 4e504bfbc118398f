"""A year in the life of a key, in a second: policies, rewrapping, retirement, and a new master key for the vault.

Time is handed to the agenda, so nothing waits. Any difference from what it expects ends it with an error.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from telling import expect, rate, timed

import localvault

ROWS = 20_000


def live_a_year(vault: localvault.Vault, folder: Path) -> list[tuple[str, str, str]]:
    """Seal a column, let the agenda rotate its key, move the column, retire the version; return the rows told."""
    told = []
    old = vault.keys.create("cards", "oct").version
    assert old is not None, "a key that was made has a version"
    quarterly = localvault.RotationPolicy("P1Y", [localvault.LifetimeAction("Rotate", "P90D")])
    vault.keys.set_rotation_policy("cards", quarterly)
    cards = vault.crypto("cards")
    with closing(sqlite3.connect(folder / "shop.sqlite")) as database:
        database.execute("CREATE TABLE card (id INTEGER PRIMARY KEY, number BLOB)")
        tokens = cards.seal_many([b"4711 %012d" % number for number in range(ROWS)])
        database.executemany("INSERT INTO card VALUES (?, ?)", enumerate(tokens))
        database.commit()

        done = vault.agenda.run_due(datetime.now(UTC) + timedelta(days=90))
        expect(
            [entry.action for entry in done if entry.target == "/keys/cards"] == ["rotate"],
            "the agenda rotates",
        )
        told.append(("rotate what its policy says, 90 days on", "1 key", "done by the agenda"))

        column_of = localvault.SqlTokens(database, "card", key="id", token="number")
        moved, seconds = timed(lambda: localvault.rewrap(cards, column_of))
        expect(moved.rewrapped == ROWS and not moved.failed, "every row moves")
        told.append(("rewrap a column of a SQLite table", f"{ROWS:,} rows", rate(ROWS, seconds)))

        column = [token for (token,) in database.execute("SELECT number FROM card ORDER BY id")]
        counts = cards.count_versions(column)
        expect(counts.of(old) == 0 and counts.total == ROWS, "no row names the old version")
        vault.keys.retire("cards", old, counts)
        told.append(
            ("retire the old version, with the counts as proof", f"{counts.total:,} tokens", "0 need it")
        )
        expect(cards.open(column[4711]) == b"4711 000000004711", "a row opens as it was sealed")
    return told


def new_master_key(vault: localvault.Vault) -> tuple[str, str, str]:
    """Give the vault a new master key; return the row told."""
    rotation, seconds = timed(vault.rotate_master_key)
    expect(rotation.generation == 1, "there was one master key before")
    return ("give the vault a new master key", f"{rotation.records:,} records", f"{seconds * 1e3:.0f} ms")
