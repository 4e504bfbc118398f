"""Write transactions on the embedded engine.

Relies on `reading` and `environment`. Promises: a transaction is not limited by the size of the map: what it did is
kept as a list of plain changes and done again on a larger one; values of any length are kept in pieces that fit a page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from sys import byteorder
from threading import get_ident
from types import TracebackType
from zlib import crc32

import lmdb

from localvault.errors import BadParameter
from localvault.store.environment import Environment
from localvault.store.faults import Restart
from localvault.store.guard import Guard
from localvault.store.layout import CHECK_SIZE, FULL, KEY_MAX, PIECE, PREFIX, next_piece
from localvault.store.reading import Guarded, LmdbReadTxn, begin_late, ended


class LmdbWriteTxn(LmdbReadTxn):
    """The write transaction, open inside its `with` block, committed at its end unless it raises."""

    __slots__ = ("_changes", "_number", "_put", "_remove")

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        # Key and value as they are on disk (None: removed) of everything done so far, in order.
        self._changes: list[tuple[bytes, bytes | None]] = []

    def __enter__(self) -> LmdbWriteTxn:
        self._environment.enter_writer()
        try:
            self._begin()
        except BaseException:
            self._environment.leave_writer()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._commit()
        finally:
            self._abort()
            self._changes.clear()
            self._environment.leave_writer()

    def put(self, table: int, key: bytes, value: bytes) -> None:
        """Set the value at `key`; see `protocol.WriteTxn`."""
        if not 0 < len(key) <= KEY_MAX:
            raise BadParameter(f"a key of the store has 1 to {KEY_MAX} bytes")
        place = PREFIX[table] + key
        if len(value) >= PIECE:
            self._put_long(place, value)
        # Most keys are new, and then there are no pieces of an old value: the engine says so in the same step.
        elif not self._store_new(place, value):
            old = self._stored(place)
            if old is not None and len(old) == FULL:
                self._drop_pieces(place)
            self._store(place, value)

    def put_many(self, table: int, entries: Iterable[tuple[bytes, bytes]]) -> None:
        """Set many keys and values; see `protocol.WriteTxn`."""
        put, note, start = self.put, self._changes.append, PREFIX[table]
        for key, value in entries:
            # `put`, written out for what nearly all entries are: short, and new.
            if not 0 < len(key) <= KEY_MAX or len(value) >= PIECE:
                put(table, key, value)
                continue
            place = start + key
            stored = value + crc32(place).to_bytes(CHECK_SIZE, byteorder)
            try:
                is_new = self._put(place, stored, overwrite=False)
            except lmdb.MapFullError:
                note((place, stored))
                self._grow()
                continue
            except lmdb.Error as error:
                raise self._fault(error) from error
            if is_new:
                note((place, stored))
            else:
                put(table, key, value)

    def replace_many(self, table: int, entries: Sequence[tuple[bytes, bytes]]) -> None:
        """Set many keys to values as long as those they have; see `protocol.WriteTxn`."""
        start = PREFIX[table]
        stored = []
        for key, value in entries:
            if len(value) >= PIECE:
                self.put(table, key, value)
            else:
                place = start + key
                stored.append((place, value + crc32(place).to_bytes(CHECK_SIZE, byteorder)))
        # What was as long was short as well, and has no pieces that would have to go.
        self._changes += stored
        try:
            self._live().cursor().putmulti(stored, dupdata=False)
        except lmdb.MapFullError:
            self._grow()
        except lmdb.Error as error:
            raise self._fault(error) from error

    def _put_long(self, place: bytes, value: bytes) -> None:
        old = self._stored(place)
        if old is not None and len(old) == FULL:
            self._drop_pieces(place)
        self._store_pieces(place, value)
        self._store(place, value[:PIECE])

    def delete(self, table: int, key: bytes) -> bool:
        """Remove `key`; see `protocol.WriteTxn`."""
        place = PREFIX[table] + key
        old = self._stored(place)
        if old is None:
            return False
        if len(old) == FULL:
            self._drop_pieces(place)
        self._drop(place)
        return True

    def scan(
        self,
        table: int,
        prefix: bytes = b"",
        *,
        start: bytes | None = None,
        reverse: bool = False,
        keys_only: bool = False,
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield `(key, value)` for every key with `prefix`, whatever is written meanwhile."""
        last: bytes | None = None
        while True:
            txn = self._txn
            for entry in super().scan(table, prefix, start=start, reverse=reverse, keys_only=keys_only):
                if entry[0] == last:
                    continue
                start = last = entry[0]
                yield entry
                if self._txn is not txn:
                    break  # done again on a larger map: find the place again
            else:
                return

    def _store_pieces(self, place: bytes, value: bytes) -> None:
        # The last piece is shorter than PIECE, which is what ends the value: empty if need be.
        for offset in range(PIECE, len(value) + 1, PIECE):
            place = next_piece(place)
            self._store(place, value[offset : offset + PIECE])

    def _drop_pieces(self, place: bytes) -> None:
        more = True
        while more:
            place = next_piece(place)
            stored = self._stored(place)
            more = stored is not None and len(stored) == FULL
            if stored is not None:
                self._drop(place)

    def _store_new(self, place: bytes, value: bytes) -> bool:
        """Store `value` unless there is something at `place`; returns whether it was stored."""
        stored = value + crc32(place).to_bytes(CHECK_SIZE, byteorder)
        try:
            if not self._put(place, stored, overwrite=False):
                return False
        except lmdb.MapFullError:
            self._changes.append((place, stored))
            self._grow()
        except lmdb.Error as error:
            raise self._fault(error) from error
        else:
            self._changes.append((place, stored))
        return True

    def _store(self, place: bytes, value: bytes) -> None:
        stored = value + crc32(place).to_bytes(CHECK_SIZE, byteorder)
        self._changes.append((place, stored))
        try:
            self._put(place, stored)
        except lmdb.MapFullError:
            self._grow()
        except lmdb.Error as error:
            raise self._fault(error) from error

    def _drop(self, place: bytes) -> None:
        self._changes.append((place, None))
        try:
            self._remove(place)
        except lmdb.MapFullError:
            self._grow()
        except lmdb.Error as error:
            raise self._fault(error) from error

    def _begin(self) -> None:
        self.thread = get_ident()
        gate = self._gate
        gate.inside.add(self)
        try:
            txn = gate.begin(write=True)
        except BaseException as error:
            txn = begin_late(self, self._environment, error, write=True)
        self._txn, self._get, self._put, self._remove = txn, txn.get, txn.put, txn.delete
        self._number = txn.id()

    def _abort(self) -> None:
        txn = self.detach(ended)
        if txn is not None:
            txn.abort()
        self._gate.inside.discard(self)

    def _commit(self) -> None:
        while True:
            try:
                self._live().commit()
                return
            except lmdb.MapFullError:
                self._grow()
            except lmdb.Error as error:
                raise self._fault(error) from error

    def _grow(self) -> None:
        """Do everything again on a larger map.

        Raises:
            Restart: another process committed meanwhile, so what was read in this transaction may no longer be so.
            StoreBusy: a read keeps the map where it is.
        """
        number = self._number
        while True:
            self._abort()
            self._environment.grow()
            self._begin()
            if self._number != number:
                raise Restart("another process wrote at the same moment: nothing was written")
            try:
                self._replay()
                return
            except lmdb.MapFullError:
                continue
            except lmdb.Error as error:
                raise self._fault(error) from error

    def _replay(self) -> None:
        for place, stored in self._changes:
            if stored is None:
                self._remove(place)
            else:
                self._put(place, stored)


class GuardedWriteTxn(Guarded, LmdbWriteTxn):
    """The write transaction of a vault that has not been checked as a whole."""

    __slots__ = ("_guard",)

    def __init__(self, environment: Environment, guard: Guard) -> None:
        super().__init__(environment)
        self._guard = guard

    def __enter__(self) -> GuardedWriteTxn:
        super().__enter__()
        try:
            self._guard.allow_writing()
            self._environment.trust.consider(self._guard, LmdbReadTxn(self._environment))
        except BaseException:
            self.__exit__(Exception, None, None)
            raise
        return self

    def put_many(self, table: int, entries: Iterable[tuple[bytes, bytes]]) -> None:
        """Set many keys and values; see `protocol.WriteTxn`."""
        for key, value in entries:
            self.put(table, key, value)

    def replace_many(self, table: int, entries: Sequence[tuple[bytes, bytes]]) -> None:
        """Set many keys to values as long as those they have; see `protocol.WriteTxn`."""
        for key, _value in entries:
            self._guard.reach(PREFIX[table] + key)
        super().replace_many(table, entries)

    def _store_new(self, place: bytes, value: bytes) -> bool:
        self._guard.reach(place)
        return super()._store_new(place, value)

    def _store(self, place: bytes, value: bytes) -> None:
        self._guard.reach(place)
        super()._store(place, value)

    def _drop(self, place: bytes) -> None:
        self._guard.around(place)
        super()._drop(place)
