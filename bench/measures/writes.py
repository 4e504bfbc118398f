"""Writing: one durable secret against one raw commit, and ten thousand at once.

Relies on a folder on a real disk: in memory a sync costs nothing, and the ratio says nothing about a disk (the report
names the file system). Promises: what was written is read back.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from time import perf_counter

import localvault
from bench import vaults
from bench.figures import Figure, Goal, rate, slower
from bench.peers.raw_lmdb import RawLmdb, difference
from bench.setting import Setting
from bench.timing import Spread, compare, repeat
from bench.vaults import SECRETS

_COMMITS = 10  # in one round
_ROUNDS = 60
_BULK_ROUNDS = 9
SET_MANY = f"`set_many` of {SECRETS:,}"
BATCH_OF_SETS = f"`batch()` of {SECRETS:,} `set`"
_SET_MANY = Goal(150_000, unit="a second", at_least=True)
_BATCH = Goal(50_000, unit="a second", at_least=True)


def measure(setting: Setting) -> Iterator[Figure]:
    """Yield the figures for writing: one secret into a vault of 10,000, and 10,000 into a new one, one by one.

    What the core has a part in, `set_many`, stands with the core's figures.
    """
    with vaults.open_vault(setting.of_size(SECRETS, "to write")) as vault:
        yield _durable(setting, vault)
    yield _bulk(setting, BATCH_OF_SETS, _BATCH, _in_batch)


def set_many(setting: Setting) -> Figure:
    """Return the figure for 10,000 secrets in one `set_many`, into a new vault."""
    return _bulk(setting, SET_MANY, _SET_MANY, _set_many)


def _durable(setting: Setting, vault: localvault.Vault) -> Figure:
    setting.say("durable set against a raw LMDB commit")
    fresh = vaults.values(1_000_000, first=10 * SECRETS)
    peer = _raw_peer(setting.folder, vault, fresh)
    compared = compare(
        lambda: _time_sets(vault, list(islice(fresh, _COMMITS))),
        lambda: peer.time_commits(_COMMITS),
        setting.rounds(_ROUNDS),
    )
    peer.close()
    note = f"one set writes {peer.entries} entries, {peer.size:,} bytes in all; so does the peer"
    what = "durable `secrets.set`, against a raw synced commit of the same bytes"
    return slower(what, 1.3, compared, "set", "commit", note)


def _raw_peer(folder: Path, vault: localvault.Vault, fresh: Iterator[tuple[str, str]]) -> RawLmdb:
    """Return a peer that commits what one `set` writes, found between two copies of the vault."""
    before, after, raw = folder / "before", folder / "after", folder / "raw"
    vault.secrets.set(*next(fresh))
    vault.backup(before)
    vault.secrets.set(*next(fresh))
    vault.backup(after)
    raw.mkdir()
    peer = RawLmdb(raw, before, difference(before, after))
    peer.verify()
    return peer


def _time_sets(vault: localvault.Vault, pairs: list[tuple[str, str]]) -> float:
    put = vault.secrets.set
    started = perf_counter()
    for name, value in pairs:
        put(name, value)
    return (perf_counter() - started) / len(pairs)


def _bulk(
    setting: Setting, what: str, goal: Goal, write: Callable[[localvault.Vault, list[tuple[str, str]]], None]
) -> Figure:
    setting.say(what)
    pairs = list(vaults.values(SECRETS))
    path = setting.folder / "bulk"

    def one_round() -> float:
        with vaults.create(path) as vault:
            started = perf_counter()
            write(vault, pairs)
            seconds = perf_counter() - started
            if any(vault.secrets.get(name).value != value for name, value in pairs[:: SECRETS // 10]):
                raise AssertionError("what was written does not read back")
        shutil.rmtree(path)
        vaults.key_file(path).unlink()
        return seconds

    seconds: Spread = repeat(one_round, setting.rounds(_BULK_ROUNDS))
    return rate(what, goal, SECRETS, seconds, "one transaction, one sync, into a new vault")


def _set_many(vault: localvault.Vault, pairs: list[tuple[str, str]]) -> None:
    vault.secrets.set_many(pairs)


def _in_batch(vault: localvault.Vault, pairs: list[tuple[str, str]]) -> None:
    put = vault.secrets.set
    with vault.batch():
        for name, value in pairs:
            put(name, value)
