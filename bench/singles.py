"""Runs the pytest-benchmark suites beside this file and hands on what they measured.

Relies on pytest-benchmark. No suite asserts a time: figures are told, not judged, here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent


class Single(NamedTuple):
    """One operation; times in µs."""

    name: str
    median: float
    spread: float  # between the quartiles


def run(folder: Path) -> list[Single]:
    """Run every suite and return its figures, the file and the order of definition kept."""
    output = folder / "singles.json"
    command = [
        sys.executable, "-m", "pytest", "--quiet", "--benchmark-only", "--benchmark-disable-gc",
        "--benchmark-min-rounds=20", f"--benchmark-json={output}", f"--basetemp={folder / 'singles'}", str(HERE),
    ]  # fmt: skip
    subprocess.run(command, check=True, cwd=HERE.parent, stdout=subprocess.DEVNULL)
    found = json.loads(output.read_text())["benchmarks"]
    return [
        Single(_title(one["name"]), one["stats"]["median"] * 1e6, one["stats"]["iqr"] * 1e6) for one in found
    ]


def _title(name: str) -> str:
    return name.removeprefix("test_").replace("_", " ").replace("[", ": ").rstrip("]")
