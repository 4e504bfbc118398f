"""Taking versions out of use, as commands of `localvault key`: version policy, counting, retiring, trimming.

Relies on `vault.keys` and `vault.crypto`. Promises: what removes for good asks first, unless --yes; the JSON that
`count-versions` writes is the proof that `retire` and `trim` read.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import click

import localvault
from localvault.cli.failures import CannotUse
from localvault.cli.inputs import from_base64, read_bytes
from localvault.cli.options import FILE, Command, GlobalOptions, Group, options
from localvault.cli.output import Column, note, write_json, write_object, write_rows
from localvault.cli.prompts import confirm
from localvault.cli.unlock import open_vault

_SEALED_FILE = b"lvsealed"
_ROWS = (
    Column("version", lambda row: row[0]),
    Column("tokens", lambda row: str(row[1])),
    Column("", lambda row: row[2]),
)
_keep = click.option(
    "--keep", type=click.IntRange(min=1), metavar="N", help="Leave as many of the newest in any case."
)
_dry_run = click.option("--dry-run", is_flag=True, help="Remove nothing; say what would be removed.")
_yes = click.option("--yes", is_flag=True, help="Do not ask.")


def add_retiring(group: Group) -> None:
    """Add to `group` the commands of this file for keys."""
    for command in (version_policy, count_versions, retire, trim_key):
        group.add_command(command)


@click.group("version-policy", cls=Group)
def version_policy() -> None:
    """Which versions of a key still open what they sealed: show, set."""


@version_policy.command("show")
@click.argument("name")
@options
def show(options: GlobalOptions, name: str) -> None:
    """Show the version policy of a key."""
    with open_vault(options) as vault:
        write_object(options, vault.keys.version_policy(name).to_dict())


@version_policy.command("set")
@click.argument("name")
@click.option("--minimum-open", metavar="HEX", help="The oldest version that still opens.")
@click.option(
    "--latest-minus",
    type=click.IntRange(min=0),
    metavar="N",
    help="Or how many versions before the current one still open; it moves with every rotation.",
)
@click.option("--none", "no_minimum", is_flag=True, help="Or let every version open.")
@_keep
@options
def set_(
    options: GlobalOptions,
    name: str,
    minimum_open: str | None,
    latest_minus: int | None,
    no_minimum: bool,
    keep: int | None,
) -> None:
    """Retire the versions of a key that are older than a minimum: they open nothing any more."""
    if sum((minimum_open is not None, latest_minus is not None, no_minimum)) != 1:
        raise CannotUse("a version policy has one minimum", hint="--minimum-open, --latest-minus or --none")
    policy = localvault.VersionPolicy(minimum_open, latest_minus, 1 if keep is None else keep)
    with open_vault(options) as vault:
        write_object(options, vault.keys.set_version_policy(name, policy).to_dict())


@click.command("count-versions", cls=Command)
@click.argument("name")
@click.argument("files", type=FILE, nargs=-1, required=True, metavar="FILE…")
@click.option("--base64", "as_base64", is_flag=True, help="Each line of a FILE is a token as base64url text.")
@options
def count_versions(options: GlobalOptions, name: str, files: tuple[str, ...], as_base64: bool) -> None:
    """Count which versions of a key the tokens or sealed files FILE… name (- for standard input)."""
    with open_vault(options) as vault:
        crypto = vault.crypto(name)
        if as_base64:
            counts = crypto.count_versions(_lines(options, files))
        else:
            sealed, tokens = _sorted(options, files)
            counts = crypto.count_versions(tokens) + crypto.count_file_versions(sealed)
    if options.json:
        write_json(counts.to_dict())
    else:
        write_rows(options, _rows(counts), _ROWS, lambda row: {})


@click.command("retire", cls=Command)
@click.argument("name")
@click.argument("version", metavar="VERSION")
@click.option(
    "--counts",
    type=FILE,
    required=True,
    metavar="FILE",
    help="What `count-versions --json` wrote of all tokens.",
)
@options
def retire(options: GlobalOptions, name: str, version: str, counts: str) -> None:
    """Disable the VERSION of a key, if no counted token needs it; the counts go into the journal as the proof."""
    proof = _read_counts(options, counts)
    with open_vault(options) as vault:
        found = vault.keys.retire(name, version, proof)
    write_object(options, found.to_dict(), f"{found.id} retired")


@click.command("trim", cls=Command)
@click.argument("name")
@click.option(
    "--counts",
    type=FILE,
    metavar="FILE",
    help="What `count-versions --json` wrote: remove none that is needed.",
)
@_keep
@_dry_run
@_yes
@options
def trim_key(
    options: GlobalOptions, name: str, counts: str | None, keep: int | None, dry_run: bool, yes: bool
) -> None:
    """Remove for good the versions of a key that its version policy has retired; what they sealed is lost."""
    needed = None if counts is None else _read_counts(options, counts)
    with open_vault(options) as vault:

        def trim(dry_run: bool) -> list[str]:
            return vault.keys.trim(name, needed, keep=1 if keep is None else keep, dry_run=dry_run)

        going = trimmed(options, name, trim, dry_run=dry_run, yes=yes)
    if not going:
        note(options, f"nothing goes: the version policy of key {name} has retired no version, or keeps it")


@click.command("trim", cls=Command)
@click.argument("name")
@click.option(
    "--keep", type=click.IntRange(min=1), required=True, metavar="N", help="How many of the newest stay."
)
@_dry_run
@_yes
@options
def trim_secret(options: GlobalOptions, name: str, keep: int, dry_run: bool, yes: bool) -> None:
    """Remove all but the newest versions of a secret for good."""
    with open_vault(options) as vault:

        def trim(dry_run: bool) -> list[str]:
            return vault.secrets.trim(name, keep=keep, dry_run=dry_run)

        trimmed(options, name, trim, dry_run=dry_run, yes=yes)


def trimmed(
    options: GlobalOptions, name: str, trim: Callable[[bool], list[str]], *, dry_run: bool, yes: bool
) -> list[str]:
    """Do `trim(dry_run)`, asking first, and write what went; returns that."""
    going: list[str] = []
    if dry_run or not yes:
        going = trim(True)
    if not dry_run:
        if going:
            confirm(f"Remove {len(going)} versions of {name} for good?")
        going = trim(False)
    if options.json:
        write_json({"name": name, "removed": not dry_run, "versions": going})
    else:
        write_rows(options, going, (Column("version", str),), lambda version: {})
    return going


def _rows(counts: localvault.VersionCounts) -> Iterator[tuple[str, int, str]]:
    for version, count in counts.counts.items():
        yield version, count, ""
    for version, count in counts.unknown.items():
        yield version, count, "not a version of this key"
    if counts.invalid:
        yield "", counts.invalid, "not a token"


def _sorted(options: GlobalOptions, files: Iterable[str]) -> tuple[list[Path], list[bytes]]:
    """Return the sealed files, and the beginnings of the tokens."""
    sealed: list[Path] = []
    tokens: list[bytes] = []
    for file in files:
        beginning = _beginning(options, file)
        if file != "-" and beginning.startswith(_SEALED_FILE):
            sealed.append(Path(file))
        else:
            tokens.append(beginning)
    return sealed, tokens


def _beginning(options: GlobalOptions, file: str) -> bytes:
    """Return as much of a file as tells what it names: no token is shorter."""
    if file == "-":
        return read_bytes(options, file, "the token")
    with Path(file).open("rb") as stream:
        return stream.read(localvault.TOKEN_OVERHEAD)


def _lines(options: GlobalOptions, files: Iterable[str]) -> Iterator[bytes]:
    """Yield the token of each line; what is no base64 is no token."""
    for file in files:
        if file == "-":
            options.claim_stdin("the tokens")
            yield from _tokens(sys.stdin.buffer)
        else:
            with Path(file).open("rb") as stream:
                yield from _tokens(stream)


def _tokens(lines: Iterable[bytes]) -> Iterator[bytes]:
    for line in lines:
        if not line.strip():
            continue
        try:
            yield from_base64(line, "the token")
        except CannotUse:
            yield b""


def _read_counts(options: GlobalOptions, file: str) -> localvault.VersionCounts:
    try:
        document = json.loads(read_bytes(options, file, "the counts"))
    except ValueError:
        raise CannotUse(
            "these are not the counts that `count-versions --json` wrote",
            hint="localvault key count-versions --help",
        ) from None
    return localvault.VersionCounts.from_dict(document)
