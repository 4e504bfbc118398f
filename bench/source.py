"""Builds localvault from source in a copy of the tree, and takes the time.

Relies on setuptools, cffi and a C compiler; `make` and its virtual environment on a package index, too. Promises: the
tree itself is left as it is.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from bench.peers import PeerMissing
from bench.timing import stopwatch

_ROOT = Path(__file__).parent.parent
_LEFT_OUT = (".*", "build", "dist", "*.egg-info", "__pycache__", "*.so", "*.o", "_core.c", "tests", "bench")


class Build:
    """The extension, built in a copy of the tree in `folder`."""

    def __init__(self, folder: Path) -> None:
        """Build it.

        Raises:
            PeerMissing: it failed.
        """
        self._tree = folder / "source"
        shutil.copytree(_ROOT, self._tree, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        self.seconds = self._timed(
            [sys.executable, "setup.py", "--quiet", "build_ext", "--force", "--inplace"]
        )
        self.csrc = self._tree / "csrc"
        # Without cffi's own file, which wants an interpreter around it.
        self.objects = sorted((self._tree / "build").rglob("csrc/**/*.o"))

    def make(self) -> float:
        """Return the seconds that `make .venv/.core` takes in the copy, its virtual environment made before.

        Raises:
            PeerMissing: it failed, as it does where no package index is reached.
        """
        self._timed(["make", "--silent", ".venv/.base"])
        return self._timed(["make", "--silent", ".venv/.core"])

    def _timed(self, command: list[str]) -> float:
        with stopwatch() as watch:
            done = subprocess.run(command, check=False, cwd=self._tree, capture_output=True, text=True)
        if done.returncode != 0:
            raise PeerMissing(f"`{' '.join(command[1:])}` ended with status {done.returncode}")
        return watch.seconds
