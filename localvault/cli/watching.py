"""`localvault agenda run --watch`: doing what is due until a signal says stop.

Relies on `vault.agenda.watch`. Promises: a signal ends it between two rounds, never in the middle of one; what was
done is written as it is done, each thing on a line; a round that failed is told and tried again.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from localvault.cli.failures import warn
from localvault.cli.options import GlobalOptions
from localvault.cli.output import Columns, write_line
from localvault.errors import LocalVaultError

if TYPE_CHECKING:
    from localvault import Vault


class Signals:
    """Waits for time to pass or for SIGINT or SIGTERM, whichever comes first.

    A signal's handler only writes to a pipe: one that set an event could meet its lock held by the very wait it ends.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        self.received: int | None = None

    def wait(self, seconds: float) -> bool:
        """Wait so many seconds at most; returns whether it is time to stop."""
        return bool(select.select([self._read], [], [], seconds)[0])

    def note(self, number: int, frame: Any) -> None:
        """Handle a signal."""
        self.received = number
        os.write(self._write, b"!")

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._read)
        os.close(self._write)


def watch(options: GlobalOptions, vault: Vault, columns: Columns, interval: float, *, commands: bool) -> None:
    """Do what is due, and write it, until SIGINT or SIGTERM; the former ends with the exit code of an interruption."""
    with _signals() as signals:
        done = vault.agenda.watch(interval, commands=commands, wait=signals.wait, failed=_warn)
        for entry in done:
            write_line(options, entry, columns, entry.to_dict())
    if signals.received == signal.SIGINT:
        raise click.Abort


@contextmanager
def _signals() -> Iterator[Signals]:
    signals = Signals()
    before = {number: signal.signal(number, signals.note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signals.close()


def _warn(error: Exception) -> None:
    what = error.message if isinstance(error, LocalVaultError) else f"an unexpected {type(error).__name__}"
    warn(f"a round failed and will be tried again: {what}")
