"""Runs what the documentation shows, and compares what it prints.

In a Markdown file, a block marked `console` is a session of a shell: lines that begin with `$ ` are run, what follows
is what they print. A command that fails is followed by `$ echo $?`, so that a page never shows a failure by mistake. A
block marked `pycon` is a session of Python, run as a doctest. In both `…` stands for anything within a line. All blocks
of a file run in order, in one temporary folder, with one shell's environment and one Python namespace.
"""

from __future__ import annotations

import doctest
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.shell import in_fork, in_shell, is_plain

_BLOCK = re.compile(r"^```(console|pycon)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ASKS_FOR_CODE = "echo $?"


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield the kind and content of every block that runs."""
    for match in _BLOCK.finditer(text):
        yield match[1], match[2]


def problems(path: Path, folder: Path) -> list[str]:
    """Run every block of the file in `folder`; return what did not print what it shows."""
    found: list[str] = []
    names: dict[str, Any] = {}
    session = Session(folder)
    here = Path.cwd()
    os.chdir(folder)
    try:
        for kind, content in blocks(path.read_text(encoding="utf-8")):
            found += session.problems(content) if kind == "console" else _pycon(content, names, path.name)
    finally:
        os.chdir(here)
        for value in names.values():
            if hasattr(value, "close"):
                value.close()
    return found + session.left()


class Session:
    """A shell that goes on from command to command: its folder, its environment, its last exit code."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._state = folder / ".session"
        self._code = 0
        self._failed = ""
        self._environment = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "COLUMNS": "100",
        }

    def problems(self, content: str) -> Iterator[str]:
        """Run the commands of a block; yields those that print something else, or fail and are not said to."""
        for command, shown in _commands(content):
            if command != _ASKS_FOR_CODE:
                yield from self.left()
            printed = self.run(command)
            if printed and not printed.endswith("\n"):
                printed += "\n"  # a page has whole lines
            if not matches(shown, printed):
                yield f"$ {command}\nshows:\n{shown}\nprints:\n{printed}"

    def left(self) -> list[str]:
        """Return the last command if it failed and nobody has asked for its exit code."""
        failed, self._failed = self._failed, ""
        return [failed] if failed else []

    def run(self, command: str) -> str:
        """Run a command; returns what it wrote."""
        asked, before = command == _ASKS_FOR_CODE, self._code
        if is_plain(command):
            printed, self._code = in_fork(command, self._folder, self._environment)
        else:
            printed, self._code = self._in_shell(f"(exit {before})\n{command}")
        failed = self._code != 0 and not asked
        self._failed = f"$ {command}\nends with {self._code}, and prints:\n{printed}" if failed else ""
        return printed

    def _in_shell(self, command: str) -> tuple[str, int]:
        # What is exported and the folder gone to are there for the next command.
        script = f"{command}\ncode=$?\n{{ pwd; env -0; }} > '{self._state}'\nexit $code\n"
        done = in_shell(script, self._folder, self._environment, program="bash")
        folder, _, variables = self._state.read_text(encoding="utf-8").partition("\n")
        self._folder = Path(folder)
        self._environment = dict(part.split("=", 1) for part in variables.split("\0") if part)
        return done


def matches(shown: str, printed: str) -> bool:
    """Whether `printed` is what is shown, where `…` stands for anything within a line."""
    return re.fullmatch(".*".join(map(re.escape, shown.split("…"))), printed) is not None


class _Checker(doctest.OutputChecker):
    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        return matches(want, got)


def _commands(content: str) -> Iterator[tuple[str, str]]:
    for part in re.split(r"^\$ ", content, flags=re.MULTILINE)[1:]:
        lines = part.splitlines(keepends=True)
        used = 1
        while lines[used - 1].endswith("\\\n"):
            used += 1
        yield "".join(lines[:used]).rstrip("\n"), "".join(lines[used:])


def _pycon(content: str, names: dict[str, Any], source: str) -> Iterator[str]:
    test = doctest.DocTestParser().get_doctest(content, names, source, source, 0)
    test.globs = names  # shared by all blocks of the file
    printed: list[str] = []
    runner = doctest.DocTestRunner(_Checker(), verbose=False)
    runner.run(test, out=printed.append, clear_globs=False)
    if runner.failures:
        yield "".join(printed)
