"""The commands that secrets and keys share: list, versions, delete, recover, purge, backup, restore.

Relies on the verbs both collections have. Promises: what cannot be undone asks first, unless --yes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import click

from localvault.cli.inputs import from_base64, read_bytes, read_line, read_recovery_key, text_or_bytes
from localvault.cli.options import FILE, Command, GlobalOptions, Group, options
from localvault.cli.output import Column, write_bytes, write_object, write_rows
from localvault.cli.parameters import out
from localvault.cli.prompts import ask, ask_twice, confirm
from localvault.cli.text import moment
from localvault.cli.unlock import open_vault


class Noun(NamedTuple):
    """What the commands of a noun are about: its word, where the vault has it, how a row of it looks."""

    word: str
    collection: str
    columns: Sequence[Column]


_VERSION = Column("version", lambda p: p.version)
_CREATED = Column("created", lambda p: moment(p.created))
_DELETED = (
    Column("name", lambda d: d.name),
    Column("deleted on", lambda d: moment(d.deleted_on)),
    Column("purged on", lambda d: moment(d.scheduled_purge_date)),
)


def add_common(group: Group, noun: Noun) -> None:
    """Add to `group` the commands every kind of object has."""
    for make in (_list, _versions, _delete, _list_deleted, _get_deleted, _recover, _purge, _backup, _restore):
        group.add_command(make(noun))


def to_dict(item: Any) -> dict[str, Any]:
    """Return what `item` says of itself for JSON."""
    document: dict[str, Any] = item.to_dict()
    return document


def _command(name: str, help_text: str, noun: Noun) -> Callable[[Any], click.Command]:
    return click.command(name, cls=Command, help=help_text.format(noun.word))


def _list(noun: Noun) -> click.Command:
    @_command("list", "List every {} that is not deleted, in no order that means anything.", noun)
    @options
    def command(options: GlobalOptions) -> None:
        with open_vault(options) as vault:
            write_rows(options, getattr(vault, noun.collection).list(), noun.columns, to_dict)

    return command


def _versions(noun: Noun) -> click.Command:
    @_command("versions", "List the versions of a {}, the oldest first.", noun)
    @click.argument("name")
    @options
    def command(options: GlobalOptions, name: str) -> None:
        with open_vault(options) as vault:
            columns = (_VERSION, _CREATED, *noun.columns[1:])
            write_rows(options, getattr(vault, noun.collection).versions(name), columns, to_dict)

    return command


def _delete(noun: Noun) -> click.Command:
    @_command(
        "delete", "Delete a {} with all its versions; it can be recovered until its retention ends.", noun
    )
    @click.argument("name")
    @options
    def command(options: GlobalOptions, name: str) -> None:
        with open_vault(options) as vault:
            deleted = getattr(vault, noun.collection).delete(name)
        until = moment(deleted.scheduled_purge_date)
        write_object(options, deleted.to_dict(), f"{deleted.name} deleted; recoverable until {until}")

    return command


def _list_deleted(noun: Noun) -> click.Command:
    @_command("list-deleted", "List every deleted {} that can still be recovered.", noun)
    @options
    def command(options: GlobalOptions) -> None:
        with open_vault(options) as vault:
            write_rows(options, getattr(vault, noun.collection).list_deleted(), _DELETED, to_dict)

    return command


def _get_deleted(noun: Noun) -> click.Command:
    @_command("get-deleted", "Show a deleted {}: its properties and when it will be purged.", noun)
    @click.argument("name")
    @options
    def command(options: GlobalOptions, name: str) -> None:
        with open_vault(options) as vault:
            write_object(options, getattr(vault, noun.collection).get_deleted(name).to_dict())

    return command


def _recover(noun: Noun) -> click.Command:
    @_command("recover", "Bring a deleted {} back with all its versions.", noun)
    @click.argument("name")
    @options
    def command(options: GlobalOptions, name: str) -> None:
        with open_vault(options) as vault:
            found = getattr(vault, noun.collection).recover(name)
        write_object(options, found.to_dict(), found.id)

    return command


def _purge(noun: Noun) -> click.Command:
    @_command("purge", "Remove a deleted {} for good; nothing brings it back.", noun)
    @click.argument("name")
    @click.option("--yes", is_flag=True, help="Do not ask.")
    @options
    def command(options: GlobalOptions, name: str, yes: bool) -> None:
        with open_vault(options) as vault:
            found = getattr(vault, noun.collection).get_deleted(name)
            if not yes:
                confirm(f"Remove {noun.word} {found.name} with all its versions for good?")
            getattr(vault, noun.collection).purge(name)
        write_object(options, {"name": found.name, "purged": True}, f"{found.name} purged")

    return command


def _backup(noun: Noun) -> click.Command:
    @_command(
        "backup",
        "Write a sealed copy of a {} with all its versions. It restores into this vault; into another with this "
        "vault's recovery key, or with a transfer passphrase.",
        noun,
    )
    @click.argument("name")
    @out("the copy")
    @click.option("--base64", "as_base64", is_flag=True, help="Write base64url text.")
    @click.option(
        "--transfer-passphrase-file",
        type=FILE,
        metavar="FILE",
        help="Also let the passphrase in this file open it.",
    )
    @click.option(
        "--transfer-passphrase", "asked", is_flag=True, help="Also let a passphrase open it; ask for it."
    )
    @options
    def command(
        options: GlobalOptions,
        name: str,
        out: str | None,
        as_base64: bool,
        transfer_passphrase_file: str | None,
        asked: bool,
    ) -> None:
        with open_vault(options) as vault:
            passphrase = _transfer_passphrase(options, transfer_passphrase_file, asked, new=True)
            blob = getattr(vault, noun.collection).backup(name, passphrase=passphrase)
        write_bytes(options, "copy", blob, out, as_base64=as_base64)

    return command  # fmt: skip


def _restore(noun: Noun) -> click.Command:
    @_command("restore", "Restore a {} from what backup wrote (FILE, or - for standard input).", noun)
    @click.argument("file", type=FILE)
    @click.option("--base64", "as_base64", is_flag=True, help="Read base64url text.")
    @click.option(
        "--transfer-passphrase-file",
        type=FILE,
        metavar="FILE",
        help="Open it with the passphrase in this file.",
    )
    @click.option(
        "--transfer-passphrase", "asked", is_flag=True, help="Open it with a passphrase; ask for it."
    )
    @click.option(
        "--transfer-recovery-key-file",
        type=FILE,
        metavar="FILE",
        help="Open it with the recovery key of the vault that made it.",
    )
    @options
    def command(
        options: GlobalOptions,
        file: str,
        as_base64: bool,
        transfer_passphrase_file: str | None,
        asked: bool,
        transfer_recovery_key_file: str | None,
    ) -> None:
        blob = read_bytes(options, file, "the copy")
        with open_vault(options) as vault:
            found = getattr(vault, noun.collection).restore(
                from_base64(blob, "the copy") if as_base64 else blob,
                passphrase=_transfer_passphrase(options, transfer_passphrase_file, asked, new=False),
                recovery_key=read_recovery_key(options, transfer_recovery_key_file),
            )
        write_object(options, found.to_dict(), found.id)

    return command  # fmt: skip


def _transfer_passphrase(
    options: GlobalOptions, file: str | None, asked: bool, *, new: bool
) -> str | bytes | None:
    if file is not None:
        return text_or_bytes(read_line(options, file, "the transfer passphrase"))
    if not asked:
        return None
    return (ask_twice if new else ask)("transfer passphrase", hint="use --transfer-passphrase-file")
