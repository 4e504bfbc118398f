"""A machine that lacks something is told in one sentence what to install."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PREFLIGHT = ROOT / "tools" / "preflight.py"


def preflight(**environment: str) -> subprocess.CompletedProcess[str]:
    """The check with these environment variables alone."""
    return subprocess.run(
        [sys.executable, PREFLIGHT], env=environment, capture_output=True, text=True, check=False
    )


def test_a_complete_machine_passes_in_silence() -> None:
    """This one, since the extension is built."""
    done = preflight(PATH=os.environ["PATH"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_missing_compiler_is_named(tmp_path: Path) -> None:
    """With what to install on Debian, Fedora and macOS, in one line."""
    done = preflight(PATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    for word in ("C compiler", "apt-get install", "dnf install", "xcode-select"):
        assert word in done.stderr


def test_missing_headers_are_named(tmp_path: Path) -> None:
    """As for the compiler; the folder is that of a Python without its headers."""
    shutil.copy(PREFLIGHT, tmp_path)
    program = (
        "import sysconfig, sys; sysconfig.get_path = lambda name: '/nonexistent/include'\n"
        "import preflight; sys.exit(preflight.main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    for word in (
        "headers of Python",
        "/nonexistent/include/Python.h",
        "apt-get install",
        "dnf install",
        "brew",
    ):
        assert word in done.stderr


@pytest.mark.parametrize("step", ["base", "core"])
def test_a_missing_python_is_named(tmp_path: Path, step: str) -> None:
    """Where none is new enough, and where the one named is not there."""
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "setup.sh", tmp_path / "tools")
    command = ["/bin/sh", tmp_path / "tools" / "setup.sh", step]
    environment = {"PATH": "/usr/bin:/bin", "LOCALVAULT_PYTHON": "/nonexistent/python"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    if step == "base":
        assert "Python 3.11 or later" in done.stderr
        assert done.stderr.count("\n") == 1
    assert not (tmp_path / ".venv" / f".{step}").exists()
