"""`localvault agenda …`: what falls due, and doing it.

Relies on `vault.agenda`. Promises: nothing is done but what is due.
"""

from __future__ import annotations

import click

from localvault.cli.objects import to_dict
from localvault.cli.options import GlobalOptions, Group, options
from localvault.cli.output import Column, write_rows
from localvault.cli.text import moment
from localvault.cli.unlock import open_vault

_COLUMNS = (
    Column("due on", lambda e: moment(e.due_on)),
    Column("action", lambda e: e.action),
    Column("target", lambda e: e.target),
)


@click.group(cls=Group)
def agenda() -> None:
    """The agenda: what falls due, such as the purge of what was deleted."""


@agenda.command("list")
@options
def list_(options: GlobalOptions) -> None:
    """List what is coming, the earliest first."""
    with open_vault(options) as vault:
        write_rows(options, vault.agenda.upcoming(), _COLUMNS, to_dict)


@agenda.command("run")
@options
def run(options: GlobalOptions) -> None:
    """Do what is due and list what was done; made for a timer such as cron."""
    with open_vault(options) as vault:
        write_rows(options, vault.agenda.run_due(), _COLUMNS, to_dict)
