"""What the walker asks of a caller's store, and what it tells of its work.

Relies on nothing. Promises: whatever keeps rows in an order and can change one on condition that it is as it was read
can be walked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol


class TokenRow(NamedTuple):
    """One row of a caller's store."""

    key: Any
    """What the store knows the row by: a number, a text or bytes."""
    token: bytes
    """A token or a wrapped data key."""
    context: bytes = b""
    """The context it was sealed with."""
    kept: Any = None
    """Whatever the store wants to see again when the row is written."""


class TokenStore(Protocol):
    """A caller's rows, in an order that stays: by their keys, each there once."""

    @property
    def name(self) -> str:
        """What a checkpoint is recognised by: the same for the same rows, in every run."""

    def count(self) -> int | None:
        """Return how many rows there are, None where that takes too long to find out."""

    def read(self, after: Any, limit: int) -> Sequence[TokenRow]:
        """Return the first `limit` rows whose keys come after `after` (None: from the beginning); none at the end."""

    def write(self, changes: Sequence[tuple[TokenRow, bytes]]) -> Sequence[TokenRow]:
        """Give each row its new token on condition that it still has the one that was read, and make it last.

        Returns the rows that were left alone, as they are by now; the token of one that is gone is empty. Killed in the
        middle, every row has its old token or its new one.
        """


class Failure(NamedTuple):
    """A row that was not moved, and why."""

    key: Any
    code: str
    """The code of an error: `DecryptionFailed`, `NewerFormat`, or `Conflict` for one that kept changing."""


class Progress(NamedTuple):
    """How far a run has come."""

    done: int
    """Rows or files looked at."""
    total: int | None
    """How many there are, as far as that is known."""
    rewrapped: int
    failed: int
    seconds: float
    """Since the run began."""
    looked_at: int
    """Rows looked at in this run: fewer than `done` where a checkpoint saved some."""

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.looked_at / self.seconds if self.seconds else 0.0

    @property
    def remaining(self) -> float | None:
        """Seconds it will take from here, as far as that can be told."""
        if self.total is None or not self.rate:
            return None
        return max(0, self.total - self.done) / self.rate


Tell = Callable[[Progress], None]


class Rewrapped(NamedTuple):
    """What came of a run."""

    rewrapped: int
    """How many were moved."""
    current: int
    """How many had been at the current version already."""
    conflicts: int
    """How often a row had changed between reading and writing; it was read again."""
    failed: tuple[Failure, ...]
    """What was not moved, and is as it was."""
    versions: tuple[str, ...]
    """The version it was all moved to; several where the key was rotated meanwhile, the last being that of all."""

    def to_dict(self) -> dict[str, Any]:
        """Return all of it, for JSON."""
        failed = [{"key": _plain(each.key), "code": each.code} for each in self.failed]
        return self._asdict() | {"failed": failed, "versions": list(self.versions)}


def _plain(key: Any) -> Any:
    return key if isinstance(key, int | float | str) else str(key)
