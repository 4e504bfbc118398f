"""A vault on a disk with no room: clear errors, nothing half-done, nothing left behind, and well again with room.

Twice where it can be: with a limit on how large files may become, and on a real small file system that is filled up.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import localvault
from localvault import JournalUnavailable, StoreFull, Vault, VaultError
from localvault.testing.clock import FixedClock
from tests.crash.test_spool_full import files_no_longer_than
from tests.support import life
from tests.support.children import Say, run
from tests.support.full import Ballast, small_disk
from tests.support.processes import ROOT

SIZE = 2 << 20
VALUE = "v" * 15_000
FULL = (StoreFull, JournalUnavailable)
FILES = {"data.mdb", "lock.mdb", "head"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    with small_disk(tmp_path / "disk", SIZE) as folder:
        if folder is None:
            pytest.skip("no file system can be mounted here: that takes root and the right to mount")
        yield folder


@pytest.fixture
def filled(disk: Path) -> tuple[Path, Ballast]:
    """A vault with a few secrets on a file system with no room, and what takes the room."""
    with life.create(disk / "vault", clock=FixedClock()) as vault:
        for number in range(9):
            vault.secrets.set(f"s{number}", VALUE)
        vault.keys.create("orders", "oct")
    ballast = Ballast(disk)
    ballast.fill()
    return disk / "vault", ballast


def fill(vault: Vault) -> list[str]:
    """Set one secret after another until there is no room; returns the names of those that were acknowledged."""
    names: list[str] = []
    for number in range(10_000):
        if refused(partial(vault.secrets.set, f"n{number}", VALUE), StoreFull):
            return names
        names.append(f"n{number}")
    raise AssertionError("it never became full")


def assert_whole(path: Path, names: list[str]) -> None:
    """With room, the vault has exactly these secrets, goes on, and nothing is wrong with it or left in its folder."""
    with life.reopen(path, clock=FixedClock()) as vault:
        assert sorted(each.name for each in vault.secrets.list()) == sorted(names)
        assert all(vault.secrets.get(name).value == VALUE for name in names)
        vault.secrets.set("after", "it")
        assert vault.secrets.get("after").value == "it"
        vault.audit.verify()
        assert vault.check() == []
    assert {each.name for each in path.iterdir()} <= FILES


def refused(act: Callable[[], Any], *errors: type[VaultError]) -> bool:
    """Whether it raised one of the errors for a full disk, or of those given, with a sentence and a hint."""
    expected = errors or FULL
    try:
        act()
    except expected as error:
        return "no space" in str(error).lower() and error.hint is not None
    return False


def test_writing_to_files_that_may_not_grow(tmp_path: Path) -> None:
    """With a limit on the size of files, writing ends with `StoreFull`, and all that was acknowledged is there."""

    def act(say: Say) -> None:
        vault = life.create(tmp_path / "vault", clock=FixedClock())
        with files_no_longer_than(1 << 20):
            names = fill(vault)
            for many in (vault.secrets.set_many, lambda pairs: in_a_batch(vault, pairs)):
                assert refused(
                    lambda many=many: many({f"m{number}": VALUE for number in range(100)}), StoreFull
                )
            assert [vault.secrets.get(name).value == VALUE for name in names] == [True] * len(names)
            assert vault.check() == []
        say(names)
        vault.close()

    (names,) = run(act)
    assert len(names) > 20
    assert_whole(tmp_path / "vault", names)


def in_a_batch(vault: Vault, pairs: dict[str, str]) -> None:
    """Set each in one batch."""
    with vault.batch():
        for name, value in pairs.items():
            vault.secrets.set(name, value)


def test_reading_where_no_event_can_be_written(tmp_path: Path) -> None:
    """A read whose event finds no room is withheld; with room, it goes on, and the journal has what was handed out."""
    life.create(tmp_path / "vault", clock=FixedClock()).close()

    def act(say: Say) -> None:
        vault = life.reopen(tmp_path / "vault", clock=FixedClock())
        vault.secrets.set("db", VALUE)
        handed_out = 0
        with files_no_longer_than(8192):
            for _ in range(200):
                handed_out += not refused(lambda: vault.secrets.get("db"), JournalUnavailable)
            assert 100 < handed_out < 200  # each refusal begins another spool, which has some room again
        for _ in range(5):
            vault.secrets.get("db")
        say(handed_out + 5)
        vault.close()

    (handed_out,) = run(act)
    with life.reopen(tmp_path / "vault", clock=FixedClock()) as vault:
        assert (
            len([event for event in vault.audit.events("SecretGet") if event.result == "Success"])
            == handed_out
        )
        assert vault.check() == []


def test_writing_until_the_disk_is_full(disk: Path) -> None:
    """On a small file system, writing ends with `StoreFull`, what was acknowledged is there, and room is used again."""
    ballast = Ballast(disk)
    vault = life.create(disk / "vault", clock=FixedClock())
    ballast.fill()
    ballast.lighten(1 << 20)
    names = fill(vault)
    assert len(names) > 20
    # Being done with a spool, which is looked into some times a second, may give a little room back.
    assert any(fill(vault) == [] for _ in range(5))
    assert refused(lambda: in_a_batch(vault, {f"m{number}": VALUE for number in range(100)}))
    ballast.fill()
    while not refused(lambda: vault.secrets.get(names[0]), JournalUnavailable):
        pass
    vault.close()
    ballast.lighten()
    assert_whole(disk / "vault", names)


def test_opening_on_a_full_disk(filled: tuple[Path, Ballast]) -> None:
    """A vault that cannot journal its opening does not open, says why, and is as it was when there is room."""
    path, ballast = filled
    assert refused(lambda: life.reopen(path))
    with localvault.open(path, passphrase=life.PASSPHRASE, allow_weak=True, read_only=True) as vault:
        assert vault.path == path
    ballast.lighten()
    assert_whole(path, [f"s{number}" for number in range(9)])


def test_opening_a_copy_on_a_full_disk(filled: tuple[Path, Ballast]) -> None:
    """One that was never opened, and has no lock file yet, does not open either; nor does the process end."""
    path, ballast = filled
    (path / "lock.mdb").unlink()
    ballast.fill()

    def act(say: Say) -> None:
        say(refused(lambda: life.reopen(path)))

    assert run(act) == [True]
    ballast.lighten()
    assert_whole(path, [f"s{number}" for number in range(9)])


@pytest.mark.parametrize("room", [0, 4096, 8192, 16 << 10, 48 << 10])
def test_nothing_is_left_of_what_found_no_room(filled: tuple[Path, Ballast], room: int) -> None:
    """Copies and new vaults that do not fit raise an error for a full disk and leave nothing at their place."""
    path, ballast = filled
    ballast.lighten(64 << 10)
    vault = life.reopen(path, clock=FixedClock())
    ballast.fill()
    if room:
        ballast.lighten(room)
    there = {each.name for each in path.parent.iterdir()}
    for make in (vault.backup, vault.compact):
        assert refused(lambda make=make: make(path.parent / "copy"))
    vault.close()
    ballast.fill()
    if room:
        ballast.lighten(min(room, 16 << 10))
    for options in ({"passphrase": life.PASSPHRASE}, {"keyfile": path.parent / "key"}):
        assert refused(lambda options=options: localvault.create(path.parent / "new", name="new", **options))
    assert {each.name for each in path.parent.iterdir()} == there
    ballast.lighten()
    assert_whole(path, [f"s{number}" for number in range(9)])


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (["secret", "set", "new"], "value"),
        (["secret", "get", "s1"], ""),
        (["secret", "list"], ""),
        (["key", "create", "new", "oct"], ""),
        (["import-env", "-"], "A=1\nB=2\n"),
        (["backup", "COPY"], ""),
        (["init"], ""),
    ],
    ids=" ".join,
)
def test_the_command_line_on_a_full_disk(
    filled: tuple[Path, Ballast], arguments: list[str], given: str
) -> None:
    """Exit code 8, one line that says so and a hint; no traceback, nothing left behind."""
    path, ballast = filled
    there = {each.name for each in path.parent.iterdir()}
    arguments = [argument.replace("COPY", str(path.parent / "copy")) for argument in arguments]
    code, told = command(path.parent / "new" if arguments == ["init"] else path, arguments, given)
    assert code == 8, told
    assert told.startswith("localvault: ")
    assert "\nhint: " in told
    assert told.count("\n") == 2
    assert {each.name for each in path.parent.iterdir()} == there
    ballast.lighten()
    assert_whole(path, [f"s{number}" for number in range(9)])


def command(path: Path, arguments: list[str], given: str) -> tuple[int, str]:
    """Run the command line on the vault at `path`; returns its exit code and what it wrote to standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "localvault", "--vault", str(path), "--allow-weak", *arguments],
        env=os.environ | {"LOCALVAULT_PASSPHRASE": life.PASSPHRASE},
        cwd=ROOT,
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr
