"""Read transactions on the embedded engine.

Relies on `environment` and `gate`; `guard` where the vault has not been checked as a whole. Promises: `get` costs a
fraction of a microsecond over the engine's own; nothing is handed out of the map, every value is a copy, so it stays
valid after the transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from threading import get_ident
from types import TracebackType
from typing import Any, NoReturn

import lmdb

from localvault.errors import Damaged, StoreBusy, VaultClosed
from localvault.store.environment import Environment
from localvault.store.faults import fault
from localvault.store.gate import Closed
from localvault.store.guard import Guard
from localvault.store.layout import CHECK_SIZE, FULL, PREFIX, next_piece

_ATTEMPTS = 100
_PAUSE = 0.01  # s


class LmdbReadTxn:
    """A snapshot, open inside its `with` block."""

    __slots__ = ("_environment", "_gate", "_get", "_txn", "thread")

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._gate = environment.gate
        self._get: Any = ended
        self._txn: Any = None

    def __enter__(self) -> LmdbReadTxn:
        gate = self._gate
        self.thread = get_ident()
        gate.inside.add(self)
        try:
            txn = gate.begin()
        except BaseException as error:
            txn = begin_late(self, self._environment, error)
        self._txn = txn
        self._get = txn.get
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        txn = self.detach(ended)
        if txn is not None:
            txn.abort()
        self._gate.inside.discard(self)

    def detach(self, instead: Callable[..., NoReturn]) -> Any:
        """Let go of the engine's transaction and return it; every use calls `instead` from now on."""
        txn, self._txn = self._txn, None
        self._get = instead
        return txn

    @property
    def id(self) -> int:
        """The number of the snapshot; see `protocol.ReadTxn`, also for what follows."""
        return int(self._live().id())

    def get(self, table: int, key: bytes) -> bytes | None:
        """Return the value at `key`, or None."""
        try:
            stored: bytes | None = self._get(PREFIX[table] + key)
        except lmdb.Error as error:
            raise self._fault(error) from error
        if stored is None:
            return None
        return stored[:-CHECK_SIZE] if len(stored) != FULL else self._joined(PREFIX[table] + key, stored)

    def scan(
        self,
        table: int,
        prefix: bytes = b"",
        *,
        start: bytes | None = None,
        reverse: bool = False,
        keys_only: bool = False,
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield `(key, value)` for every key with `prefix`."""
        whole = PREFIX[table] + prefix
        place = None if start is None else PREFIX[table] + start
        try:
            cursor = self._live().cursor()
            if not (_to_end if reverse else _to_start)(cursor, whole, place):
                return
            steps = cursor.iterprev if reverse else cursor.iternext
            if keys_only:
                for key in steps(values=False):
                    if not key.startswith(whole):
                        return
                    yield key[1:], b""
                return
            for key, stored in steps():
                if not key.startswith(whole):
                    return
                yield key[1:], stored[:-CHECK_SIZE] if len(stored) != FULL else self._joined(key, stored)
        except lmdb.Error as error:
            raise self._fault(error) from error

    def last(self, table: int, prefix: bytes = b"") -> tuple[bytes, bytes] | None:
        """Return the greatest key with `prefix` and its value, or None."""
        return next(self.scan(table, prefix, reverse=True), None)

    def count(self, table: int) -> int:
        """Return how many keys the table has."""
        return sum(1 for _ in self.scan(table, keys_only=True))

    def entries(self) -> int:
        """Return about how many entries the store has."""
        return self._environment.entries()

    def _joined(self, key: bytes, first: bytes) -> bytes:
        """Return a long value, given its key and its first piece as they are on disk."""
        pieces = [first[:-CHECK_SIZE]]
        stored = first
        while len(stored) == FULL:
            key = next_piece(key)
            found = self._stored(key)
            if found is None:
                raise Damaged("a piece of a long value is missing", hint="run `localvault check`")
            stored = found
            pieces.append(stored[:-CHECK_SIZE])
        return b"".join(pieces)

    def _stored(self, key: bytes) -> bytes | None:
        """Return what is on disk at the on-disk `key`."""
        try:
            stored: bytes | None = self._get(key)
        except lmdb.Error as error:
            raise self._fault(error) from error
        return stored

    def _live(self) -> Any:
        return self._txn if self._txn is not None else self._get()

    def _fault(self, error: lmdb.Error) -> Exception:
        return fault(error, self._environment.folder)


def begin_late(newcomer: LmdbReadTxn, environment: Environment, error: BaseException, **options: Any) -> Any:
    """Begin the transaction that could not be begun because of `error`, once its cause is gone."""
    gate = environment.gate
    try:
        for _ in range(_ATTEMPTS):
            try:
                if isinstance(error, Closed):
                    return gate.begin_late(newcomer, **options)
                gate.inside.discard(newcomer)
                _remove_cause(environment, error)
                gate.inside.add(newcomer)
                return gate.begin(**options)
            except (Closed, lmdb.MapResizedError, lmdb.ReadersFullError) as again:
                error = again
        raise (
            fault(error, environment.folder)
            if isinstance(error, lmdb.Error)
            else StoreBusy("the vault is busy")
        )
    except BaseException as failure:
        gate.inside.discard(newcomer)
        if isinstance(failure, lmdb.Error):
            raise fault(failure, environment.folder) from failure
        raise


def _remove_cause(environment: Environment, error: BaseException) -> None:
    if isinstance(error, lmdb.MapResizedError):
        environment.follow_growth()
    elif isinstance(error, lmdb.ReadersFullError):
        environment.forget_dead_readers()
        time.sleep(_PAUSE)
    else:
        raise error


def _to_start(cursor: Any, prefix: bytes, start: bytes | None) -> bool:
    return bool(cursor.set_range(prefix if start is None else start))


def _to_end(cursor: Any, prefix: bytes, start: bytes | None) -> bool:
    """Move to the greatest key with `prefix` that is not after `start`, or to one before the prefix."""
    end = end_of(prefix) if start is None else start
    if not cursor.set_range(end):
        return bool(cursor.last())
    return cursor.key() == start or bool(cursor.prev())


def end_of(prefix: bytes) -> bytes:
    """Return the first key after all keys with `prefix`; the table's byte before it is never the last there is."""
    cut = prefix.rstrip(b"\xff")
    return cut[:-1] + bytes((cut[-1] + 1,))


def ended(*_arguments: Any) -> NoReturn:
    """Stand in for what a transaction could do while it was open."""
    raise VaultClosed("the transaction has ended")


class Guarded(LmdbReadTxn):
    """What reading needs besides in a vault that has not been checked as a whole: `guard` looks first."""

    __slots__ = ()
    _guard: Guard

    def get(self, table: int, key: bytes) -> bytes | None:
        """Return the value at `key`, or None."""
        guard = self._guard
        place = PREFIX[table] + key
        guard.reach(place, fully=False)
        value = super().get(table, key)
        if value is None:
            guard.absent(place)
        return value

    def scan(
        self,
        table: int,
        prefix: bytes = b"",
        *,
        start: bytes | None = None,
        reverse: bool = False,
        keys_only: bool = False,
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield `(key, value)` for every key with `prefix`."""
        entries = super().scan(table, prefix, start=start, reverse=reverse, keys_only=keys_only)
        first = PREFIX[table]
        if reverse:
            yield from self._before(
                entries, first, end_of(first + prefix) if start is None else first + start
            )
        else:
            yield from self._after(entries, first, first + (prefix if start is None else start))

    def _after(
        self, entries: Iterator[tuple[bytes, bytes]], first: bytes, place: bytes
    ) -> Iterator[tuple[bytes, bytes]]:
        high = self._guard.absent(place)
        for entry in entries:
            if high is not None and first + entry[0] >= high:
                high = self._guard.ahead(first + entry[0])
            yield entry

    def _before(
        self, entries: Iterator[tuple[bytes, bytes]], first: bytes, place: bytes
    ) -> Iterator[tuple[bytes, bytes]]:
        self._guard.ahead(place)
        low = self._guard.behind(place)
        for entry in entries:
            if first + entry[0] < low:
                low = self._guard.behind(first + entry[0])
            yield entry

    def _stored(self, key: bytes) -> bytes | None:
        self._guard.reach(key, fully=False)
        stored = super()._stored(key)
        if stored is None:
            self._guard.absent(key)
        return stored


class GuardedReadTxn(Guarded):
    """A snapshot of a vault that has not been checked as a whole."""

    __slots__ = ("_guard",)

    def __init__(self, environment: Environment, guard: Guard) -> None:
        super().__init__(environment)
        self._guard = guard

    def __enter__(self) -> GuardedReadTxn:
        super().__enter__()
        try:
            self._environment.trust.consider(self._guard, LmdbReadTxn(self._environment))
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self
