"""Sealed files, as commands of `localvault key`: for what is too large for `seal` and `open`.

Relies on `vault.crypto`. Promises: TARGET is there once it is complete, or not at all; what stands there already is
kept unless --force gives it up; plaintext goes into a file only, never down a pipe before all of it is authentic.
"""

from __future__ import annotations

import sys
from typing import BinaryIO

import click

from localvault.cli.failures import CannotUse
from localvault.cli.options import FILE, Command, GlobalOptions, Group, options
from localvault.cli.output import progress, write_object
from localvault.cli.parameters import version
from localvault.cli.unlock import open_vault

_source = click.argument("source", type=FILE)
_target = click.argument("target", type=FILE)
_context = click.option(
    "--context", default="", metavar="TEXT", help="Authenticated beside the content, not kept in the file."
)
_force = click.option("--force", is_flag=True, help="Replace TARGET if there is a file.")


def add_files(group: Group) -> None:
    """Add to `group` the commands of this file."""
    for command in (seal_file, open_file):
        group.add_command(command)


@click.command("seal-file", cls=Command)
@click.argument("name")
@_source
@_target
@_context
@version()
@_force
@options
def seal_file(
    options: GlobalOptions,
    name: str,
    source: str,
    target: str,
    context: str,
    version: str | None,
    force: bool,
) -> None:
    """Seal SOURCE, of any length, into the file TARGET, which opens under any later version of an oct key.

    SOURCE may be standard input and TARGET standard output (-).
    """
    if target == "-" and options.json:
        raise CannotUse("standard output cannot be both the sealed file and JSON", hint="name a file")
    reads = _source_of(options, source, "the content")
    with open_vault(options) as vault, progress(options, "Sealing") as advance:
        size = vault.crypto(name, version).seal_file(
            reads,
            sys.stdout.buffer if target == "-" else target,
            context=context.encode(),
            progress=advance,
            replace=force,
        )
    if target != "-":
        write_object(options, {"path": target, "bytes": size}, target)


@click.command("open-file", cls=Command)
@click.argument("name")
@_source
@_target
@_context
@_force
@options
def open_file(options: GlobalOptions, name: str, source: str, target: str, context: str, force: bool) -> None:
    """Open SOURCE (- for standard input), which `seal-file` made, into the file TARGET."""
    if target == "-":
        raise CannotUse(
            "a sealed file is opened into a file only: a pipe would get the beginning before the end is authentic",
            hint="open it into a file, and read that when the command has ended with 0",
        )
    reads = _source_of(options, source, "the sealed file")
    with open_vault(options) as vault, progress(options, "Opening") as advance:
        size = vault.crypto(name).open_file(
            reads, target, context=context.encode(), progress=advance, replace=force
        )
    write_object(options, {"path": target, "bytes": size}, target)


def _source_of(options: GlobalOptions, source: str, what: str) -> str | BinaryIO:
    if source != "-":
        return source
    options.claim_stdin(what)
    return sys.stdin.buffer
