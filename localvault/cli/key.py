"""`localvault key …`: the verbs of `vault.keys`; what a key can do is in `crypto`.

Relies on `objects` for what keys share with secrets. Promises: a private key is written by `export` alone, and only if
it was made exportable.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from localvault.cli.crypto import add_crypto
from localvault.cli.files import add_files
from localvault.cli.inputs import VALUE_MAX, read_bytes, read_line, text_or_bytes
from localvault.cli.objects import Noun, add_common
from localvault.cli.options import FILE, GlobalOptions, Group, options
from localvault.cli.output import Column, waiting, write_bytes, write_content, write_object
from localvault.cli.parameters import cleared, of_new, of_update, out, properties, version
from localvault.cli.prompts import ask, ask_twice
from localvault.cli.retiring import add_retiring
from localvault.cli.rotation import add_rotation_policy, rotate
from localvault.cli.text import moment, pairs, yes
from localvault.cli.unlock import open_vault

OPERATIONS = ("encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey")
_COLUMNS = (
    Column("name", lambda p: p.name),
    Column("type", lambda p: f"{p.kty} {p.curve or p.size}"),
    Column("operations", lambda p: " ".join(p.operations)),
    Column("enabled", lambda p: "retired" if p.retired else yes(p.enabled)),
    Column("exportable", lambda p: yes(p.exportable)),
    Column("expires on", lambda p: moment(p.expires_on)),
    Column("tags", lambda p: pairs(p.tags)),
)
_operation = click.option(
    "--operation", "operations", type=click.Choice(OPERATIONS), multiple=True,
    help="What the key may be used for; may be repeated. Everything it can do unless given.",
)  # fmt: skip
_exportable = click.option(
    "--exportable", is_flag=True, help="Let `export` hand out the private part, for good."
)
_password_file = click.option(
    "--password-file", type=FILE, metavar="FILE", help="The password of the PEM or DER is in this file."
)
_password = click.option(
    "--password", "asked", is_flag=True, help="The PEM or DER has a password; ask for it."
)


@click.group(cls=Group)
def key() -> None:
    """Keys: create, import, rotate; encrypt, sign, wrap, seal; export, delete, recover, purge, backup, restore."""


@key.command("create")
@click.argument("name")
@click.argument("kty", metavar="TYPE", type=click.Choice(["RSA", "EC", "oct", "OKP"], case_sensitive=False))
@click.option(
    "--size", type=int, metavar="BITS", help="RSA: 2048, 3072 (default), 4096; oct: 128, 192, 256 (default)."
)
@click.option(
    "--curve",
    metavar="CURVE",
    help="EC: P-256 (default), P-384, P-521, P-256K; OKP: Ed25519 (default), X25519.",
)
@_operation
@_exportable
@properties(content_type=False)
@options
def create(options: GlobalOptions, /, name: str, kty: str, operations: tuple[str, ...], **rest: Any) -> None:
    """Make a key of TYPE RSA, EC, oct or OKP; if the name exists, this adds a version and makes it current."""
    with open_vault(options) as vault, waiting(options, "Making the key"):
        made = vault.keys.create(name, kty, operations=operations or None, **of_new(rest))
    write_object(options, made.to_dict(), made.id)


@key.command("import")
@click.argument("name")
@click.argument("file", type=FILE)
@_password_file
@_password
@_operation
@_exportable
@properties(content_type=False)
@options
def import_(
    options: GlobalOptions,
    /,
    name: str,
    file: str,
    password_file: str | None,
    asked: bool,
    operations: tuple[str, ...],
    **rest: Any,
) -> None:
    """Import a key made elsewhere: PEM, DER or a JSON Web Key, from FILE or standard input (-)."""
    material = read_bytes(options, file, "the key", limit=VALUE_MAX)
    password = _read_password(options, password_file, asked)
    with open_vault(options) as vault:
        made = vault.keys.import_(
            name, material, password=password, operations=operations or None, **of_new(rest)
        )
    write_object(options, made.to_dict(), made.id)  # fmt: skip


@key.command("get")
@click.argument("name")
@version()
@options
def get(options: GlobalOptions, name: str, version: str | None) -> None:
    """Show what a key is and may do; never its private part."""
    with open_vault(options) as vault:
        found = vault.keys.get(name, version)
    document = found.to_dict()
    if not options.json:
        del document["jwk"]  # `export-public` has it in every form
    write_object(options, document)


@key.command("update")
@click.argument("name")
@version()
@_operation
@properties(content_type=False, tags_help="A tag; those given replace all there were.")
@cleared("tags", "not-before", "expires-on")
@options
def update(
    options: GlobalOptions, /, name: str, version: str | None, clear: tuple[str, ...], **properties: Any
) -> None:
    """Change properties of a version; what is not given stays, and the material stays in any case."""
    with open_vault(options) as vault:
        found = vault.keys.update(name, version, **of_update(properties, clear))
    write_object(options, found.to_dict(), found.id)


key.add_command(rotate)


@key.command("export-public")
@click.argument("name")
@version()
@click.option(
    "--format", "form", type=click.Choice(["pem", "der", "jwk"]), default="pem", help="PEM unless given."
)
@out("the public key")
@options
def export_public(options: GlobalOptions, name: str, version: str | None, form: str, out: str | None) -> None:
    """Write the public part of a key."""
    with open_vault(options) as vault:
        found = vault.keys.get(name, version)
    if form == "der":
        write_bytes(options, "public_key", found.public_der(), out)
    else:
        _write_key(options, "public_key", found.public_pem() if form == "pem" else found.public_jwk(), out)


@key.command("export")
@click.argument("name")
@version()
@click.option(
    "--password-file", type=FILE, metavar="FILE", help="Encrypt the PEM with the password in this file."
)
@click.option("--password", "asked", is_flag=True, help="Encrypt the PEM with a password; ask for it.")
@out("the private key")
@options
def export(
    options: GlobalOptions,
    name: str,
    version: str | None,
    password_file: str | None,
    asked: bool,
    out: str | None,
) -> None:
    """Write the private part of a key that was made exportable: PEM, or for an oct key its JSON Web Key."""
    from localvault.model.key_access import KEY_ACCESS

    password = _read_password(options, password_file, asked, new=True)
    with open_vault(options) as vault:
        material = vault.keys.export(name, version, access=KEY_ACCESS, password=password)
    _write_key(options, "private_key", material, out)


def _write_key(
    options: GlobalOptions, field: str, material: str | Mapping[str, Any], out: str | None
) -> None:
    """Write a key as its PEM, or as its JSON Web Key, which within JSON stays an object."""
    if isinstance(material, str):
        write_content(options, field, material, out)
    elif options.json and out in (None, "-"):
        write_object(options, {field: material})
    else:
        write_content(options, field, json.dumps(material) + "\n", out)


def _read_password(
    options: GlobalOptions, file: str | None, asked: bool, *, new: bool = False
) -> str | bytes | None:
    if file is not None:
        return text_or_bytes(read_line(options, file, "the password"))
    return (ask_twice if new else ask)("password", hint="use --password-file") if asked else None


add_common(key, Noun("key", "keys", _COLUMNS))
add_retiring(key)
add_rotation_policy(key, "key", "keys")
add_crypto(key)
add_files(key)
