"""A data file in which something was changed: no crash, no hang, nothing wrong given out; `Damaged` where it is.

Each change is lived with in a process of its own (see `tests.support.flips`), because that is what the engine ends when
it meets a page it cannot work with: without the guard, one flipped byte in about sixty does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.flips import GOOD
from tests.support.processes import ROOT


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: what is tested here is not the disk."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as name:
        yield Path(name)


def _live(folder: Path, seed: int, count: int, what: str) -> dict[str, int]:
    command = [sys.executable, "-m", "tests.support.flips", str(folder), str(seed), str(count), what]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["bad"] == [], told["errors"]
    seen: dict[str, int] = told["seen"]
    assert set(seen) <= GOOD
    return seen


def test_flipped_bytes(folder: Path) -> None:
    """Single flipped bytes, most of them where the engine would follow them."""
    seen = _live(folder, 1, 250, "flips")
    assert seen["told"] > 60
    assert seen["as it was"] > 30


def test_wounds(folder: Path) -> None:
    """Pages zeroed, exchanged and overwritten, many bytes flipped at once, the end cut off."""
    seen = _live(folder, 2, 200, "wounds")
    assert min(seen[outcome] for outcome in GOOD) > 10


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(8))
def test_flipped_bytes_for_long(folder: Path, seed: int) -> None:
    """Thousands of flipped bytes."""
    _live(folder, seed, 4000, "flips")


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(4))
def test_wounds_for_long(folder: Path, seed: int) -> None:
    """Thousands of wounds."""
    _live(folder, seed, 3000, "wounds")


@pytest.mark.soak
def test_every_byte_flipped(folder: Path) -> None:
    """Every byte of a small data file, one at a time."""
    _live(folder, 3, 0, "all")
