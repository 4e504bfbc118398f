"""The commands about a vault as a whole: init, status, config, check, backup, compact, rotate-master-key.

Relies on `localvault.create` and on the vault's own verbs. Promises: `init` leaves nothing behind if it fails; a copy
is complete under its name or not there.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from localvault.cli.exits import DAMAGED
from localvault.cli.failures import CannotUse
from localvault.cli.kdf import chosen, kdf_option
from localvault.cli.objects import to_dict
from localvault.cli.options import PATH, Command, GlobalOptions, options
from localvault.cli.output import Column, progress, waiting, write_object, write_rows
from localvault.cli.parameters import in_order
from localvault.cli.slot import warn_if_short
from localvault.cli.unlock import first_unlocking, open_vault, vault_path
from localvault.errors import BadParameter, VaultExists
from localvault.model.names import check_vault_name

RECOVERY_ADVICE = (
    "Write the recovery key down and keep it away from this machine: it opens the vault when the passphrase is lost, "
    "and it is not shown again."
)
_PROBLEMS = (Column("place", lambda p: p.place), Column("problem", lambda p: p.sentence))


_settings = in_order(
    click.option("--name", metavar="NAME", help="The vault's name, part of its URL (init: the folder's)."),
    click.option("--suffix", metavar="HOST", help="What the vault's URL ends with (vault.localhost)."),
    click.option("--retention-days", type=int, metavar="N", help="How long what is deleted can be recovered (90)."),
    click.option("--purge-protection", is_flag=True, default=None,
                 help="Nobody can purge before the retention ends; cannot be switched off again."),
    click.option("--max-value-bytes", type=int, metavar="N", help="How long a secret's value may be (25600)."),
    click.option("--max-tags", type=int, metavar="N", help="How many tags an object may have (15)."),
    click.option("--rotation-minimum-days", type=int, metavar="N",
                 help="How soon after creation and before expiry a policy may rotate or notify (7)."),
    click.option("--expiry-minimum-days", type=int, metavar="N",
                 help="How soon a policy may have new versions expire (28)."),
)  # fmt: skip


@click.command("init", cls=Command)
@_settings
@kdf_option
@click.option("--no-recovery-key", is_flag=True, help="Do not make a recovery key.")
@options
def init(options: GlobalOptions, /, kdf: str | None, no_recovery_key: bool, **settings: Any) -> None:
    """Make a vault, and a recovery key for it, which is shown this once."""
    import localvault

    path = vault_path(options)
    if path.is_dir() and any(path.iterdir()):  # before anybody types a passphrase in vain
        raise VaultExists(f"there is something at {path} already", hint="name another folder with --vault")
    if settings["name"] is None:
        _check_name_of(path)
    ways = first_unlocking(options)
    warn_if_short(ways.get("passphrase", ""))
    given = {name: value for name, value in settings.items() if value is not None}
    made = _make_parents(path)
    try:
        vault = localvault.create(path, allow_weak=options.allow_weak, **chosen(kdf), **ways, **given)
    except BaseException:
        _remove_folders(made)
        raise
    with vault:
        recovery = None if no_recovery_key else vault.slots.add_recovery_key(label="made by init")
        document = {"path": str(path), "name": vault.name, "url": vault.url, "id": vault.id}
    write_object(options, document | ({} if recovery is None else {"recovery_key": recovery}), f"{path} made")
    if recovery is not None and not options.json:
        click.echo(f"recovery key: {recovery}\n{RECOVERY_ADVICE}")


@click.command("status", cls=Command)
@options
def status(options: GlobalOptions) -> None:
    """Show what the vault holds, its settings, and what this machine offers."""
    with open_vault(options) as vault:
        write_object(options, vault.status())


@click.command("config", cls=Command)
@_settings
@options
def config(options: GlobalOptions, /, **settings: Any) -> None:
    """Show the vault's settings, after changing those that are given."""
    given = {name: value for name, value in settings.items() if value is not None}
    with open_vault(options) as vault:
        found = vault.configure(**given) if given else vault.settings
    write_object(options, found._asdict())


@click.command("check", cls=Command)
@options
def check(options: GlobalOptions) -> None:
    """Walk every record and event and list what is not as it was written; exit code 7 if anything is not."""
    with open_vault(options) as vault:
        with progress(options, "Checking") as advance:
            problems = vault.check(progress=advance)
        write_rows(options, problems, _PROBLEMS, to_dict)
    if problems:
        raise click.exceptions.Exit(DAMAGED)


@click.command("backup", cls=Command)
@click.argument("folder", type=PATH)
@options
def backup(options: GlobalOptions, folder: Path) -> None:
    """Copy the vault as it is now to the new folder FOLDER, while others read and write."""
    with open_vault(options) as vault, waiting(options, "Copying"):
        vault.backup(folder)
    write_object(options, {"path": str(folder)}, str(folder))


@click.command("compact", cls=Command)
@click.argument("folder", type=PATH)
@options
def compact(options: GlobalOptions, folder: Path) -> None:
    """As backup, leaving out free pages and with them what was purged or overwritten."""
    with open_vault(options) as vault, waiting(options, "Copying"):
        vault.compact(folder)
    write_object(options, {"path": str(folder)}, str(folder))


@click.command("rotate-master-key", cls=Command)
@options
def rotate_master_key(options: GlobalOptions) -> None:
    """Give the vault a new master key and seal every record again; finishes a rotation that was broken off."""
    with open_vault(options) as vault, progress(options, "Sealing") as advance:
        made = vault.rotate_master_key(progress=advance)
    told = "finished" if made.resumed else "done"
    write_object(
        options, made._asdict(), f"master key {made.generation}: {told}, {made.records} records sealed again"
    )


COMMANDS = (init, status, config, check, backup, compact, rotate_master_key)


def _check_name_of(path: Path) -> None:
    """Check, before anybody types a passphrase in vain, that the folder's name can be the vault's."""
    stem = path.resolve().stem
    try:
        check_vault_name(stem)
    except BadParameter:
        raise CannotUse(
            f"the folder's name {stem[:60]!r} cannot be a vault's", hint="--name NAME gives the vault another"
        ) from None


def _make_parents(path: Path) -> list[Path]:
    """Make the folders above `path` that are not there; returns them, the innermost first."""
    missing = [folder for folder in path.absolute().parents if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700)
    return missing


def _remove_folders(folders: list[Path]) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()
