"""Parquet under a key URL: pyarrow with keys of a vault against pyarrow with a key it has in memory.

Relies on pyarrow. Promises: both sides write and read the same 100 MB with the same options, and what was read is
compared before anything is timed; on our side every wrapping and unwrapping finds its vault by the URL, and is
authorised and journalled.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.parquet import encryption

import localvault
from bench import vaults
from bench.figures import Figure, slower
from bench.setting import Setting
from bench.timing import compare
from localvault.integrations.parquet import crypto_factory, encryption_configuration

_BYTES = 100_000_000
_COLUMNS = 10
_ROUNDS = 15
_GOAL = 1.15
_WHAT = "Parquet file of 100 MB written and read under a key URL"


class _InMemory(encryption.KmsClient):
    """The plainest there can be: it holds nothing back, asks nobody and writes nothing down."""

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> str:
        """Return the key as text."""
        return base64.b64encode(key_bytes).decode()

    def unwrap_key(self, wrapped_key: str, master_key_identifier: str) -> bytes:
        """Return it as it was."""
        return base64.b64decode(wrapped_key)


def measure(setting: Setting) -> Iterator[Figure]:
    """Yield the figures for one key, and for a key of each column."""
    setting.say("Parquet")
    setting.versions["pyarrow"] = pa.__version__
    table = _table()
    with vaults.temporary(setting.folder) as vault:
        vault.keys.create("orders", "oct")
        yield _figure(setting, vault, table, _WHAT, None, _GOAL)
        yield _figure(setting, vault, table, "the same, a data key for each column", table.column_names, None)


def _figure(
    setting: Setting,
    vault: localvault.Vault,
    table: pa.Table,
    what: str,
    columns: list[str] | None,
    goal: float | None,
) -> Figure:
    url, path = f"{vault.url}/keys/orders", setting.folder / "data.parquet"
    in_memory = encryption.CryptoFactory(lambda configuration: _InMemory())

    def ours() -> float:
        return _write_and_read(table, path, crypto_factory(), url, columns)

    def theirs() -> float:
        return _write_and_read(table, path, in_memory, "orders", columns)

    for side in (ours, theirs):
        side()
        _check(table, path, crypto_factory() if side is ours else in_memory)
    compared = compare(ours, theirs, setting.rounds(_ROUNDS))
    path.unlink()
    return slower(f"{what}, against a key in memory", goal, compared, "vault", "in memory")


def _write_and_read(
    table: pa.Table,
    path: Path,
    factory: encryption.CryptoFactory,
    key: str,
    columns: list[str] | None,
) -> float:
    """Write the table and read it back; returns the seconds."""
    started = perf_counter()
    keys = None if columns is None else {key: columns}
    properties = factory.file_encryption_properties(
        encryption.KmsConnectionConfig(), encryption_configuration(key, column_keys=keys)
    )
    pq.write_table(table, path, encryption_properties=properties)
    _read(path, factory)
    return perf_counter() - started


def _read(path: Path, factory: encryption.CryptoFactory) -> pa.Table:
    properties = factory.file_decryption_properties(encryption.KmsConnectionConfig())
    return pq.read_table(path, decryption_properties=properties)


def _check(table: pa.Table, path: Path, factory: encryption.CryptoFactory) -> None:
    if path.stat().st_size < _BYTES or _read(path, factory) != table:
        raise AssertionError("what was read is not what was written")


def _table() -> pa.Table:
    """Return random numbers, which no encoding makes smaller."""
    source = np.random.default_rng(1)
    rows = _BYTES // (8 * _COLUMNS)
    return pa.table({f"column{number}": source.random(rows) for number in range(_COLUMNS)})
