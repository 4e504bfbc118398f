"""`localvault slot …`: the ways to unlock a vault.

Relies on `vault.slots`. Promises: a recovery key is written once, when it is made, and a passphrase never.
"""

from __future__ import annotations

from pathlib import Path

import click

from localvault.cli.failures import warn
from localvault.cli.kdf import chosen, kdf_option
from localvault.cli.options import FILE, PATH, GlobalOptions, Group, options
from localvault.cli.output import Column, write_object, write_rows
from localvault.cli.unlock import new_passphrase, open_vault, open_with, present_passphrase, unlocking

SHORT = 12  # characters; below, what Argon2id makes a guess cost does not help against a patient guesser
_COLUMNS = (
    Column("id", lambda s: s.id),
    Column("kind", lambda s: s.kind),
    Column("label", lambda s: s.label or ""),
    Column("stretched by", lambda s: s.kdf or ""),
)
_label = click.option("--label", metavar="TEXT", help="What it is for, for people; up to 100 characters.")
_new_file = click.option(
    "--new-passphrase-file",
    type=FILE,
    metavar="FILE",
    help="The new passphrase is in this file (- for standard input).",
)
_new_fd = click.option(
    "--new-passphrase-fd",
    type=click.IntRange(min=0),
    metavar="N",
    help="The new passphrase is in this file descriptor.",
)


@click.group(cls=Group)
def slot() -> None:
    """Slots, the ways to unlock the vault: list, add, remove, change a passphrase."""


@slot.command("list")
@options
def list_(options: GlobalOptions) -> None:
    """List the slots."""
    with open_vault(options) as vault:
        write_rows(options, vault.slots.list(), _COLUMNS, lambda s: s._asdict())


@slot.group("add")
def add() -> None:
    """Add a slot: passphrase, keyfile, recovery-key."""


@add.command("passphrase")
@_label
@_new_file
@_new_fd
@kdf_option
@options
def add_passphrase(
    options: GlobalOptions,
    label: str | None,
    new_passphrase_file: str | None,
    new_passphrase_fd: int | None,
    kdf: str | None,
) -> None:
    """Add a slot that a new passphrase opens; from a prompt, a file or LOCALVAULT_NEW_PASSPHRASE."""
    with open_vault(options) as vault:
        passphrase = new_passphrase(options, new_passphrase_file, new_passphrase_fd)
        warn_if_short(passphrase)
        made = vault.slots.add_passphrase(passphrase, label=label, **chosen(kdf))
    write_object(options, made._asdict(), made.id)  # fmt: skip


@add.command("keyfile")
@click.argument("file", type=PATH)
@_label
@options
def add_keyfile(options: GlobalOptions, file: Path, label: str | None) -> None:
    """Make the key file FILE and add a slot that it opens; whoever holds the file opens the vault."""
    with open_vault(options) as vault:
        made = vault.slots.add_keyfile(file, label=label)
    write_object(options, made._asdict(), made.id)


@add.command("recovery-key")
@_label
@options
def add_recovery_key(options: GlobalOptions, label: str | None) -> None:
    """Add a slot for a new recovery key and write the key, this once."""
    with open_vault(options) as vault:
        write_object(options, {"recovery_key": vault.slots.add_recovery_key(label=label)})


@slot.command("remove")
@click.argument("slot_id", metavar="ID")
@options
def remove(options: GlobalOptions, slot_id: str) -> None:
    """Remove a slot; the last one stays. What it opened stays readable in copies made before."""
    with open_vault(options) as vault:
        vault.slots.remove(slot_id)
    write_object(options, {"id": slot_id, "removed": True}, f"{slot_id} removed")


@slot.command("change-passphrase")
@_new_file
@_new_fd
@kdf_option
@options
def change_passphrase(
    options: GlobalOptions, new_passphrase_file: str | None, new_passphrase_fd: int | None, kdf: str | None
) -> None:
    """Give the slot that the passphrase opens another one, from a prompt, a file or LOCALVAULT_NEW_PASSPHRASE."""
    how = unlocking(options)
    with open_with(options, how) as vault:
        old = present_passphrase(how)
        new = new_passphrase(options, new_passphrase_file, new_passphrase_fd)
        warn_if_short(new)
        vault.slots.change_passphrase(old, new, **chosen(kdf))
    write_object(options, {"changed": True}, "the passphrase is changed")


def warn_if_short(passphrase: str | bytes) -> None:
    """Say so if a passphrase is short; whether it will do is for its owner to say."""
    if 0 < len(passphrase) < SHORT:
        warn(
            f"the passphrase has {len(passphrase)} characters; several random words would be harder to guess"
        )
