"""The command `localvault`: its groups, and what becomes of an error.

Relies on one file per noun. Promises: a command loads its own file and no other, and nothing of the vault before it
needs it; whatever happens, the process ends with a number of `exits`, and without a traceback nobody asked for.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NoReturn

import click

import localvault
from localvault.cli.exits import PIPE_CLOSED
from localvault.cli.failures import tell
from localvault.cli.options import Group, global_options

# Command → file and name in it, in the order in which people need them.
COMMANDS = {
    "init": "vault init",
    "status": "vault status",
    "config": "vault config",
    "check": "vault check",
    "backup": "vault backup",
    "compact": "vault compact",
    "rotate-master-key": "vault rotate_master_key",
    "slot": "slot slot",
    "secret": "secret secret",
    "key": "key key",
    "audit": "audit audit",
    "agenda": "agenda agenda",
    "rewrap": "rewrap rewrap",
    "report": "report report",
    "run": "run run",
    "import-env": "envfile import_env",
    "export-env": "envfile export_env",
    "doctor": "doctor doctor",
    "completion": "completion completion",
}
COMPLETION_VARIABLE = "_LOCALVAULT_COMPLETE"


class Root(Group):
    """The group of all commands, each loaded when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return a command by its name."""
        if name not in COMMANDS:
            return None
        module, attribute = COMMANDS[name].split()
        command: click.Command = getattr(import_module(f"localvault.cli.{module}"), attribute)
        return command

    def make_context(self, *args: Any, **settings: Any) -> click.Context:
        """Read the arguments; `--help` writes here."""
        with _telling_pipes():
            return super().make_context(*args, **settings)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _telling_pipes():
            return super().invoke(ctx)


class PipeClosed(Exception):
    """Whoever read standard output has stopped."""


@contextmanager
def _telling_pipes() -> Iterator[None]:
    # click would end the process with 1, which is the number of errors nobody foresaw.
    try:
        yield
    except BrokenPipeError:
        raise PipeClosed from None


@click.group(
    cls=Root,
    params=global_options(after=False),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(localvault.__version__, message="localvault %(version)s")
def cli() -> None:
    """A key vault in a folder: secrets and keys, sealed, versioned, recoverable and audited.

    Begin with `localvault init`, then `localvault secret set NAME`. The options here may stand after a command as well.
    """


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        code = cli.main(
            given, prog_name="localvault", standalone_mode=False, complete_var=COMPLETION_VARIABLE
        )
        sys.stdout.flush()
    except (PipeClosed, BrokenPipeError):
        code = _pipe_closed()
    except (Exception, KeyboardInterrupt) as error:
        code = tell(error, as_json=_wants_json(given))
    sys.exit(code)


def _wants_json(arguments: list[str]) -> bool:
    """Whether errors are to be JSON, known also where reading the arguments is what failed."""
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in own


def _pipe_closed() -> int:
    # Python would try to write the rest once more at its end, and complain: what is left goes nowhere.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return PIPE_CLOSED
