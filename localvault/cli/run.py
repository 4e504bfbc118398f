"""`localvault run -- COMMAND`: a program with secrets in its environment, and nowhere else.

Relies on `selection`. Promises: the program takes this process's place (so signals, terminal and exit code are its
own); the vault is closed before; no passphrase of the vault is in what it inherits.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import click

from localvault.cli.exits import CANNOT_START, NO_PROGRAM
from localvault.cli.failures import CannotRun, CannotUse
from localvault.cli.options import Command, GlobalOptions, options
from localvault.cli.selection import choose, chosen_by
from localvault.cli.unlock import NEW_VARIABLE, VARIABLE, open_vault


@click.command(
    "run", cls=Command, context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False}
)
@chosen_by
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@options
def run(
    options: GlobalOptions,
    named: tuple[str, ...],
    everything: bool,
    tags: tuple[tuple[str, str], ...],
    command: tuple[str, ...],
) -> None:
    """Run COMMAND with the chosen secrets in its environment.

    A secret becomes the variable in its tag `env` (import-env leaves it), or its name in capitals with underscores.
    The exit code is the command's own; 127 if there is no such program, 126 if it cannot be started.
    """
    if not (named or everything or tags):
        raise CannotUse("no secrets are chosen", hint="--secret NAME, --tag NAME=VALUE or --all")
    program = _find(command[0])
    with open_vault(options) as vault:
        chosen = choose(vault, named, everything=everything, tags=tags)
    _become(program, command, _environment(chosen))  # fmt: skip


def _find(program: str) -> str:
    """Return the path of a program, found on this process's PATH: a secret named PATH does not choose the program."""
    found = shutil.which(program)
    if found is not None:
        return found
    if os.sep in program and Path(program).exists():
        raise CannotRun(f"{program} cannot be run: it is no program, or may not be started", CANNOT_START)
    raise CannotRun(f"there is no program {program}", NO_PROGRAM)


def _environment(chosen: Mapping[str, str | bytes]) -> dict[bytes, bytes]:
    environment = dict(os.environb)
    for variable in (VARIABLE, NEW_VARIABLE):
        environment.pop(variable.encode(), None)
    for variable, value in chosen.items():
        data = value.encode() if isinstance(value, str) else value
        if b"\0" in data:
            raise CannotUse(f"the secret for {variable} holds a zero byte, which no environment can carry")
        environment[os.fsencode(variable)] = data
    return environment


def _become(program: str, command: tuple[str, ...], environment: dict[bytes, bytes]) -> NoReturn:
    # Python ignores these two, and what is ignored stays so in the program, which would then not end with its pipe.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        os.execve(program, command, environment)  # noqa: S606  # no shell is what is wanted
    except OSError as error:
        raise CannotRun(f"{program} cannot be started: {error.strerror}", CANNOT_START) from None
