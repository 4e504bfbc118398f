"""A caller's store that is being rewrapped, killed before any step: every row is old or new, and the next run finishes.

And what a key that is switched off means to another process that has its data in use.
"""

from __future__ import annotations

import io
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Self

import pytest

import localvault
from localvault import LocalVaultError, SqlTokens, Vault
from tests.crash.test_vault_steps import fold_often, spread
from tests.support import life
from tests.support.children import Child, Say
from tests.support.steps import killed_before, steps_of, traceable

ROWS, BATCH = 12, 5
EVERY = pytest.mark.soak


def furnish(folder: Path) -> None:
    """A vault whose key was rotated, and tokens, data keys and a sealed file of the old version."""
    folder.mkdir()
    with life.create(folder / "vault") as vault:
        vault.keys.create("data", "oct")
        crypto = vault.crypto("data")
        rows = [(number, crypto.seal(str(number).encode())) for number in range(ROWS - 2)]
        rows += [(number, crypto.data_key().wrapped) for number in range(ROWS - 2, ROWS)]
        (folder / "files").mkdir()
        for name in ("one", "two"):
            crypto.seal_file(io.BytesIO(name.encode() * 1000), folder / "files" / name)
        vault.keys.rotate("data")
    with closing(sqlite3.connect(folder / "cards.sqlite")) as connection:
        connection.execute("CREATE TABLE cards (id INTEGER PRIMARY KEY, token BLOB)")
        connection.executemany("INSERT INTO cards VALUES (?, ?)", rows)
        connection.commit()


def move(folder: Path, say: Say) -> None:
    """Move the rows and the files, saying how far it is."""
    fold_often()
    vault = life.reopen(folder / "vault")
    with closing(sqlite3.connect(folder / "cards.sqlite")) as connection:
        store = SqlTokens(connection, "cards", key="id", token="token")
        done = localvault.rewrap(
            vault.crypto("data"),
            store,
            batch=BATCH,
            progress=lambda progress: say(progress.done),
            checkpoint=folder / "checkpoint",
        )
        say(["rows", done.rewrapped, done.current, len(done.failed)])
    files = localvault.rewrap_files(vault.crypto("data"), folder / "files")
    say(["files", files.rewrapped, files.current, len(files.failed)])
    vault.close()


def look(folder: Path, heard: list[Any]) -> None:
    """Every row and file is old or new, those that were told of are new, and nothing is lost."""
    done = max((word for word in heard if isinstance(word, int)), default=0)
    with (
        life.reopen(folder / "vault") as vault,
        closing(sqlite3.connect(folder / "cards.sqlite")) as connection,
    ):
        crypto, current = vault.crypto("data"), vault.keys.get("data").version
        rows = connection.execute("SELECT id, token FROM cards ORDER BY id").fetchall()
        assert [number for number, _ in rows] == list(range(ROWS))
        for number, token in rows:
            if number < ROWS - 2:
                assert crypto.open(token) == str(number).encode()
            else:
                crypto.open_data_key(token).close()
            assert number >= done or token[2:18].hex() == current, f"row {number} was told of and is old"
        for name in ("one", "two"):
            crypto.open_file(folder / "files" / name, folder / "opened", replace=True)
            assert (folder / "opened").read_bytes() == name.encode() * 1000
        assert vault.check() == []
        vault.audit.verify()


@pytest.mark.parametrize("count", [25, pytest.param(1 << 30, marks=EVERY)])
def test_killed_before_each_step(memory: Path, count: int) -> None:
    """Wherever it was: all rows and files open, what was told of is done, and another run finishes the rest."""
    furnish(memory / "first")
    steps = steps_of(partial(move, memory / "first"))
    assert steps > 60 or not traceable()
    for step in spread(steps, count):
        folder = memory / "work"
        furnish(folder)
        try:
            killed, heard = killed_before(partial(move, folder), step)
            assert killed or step > 0.9 * steps, "it came to its end before"
            look(folder, heard)
            again = Child(partial(move, folder)).ended()
            assert again[0] == 0
            (_, rewrapped, current, failed), files = again[1][-2:]
            # A checkpoint saves reading what is done: those rows are in neither number.
            assert (failed, files[3]) == (0, 0)
            assert rewrapped + current <= ROWS
            assert files[1] + files[2] == 2
            look(folder, [ROWS])
            left = {path.name for path in folder.iterdir()} - {"vault", "cards.sqlite", "files", "opened"}
            assert {name for name in left if not name.startswith(".new.")} == set()
        except AssertionError as error:
            raise AssertionError(f"step {step} of {steps}: {error}") from error
        shutil.rmtree(folder)


class Other:
    """Another process that has the vault, a data key and files of its own open, and tries them when it is asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "asked").mkdir()
        self.child = Child(self._work)
        self.number = 0

    def tries(self) -> list[str]:
        """What comes of everything it has, now."""
        (self.folder / "asked" / f"{self.number}").touch()
        self.number += 1
        while len(self.child.heard()) < self.number:
            assert not _ended(self.child.pid), "it ended before"
        found: list[str] = self.child.heard()[self.number - 1]
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Let it end; a test that failed waits for nothing."""
        if kind is not None:
            self.child.kill()
        (self.folder / "asked" / "end").touch()
        code, _ = self.child.ended()
        assert code == 0 or kind is not None

    def _work(self, say: Say) -> None:
        vault = life.reopen(self.folder / "vault")
        crypto = vault.crypto("data")
        data_key = crypto.data_key()
        token, of_data_key = crypto.seal(b"text"), data_key.seal(b"text")
        data_key.seal_file(io.BytesIO(b"text"), self.folder / "its file")
        number, opened = 0, self.folder / "opened by the other"
        while not (self.folder / "asked" / "end").exists():
            if not (self.folder / "asked" / f"{number}").exists():
                time.sleep(0.0005)
                continue
            number += 1
            say(
                [
                    _outcome(lambda: crypto.open(token)),
                    _outcome(lambda: crypto.open_file(self.folder / "sealed", opened, replace=True)),
                    _outcome(lambda: data_key.open(of_data_key)),
                    _outcome(lambda: data_key.seal(b"text")),
                    _outcome(lambda: data_key.open_file(self.folder / "its file", opened, replace=True)),
                    _outcome(lambda: crypto.open_data_key(data_key.wrapped)),
                ]
            )
        vault.close()


def _ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _outcome(act: Callable[[], object]) -> str:
    try:
        act()
    except LocalVaultError as error:
        return type(error).__name__
    return "done"


def test_a_key_that_is_switched_off_stops_every_process(tmp_path: Path) -> None:
    """Disabled or deleted, its data cannot be read at the next operation, in another process too; and again after."""
    life.create(tmp_path / "vault").close()
    with life.reopen(tmp_path / "vault") as vault:
        vault.keys.create("data", "oct")
        crypto, content = vault.crypto("data"), b"a tenant's file" * 10_000
        crypto.seal_file(io.BytesIO(content), tmp_path / "sealed")
    with Other(tmp_path) as other, life.reopen(tmp_path / "vault") as vault:
        assert other.tries() == ["done"] * 6
        for _ in range(2):
            off_and_on(vault, other, "KeyDisabled", lambda: vault.keys.update("data", enabled=False),
                       lambda: vault.keys.update("data", enabled=True))  # fmt: skip
            off_and_on(vault, other, "KeyNotFound", lambda: vault.keys.delete("data"),
                       lambda: vault.keys.recover("data"))  # fmt: skip
        vault.crypto("data").open_file(tmp_path / "sealed", tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == content


def off_and_on(
    vault: Vault, other: Other, error: str, off: Callable[[], object], on: Callable[[], object]
) -> None:
    """Switch the key off and on again, and hear of both in the other process."""
    off()
    assert other.tries() == [error] * 6
    with pytest.raises(LocalVaultError) as here:
        vault.crypto("data").open_file(other.folder / "sealed", other.folder / "no")
    assert type(here.value).__name__ == error
    assert not (other.folder / "no").exists()
    on()
    assert other.tries() == ["done"] * 6
