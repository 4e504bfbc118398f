"""A data file in which something was changed: no crash, no hang, nothing wrong given out; `Damaged` where it is.

Each change is lived with in a process of its own (see `tests.support.flips`), because that is what the engine ends when
it meets a page it cannot work with: without the guard, one flipped byte in about sixty does.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.flips import GOOD
from tests.support.processes import ROOT


def _live(memory: Path, seed: int, count: int, what: str) -> dict[str, int]:
    command = [sys.executable, "-m", "tests.support.flips", str(memory), str(seed), str(count), what]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["bad"] == [], told["errors"]
    seen: dict[str, int] = told["seen"]
    assert set(seen) <= GOOD
    return seen


def test_flipped_bytes(memory: Path) -> None:
    """Single flipped bytes, most of them where the engine would follow them."""
    seen = _live(memory, 1, 250, "flips")
    assert seen["told"] > 60
    assert seen["as it was"] > 30


def test_wounds(memory: Path) -> None:
    """Pages zeroed, exchanged and overwritten, many bytes flipped at once, the end cut off."""
    seen = _live(memory, 2, 200, "wounds")
    assert min(seen[outcome] for outcome in GOOD) > 10


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(8))
def test_flipped_bytes_for_long(memory: Path, seed: int) -> None:
    """Thousands of flipped bytes."""
    _live(memory, seed, 4000, "flips")


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(4))
def test_wounds_for_long(memory: Path, seed: int) -> None:
    """Thousands of wounds."""
    _live(memory, seed, 3000, "wounds")


@pytest.mark.soak
def test_every_byte_flipped(memory: Path) -> None:
    """Every byte of a small data file, one at a time."""
    _live(memory, 3, 0, "all")
