"""`localvault audit …`: reading the journal, and proving it.

Relies on `vault.audit`. Promises: events come one at a time, however many there are.
"""

from __future__ import annotations

from datetime import datetime

import click

from localvault.cli.objects import to_dict
from localvault.cli.options import GlobalOptions, Group, options
from localvault.cli.output import Column, waiting, write_object, write_rows
from localvault.cli.parameters import moment as moment_of
from localvault.cli.parameters import operation as operation_of
from localvault.cli.text import moment
from localvault.cli.unlock import open_vault
from localvault.model.event import DENIED, FAILURE, SUCCESS

_COLUMNS = (
    Column("sequence", lambda e: str(e.sequence)),
    Column("time", lambda e: moment(e.time)),
    Column("operation", lambda e: e.operation),
    Column("target", lambda e: e.target),
    Column("version", lambda e: e.version or ""),
    Column("result", lambda e: e.result if e.code is None else f"{e.result} ({e.code})"),
    Column("count", lambda e: str(e.count)),
    Column("principal", lambda e: e.principal),
    Column("process", lambda e: e.process),
)


@click.group(cls=Group)
def audit() -> None:
    """The journal: its events, and the proof that none was changed."""


@audit.command("events")
@click.option(
    "--operation", type=operation_of, metavar="NAME", help="Only this operation, such as SecretGet."
)
@click.option("--principal", metavar="NAME", help="Only what this principal did.")
@click.option("--target", metavar="PATH", help="Only what was done to this or below it, such as /secrets/db.")
@click.option("--result", type=click.Choice([SUCCESS, FAILURE, DENIED]), help="Only what ended so.")
@click.option("--since", type=moment_of, metavar="MOMENT", help="At or after this moment (-7d: a week ago).")
@click.option("--until", type=moment_of, metavar="MOMENT", help="Before this moment.")
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="At most so many.")
@click.option("--reverse", is_flag=True, help="The newest first.")
@options
def events(
    options: GlobalOptions,
    operation: str | None,
    principal: str | None,
    target: str | None,
    result: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int | None,
    reverse: bool,
) -> None:
    """List events in order; each filter that is given must fit."""
    with open_vault(options) as vault:
        found = vault.audit.events(
            operation,
            principal,
            target=target,
            result=result,
            since=since,
            until=until,
            limit=limit,
            reverse=reverse,
        )
        write_rows(options, found, _COLUMNS, to_dict)  # fmt: skip


@audit.command("verify")
@options
def verify(options: GlobalOptions) -> None:
    """Recompute the journal's tree; exit code 7 if an event was changed, removed, moved or added.

    Keep what it writes elsewhere: it proves later that this journal was not put back to an older state.
    """
    with open_vault(options) as vault, waiting(options, "Verifying the journal"):
        head = vault.audit.verify()
    write_object(options, head.to_dict(), f"{head.size} events, root {head.root.hex()}")
