"""How an error is told: one line and a hint for people, one JSON object for programs, an exit code for both.

Relies on `exits`. Promises: no traceback unless LOCALVAULT_DEBUG=1 asks for one, and then only for errors nobody
foresaw; what an unforeseen error says is not shown either, because nobody has checked that it holds no secret.
"""

from __future__ import annotations

import json
import os

import click

from localvault.cli.exits import INTERRUPTED, UNEXPECTED, USAGE, exit_code
from localvault.cli.text import visible
from localvault.errors import LocalVaultError

DEBUG = "LOCALVAULT_DEBUG"


class CannotUse(click.UsageError):
    """Something given on the command line that cannot be used as it was given."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class CannotRun(click.ClickException):
    """A program that `run` was to start and could not."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def tell(error: BaseException, *, as_json: bool) -> int:
    """Write what went wrong to standard error and return the exit code."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return USAGE
    code, name, message, hint = _understand(error)
    if as_json:
        click.echo(json.dumps({"error": {"code": name, "message": message, "hint": hint}}), err=True)
        return code
    click.echo(f"{_styled('localvault:', 'red')} {visible(message)}", err=True)
    if hint is not None:
        click.echo(f"{_styled('hint:', 'cyan')} {visible(hint)}", err=True)
    return code


def warn(message: str) -> None:
    """Write a sentence that changes nothing but should be read, to standard error."""
    click.echo(f"{_styled('localvault: warning:', 'yellow')} {visible(message)}", err=True)


def _understand(error: BaseException) -> tuple[int, str, str, str | None]:
    """Return exit code, error code, sentence and hint."""
    if isinstance(error, LocalVaultError):
        return exit_code(error), error.code, error.message, error.hint
    if isinstance(error, CannotRun):
        return error.code, "CannotRun", error.format_message(), None
    if isinstance(error, click.UsageError):
        # click breaks some of its sentences over lines.
        return USAGE, "Usage", " ".join(error.format_message().split()), _usage_hint(error)
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return INTERRUPTED, "Interrupted", "interrupted", None
    if isinstance(error, click.ClickException):
        return USAGE, "Usage", error.format_message(), None
    if isinstance(error, OSError) and error.filename is not None and error.strerror is not None:
        return USAGE, "Usage", f"{_path(error.filename)}: {error.strerror}", None
    return _unforeseen(error)


def _unforeseen(error: BaseException) -> tuple[int, str, str, str | None]:
    if os.environ.get(DEBUG) == "1":
        import traceback

        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    sentence = f"an unexpected error ({type(error).__name__}); this is a fault of localvault"
    return UNEXPECTED, "Unexpected", sentence, f"{DEBUG}=1 shows where; look for secrets before passing it on"


def _usage_hint(error: click.UsageError) -> str | None:
    if isinstance(error, CannotUse) and error.hint is not None:
        return error.hint
    return None if error.ctx is None else f"{error.ctx.command_path} --help"


def _path(filename: object) -> str:
    return os.fsdecode(filename) if isinstance(filename, str | bytes | os.PathLike) else str(filename)


def _styled(text: str, colour: str) -> str:
    # click takes colour away where standard error is no terminal; NO_COLOR is for terminals, too (no-color.org).
    return text if os.environ.get("NO_COLOR") else click.style(text, fg=colour, bold=True)
