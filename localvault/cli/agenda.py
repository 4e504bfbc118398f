"""`localvault agenda …`: what falls due, and doing it.

Relies on `vault.agenda`. Promises: nothing is done but what is due.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from localvault.cli.failures import CannotUse, warn
from localvault.cli.generator import commands
from localvault.cli.objects import to_dict
from localvault.cli.options import GlobalOptions, Group, options
from localvault.cli.output import Column, write_rows
from localvault.cli.parameters import moment as time
from localvault.cli.text import moment
from localvault.cli.unlock import open_vault
from localvault.cli.watching import watch as go_on

if TYPE_CHECKING:
    from localvault import Notice

_COLUMNS = (
    Column("due on", lambda e: moment(e.due_on)),
    Column("action", lambda e: e.action),
    Column("target", lambda e: e.target),
)


@click.group(cls=Group)
def agenda() -> None:
    """The agenda: what falls due, such as a key's rotation, an expiry, or the purge of what was deleted."""


@agenda.command("list")
@click.option(
    "--until", type=time, metavar="MOMENT", help="What is due by then: 2027-01-31T12:00:00Z, or +90d."
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The next N at most.")
@options
def list_(options: GlobalOptions, until: datetime | None, limit: int | None) -> None:
    """List what is coming, the earliest first."""
    with open_vault(options) as vault:
        write_rows(options, vault.agenda.upcoming(until, limit), _COLUMNS, to_dict)


@agenda.command("run")
@click.option(
    "--watch", is_flag=True, help="Go on, and write what is done as it is done, until SIGINT or SIGTERM."
)
@click.option("--interval", type=float, metavar="S", help="With --watch: seconds between two rounds; 60.")
@commands
@options
def run(options: GlobalOptions, watch: bool, interval: float | None, commands: bool) -> None:
    """Do what is due and list what was done; made for a timer such as cron, or with --watch for a service."""
    if interval is not None and not watch:
        raise CannotUse("--interval is for --watch; without it there is one round")
    with open_vault(options) as vault:
        for failed in ("KeyRotationFailed", "SecretRotationFailed"):
            vault.on(failed, _warn)
        if watch:
            go_on(options, vault, _COLUMNS, 60.0 if interval is None else interval, commands=commands)
        else:
            write_rows(options, vault.agenda.run_due(commands=commands), _COLUMNS, to_dict)


def _warn(notice: Notice) -> None:
    what = f"{notice.data['ObjectType'].lower()} {notice.subject}"
    why = "`localvault audit events --result Failure` tells why"
    warn(f"{what} was not rotated and will be tried again in an hour; {why}")
