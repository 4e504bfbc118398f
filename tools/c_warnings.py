"""Compiles every C file with all warnings as errors, and holds csrc/ to the habits a compiler does not see.

Relies on the compiler that built this Python. Promises: exit status 0 if there is nothing to say, else 1 and
one line for each finding.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

CSRC = Path(__file__).resolve().parent.parent / "csrc"
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


def compiler_says(file: Path) -> str:
    """The compiler's complaints about one file, or nothing."""
    compiler = shlex.split(sysconfig.get_config_var("CC") or "cc")
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
    findings = [compiler_says(file) for file in files]
    for file in sorted(CSRC.rglob("*.[hc]")):
        findings += [f"{file}:{broken}\n" for broken in habits_broken(file.read_text(encoding="utf-8"))]
    sys.stderr.write("".join(findings))
    return 1 if any(findings) or not files else 0


if __name__ == "__main__":
    sys.exit(main())
