"""A progress bar on a terminal.

Relies on `rich`. Promises: it is gone when the work is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show a bar named `what` on standard error; yields what is to be called with done and total, if known."""
    with Progress(console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=None)

        def advance(done: int, total: int | None) -> None:
            shown.update(task, completed=done, total=total)

        yield advance
