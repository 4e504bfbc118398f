"""`localvault rewrap …`: whole stores of tokens, wrapped data keys or sealed files, moved to a key's current version.

Relies on `localvault.rewrap` and `localvault.rewrap_files`. Promises: killed at any moment, nothing is lost and the
same command finishes the work; what does not open is told of and left as it is.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from localvault.cli.exits import UNOPENED
from localvault.cli.failures import CannotUse, warn
from localvault.cli.options import PATH, GlobalOptions, Group, options
from localvault.cli.output import progress, write_object
from localvault.cli.unlock import open_vault

if TYPE_CHECKING:
    import sqlite3

    from localvault import Rewrapped

_SHOWN = 10  # of what failed; --json has all
_WAIT = 60.0  # s, for others that write to the database

_key = click.option(
    "--key", "name", required=True, metavar="NAME", help="The key whose current version all gets."
)
_context = click.option(
    "--context", default="", metavar="TEXT", help="The context that everything was sealed with."
)


@click.group(cls=Group)
def rewrap() -> None:
    """Move a database's tokens and wrapped data keys, or a folder's sealed files, to a key's current version."""


@rewrap.command("sqlite")
@click.argument("file", type=PATH)
@click.option("--table", required=True, metavar="NAME", help="The table.")
@click.option(
    "--key-column", required=True, metavar="NAME", help="A column without duplicates: the primary key."
)
@click.option(
    "--token-column", required=True, metavar="NAME", help="The column of tokens: bytes or base64url text."
)
@_key
@_context
@click.option(
    "--context-column", metavar="NAME", help="The column of each token's context, instead of --context."
)
@click.option("--batch", type=click.IntRange(1, 1_000_000), default=10_000, help="Rows in one transaction.")
@click.option(
    "--checkpoint",
    type=PATH,
    metavar="FILE",
    help="Keep there how far it has come, for a run after this one is killed.",
)
@options
def sqlite(
    options: GlobalOptions,
    file: Path,
    table: str,
    key_column: str,
    token_column: str,
    name: str,
    context: str,
    context_column: str | None,
    batch: int,
    checkpoint: Path | None,
) -> None:
    """Move the tokens and wrapped data keys in a table of FILE, an SQLite database, to the key's current version.

    Other programs may read and write meanwhile: what they change is never written over.
    """
    import sqlite3

    import localvault

    if context and context_column is not None:
        raise CannotUse("the context comes from --context or from --context-column, not from both")
    with (
        closing(_connect(file)) as connection,
        open_vault(options) as vault,
        progress(options, "Rewrapping") as advance,
    ):
        try:
            store = localvault.SqlTokens(
                connection,
                table,
                key=key_column,
                token=token_column,
                context=context.encode() if context_column is None else context_column,
            )
            done = localvault.rewrap(
                vault.crypto(name),
                store,
                batch=batch,
                progress=lambda p: advance(p.done, p.total),
                checkpoint=checkpoint,
            )
        except sqlite3.Error as error:
            raise CannotUse(f"{file}: {error}") from None
    _write(options, done)


@rewrap.command("files")
@click.argument("folder", type=PATH)
@_key
@_context
@click.option(
    "--pattern", default="*", metavar="NAME", help="Which files: a name with * and ?; all unless given."
)
@options
def files(options: GlobalOptions, folder: Path, name: str, context: str, pattern: str) -> None:
    """Move the sealed files in FOLDER, and in the folders in it, to the key's current version, each in its place."""
    import localvault

    with open_vault(options) as vault, progress(options, "Rewrapping") as advance:
        done = localvault.rewrap_files(
            vault.crypto(name),
            folder,
            pattern=pattern,
            context=context.encode(),
            progress=lambda p: advance(p.done, p.total),
        )
    _write(options, done)


def _connect(file: Path) -> sqlite3.Connection:
    """Return a connection to a database that is there."""
    import sqlite3

    if not file.is_file():
        raise CannotUse(f"there is no database {file}")
    return sqlite3.connect(file, timeout=_WAIT)


def _write(options: GlobalOptions, done: Rewrapped) -> None:
    document = done.to_dict()
    if not options.json:
        document["failed"] = len(done.failed)
        for each in done.failed[:_SHOWN]:
            warn(f"{each.key} was left as it is: {each.code}")
        if len(done.failed) > _SHOWN:
            warn(f"and {len(done.failed) - _SHOWN} more; --json tells all")
    write_object(options, document)
    if done.failed:
        raise click.exceptions.Exit(UNOPENED)
