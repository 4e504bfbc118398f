"""One operation on its way through the door, and several of them in one transaction.

Relies on nothing but the forms of a transaction. Promises: what an operation fills in here is what its event tells.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from typing import Any, Protocol, TypeVar

from localvault.errors import VaultError
from localvault.records import Batches, Records
from localvault.store.protocol import WriteTxn

T = TypeVar("T")


class Look(Protocol):
    """Reads for an operation that is being prepared."""

    def __call__(self, body: Callable[[Call, Records], T]) -> T:
        """Return `body(call, records)` on one snapshot."""


class Call:
    """One operation on its way through the door; its body fills in what the event should tell."""

    __slots__ = ("count", "details", "notices", "now", "target", "version")

    def __init__(self, now: int) -> None:
        self.now = now  # µs since the epoch: the one time this operation happened at
        self.version: bytes | None = None
        self.target: str | None = (
            None  # where the body learned it: a backup tells its object's name once it is open
        )
        self.count = 1
        self.details: dict[str, Any] | None = None
        self.notices: list[Any] | None = None  # what to tell subscribers once it is committed


class Apart:
    """An operation that works outside of any transaction; see `Door.apart`."""

    __slots__ = ("call", "look", "tell")

    def __init__(self, call: Call, look: Look, tell: Callable[[], None]) -> None:
        self.call = call
        self.look = look
        self.tell = tell


class Batch:
    """An open `vault.batch()`: the one write transaction its thread's mutations share."""

    __slots__ = ("broken", "count", "notices", "sealers", "thread", "txn")

    def __init__(self, txn: WriteTxn) -> None:
        self.txn = txn
        self.thread = get_ident()
        self.count = 0
        self.sealers: Batches = {}
        self.broken: VaultError | None = None
        self.notices: list[Any] = []

    def run(self, attempt: Callable[[WriteTxn, Batches], T]) -> T:
        """Run one operation in the batch; an error of the store itself (not of the operation) breaks the batch."""
        try:
            result = attempt(self.txn, self.sealers)
        except VaultError as error:
            self.broken = error
            raise
        self.count += 1
        return result
