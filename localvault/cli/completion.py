"""`localvault completion`: a script that teaches a shell the commands and options.

Relies on click. Promises: completing opens no vault, so no name of an object is completed.
"""

from __future__ import annotations

import click
from click.shell_completion import ShellComplete, get_completion_class

from localvault.cli.options import Command

_SHELLS = ("bash", "zsh", "fish")


@click.command("completion", cls=Command)
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Write the completion script for a shell: source it from the shell's start-up file."""
    kind = get_completion_class(shell)
    assert kind is not None, "click has all three"
    # `ShellComplete.source` and not the class's own, which for bash would first start one to ask for its version.
    root = ctx.find_root()
    click.echo(ShellComplete.source(kind(root.command, {}, "localvault", "_LOCALVAULT_COMPLETE")))
