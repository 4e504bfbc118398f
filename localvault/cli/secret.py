"""`localvault secret …`: the verbs of `vault.secrets`.

Relies on `objects` for what secrets share with keys. Promises: a value is read from where nobody else looks, and is
written only by `get`.
"""

from __future__ import annotations

from typing import Any

import click

from localvault.cli.generator import add_generators
from localvault.cli.inputs import read_value
from localvault.cli.objects import Noun, add_common
from localvault.cli.options import FILE, GlobalOptions, Group, options
from localvault.cli.output import Column, write_content, write_object
from localvault.cli.parameters import cleared, of_new, of_update, out, properties, version
from localvault.cli.retiring import trim_secret
from localvault.cli.rotation import add_rotation_policy
from localvault.cli.text import moment, pairs, yes
from localvault.cli.unlock import open_vault

_COLUMNS = (
    Column("name", lambda p: p.name),
    Column("enabled", lambda p: yes(p.enabled)),
    Column("expires on", lambda p: moment(p.expires_on)),
    Column("content type", lambda p: p.content_type or ""),
    Column("tags", lambda p: pairs(p.tags)),
    Column("updated", lambda p: moment(p.updated)),
)


@click.group(cls=Group)
def secret() -> None:
    """Secrets: set, generate, get, rotate, list, update, delete, recover, purge, backup, restore."""


@secret.command(
    "set", excess="a value is not an argument: type it when asked, or use standard input or --file"
)
@click.argument("name")
@click.argument("source", required=False, metavar="[-]")
@click.option("--file", type=FILE, metavar="FILE", help="Read the value from this file, byte for byte.")
@click.option(
    "--bytes", "as_bytes", is_flag=True, help="Keep the value as bytes; otherwise it is text in UTF-8."
)
@click.option("--value", metavar="VALUE", help="DANGEROUS: other processes can read it. See the next option.")
@click.option("--force-value-on-command-line", "forced", is_flag=True, help="Take --value all the same.")
@properties(content_type=True)
@options
def set_(
    options: GlobalOptions,
    /,
    name: str,
    source: str | None,
    file: str | None,
    as_bytes: bool,
    value: str | None,
    forced: bool,
    **properties: Any,
) -> None:
    """Set a secret; if it exists, this adds a version and makes it current.

    On a terminal the value is asked for, twice. From standard input, the end of the last line is left out; `-` and
    --file take every byte.
    """
    content = read_value(options, source, file, value, as_bytes=as_bytes, forced=forced)
    with open_vault(options) as vault:
        made = vault.secrets.set(name, content, **of_new(properties))
    write_object(options, made.properties.to_dict(), made.id)  # fmt: skip


@secret.command("get")
@click.argument("name")
@version()
@out("the value")
@options
def get(options: GlobalOptions, name: str, version: str | None, out: str | None) -> None:
    """Write a secret's value: byte for byte into a pipe or file, with an end of line on a terminal."""
    with open_vault(options) as vault:
        found = vault.secrets.get(name, version)
    write_content(options, "value", found.value, out, beside=found.properties.to_dict())


@secret.command("update")
@click.argument("name")
@version()
@properties(content_type=True, tags_help="A tag; those given replace all there were.")
@cleared("tags", "not-before", "expires-on", "content-type")
@options
def update(
    options: GlobalOptions, /, name: str, version: str | None, clear: tuple[str, ...], **properties: Any
) -> None:
    """Change properties of a version; what is not given stays, and the value stays in any case."""
    with open_vault(options) as vault:
        found = vault.secrets.update(name, version, **of_update(properties, clear))
    write_object(options, found.to_dict(), found.id)


add_generators(secret)
add_common(secret, Noun("secret", "secrets", _COLUMNS))
secret.add_command(trim_secret)
add_rotation_policy(secret, "secret", "secrets")
