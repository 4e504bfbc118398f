"""Runs what the documentation shows, and compares what it prints.

In a Markdown file, a block marked `console` is a session of a shell: lines that begin with `$ ` are run, what follows
is what they print. A block marked `pycon` is a session of Python, run as a doctest. In both `…` stands for anything
within a line. All blocks of a file run in order, in one temporary folder, with one Python namespace.
"""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_BLOCK = re.compile(r"^```(console|pycon)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield the kind and content of every block that runs."""
    for match in _BLOCK.finditer(text):
        yield match[1], match[2]


def problems(path: Path, folder: Path) -> list[str]:
    """Run every block of the file in `folder`; return what did not print what it shows."""
    found: list[str] = []
    names: dict[str, Any] = {}
    text = path.read_text(encoding="utf-8")
    here = Path.cwd()
    os.chdir(folder)
    try:
        for kind, content in blocks(text):
            found += _console(content, folder) if kind == "console" else _pycon(content, names, path.name)
    finally:
        os.chdir(here)
        for value in names.values():
            if hasattr(value, "close"):
                value.close()
    return found


def _console(content: str, folder: Path) -> Iterator[str]:
    for command, expected in _commands(content):
        printed = _shell(command, folder)
        pattern = ".*".join(re.escape(part) for part in expected.split("…"))
        if not re.fullmatch(pattern, printed):
            yield f"$ {command}\nshows:\n{expected}\nprints:\n{printed}"


def _commands(content: str) -> Iterator[tuple[str, str]]:
    for part in re.split(r"^\$ ", content, flags=re.MULTILINE)[1:]:
        lines = part.splitlines(keepends=True)
        used = 1
        while lines[used - 1].endswith("\\\n"):
            used += 1
        yield "".join(lines[:used]).rstrip("\n"), "".join(lines[used:])


def _shell(command: str, folder: Path) -> str:
    """Run a command as the shell of the session would: its exports and changes of folder outlive it."""
    state = folder / ".session"
    script = f'. {state} 2>/dev/null; cd "${{SESSION_PWD:-.}}"\n{command}\ncode=$?\n'
    script += f"{{ export -p; echo \"export SESSION_PWD='$PWD'\"; }} > {state}\nexit $code\n"
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "COLUMNS": "100",
    }
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


def _pycon(content: str, names: dict[str, Any], source: str) -> Iterator[str]:
    test = doctest.DocTestParser().get_doctest(content.replace("…", "..."), names, source, source, 0)
    test.globs = names  # shared by all blocks of the file
    printed: list[str] = []
    flags = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
    runner = doctest.DocTestRunner(verbose=False, optionflags=flags)
    runner.run(test, out=printed.append, clear_globs=False)
    if runner.failures:
        yield "".join(printed)
