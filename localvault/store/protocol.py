"""What the rooms above expect of a store.

Relies on nothing. Promises: whatever stands behind these protocols and passes `localvault.testing.store` can hold a
vault. LMDB is the embedded default; a distributed engine can hold the same sealed records when one machine is outgrown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

T = TypeVar("T")


class ReadTxn(Protocol):
    """One snapshot of the whole store, unaffected by later commits; valid inside its `with` block only."""

    @property
    def id(self) -> int:
        """The number of the snapshot: grows by one with each commit of any process."""

    def get(self, table: int, key: bytes) -> bytes | None:
        """Return the value at `key` (1 to 200 bytes), or None.

        Raises:
            Damaged: the part of the file that should hold it cannot be trusted.
            BadParameter: no key can have this length.
        """

    def scan(
        self,
        table: int,
        prefix: bytes = b"",
        *,
        start: bytes | None = None,
        reverse: bool = False,
        keys_only: bool = False,
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield `(key, value)` for every key with `prefix`, in key order, as they are asked for.

        `start` is where to begin (inclusive, itself with `prefix`): the first key at or after it, or, with `reverse`,
        the first at or before it. `keys_only` yields empty values.

        Raises:
            Damaged: as for `get`.
        """

    def last(self, table: int, prefix: bytes = b"") -> tuple[bytes, bytes] | None:
        """Return the greatest key with `prefix` and its value, or None.

        Raises:
            Damaged: as for `get`.
        """

    def count(self, table: int) -> int:
        """Return how many keys the table has, without reading them."""

    def entries(self) -> int:
        """Return about how many entries the store has, in no time: a long value may be several."""


class WriteTxn(ReadTxn, Protocol):
    """The one write transaction there can be at a time; sees its own changes."""

    def put(self, table: int, key: bytes, value: bytes) -> None:
        """Set the value at `key` (1 to 200 bytes).

        Raises:
            Damaged, StoreFull, StoreBusy: the transaction cannot go on, and nothing of it will be written.
            BadParameter: no key can have this length.
        """

    def put_many(self, table: int, entries: Iterable[tuple[bytes, bytes]]) -> None:
        """Set many keys and values, as `put` does each in turn.

        Raises:
            BadParameter: as for `put`; what came before is set.
            Damaged, StoreFull, StoreBusy: the transaction cannot go on, and nothing of it will be written.
        """

    def replace_many(self, table: int, entries: Sequence[tuple[bytes, bytes]]) -> None:
        """Set many keys that are there to values as long as those they have; quicker than `put_many` for such.

        Raises:
            Damaged, StoreFull, StoreBusy: the transaction cannot go on, and nothing of it will be written.
        """

    def delete(self, table: int, key: bytes) -> bool:
        """Remove `key`; returns whether it was there.

        Raises:
            Damaged, StoreFull, StoreBusy: the transaction cannot go on, and nothing of it will be written.
        """


class Store(Protocol):
    """An ordered transactional key–value store."""

    @property
    def read_only(self) -> bool:
        """Whether every write raises `ReadOnlyVault`."""

    def read(self) -> AbstractContextManager[ReadTxn]:
        """Open a snapshot for the `with` block.

        Raises:
            VaultClosed, VaultForked: the store cannot be used any more.
            StoreBusy: too many readers.
        """

    def write(self) -> AbstractContextManager[WriteTxn]:
        """Open a write transaction for the `with` block, waiting for other writers.

        It is on disk when the block has ended; if the block raises, nothing of it is written.

        Raises:
            ReadOnlyVault, VaultClosed, VaultForked: no write is possible.
            StoreFull, StoreBusy: nothing was written.
        """

    def transact(self, work: Callable[[WriteTxn], T]) -> T:
        """Return `work(txn)` once what it wrote is on disk.

        `work` may be called again if another process committed at an unfortunate moment; what it wrote the first time
        is gone by then.

        Raises:
            ReadOnlyVault, VaultClosed, VaultForked: no write is possible.
            StoreFull, StoreBusy: nothing was written.
        """

    def still_open(self) -> Callable[[], bool]:
        """Return what tells whether any transaction this process has open now is still open: a snapshot from before.

        Raises:
            VaultClosed, VaultForked: the store cannot be used any more.
        """

    def close(self) -> None:
        """Let go of the store; more calls do nothing."""
