"""Builds the leak test as the core is shipped, says on what it runs, and runs it: `make leak`, minutes.

Relies on the compiler that built this Python; csrc/build_core.py has the flags that count. Promises: exit status 0 if
nothing was seen, 1 if something leaks, 2 if the method does not work on this machine.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from localvault.native.core import ffi, lib
from tests.support.native import CSRC, NATIVE, compiler

FLAGS = ["-std=c11", "-O2", "-fstack-protector-strong", "-Wall", "-Wextra", "-Werror"]


def processor() -> str:
    """Its name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    names = (
        [line for line in info.read_text().splitlines() if line.startswith("model name")]
        if info.exists()
        else []
    )
    return names[0].partition(":")[2].strip() if names else platform.processor()


def main(arguments: list[str]) -> int:
    """The leak test's exit status."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "leak"
        files = [*sorted((NATIVE / "leak").glob("*.c")), *sorted(CSRC.rglob("*.c"))]
        includes = [f"-I{CSRC / 'include'}", f"-I{CSRC}"]
        command = [*compiler(), *FLAGS, *includes, *map(str, files), "-o", str(program), "-lpthread", "-lm"]
        subprocess.run(command, check=True)
        sys.stdout.write(f"{processor()}, {platform.system()} {platform.machine()}\n")
        sys.stdout.write(f"{ffi.string(lib.lv_compiler()).decode()}, {' '.join(FLAGS[:2])}\n")
        sys.stdout.flush()
        return subprocess.run([program, *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
