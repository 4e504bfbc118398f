"""The options that stand before or after every command, and the classes of commands that take them.

Relies on click. Promises: `localvault --json secret list` and `localvault secret list --json` are the same; none of
these options takes a passphrase; an argument too many is refused without being repeated, for it may be a secret.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from localvault.cli.failures import CannotUse

PATH = click.Path(path_type=Path)
FILE = click.Path(allow_dash=True, path_type=str)


class GlobalOptions:
    """What was said by the options below; one object for the whole command line."""

    def __init__(self) -> None:
        self.vault: Path | None = None
        self.passphrase_file: str | None = None
        self.passphrase_fd: int | None = None
        self.keyfile: Path | None = None
        self.recovery_key_file: str | None = None
        self.read_only = False
        self.allow_weak = False
        self.json = False
        self._stdin_is: str | None = None

    def claim_stdin(self, what: str) -> None:
        """Note that standard input is `what`; it can be one thing only."""
        if self._stdin_is is not None:
            raise CannotUse(f"standard input cannot be both {self._stdin_is} and {what}")
        self._stdin_is = what


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value is not None and value is not False:
        assert param.name is not None, "every option has a name"
        setattr(ctx.ensure_object(GlobalOptions), param.name, value)


def _option(*flags: str, **settings: Any) -> Callable[[bool], click.Option]:
    """Return a maker of one option: shown and read from the environment before the command, silent after it."""

    def make(after: bool) -> click.Option:
        kept = {k: v for k, v in settings.items() if not (after and k in ("envvar", "show_envvar"))}
        hidden = after and flags[0] != "--json"
        return click.Option(flags, expose_value=False, callback=_remember, hidden=hidden, **kept)

    return make


_GLOBAL = (
    _option("--vault", type=PATH, envvar="LOCALVAULT_PATH", show_envvar=True,
            help="The vault's folder; otherwise one in the platform's data folder."),
    _option("--passphrase-file", type=FILE, help="Read the passphrase from this file (- for standard input)."),
    _option("--passphrase-fd", type=click.IntRange(min=0), metavar="N",
            help="Read the passphrase from this file descriptor."),
    _option("--keyfile", type=PATH, help="Unlock with this key file (init: make it)."),
    _option("--recovery-key-file", type=FILE,
            help="Unlock with the recovery key in this file (- for standard input)."),
    _option("--read-only", is_flag=True, help="Open a vault on read-only media; nothing done is journalled."),
    _option("--allow-weak", is_flag=True,
            help="DANGEROUS: accept slots that cost next to nothing to guess. For tests only."),
    _option("--json", is_flag=True, help="Write JSON."),
)  # fmt: skip


def global_options(*, after: bool) -> list[click.Parameter]:
    """Return the options above, made anew: for before the command, or for after it."""
    return [make(after) for make in _GLOBAL]


class Command(click.Command):
    """A command that takes the global options, and repeats no argument that is too many."""

    def __init__(self, *args: Any, excess: str | None = None, **settings: Any) -> None:
        settings["params"] = [*(settings.get("params") or ()), *global_options(after=True)]
        super().__init__(*args, **settings)
        self._excess = excess

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, and refuse what is too much."""
        ctx.allow_extra_args = True
        rest = super().parse_args(ctx, args)
        if ctx.args and not ctx.resilient_parsing:
            error = CannotUse(
                f"too many arguments: {ctx.command_path} takes {_count(self)}", hint=self._excess
            )
            error.ctx = ctx
            raise error
        return rest


class Group(click.Group):
    """Commands under one noun, listed in the order in which they were added."""

    command_class = Command
    group_class = type

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of their definition, which is the order of their use."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is meant; where there is none, say which ones are like it."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            like = [f"`{ctx.command_path} {name}`" for name in self._like(ctx, args[0])]
            if not like:
                raise
            raise CannotUse(error.format_message(), hint=f"did you mean {' or '.join(like)}?") from None

    def _like(self, ctx: click.Context, name: str) -> list[str]:
        """Return the commands of that name below this group's own groups; failing these, those spelt almost so."""
        groups = {word: self.get_command(ctx, word) for word in self.list_commands(ctx)}
        below = [
            f"{word} {name}"
            for word, group in groups.items()
            if isinstance(group, click.Group) and name in group.commands
        ]
        return below or get_close_matches(name, groups, n=2)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, each with the whole first sentence of its help."""
        commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        rows = [(name, found.get_short_help_str(limit=200)) for name, found in commands.items() if found]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _count(command: click.Command) -> str:
    number = sum(isinstance(param, click.Argument) for param in command.params)
    return ("none", "one", "two", "three")[number]


options = click.make_pass_decorator(GlobalOptions, ensure=True)
