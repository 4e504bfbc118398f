"""Runs transcripts: files with commands and what they print.

`$ command` is run by a shell in a folder of the transcript's own; the lines after it are what it writes to standard
output and standard error together, and `[3]` at their end is its exit code where that is not 0. `…` stands for anything
within a line, a line with `⋮` alone for any lines. `#` begins a remark. Every command has `localvault` on its path
(with --allow-weak, so that vaults of the cheapest kind open), LOCALVAULT_PATH and LOCALVAULT_PASSPHRASE.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.support.shell import in_fork, in_shell, is_plain

PASSPHRASE = "a passphrase of the tests"
WRAPPER = f'#!/bin/sh\nexec {sys.executable} -m localvault --allow-weak "$@"\n'


class Step(NamedTuple):
    """One command of a transcript, where it stands, and what it is to do."""

    line: int
    command: str
    shown: str
    code: int


def steps(path: Path) -> Iterator[Step]:
    """Yield the commands of the transcript at `path`."""
    found: list[tuple[int, str, list[str]]] = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(keepends=True), 1):
        if text.startswith("$ "):
            found.append((number, text[2:].rstrip("\n"), []))
        elif found and not text.startswith("#") and text.strip():
            found[-1][2].append(text)
    for number, command, shown in found:
        code = re.fullmatch(r"\[(\d+)\]\n", shown[-1]) if shown else None
        yield Step(number, command, "".join(shown[:-1] if code else shown), int(code[1]) if code else 0)


def run(path: Path, folder: Path) -> list[str]:
    """Run the transcript at `path` in `folder`; return what went otherwise than it says."""
    environment = prepare(folder)
    return [
        problem for step in steps(path) for problem in _run_step(step, path, folder / "work", environment)
    ]


def prepare(folder: Path) -> dict[str, str]:
    """Make the folders a transcript runs in; returns its environment."""
    binaries, work = folder / "bin", folder / "work"
    binaries.mkdir()
    work.mkdir()
    (binaries / "localvault").write_text(WRAPPER)
    (binaries / "localvault").chmod(0o700)
    return {
        "PATH": f"{binaries}:{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(folder / "home"),
        "LANG": "C.UTF-8",
        "LOCALVAULT_PATH": "app.vault",
        "LOCALVAULT_PASSPHRASE": PASSPHRASE,
        "PYTHONPATH": os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH")])),
    }


def _run_step(step: Step, path: Path, work: Path, environment: dict[str, str]) -> Iterator[str]:
    if is_plain(step.command):
        printed, code = in_fork(step.command, work, environment, before=("--allow-weak",))
    else:
        printed, code = in_shell(step.command, work, environment)
    if printed and not printed.endswith("\n"):
        printed += "\n"  # a transcript has whole lines
    if not re.fullmatch(_pattern(step.shown), printed) or code != step.code:
        yield (
            f"{path.name}:{step.line}: $ {step.command}\nshows [{step.code}]:\n{step.shown}"
            f"prints [{code}]:\n{printed}"
        )


def _pattern(shown: str) -> str:
    lines = (
        r"(?:.*\n)*" if text == "⋮\n" else ".*".join(map(re.escape, text.split("…")))
        for text in shown.splitlines(keepends=True)
    )
    return "".join(lines)
