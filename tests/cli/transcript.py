"""Runs transcripts: files with commands and what they print.

`$ command` is run by a shell in a folder of the transcript's own; the lines after it are what it writes to standard
output and standard error together, and `[3]` at their end is its exit code where that is not 0. `…` stands for anything
within a line, a line with `⋮` alone for any lines. `#` begins a remark. Every command has `localvault` on its path
(with --allow-weak, so that vaults of the cheapest kind open), LOCALVAULT_PATH and LOCALVAULT_PASSPHRASE.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, NoReturn

import localvault
from localvault.cli.main import COMMANDS, main

PASSPHRASE = "a passphrase of the tests"
WRAPPER = f'#!/bin/sh\nexec {sys.executable} -m localvault --allow-weak "$@"\n'
_SHELL_NEEDED = re.compile(r"^(?!localvault )|[|&;<>()$`*?~{}\\]| --? ")

# Loaded here, once, and not in each child.
for _module in {place.split()[0] for place in COMMANDS.values()}:
    import_module(f"localvault.cli.{_module}")
localvault.create  # noqa: B018  # asking for it loads every room of the library


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
    # A fork of this process has everything loaded that a new one would spend its time on loading.
    act = _in_shell if _SHELL_NEEDED.search(step.command) else _in_fork
    printed, code = act(step.command, work, environment)
    if printed and not printed.endswith("\n"):
        printed += "\n"  # a transcript has whole lines
    if not re.fullmatch(_pattern(step.shown), printed) or code != step.code:
        yield (
            f"{path.name}:{step.line}: $ {step.command}\nshows [{step.code}]:\n{step.shown}"
            f"prints [{code}]:\n{printed}"
        )


def _in_shell(command: str, work: Path, environment: dict[str, str]) -> tuple[str, int]:
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=work,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        start_new_session=True,  # without a terminal, as a script runs
        check=False,
    )
    return done.stdout.decode("utf-8", "backslashreplace"), done.returncode


def _in_fork(command: str, work: Path, environment: dict[str, str]) -> tuple[str, int]:
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if child == 0:
            _become(shlex.split(command)[1:], output.fileno(), work, environment)
        status = os.waitpid(child, 0)[1]
        output.seek(0)
        return output.read().decode("utf-8", "backslashreplace"), os.waitstatus_to_exitcode(status)


def _become(arguments: list[str], output: int, work: Path, environment: dict[str, str]) -> NoReturn:
    """Be the command line, in a child of the tests."""
    code = 70
    try:
        os.setsid()
        os.chdir(work)
        os.environ.clear()
        os.environ.update(environment)
        for descriptor, stream in ((os.open(os.devnull, os.O_RDONLY), 0), (output, 1), (output, 2)):
            os.dup2(descriptor, stream)
        sys.stdin = io.TextIOWrapper(io.FileIO(0), encoding="utf-8")
        sys.stdout = io.TextIOWrapper(io.FileIO(1, "w"), encoding="utf-8", write_through=True)
        sys.stderr = io.TextIOWrapper(io.FileIO(2, "w"), encoding="utf-8", write_through=True)
        main(["--allow-weak", *arguments])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _pattern(shown: str) -> str:
    lines = (
        r"(?:.*\n)*" if text == "⋮\n" else ".*".join(map(re.escape, text.split("…")))
        for text in shown.splitlines(keepends=True)
    )
    return "".join(lines)
