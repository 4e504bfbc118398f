"""`localvault secret generate`, `rotate`, `set-generator`, `get-generator`: secrets that make their own values.

Relies on `localvault.Generator`. Promises: a value made is shown by none of these; a program runs only for who named it
in the same command, or said --commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from localvault.cli.failures import CannotUse
from localvault.cli.objects import to_dict
from localvault.cli.options import Command, GlobalOptions, Group, options
from localvault.cli.output import Column, write_object, write_rows
from localvault.cli.parameters import in_order, of_new, properties
from localvault.cli.rotation import in_parts, is_selection, selected, selection
from localvault.cli.unlock import open_vault

if TYPE_CHECKING:
    from localvault import Generator

_RULES = ("length", "lower", "upper", "digits", "symbols", "exclude", "at_least")
_MADE = (Column("id", lambda p: p.id),)
_generator = in_order(
    click.option("--length", type=int, metavar="N", help="A password of so many characters, 6 to 256; 32."),
    click.option("--lower/--no-lower", default=None, help="Whether it has letters of a to z."),
    click.option("--upper/--no-upper", default=None, help="Whether it has letters of A to Z."),
    click.option("--digits/--no-digits", default=None, help="Whether it has digits."),
    click.option("--symbols", metavar="TEXT", help="Punctuation it has some of; none if empty."),
    click.option("--exclude", metavar="TEXT", help="Characters it has none of."),
    click.option("--at-least", type=int, metavar="N", help="How many it has at least of each class; 1."),
    click.option("--bytes", type=int, metavar="N", help="So many random bytes instead, 16 or more."),
    click.option("--base64url", type=int, metavar="N", help="So many random bytes, as base64url text."),
    click.option("--hex", type=int, metavar="N", help="So many random bytes, as hex text."),
    click.option("--named", metavar="NAME", help="What an application registers under this name."),
    click.option("--timeout", type=float, metavar="S", help="Kill COMMAND after so many seconds; 60."),
    click.argument("command", nargs=-1, type=click.UNPROCESSED),
)  # fmt: skip
commands = click.option(
    "--commands", is_flag=True, help="Let generators that are commands run their programs."
)


@click.command("generate", cls=Command)
@click.argument("name")
@_generator
@properties(content_type=True)
@options
def generate(options: GlobalOptions, /, name: str, **given: Any) -> None:
    """Set a secret to a value made here, and keep how, for `rotate`: a password unless told otherwise.

    What is written after `--` is a program that makes the value, run without a shell: it is what the program writes to
    standard output, less the end of its last line.
    """
    rules = _taken(given)
    made_by = _read(rules)
    with open_vault(options) as vault:
        made = vault.secrets.generate(name, made_by, **of_new(given))
    write_object(options, made.properties.to_dict(), made.id)  # fmt: skip


@click.command("set-generator", cls=Command)
@click.argument("name")
@_generator
@click.option("--none", is_flag=True, help="Take the generator away.")
@options
def set_generator(options: GlobalOptions, /, name: str, none: bool, **given: Any) -> None:
    """Say what makes a secret's values from now on, as for `generate`; the present value stays."""
    if none and any(value not in (None, ()) for value in given.values()):
        raise CannotUse("--none takes the generator away, and something else says what it is to be")
    made_by = None if none else _read(given)
    with open_vault(options) as vault:
        vault.secrets.set_generator(name, made_by)
    _write(options, name, made_by)


@click.command("get-generator", cls=Command)
@click.argument("name")
@options
def get_generator(options: GlobalOptions, name: str) -> None:
    """Show what makes a secret's values."""
    with open_vault(options) as vault:
        found = vault.secrets.generator(name)
    _write(options, name, found)


@click.command("rotate", cls=Command)
@selection("secret that is enabled and has a generator")
@commands
@options
def rotate(
    options: GlobalOptions,
    names: tuple[str, ...],
    everything: bool,
    tags: tuple[tuple[str, str], ...],
    commands: bool,
) -> None:
    """Add a version with a new value from each secret's generator, with the same tags, content type and lifetime."""
    chosen = is_selection("secret", names, everything, tags)
    with open_vault(options) as vault:
        secrets = vault.secrets
        found = list(names)
        if chosen:
            enabled = selected("secret", secrets, dict(tags))
            found = [name for name in enabled if secrets.generator(name) is not None]
        made = in_parts(
            options,
            partial(secrets.rotate, commands=commands),
            partial(secrets.rotate_many, commands=commands),
            found,
            named=not chosen,
        )
        write_rows(options, [secret.properties for secret in made], _MADE, to_dict)


def add_generators(group: Group) -> None:
    """Add to `group` the commands of this file."""
    for command in (generate, rotate, set_generator, get_generator):
        group.add_command(command)


def _taken(given: dict[str, Any]) -> dict[str, Any]:
    """Take what says how a value is made out of `given`; the rest is properties."""
    ours = (*_RULES, "bytes", "base64url", "hex", "named", "timeout", "command")
    return {name: given.pop(name) for name in ours}


def _read(given: Mapping[str, Any]) -> Generator:
    from localvault import Generator

    rules = {name: given[name] for name in _RULES if given[name] is not None}
    sized = {way: given[way] for way in ("bytes", "base64url", "hex") if given[way] is not None}
    ways = len(sized) + (given["named"] is not None) + bool(given["command"]) + bool(rules)
    if ways > 1:
        raise CannotUse("more than one way to make the value is given", hint="give one: see --help")
    if given["timeout"] is not None and not given["command"]:
        raise CannotUse("--timeout is for a command, and there is none", hint="write it after --")
    if given["command"]:
        limit = {} if given["timeout"] is None else {"timeout": given["timeout"]}
        return Generator.command(list(given["command"]), **limit)
    if given["named"] is not None:
        return Generator.named(given["named"])
    for way, size in sized.items():
        made: Generator = getattr(Generator, way)(size)
        return made
    return Generator.password(**rules)


def _write(options: GlobalOptions, name: str, made_by: Generator | None) -> None:
    document = {"name": name, "generator": None if made_by is None else made_by.to_dict()}
    write_object(options, document, f"{name} has no generator" if made_by is None else None)
