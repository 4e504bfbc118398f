"""The events that a piece of work adds to a vault's journal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from localvault import Event, Vault


@contextmanager
def told(vault: Vault) -> Iterator[list[Event]]:
    """A list that holds, once the block has ended, the events of what was done in it."""
    before = sum(1 for _ in vault.audit.events())
    events: list[Event] = []
    try:
        yield events
    finally:
        events += list(vault.audit.events())[before:-1]  # the last one is of this very look
