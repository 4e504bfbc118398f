"""Tokens through the vault: sealing many, and moving many to a new version of their key.

Relies on `vault.crypto(…)`: every call is authorised and has its event in the spool before it returns. Promises: what
was moved opens under the new version to what was sealed under the old one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from time import perf_counter

import localvault
from bench import vaults
from bench.batch import Batch
from bench.figures import Figure, Goal, Line, faster, rate
from bench.peers.aesgcm import AesGcmLoop
from bench.peers.fernet import FernetLoop
from bench.setting import Setting
from bench.timing import Round, Work, compare, repeat, steady

_ITEMS, _SIZE = 10_000, 64
_SEAL = f"`vault.crypto(…).seal_many` of {_ITEMS:,} records of {_SIZE} B, packed"
_SEAL_GOAL = 40.0
_ROUNDS = 40
_DATA_KEY = 32
_MOVED = 1_000_000
_REWRAP = f"`rewrap_many` of tokens of {_DATA_KEY} B after a rotation"
_REWRAP_RATE = 15_000_000
_REWRAP_GOAL = 150.0
_REWRAP_ROUNDS = 9
_ROTATIONS = 300  # in one round of the peer, which is slow
_SINGLES = 10_000

Tokens = Callable[[localvault.Crypto, int], localvault.Packed]


def lines(setting: Setting) -> Iterator[Line]:
    """Yield the lines."""
    with vaults.temporary(setting.folder) as vault:
        vault.keys.create("aes", "oct", size=256)
        crypto = vault.crypto("aes")
        what = f"{_SEAL}, against the loop"
        yield Line(what, partial(_sealing, setting, what, crypto, _SEAL_GOAL, into_buffer=False))
        what = f"{_SEAL}, into a buffer that is there, against the loop"
        yield Line(what, partial(_sealing, setting, what, crypto, None, into_buffer=True))
        yield from _moving(setting, vault)


def _sealing(
    setting: Setting, what: str, crypto: localvault.Crypto, goal: float | None, *, into_buffer: bool
) -> Figure:
    records = Batch([_SIZE] * _ITEMS)
    ours = _sealer(crypto, records, into_buffer=into_buffer)
    theirs = AesGcmLoop().seal(records)
    compared = compare(
        steady(ours, _ITEMS, perf_counter), steady(theirs, _ITEMS, perf_counter), setting.rounds(_ROUNDS)
    )
    return faster(what, goal, compared, "record", "call", "tokens; door and audit included, on one side only")


def _sealer(crypto: localvault.Crypto, records: Batch, *, into_buffer: bool) -> Work:
    if crypto.open_many(crypto.seal_many(records.packed)).to_list() != records.items:
        raise AssertionError("what was sealed opens to something else")
    if not into_buffer:
        return lambda: crypto.seal_many(records.packed)
    out = records.buffer(localvault.TOKEN_OVERHEAD)
    return lambda: crypto.seal_many(records.packed, out=out)


def _moving(setting: Setting, vault: localvault.Vault) -> Iterator[Line]:
    count = min(_MOVED, setting.many)
    what = f"{_REWRAP}, {count:,} of them"
    together = _rotated(vault, "together", count, _sealed_together)
    yield Line(what, partial(_rate, setting, what, together, count))
    what = f"{_REWRAP}, against a loop of `MultiFernet.rotate`"
    yield Line(
        what, partial(_ratio, setting, what, together, count, _REWRAP_GOAL, "sealed by one `seal_many`")
    )
    singly = _rotated(vault, "singly", count, _sealed_singly)
    what = f"{_REWRAP}, sealed one by one, against the same loop"
    note = f"a key derived for each; {_SINGLES:,} different tokens, over and over"
    yield Line(what, partial(_ratio, setting, what, singly, count, None, note))


def _rotated(vault: localvault.Vault, name: str, count: int, seal: Tokens) -> Work:
    """Return a call that moves `count` tokens of data keys to the version of their key that is the current one."""
    vault.keys.create(name, "oct", size=256)
    crypto = vault.crypto(name)
    tokens = seal(crypto, count)
    vault.keys.rotate(name)
    moved = crypto.rewrap_many(tokens)
    if crypto.open_many(moved).data != crypto.open_many(tokens).data:
        raise AssertionError("what was moved opens to something else")
    out = memoryview(bytearray(tokens.nbytes))
    return lambda: crypto.rewrap_many(tokens, out=out)


def _sealed_together(crypto: localvault.Crypto, count: int) -> localvault.Packed:
    starts = range(0, (count + 1) * _DATA_KEY, _DATA_KEY)
    return crypto.seal_many(localvault.Packed(os.urandom(count * _DATA_KEY), starts))


def _sealed_singly(crypto: localvault.Crypto, count: int) -> localvault.Packed:
    tokens = [crypto.seal(os.urandom(_DATA_KEY)) for _ in range(min(_SINGLES, count))]
    size = len(tokens[0])
    return localvault.Packed(b"".join(tokens) * (count // len(tokens)), range(0, (count + 1) * size, size))


def _rate(setting: Setting, what: str, move: Work, count: int) -> Figure:
    seconds = repeat(_once(move, 1), setting.rounds(_REWRAP_ROUNDS))
    goal = Goal(_REWRAP_RATE, unit="a second", at_least=True)
    return rate(what, goal, count, seconds, "one core; door and audit included")


def _ratio(setting: Setting, what: str, move: Work, count: int, goal: float | None, note: str) -> Figure:
    theirs = FernetLoop().rotate([os.urandom(_DATA_KEY) for _ in range(_ROTATIONS)])
    compared = compare(_once(move, count), _once(theirs, _ROTATIONS), setting.rounds(_REWRAP_ROUNDS))
    return faster(what, goal, compared, "token", "token", note)


def _once(work: Work, operations: int) -> Round:
    def one_round() -> float:
        started = perf_counter()
        work()
        return (perf_counter() - started) / operations

    return one_round
