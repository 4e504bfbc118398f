"""The peer for writing a secret: one synced commit of the same bytes through py-lmdb, and nothing else.

Relies on py-lmdb, the version the vault itself uses. "The same bytes" is taken literally: a vault is copied before and
after one `secrets.set`, the two copies are compared, and what was added or changed (the version, the object, the event,
the nodes of the journal's tree …) is what this peer puts into its own store and commits. What makes it a strong peer:

- Filled beforehand with everything the vault holds, so that its tree is as deep.
- Keys that the vault overwrites are overwritten, keys it appends are appended, the others are random, as there.
- Keys and values are ready before the clock starts; the timed loop stands here, inline.

py-lmdb's own defaults, which are the durable ones: one fdatasync for the data, one for the page that makes it valid.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import lmdb

_MAP_SIZE = 1 << 32
_COUNTER_KEYS = (
    16  # bytes: a shorter key that is new is one that counts, a longer one is a random-looking name id
)


class Put(NamedTuple):
    """One entry that a `secrets.set` added or changed."""

    key: bytes  # its first byte is the table
    value: bytes
    is_new: bool

    def repeated(self, times: int) -> tuple[bytes, bytes]:
        """Return the entry as the `times`-th next call would write it: as long, its bytes new."""
        value = os.urandom(len(self.value))
        if not self.is_new:
            return self.key, value
        table, key = self.key[:1], self.key[1:]
        if len(key) >= _COUNTER_KEYS:
            return table + os.urandom(len(key)), value
        return table + (int.from_bytes(key, "big") + times).to_bytes(len(key), "big"), value


def difference(before: Path, after: Path) -> list[Put]:
    """Return what was added or changed between two copies of one vault."""
    old, new = dict(_entries(before)), dict(_entries(after))
    return [Put(key, value, key not in old) for key, value in new.items() if old.get(key) != value]


class RawLmdb:
    """An LMDB environment in `folder` that holds all that the vault copied to `copy` holds."""

    def __init__(self, folder: Path, copy: Path, puts: list[Put]) -> None:
        self._environment = lmdb.open(str(folder), map_size=_MAP_SIZE)
        self._puts = puts
        self._calls = count(1)
        self.entries = len(puts)
        self.size = sum(len(put.key) + len(put.value) for put in puts)
        with self._environment.begin(write=True) as txn:
            for key, value in _entries(copy):
                txn.put(key, value)

    def time_commits(self, times: int) -> float:
        """Commit the same bytes `times` times, synced each time, and return the seconds for one."""
        prepared = [[put.repeated(next(self._calls)) for put in self._puts] for _ in range(times)]
        begin = self._environment.begin
        started = perf_counter()
        for entries in prepared:
            with begin(write=True) as txn:
                for key, value in entries:
                    txn.put(key, value)
        return (perf_counter() - started) / times

    def verify(self) -> None:
        """Raise if a commit does not read back."""
        entries = [put.repeated(next(self._calls)) for put in self._puts]
        with self._environment.begin(write=True) as txn:
            for key, value in entries:
                txn.put(key, value)
        with self._environment.begin() as txn:
            if any(txn.get(key) != value for key, value in entries):
                raise AssertionError("the raw store lost what was committed")

    def close(self) -> None:
        """Close the environment."""
        self._environment.close()


def _entries(copy: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield all entries of a vault's copy; the first byte of a key is its table."""
    environment = lmdb.open(str(copy), readonly=True, lock=False)
    with environment.begin() as txn, txn.cursor() as cursor:
        yield from cursor
    environment.close()
