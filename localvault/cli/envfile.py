"""`localvault import-env` and `export-env`: environment files in and out.

Relies on python-dotenv (loaded only here, only when importing) for reading and on `quoting` for writing. Promises: an
import is one transaction, all of it or nothing; what cannot be read, or would put two variables into one secret, stops
it before anything is written; an export reads back exactly as it was.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from localvault.cli.failures import CannotUse
from localvault.cli.inputs import VALUE_MAX, read_bytes
from localvault.cli.options import FILE, Command, GlobalOptions, options
from localvault.cli.output import note, to_terminal, write_bytes, write_object
from localvault.cli.parameters import out
from localvault.cli.quoting import BOTH, FORMS, NotQuotable, line
from localvault.cli.selection import TAG, choose, chosen_by, name_of
from localvault.cli.unlock import open_vault
from localvault.errors import ObjectDisabled, SecretNotFound

if TYPE_CHECKING:
    from localvault import Vault

CREATED, UPDATED, UNCHANGED = "created", "updated", "unchanged"


@click.command("import-env", cls=Command)
@click.argument("file", type=FILE)
@click.option("--prefix", default="", metavar="TEXT", help="Put this before each secret's name.")
@options
def import_env(options: GlobalOptions, file: str, prefix: str) -> None:
    """Make a secret of every variable in FILE (- for standard input), all of them or none.

    DB_PASSWORD becomes the secret DB-PASSWORD with the tag env=DB_PASSWORD, which `run` and `export-env` go by. A
    secret that has the value already gets no new version.
    """
    variables, without = _parse(read_bytes(options, file, "the environment file", limit=VALUE_MAX))
    names = _names(variables, prefix)
    with open_vault(options) as vault:
        report = _import(vault, {names[variable]: (variable, value) for variable, value in variables.items()})
    counts = ", ".join(f"{len(report[outcome])} {outcome}" for outcome in (CREATED, UPDATED, UNCHANGED))
    write_object(options, report | {"without_value": without}, counts)
    for variable in without:
        note(options, f"{variable} has no value and was left out")
    if file != "-" and variables:
        note(options, f"{file} still holds these values in the clear")


@click.command("export-env", cls=Command)
@chosen_by
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMS),
    default=BOTH,
    help="Who is to read it: a shell, dotenv, or both unless given.",
)
@out("the lines")
@options
def export_env(
    options: GlobalOptions,
    named: tuple[str, ...],
    everything: bool,
    tags: tuple[tuple[str, str], ...],
    form: str,
    out: str | None,
) -> None:
    """Write secrets as lines of an environment file: those with a tag `env`, unless others are chosen."""
    if out is None and to_terminal() and not options.json:
        raise CannotUse(
            "many secrets at once are not for a screen", hint="--out FILE keeps them, --out - insists"
        )
    with open_vault(options) as vault:
        chosen = choose(
            vault, named, everything=everything, tags=tags, tagged=not (named or everything or tags)
        )
    texts = {variable: _text(variable, chosen[variable]) for variable in sorted(chosen)}
    if options.json and out in (None, "-"):
        write_object(options, texts)
        return
    lines = "".join(_line(variable, texts[variable], form) for variable in texts)
    write_bytes(options, "lines", lines.encode(), out)  # fmt: skip


def _parse(data: bytes) -> tuple[dict[str, str], list[str]]:
    """Return variables and values, the last of each name, and the names that have no value."""
    from dotenv.parser import parse_stream

    found: dict[str, str | None] = {}
    try:
        # A file as dotenv itself opens it: UTF-8, universal newlines. `$NAME` stays as it is: nothing is expanded.
        for binding in parse_stream(io.TextIOWrapper(io.BytesIO(data), encoding="utf-8")):
            if binding.error:
                raise CannotUse(f"line {_line_number(binding.original)} is not NAME=value")
            if binding.key is not None:
                found[binding.key] = binding.value
    except UnicodeDecodeError:
        raise CannotUse("the environment file is not text in UTF-8") from None
    values = {variable: value for variable, value in found.items() if value is not None}
    return values, [variable for variable, value in found.items() if value is None]


def _line_number(original: Any) -> int:
    """Return where the text of a statement begins, past the blank lines before it."""
    text: str = original.string
    number: int = original.line
    return number + text[: len(text) - len(text.lstrip())].count("\n")


def _names(variables: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Return the secret's name for each variable.

    Raises:
        CannotUse: two variables would be one secret.
    """
    names = {variable: name_of(variable, prefix) for variable in variables}
    first: dict[str, str] = {}
    for variable, name in names.items():
        other = first.setdefault(name.lower(), variable)
        if other != variable:
            raise CannotUse(
                f"{other} and {variable} would both be the secret {name}", hint="rename one of them"
            )
    return names


def _import(vault: Vault, wanted: Mapping[str, tuple[str, str]]) -> dict[str, list[str]]:
    report: dict[str, list[str]] = {CREATED: [], UPDATED: [], UNCHANGED: []}
    with vault.batch():
        for name, (variable, value) in wanted.items():
            report[_import_one(vault, name, variable, value)].append(name)
    return report


def _import_one(vault: Vault, name: str, variable: str, value: str) -> str:
    try:
        present = vault.secrets.get(name)
    except SecretNotFound:
        vault.secrets.set(name, value, tags={TAG: variable})
        return CREATED
    except ObjectDisabled:
        vault.secrets.set(name, value, tags={TAG: variable})
        return UPDATED
    properties = present.properties
    if present.value == value and properties.tags.get(TAG) == variable:
        return UNCHANGED
    # What somebody noted on the secret stays with it.
    vault.secrets.set(
        name, value, tags=properties.tags | {TAG: variable}, content_type=properties.content_type,
    )  # fmt: skip
    return UPDATED


def _text(variable: str, value: str | bytes) -> str:
    if isinstance(value, bytes):
        raise CannotUse(f"the secret for {variable} is bytes, which an environment file cannot hold")
    return value


def _line(variable: str, value: str, form: str) -> str:
    try:
        return line(variable, value, form) + "\n"
    except NotQuotable as error:
        raise CannotUse(
            f"{variable} cannot be written for {form}: {error}",
            hint="--format sh and --format dotenv suit one reader",
        ) from None
