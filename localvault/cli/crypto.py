"""What a key can do, as commands of `localvault key`: encrypt, sign, wrap, seal and their opposites.

Relies on `vault.crypto`. Promises: what `encrypt`, `wrap` and `sign` write is a JSON object that says how to undo it,
and what `decrypt`, `unwrap` and `verify` read is that object; what comes out of sealing and opening is bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import click

from localvault.cli.failures import CannotUse
from localvault.cli.inputs import from_base64, read_bytes
from localvault.cli.options import FILE, Command, GlobalOptions, Group, options
from localvault.cli.output import base64_text, write_bytes, write_content, write_json, write_object
from localvault.cli.parameters import out, version
from localvault.cli.unlock import open_vault

_PREHASHED = re.compile(r"(?:RS|PS|ES)(256|384|512)K?")

_algorithm = click.option(
    "--algorithm", required=True, metavar="NAME", help="A JWA name, such as A256GCM or PS256."
)
_file = click.argument("file", type=FILE, default="-")
_base64 = click.option("--base64", "as_base64", is_flag=True, help="Write base64url text.")
_context = click.option(
    "--context", default="", metavar="TEXT", help="Authenticated beside the content, not kept in it."
)
_rsa1_5 = click.option("--allow-rsa1-5", is_flag=True, help="Accept RSA1_5, which invites padding oracles.")


def add_crypto(group: Group) -> None:
    """Add to `group` the commands of this file."""
    for command in (encrypt, decrypt, sign, verify, wrap, unwrap, seal, open_, rewrap):
        group.add_command(command)


@click.command("encrypt", cls=Command)
@click.argument("name")
@_file
@_algorithm
@version()
@click.option("--aad", metavar="TEXT", help="GCM: authenticated beside the content.")
@options
def encrypt(
    options: GlobalOptions, name: str, file: str, algorithm: str, version: str | None, aad: str | None
) -> None:
    """Encrypt FILE (standard input unless given) and write a JSON object for `decrypt`."""
    content = read_bytes(options, file, "the content")
    with open_vault(options) as vault:
        made = vault.crypto(name, version).encrypt(
            algorithm, content, additional_authenticated_data=None if aad is None else aad.encode()
        )
    _write_result(made, "ciphertext", "iv", "authentication_tag", "additional_authenticated_data")


@click.command("decrypt", cls=Command)
@click.argument("name")
@_file
@_rsa1_5
@out("the content")
@options
def decrypt(options: GlobalOptions, name: str, file: str, allow_rsa1_5: bool, out: str | None) -> None:
    """Decrypt the JSON object in FILE (standard input unless given) that `encrypt` wrote."""
    found = _read_result(options, file)
    fields = ("iv", "authentication_tag", "additional_authenticated_data")
    with open_vault(options) as vault:
        opened = vault.crypto(name, _version_of(found)).decrypt(
            _text(found, "algorithm"),
            _bytes(found, "ciphertext"),
            **{field: _bytes(found, field) for field in fields if found.get(field) is not None},
            allow_rsa1_5=allow_rsa1_5,
        )
    write_content(options, "content", opened.plaintext, out)


@click.command("sign", cls=Command)
@click.argument("name")
@_file
@_algorithm
@version()
@options
def sign(options: GlobalOptions, name: str, file: str, algorithm: str, version: str | None) -> None:
    """Sign FILE (standard input unless given) and write a JSON object for `verify`."""
    digest = _digest(algorithm, read_bytes(options, file, "the content"))
    with open_vault(options) as vault:
        _write_result(vault.crypto(name, version).sign(algorithm, digest), "signature")


@click.command("verify", cls=Command)
@click.argument("name")
@_file
@click.option(
    "--signature",
    "signature_file",
    type=FILE,
    required=True,
    metavar="FILE",
    help="The JSON object that `sign` wrote (- for standard input).",
)
@options
def verify(options: GlobalOptions, name: str, file: str, signature_file: str) -> None:
    """Check that FILE (standard input unless given) is what was signed; exit code 9 if it is not."""
    found = _read_result(options, signature_file)
    algorithm = _text(found, "algorithm")
    digest = _digest(algorithm, read_bytes(options, file, "the content"))
    with open_vault(options) as vault:
        vault.crypto(name, _version_of(found)).verify(algorithm, digest, _bytes(found, "signature"))
    write_object(options, {"verified": True}, "the signature is good")


@click.command("wrap", cls=Command)
@click.argument("name")
@_file
@_algorithm
@version()
@options
def wrap(options: GlobalOptions, name: str, file: str, algorithm: str, version: str | None) -> None:
    """Encrypt another key, the bytes of FILE (standard input unless given), and write a JSON object for `unwrap`."""
    content = read_bytes(options, file, "the key")
    with open_vault(options) as vault:
        _write_result(vault.crypto(name, version).wrap_key(algorithm, content), "encrypted_key")


@click.command("unwrap", cls=Command)
@click.argument("name")
@_file
@_rsa1_5
@out("the key")
@_base64
@options
def unwrap(
    options: GlobalOptions, name: str, file: str, allow_rsa1_5: bool, out: str | None, as_base64: bool
) -> None:
    """Decrypt another key from the JSON object in FILE (standard input unless given) that `wrap` wrote."""
    found = _read_result(options, file)
    with open_vault(options) as vault:
        opened = vault.crypto(name, _version_of(found)).unwrap_key(
            _text(found, "algorithm"), _bytes(found, "encrypted_key"), allow_rsa1_5=allow_rsa1_5
        )
    write_bytes(options, "key", opened.key, out, as_base64=as_base64)


@click.command("seal", cls=Command)
@click.argument("name")
@_file
@_context
@version()
@out("the token")
@_base64
@options
def seal(
    options: GlobalOptions,
    name: str,
    file: str,
    context: str,
    version: str | None,
    out: str | None,
    as_base64: bool,
) -> None:
    """Seal FILE (standard input unless given) into a token that opens under any later version of an oct key."""
    content = read_bytes(options, file, "the content")
    with open_vault(options) as vault:
        token = vault.crypto(name, version).seal(content, context.encode())
    write_bytes(options, "token", token, out, as_base64=as_base64)


@click.command("open", cls=Command)
@click.argument("name")
@_file
@_context
@out("the content")
@click.option("--base64", "from_text", is_flag=True, help="Read base64url text.")
@options
def open_(
    options: GlobalOptions, name: str, file: str, context: str, out: str | None, from_text: bool
) -> None:
    """Open the token in FILE (standard input unless given)."""
    token = _read_token(options, file, from_text)
    with open_vault(options) as vault:
        opened = vault.crypto(name).open(token, context.encode())
    write_content(options, "content", opened, out)


@click.command("rewrap", cls=Command)
@click.argument("name")
@_file
@_context
@out("the token")
@click.option("--base64", "as_base64", is_flag=True, help="Read and write base64url text.")
@options
def rewrap(
    options: GlobalOptions, name: str, file: str, context: str, out: str | None, as_base64: bool
) -> None:
    """Seal the content of the token in FILE (standard input unless given) again under the key's current version."""
    token = _read_token(options, file, as_base64)
    with open_vault(options) as vault:
        moved = vault.crypto(name).rewrap(token, context.encode())
    write_bytes(options, "token", moved, out, as_base64=as_base64)


def _digest(algorithm: str, content: bytes) -> bytes:
    """Return what the algorithm signs: a digest, or for EdDSA and HS the content itself."""
    found = _PREHASHED.fullmatch(algorithm)
    if found is None:
        return content
    from hashlib import new

    return new(f"sha{found[1]}", content).digest()


def _write_result(made: Any, *fields: str) -> None:
    values = {field: getattr(made, field) for field in fields}
    shown = {field: base64_text(value) for field, value in values.items() if value is not None}
    write_json({"key_id": made.key_id, "algorithm": made.algorithm, **shown})


def _read_result(options: GlobalOptions, file: str) -> Mapping[str, Any]:
    try:
        found = json.loads(read_bytes(options, file, "the JSON object"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise CannotUse("this is not the JSON object that `encrypt`, `wrap` or `sign` wrote")
    return found


def _read_token(options: GlobalOptions, file: str, from_text: bool) -> bytes:
    data = read_bytes(options, file, "the token")
    return from_base64(data, "the token") if from_text else data


def _version_of(found: Mapping[str, Any]) -> str | None:
    """Return the version a key's URL names; the current one if there is no URL."""
    key_id = found.get("key_id")
    return None if key_id is None else str(key_id).rpartition("/")[2]


def _text(found: Mapping[str, Any], field: str) -> str:
    value = found.get(field)
    if not isinstance(value, str):
        raise CannotUse(f"the JSON object has no {field}")
    return value


def _bytes(found: Mapping[str, Any], field: str) -> bytes:
    return from_base64(_text(found, field).encode(), field)
