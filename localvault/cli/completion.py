"""`localvault completion`: a script that teaches a shell the commands and options.

Relies on click. Promises: completing opens no vault, so no name of an object is completed.
"""

from __future__ import annotations

import click
from click.shell_completion import ShellComplete, get_completion_class

from localvault.cli.options import Command, GlobalOptions, options
from localvault.cli.output import write_json

_SHELLS = ("bash", "zsh", "fish")


@click.command("completion", cls=Command)
@click.argument("shell", metavar="SHELL", type=click.Choice(_SHELLS))
@options
@click.pass_context
def completion(ctx: click.Context, options: GlobalOptions, shell: str) -> None:
    """Write the completion script for SHELL, which is bash, zsh or fish: source it from its start-up file."""
    kind = get_completion_class(shell)
    assert kind is not None, "click has all three"
    # `ShellComplete.source` and not the class's own, which for bash would first start one to ask for its version.
    root = ctx.find_root()
    script = ShellComplete.source(kind(root.command, {}, "localvault", "_LOCALVAULT_COMPLETE"))
    if options.json:
        write_json({"shell": shell, "script": script})
    else:
        click.echo(script)
