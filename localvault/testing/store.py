"""What every store must do, as tests: inherit from `StoreConformance` and give it a fixture `store`.

    class TestMyStore(StoreConformance):
        @pytest.fixture
        def store(self, tmp_path):
            store = MyStore(tmp_path)
            yield store
            store.close()

Relies on the protocol alone. Promises: each test is one promise of `localvault.store.protocol`; an empty store that
passes them all can hold a vault.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import partial

from localvault.errors import BadParameter, LocalVaultError, StoreBusy, VaultClosed
from localvault.store.layout import KEY_MAX, PIECE, Table
from localvault.store.protocol import Store, WriteTxn
from localvault.testing.chance import Chance

# Around every length at which an engine may begin to keep a value differently.
_SIZES = (0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE - 1, 2 * PIECE, 2 * PIECE + 1, 4096, 25 << 10, 1 << 20)


Place = tuple[int, bytes]


class _Stop(Exception):
    """Raised inside a transaction to end it."""


class StoreConformance:
    """The promises of a store. Each test gets an empty one as `store`."""

    def test_what_was_put_is_there(self, store: Store) -> None:
        """A value that was put is returned by the next snapshot; a key that was not put is None."""
        _put(store, Table.OBJECTS, b"key", b"value")
        with store.read() as txn:
            _expect(txn.get(Table.OBJECTS, b"key"), b"value")
            _expect(txn.get(Table.OBJECTS, b"other"), None)
            _expect(txn.get(Table.VERSIONS, b"key"), None)

    def test_putting_again_replaces(self, store: Store) -> None:
        """A key has the value that was put last, whatever the lengths."""
        for size in (*_SIZES, *reversed(_SIZES)):
            _put(store, Table.OBJECTS, b"key", bytes(size))
            with store.read() as txn:
                _expect(txn.get(Table.OBJECTS, b"key"), bytes(size))
                _expect(txn.count(Table.OBJECTS), 1)

    def test_values_of_any_length(self, store: Store) -> None:
        """Long values come back as they were, by `get` and by `scan`, and are gone when deleted."""
        values = {b"%08d" % size: Chance(size).bytes(size) for size in _SIZES}

        _put_all(store, Table.OBJECTS, values.items())
        with store.read() as txn:
            _expect({key: txn.get(Table.OBJECTS, key) for key in values}, values)
            _expect(dict(txn.scan(Table.OBJECTS)), values)
        _expect(
            store.transact(lambda txn: [txn.delete(Table.OBJECTS, key) for key in values]),
            [True] * len(values),
        )
        with store.read() as txn:
            _expect([key for table in Table for key, _ in txn.scan(table)], [])

    def test_putting_many(self, store: Store) -> None:
        """Many at once are put as each would be in turn: new or not, short or long, the last of a key counting."""
        _put(store, Table.OBJECTS, b"old and long", bytes(3 * PIECE))
        entries = [(b"%08d" % size, Chance(size).bytes(size)) for size in _SIZES]
        entries += [(b"old and long", b"short"), (b"%08d" % _SIZES[1], b"again")]
        store.transact(lambda txn: txn.put_many(Table.OBJECTS, entries))
        with store.read() as txn:
            _expect(dict(txn.scan(Table.OBJECTS)), dict(entries))
        try:
            store.transact(lambda txn: txn.put_many(Table.OBJECTS, [(b"fine", b""), (b"", b"")]))
        except BadParameter:
            pass
        else:
            raise AssertionError("an empty key was put")
        with store.read() as txn:
            _expect(txn.get(Table.OBJECTS, b"fine"), None)

    def test_deleting(self, store: Store) -> None:
        """`delete` says whether the key was there, and then it is not."""
        _put(store, Table.OBJECTS, b"key", b"value")
        _expect(store.transact(lambda txn: txn.delete(Table.OBJECTS, b"key")), True)
        _expect(store.transact(lambda txn: txn.delete(Table.OBJECTS, b"key")), False)
        with store.read() as txn:
            _expect(txn.get(Table.OBJECTS, b"key"), None)

    def test_keys_have_1_to_200_bytes(self, store: Store) -> None:
        """The longest key works; an empty and a longer one are refused, and the store goes on."""
        _put(store, Table.OBJECTS, b"\xff" * KEY_MAX, bytes(3 * PIECE))
        for key in (b"", bytes(KEY_MAX + 1)):
            _expect_error(BadParameter, partial(_put, store, Table.OBJECTS, key, b""))
        with store.read() as txn:
            _expect(txn.last(Table.OBJECTS), (b"\xff" * KEY_MAX, bytes(3 * PIECE)))

    def test_scanning_is_in_key_order(self, store: Store) -> None:
        """Keys come as bytes sort, whatever the order they were put in; `reverse` turns that round."""
        keys = [bytes((first, second)) for first in (0, 1, 127, 128, 255) for second in range(0, 256, 5)]
        _put_all(store, Table.AGENDA, ((key, key) for key in sorted(keys, key=lambda key: key[::-1])))
        with store.read() as txn:
            _expect(list(txn.scan(Table.AGENDA)), [(key, key) for key in keys])
            _expect(list(txn.scan(Table.AGENDA, reverse=True)), [(key, key) for key in reversed(keys)])
            _expect(list(txn.scan(Table.AGENDA, keys_only=True)), [(key, b"") for key in keys])
            _expect(txn.count(Table.AGENDA), len(keys))

    def test_scanning_a_prefix_from_a_start(self, store: Store) -> None:
        """`prefix` bounds a scan, `start` is where it begins and counts itself; the other way too."""
        keys = [b"a", b"a\xff", b"a\xff\xff", b"b", b"b1", b"b3", b"b\xff", b"c", b"\xff", b"\xff\xff"]
        _put_all(store, Table.OBJECTS, ((key, b"") for key in keys))
        _put(store, Table.VAULT, b"z", b"")
        _put(store, Table.VERSIONS, b"0", b"")
        starts = [None, b"b", b"b0", b"b1", b"b2", b"b\xff\xff", b"a", b"a\xff", b"\xff", b"\xff\xff\xff"]
        with store.read() as txn:
            for prefix in (b"", b"a", b"a\xff", b"b", b"b2", b"\xff", b"\xff\xff", b"x"):
                wanted = [key for key in keys if key.startswith(prefix)]
                _expect(txn.last(Table.OBJECTS, prefix), (wanted[-1], b"") if wanted else None)
                for start in starts:
                    if start is not None and not start.startswith(prefix):
                        continue
                    forward = [key for key in wanted if start is None or key >= start]
                    backward = [key for key in reversed(wanted) if start is None or key <= start]
                    _expect([key for key, _ in txn.scan(Table.OBJECTS, prefix, start=start)], forward)
                    _expect(
                        [key for key, _ in txn.scan(Table.OBJECTS, prefix, start=start, reverse=True)],
                        backward,
                    )

    def test_an_empty_table(self, store: Store) -> None:
        """Nothing is found in an empty table, whatever is in the others."""
        for other in (None, Table.VAULT, Table.ACCESS):
            if other is not None:
                _put(store, other, b"key", b"value")
            with store.read() as txn:
                _expect(list(txn.scan(Table.JOURNAL)), [])
                _expect(list(txn.scan(Table.JOURNAL, reverse=True)), [])
                _expect(txn.last(Table.JOURNAL), None)
                _expect(txn.count(Table.JOURNAL), 0)

    def test_a_snapshot_does_not_change(self, store: Store) -> None:
        """What another thread commits is seen by the next snapshot, never by one already open."""
        _put(store, Table.OBJECTS, b"key", b"old")
        with store.read() as txn:
            before = txn.id
            _in_thread(lambda: _put(store, Table.OBJECTS, b"key", b"new"))
            _in_thread(lambda: _put(store, Table.OBJECTS, b"more", b"new"))
            _expect(txn.get(Table.OBJECTS, b"key"), b"old")
            _expect(list(txn.scan(Table.OBJECTS)), [(b"key", b"old")])
            _expect(txn.id, before)
        with store.read() as txn:
            _expect(txn.get(Table.OBJECTS, b"key"), b"new")
            _expect(txn.id, before + 2)

    def test_a_write_sees_its_own_changes(self, store: Store) -> None:
        """Inside a write transaction `get` and `scan` show what it did so far."""
        _put(store, Table.OBJECTS, b"a", b"1")
        with store.write() as txn:
            txn.put(Table.OBJECTS, b"b", b"2")
            txn.delete(Table.OBJECTS, b"a")
            _expect(txn.get(Table.OBJECTS, b"a"), None)
            _expect(list(txn.scan(Table.OBJECTS)), [(b"b", b"2")])
            _expect(txn.last(Table.OBJECTS), (b"b", b"2"))

    def test_scanning_while_writing(self, store: Store) -> None:
        """A scan in a write transaction goes on through changes to what it has passed."""
        keys = [b"%04d" % number for number in range(500)]
        _put_all(store, Table.OBJECTS, ((key, bytes(50)) for key in keys))
        with store.write() as txn:
            seen = []
            for key, _value in txn.scan(Table.OBJECTS):
                seen.append(key)
                if key[-1:] in b"05":
                    txn.delete(Table.OBJECTS, key)
                else:
                    txn.put(Table.OBJECTS, key, bytes(300))
            _expect(seen, keys)
            _expect(txn.count(Table.OBJECTS), 400)

    def test_a_write_that_raises_writes_nothing(self, store: Store) -> None:
        """An exception in the block, or in `work`, comes out as it is, and leaves the store as it was."""
        _put(store, Table.OBJECTS, b"key", b"value")

        def work(txn: WriteTxn) -> None:
            txn.put(Table.OBJECTS, b"key", b"other")
            txn.put(Table.OBJECTS, b"more", bytes(10_000))
            raise _Stop

        _expect_error(_Stop, lambda: store.transact(work))
        with store.read() as txn:
            _expect(list(txn.scan(Table.OBJECTS)), [(b"key", b"value")])

    def test_transact_returns_what_work_returns(self, store: Store) -> None:
        """`transact` hands on the result once it is written."""

        def work(txn: WriteTxn) -> int:
            txn.put(Table.OBJECTS, b"k", b"v")
            return 42

        _expect(store.transact(work), 42)
        with store.read() as txn:
            _expect(txn.get(Table.OBJECTS, b"k"), b"v")

    def test_one_write_at_a_time(self, store: Store) -> None:
        """A second write in the same thread is refused, not waited for; the first goes on."""
        with store.write() as txn:
            txn.put(Table.OBJECTS, b"key", b"value")
            _expect_error(StoreBusy, lambda: _put(store, Table.OBJECTS, b"other", b""))
        with store.read() as reading:
            _expect(list(reading.scan(Table.OBJECTS)), [(b"key", b"value")])

    def test_reading_inside_a_write(self, store: Store) -> None:
        """A snapshot opened inside a write transaction shows the state before it."""
        with store.write() as txn:
            txn.put(Table.OBJECTS, b"key", b"value")
            with store.read() as reading:
                _expect(reading.get(Table.OBJECTS, b"key"), None)

    def test_replacing_many(self, store: Store) -> None:
        """Values as long as those that are there take their place, short or in pieces, and nothing else changes."""
        entries = [(b"%08d" % size, Chance(size).bytes(size)) for size in _SIZES]
        store.transact(lambda txn: txn.put_many(Table.OBJECTS, entries))
        _put(store, Table.OBJECTS, b"other", b"stays")
        replaced = [(key, Chance(7 + len(value)).bytes(len(value))) for key, value in entries]
        store.transact(lambda txn: txn.replace_many(Table.OBJECTS, replaced))
        with store.read() as txn:
            _expect(dict(txn.scan(Table.OBJECTS)), dict(replaced) | {b"other": b"stays"})
            _expect(txn.entries() >= len(entries) + 1, True)

    def test_what_is_still_open(self, store: Store) -> None:
        """A transaction counts until it ends; one that was opened later does not."""
        _expect(store.still_open()(), False)
        with store.read():
            still_open = store.still_open()
            _expect(still_open(), True)
        with store.read():
            _expect(still_open(), False)

    def test_many_threads(self, store: Store) -> None:
        """Threads that count up together lose no step, and readers never see half of one."""
        rounds, threads = 25, 4
        _put(store, Table.OBJECTS, b"a", b"0")
        _put(store, Table.OBJECTS, b"b", b"0")
        errors: list[BaseException] = []

        def step(txn: WriteTxn) -> None:
            for key in (b"a", b"b"):
                txn.put(Table.OBJECTS, key, b"%d" % (int(txn.get(Table.OBJECTS, key) or b"") + 1))

        def life() -> None:
            try:
                for _ in range(rounds):
                    store.transact(step)
                    with store.read() as txn:
                        _expect(txn.get(Table.OBJECTS, b"a"), txn.get(Table.OBJECTS, b"b"))
            except BaseException as error:
                errors.append(error)

        _in_thread(*[life] * threads)
        _expect(errors, [])
        with store.read() as txn:
            _expect(txn.get(Table.OBJECTS, b"a"), b"%d" % (rounds * threads))

    def test_a_transaction_ends_with_its_block(self, store: Store) -> None:
        """Used after its block, a transaction raises `VaultClosed`; what it returned stays valid."""
        with store.write() as writing:
            writing.put(Table.OBJECTS, b"key", b"value")
        with store.read() as reading:
            value = reading.get(Table.OBJECTS, b"key")
            rest = reading.scan(Table.OBJECTS)
        _expect(value, b"value")
        _expect_error(VaultClosed, lambda: reading.get(Table.OBJECTS, b"key"))
        _expect_error(VaultClosed, lambda: list(rest))
        _expect_error(VaultClosed, lambda: writing.put(Table.OBJECTS, b"key", b"late"))

    def test_a_closed_store(self, store: Store) -> None:
        """After `close` everything raises `VaultClosed`, and closing again does nothing."""
        _expect(store.read_only, False)
        store.close()
        store.close()
        _expect_error(VaultClosed, lambda: _put(store, Table.OBJECTS, b"key", b"value"))
        _expect_error(VaultClosed, lambda: store.read().__enter__())

    def test_a_random_life(self, store: Store) -> None:
        """Through thousands of random changes, in batches some of which fail, it is as a dictionary would be."""
        chance = Chance(7)
        model: dict[Place, bytes] = {}
        for _ in range(60):
            model = _batch(store, chance, model)
            with store.read() as txn:
                for table in Table:
                    wanted = sorted((key, value) for (where, key), value in model.items() if where == table)
                    _expect(list(txn.scan(table)), wanted)


def _batch(store: Store, chance: Chance, model: dict[Place, bytes]) -> dict[Place, bytes]:
    changed = dict(model)
    try:
        with store.write() as txn:
            for _ in range(chance.below(80)):
                table, key = chance.one_of(list(Table)), b"%d" % chance.below(300)
                if chance.below(5) < 2:
                    _expect(txn.delete(table, key), changed.pop((table, key), None) is not None)
                else:
                    changed[table, key] = chance.bytes(chance.one_of((0, 30, 300, PIECE, 5000)))
                    txn.put(table, key, changed[table, key])
            if not chance.below(5):
                raise _Stop
    except _Stop:
        return model
    return changed


def _put_all(store: Store, table: int, entries: Iterable[tuple[bytes, bytes]]) -> None:
    kept = list(entries)

    def work(txn: WriteTxn) -> None:
        for key, value in kept:
            txn.put(table, key, value)

    store.transact(work)


def _put(store: Store, table: int, key: bytes, value: bytes) -> None:
    store.transact(lambda txn: txn.put(table, key, value))


def _in_thread(*lives: Callable[[], None]) -> None:
    threads = [threading.Thread(target=life) for life in lives]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _expect(found: object, wanted: object) -> None:
    if found != wanted:
        raise AssertionError(f"{found!r:.300} instead of {wanted!r:.300}")


def _expect_error(kind: type[Exception], act: Callable[[], object]) -> None:
    try:
        act()
    except kind:
        return
    except LocalVaultError as error:
        raise AssertionError(f"{error!r} instead of {kind.__name__}") from error
    raise AssertionError(f"no {kind.__name__}")
