"""Compiles the C that only the benchmark needs, into a library that ctypes loads.

Relies on a C compiler. Promises: what cannot be compiled is a `PeerMissing` that says why in one line.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp

from bench.peers import PeerMissing

_FLAGS = ("-std=c11", "-O3", "-march=native", "-Wall", "-Wextra", "-fPIC", "-shared")


def library(source: Path, folder: Path, arguments: Sequence[str] = ()) -> ctypes.CDLL:
    """Compile `source` into `folder` and load it; `arguments` follow it on the compiler's command line.

    Raises:
        PeerMissing: there is no compiler, or it did not succeed.
    """
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise PeerMissing("there is no C compiler")
    # A new place each time: what is loaded already must not be written over.
    made = Path(mkdtemp(dir=folder)) / f"{source.stem}.so"
    command = [*compiler.split(), *_FLAGS, str(source), *arguments, "-o", str(made)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        # Without the place, which is a path of this machine.
        _, _, reason = done.stderr.partition("error: ")
        raise PeerMissing(
            f"{source.name} does not compile: {reason.partition(chr(10))[0] or 'no reason given'}"
        )
    return ctypes.CDLL(str(made))
