"""Compiles every C file with all warnings as errors, and holds csrc/ to the habits a compiler does not see.

Relies on the compiler that built this Python, and on one for 64-bit ARM where it is installed: some files are
empty on one processor family, and their warnings only seen on the other. Promises: exit status 0 if there is
nothing to say, else 1 and one line for each finding; a family that could not be compiled for is named.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

CSRC = Path(__file__).resolve().parent.parent / "csrc"
ARM64_COMPILER = "aarch64-linux-gnu-gcc"
# -O2, because some warnings come from the optimiser's analysis.
FLAGS = [
    "-std=c11",
    "-O2",
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wvla",
    "-Wshadow",
    "-Wconversion",
    "-Wsign-conversion",
    "-Wstrict-prototypes",
    "-Wmissing-prototypes",
    "-Wcast-qual",
    "-Wpointer-arith",
    "-Wwrite-strings",
    "-Wundef",
    "-Werror",
]


def has_arm64_compiler() -> bool:
    """Whether there is a compiler for 64-bit ARM, with a C library's headers."""
    if shutil.which(ARM64_COMPILER) is None:
        return False
    command = [ARM64_COMPILER, "-include", "stdlib.h", "-E", "-x", "c", "/dev/null"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def compilers() -> list[list[str]]:
    """The compiler of this Python, and the one for 64-bit ARM if there is one."""
    own = shlex.split(sysconfig.get_config_var("CC") or "cc")
    if not has_arm64_compiler():
        sys.stdout.write(f"not compiled for arm64: no {ARM64_COMPILER} with a C library\n")
        return [own]
    return [own, [ARM64_COMPILER]]


def compiler_says(compiler: list[str], file: Path) -> str:
    """A compiler's complaints about one file, or nothing."""
    includes = [f"-I{CSRC / 'include'}", f"-I{CSRC}"]
    command = [*compiler, *FLAGS, *includes, "-c", str(file), "-o", "/dev/null"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def habits_broken(text: str) -> list[str]:
    """What C files here do not do: choose the platform within a function, call what forgets lengths."""
    findings = []
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        inside = (inside or line == "{") and line != "}"
        if inside and re.match(r"\s*#\s*(if|el|endif)", line):
            findings.append(f"{number}: a preprocessor branch inside a function: make it a file of its own")
        if re.search(r"\b(strcpy|strcat|sprintf|gets|alloca)\s*\(", line):
            findings.append(f"{number}: a call that cannot know the size of its target")
    return findings


def main() -> int:
    """Prints all findings; 1 if there are any."""
    files = sorted(CSRC.rglob("*.c"))
    findings = [compiler_says(compiler, file) for compiler in compilers() for file in files]
    for file in sorted(CSRC.rglob("*.[hc]")):
        findings += [f"{file}:{broken}\n" for broken in habits_broken(file.read_text(encoding="utf-8"))]
    sys.stderr.write("".join(findings))
    return 1 if any(findings) or not files else 0


if __name__ == "__main__":
    sys.exit(main())
