"""Runs `localvault` as a shell would: in a process of its own, without a terminal, its output kept in order.

Relies on `os.fork`: a child of the tests has everything loaded that a new process would spend its time on loading.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import localvault
from localvault.cli.main import COMMANDS, main

_SHELL_NEEDED = re.compile(r"^(?!localvault )|[|&;<>()$`*?~{}\\]| --? ")
_HANGING = 120  # s

# Loaded here, once, and not in each child.
for _module in {place.split()[0] for place in COMMANDS.values()}:
    import_module(f"localvault.cli.{_module}")
localvault.create  # noqa: B018  # asking for it loads every room of the library


def is_plain(command: str) -> bool:
    """Whether `command` is `localvault` and words, with nothing in it that only a shell understands."""
    return _SHELL_NEEDED.search(command) is None


def in_shell(
    command: str, folder: Path, environment: Mapping[str, str], *, program: str = "sh"
) -> tuple[str, int]:
    """Run `command` in a shell; returns what it wrote to standard output and error, and its exit code."""
    done = subprocess.run(
        [program, "-c", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_HANGING,
        start_new_session=True,  # without a terminal, as a script runs
        check=False,
    )
    return done.stdout.decode("utf-8", "backslashreplace"), done.returncode


def in_fork(
    command: str, folder: Path, environment: Mapping[str, str], *, before: Sequence[str] = ()
) -> tuple[str, int]:
    """Run a plain `command` in a fork of this process; `before` stands between `localvault` and its own words."""
    with tempfile.TemporaryFile() as output, Path(os.devnull).open("rb") as nothing:
        child = os.fork()
        if child == 0:
            os.setsid()
            arguments = [*before, *shlex.split(command)[1:]]
            become(arguments, folder, environment, (nothing.fileno(), output.fileno(), output.fileno()))
        status = os.waitpid(child, 0)[1]
        output.seek(0)
        return output.read().decode("utf-8", "backslashreplace"), os.waitstatus_to_exitcode(status)


def become(
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    streams: tuple[int, int, int] = (0, 1, 2),
) -> NoReturn:
    """Be the command line, in a child of the tests, with these descriptors as its standard streams."""
    code = 70
    try:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        for number, descriptor in enumerate(streams):
            os.dup2(descriptor, number)
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", buffering=1, closefd=False)
        main([*arguments])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)
