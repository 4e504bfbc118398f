"""`localvault doctor`: what this machine offers and what localvault uses of it.

Relies on `localvault.doctor`. Promises: no vault is opened and nothing secret is shown, so that the output can go into
a bug report as it is; a failure of something that protects keys is an exit code.
"""

from __future__ import annotations

import click

from localvault.cli.exits import UNWELL
from localvault.cli.options import Command, GlobalOptions, options
from localvault.cli.output import write_object


@click.command("doctor", cls=Command)
@options
def doctor(options: GlobalOptions) -> None:
    """Show what this machine offers and what of it is used; exit code 11 if something is not as it should be."""
    import localvault

    found = localvault.doctor()
    write_object(options, found)
    if found["problems"]:
        raise click.exceptions.Exit(UNWELL)
