"""Sealing as applications have it: records of mixed lengths, lists of bytes, a key of its own for each record.

Relies on the loop of `cryptography`, and for records with associated data of their own on a build from source.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial

from bench import batch
from bench.batch import MOST_RECORDS, Batch
from bench.figures import Figure, Goal, Line, faster, missing
from bench.items import Items
from bench.measures.native.bulk import ROUNDS, size_name
from bench.peers import PeerMissing
from bench.peers.aesgcm import AesGcmLoop
from bench.sealing import Sealer
from bench.setting import Setting
from bench.timing import Work, compare, steady
from localvault.native.levels import CHOSEN

_SHORTEST, _LONGEST = 16, 512
_LONGEST_CONTEXT = 64
_MIXED = 14.0
_LISTS = {64: 15.0, 1024: 1.6}
_EACH = {64: 25.0, 1024: 6.0}

Sides = Callable[[], tuple[Work, Work]]


def lines(setting: Setting) -> Iterator[Line]:
    """Yield the lines."""
    what = f"`seal_many`, packed, mixed lengths of {_SHORTEST} to {_LONGEST} B, against the loop"
    yield _line(setting, what, _MIXED, _mixed_lengths, "one context a call, as a token call has")
    what = f"the kernels from C, mixed lengths and associated data of 0 to {_LONGEST_CONTEXT} B, against the loop"
    if CHOSEN is None:
        yield _without_kernels(what, _MIXED)
    else:
        yield Line(what, partial(_mixed_contexts, setting, what, CHOSEN.number))
    for size, goal in _LISTS.items():
        what = f"`seal_many`, lists of bytes in and out, {size_name(size)}, against the loop"
        yield _line(setting, what, goal, partial(_lists, size), "both sides keep what they made")
    yield from _own_keys(setting)


def _without_kernels(what: str, goal: float) -> Line:
    return Line(what, partial(missing, what, Goal(goal, at_least=True), "no kernels for this processor"))


def _own_keys(setting: Setting) -> Iterator[Line]:
    for size, goal in _EACH.items():
        what = f"seal, packed, a derived key of its own for each record, {size_name(size)}, against the loop"
        if CHOSEN is None:
            yield _without_kernels(what, goal)
        else:
            yield _line(
                setting, what, goal, partial(_each, size), "`lv_xaes_seal_each`; the loop has one key"
            )
    for size, goal in _EACH.items():
        what = f"`open_many` of tokens sealed one by one, packed, {size_name(size)}, against the loop"
        yield _line(
            setting, what, goal, partial(_opening, size), "a key derived for each; the loop has one key"
        )


def _line(setting: Setting, what: str, goal: float, sides: Sides, note: str) -> Line:
    return Line(what, partial(_compared, setting, what, goal, sides, note))


def _compared(setting: Setting, what: str, goal: float, sides: Sides, note: str) -> Figure:
    ours, theirs = sides()
    rounds = steady(ours, MOST_RECORDS), steady(theirs, MOST_RECORDS)
    return faster(what, goal, compare(*rounds, setting.rounds(ROUNDS)), "record", "call", note)


def _mixed_lengths() -> tuple[Work, Work]:
    records = _mixed()
    return Sealer().packed(records), AesGcmLoop().seal(records)


def _mixed() -> Batch:
    return batch.of_mixed_sizes(_SHORTEST, _LONGEST)


def _lists(size: int) -> tuple[Work, Work]:
    records = batch.of_size(size)
    return Sealer().lists(records), AesGcmLoop().seal_to_list(records)


def _each(size: int) -> tuple[Work, Work]:
    records = batch.of_size(size)
    return Sealer().each(records), AesGcmLoop().seal(records)


def _opening(size: int) -> tuple[Work, Work]:
    records = batch.of_size(size)
    return Sealer().opening_of_singles(records), AesGcmLoop().open(records)


def _mixed_contexts(setting: Setting, what: str, level: int) -> Figure:
    source = random.Random(_LONGEST_CONTEXT)
    records = _mixed()
    contexts = [source.randbytes(source.randint(0, _LONGEST_CONTEXT)) for _ in range(len(records))]
    try:
        kernels = Items(setting.folder, setting.build(), level)
    except PeerMissing as missed:
        return missing(what, Goal(_MIXED, at_least=True), str(missed))
    sides = kernels.seal(records, contexts), AesGcmLoop().seal_mixed(records, contexts)
    note = "no call of the core takes them in bulk: one context a call for tokens"
    figure = _compared(setting, what, _MIXED, lambda: sides, note)
    kernels.close()
    return figure
