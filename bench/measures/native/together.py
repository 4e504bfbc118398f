"""Two threads against one: large batches, and signatures.

Relies on `localvault.threads`. Promises: the two numbers of threads take turns, in one process, on the same work.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from time import perf_counter

from bench import threads, vaults
from bench.batch import Batch
from bench.figures import Figure, Goal, Line, faster, missing
from bench.measures.native.signatures import BATCH, NOT_SERVED, served, signing
from bench.sealing import Sealer
from bench.setting import Setting
from bench.timing import Round, Work, compare, steady

_GOAL = 1.8
_ROUNDS = 40
_RECORD = 1024
_MEBIBYTES = (1, 16)


def lines(setting: Setting) -> Iterator[Line]:
    """Yield the lines."""
    for mebibytes in _MEBIBYTES:
        what = f"two threads against one: `seal_many`, packed, 1 KiB, {mebibytes} MiB in all"
        yield Line(what, partial(_sealing, setting, what, mebibytes << 20))
    what = f"two threads against one: `sign_many`, RSA 2048, {BATCH} at a time"
    yield Line(what, partial(_signing, setting, what))


def _sealing(setting: Setting, what: str, size: int) -> Figure:
    records = Batch([_RECORD] * (size // _RECORD))
    return _figure(setting, what, Sealer().packed(records), len(records), "record")


def _signing(setting: Setting, what: str) -> Figure:
    if not served():
        return missing(what, Goal(_GOAL, at_least=True), NOT_SERVED)
    with vaults.temporary(setting.folder) as vault:
        return _figure(setting, what, signing(vault, 2048), BATCH, "signature")


def _figure(setting: Setting, what: str, work: Work, operations: int, name: str) -> Figure:
    two, one = (_with(count, work, operations) for count in (2, 1))
    return faster(what, _GOAL, compare(two, one, setting.rounds(_ROUNDS)), f"two: {name}", f"one: {name}")


def _with(count: int, work: Work, operations: int) -> Round:
    with threads.limited_to(count):
        timed = steady(work, operations, perf_counter)

    def one_round() -> float:
        with threads.limited_to(count):
            work()  # starts the threads that are missing
            return timed()

    return one_round
