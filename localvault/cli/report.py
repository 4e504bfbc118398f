"""`localvault report`: how old every key and secret is, and what is due.

Relies on `vault.keys.report`. Promises: nothing is changed; a picture is written to a new file only.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from localvault.cli.exits import OVERDUE
from localvault.cli.objects import to_dict
from localvault.cli.options import FILE, Command, GlobalOptions, options
from localvault.cli.output import Column, waiting, write_new, write_rows
from localvault.cli.text import day
from localvault.cli.unlock import open_vault

_COLUMNS = (
    Column("", lambda row: row.kind),
    Column("name", lambda row: row.name),
    Column("age", lambda row: f"{row.age // timedelta(days=1)} d"),
    Column("versions", lambda row: str(row.versions)),
    Column("next rotation", lambda row: day(row.next_rotation)),
    Column("expires on", lambda row: day(row.expires_on)),
    Column("last use", lambda row: day(row.last_use) or "never"),
    Column("overdue", lambda row: row.overdue or ""),
)


@click.command("report", cls=Command)
@click.option("--overdue", is_flag=True, help="List only what is overdue; exit code 13 if anything is.")
@click.option(
    "--svg", type=FILE, metavar="FILE", help="Write the report's picture to the new file FILE as well."
)
@click.option(
    "--rows",
    type=click.IntRange(1, 1000),
    default=40,
    help="How many objects the picture has, 40 unless given.",
)
@options
def report(options: GlobalOptions, overdue: bool, svg: str | None, rows: int) -> None:
    """List every key and secret with its age, versions, next rotation and last use, the most urgent first."""
    with open_vault(options) as vault, waiting(options, "Looking at everything"):
        found = vault.keys.report()
    if svg is not None:
        write_new(Path(svg), found.to_svg(rows).encode())
    write_rows(options, found.overdue if overdue else found, _COLUMNS, to_dict)
    if overdue and found.overdue:
        raise click.exceptions.Exit(OVERDUE)
