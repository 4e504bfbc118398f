"""Asking on the terminal, for what must not be an argument.

Relies on the controlling terminal, which is there when standard input is a pipe, too. Promises: what is typed is not
shown, and where nobody can be asked that is said at once; nothing is ever read in its place.
"""

from __future__ import annotations

import getpass
from pathlib import Path

import click

from localvault.cli.failures import CannotUse
from localvault.cli.text import visible


def ask(what: str, *, hint: str) -> str:
    """Ask for `what` ("passphrase of app") without showing what is typed."""
    _require_terminal(f"the {what}", hint)
    return _read(what)


def ask_twice(what: str, *, hint: str) -> str:
    """Ask for something new, and once more so that a slip of the finger does not lock anybody out."""
    _require_terminal(f"the {what}", hint)
    while True:
        first = _read(what)
        if first == _read(f"{what} again"):
            return first
        click.echo("The two differ; once more.", err=True)


def confirm(question: str) -> None:
    """Ask whether to go on with what cannot be undone; anything but yes ends the command."""
    _require_terminal("a confirmation", "--yes goes on without asking")
    click.confirm(question, abort=True, err=True)


def _require_terminal(what: str, hint: str) -> None:
    # getpass would fall back to reading standard input, with an echo: that must not happen to a passphrase.
    try:
        Path("/dev/tty").open("rb", buffering=0).close()
    except OSError:
        raise CannotUse(f"there is no terminal to ask for {what} on", hint=hint) from None


def _read(what: str) -> str:
    try:
        # What is asked for may name a folder, and a folder's name may hold anything.
        return getpass.getpass(f"{what[0].upper()}{visible(what[1:])}: ")
    except EOFError:
        raise click.Abort from None
