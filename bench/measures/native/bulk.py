"""Sealing in packed buffers under one key: against a loop of `cryptography`, against intel-ipsec-mb in C.

Relies on the peers. Promises: both sides seal the same records with 16 bytes of associated data and a new nonce for
each; ours is called from Python, draws its nonces, and writes a prefix and a nonce before each record besides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from bench import batch
from bench.figures import Figure, Goal, Line, faster, missing
from bench.peers import PeerMissing
from bench.peers.aesgcm import AesGcmLoop
from bench.peers.ipsec_mb import IpsecMb
from bench.sealing import Sealer
from bench.setting import Setting
from bench.timing import compare, steady

ROUNDS = 60
_LOOP = {64: 60.0, 256: 20.0, 1024: 10.0, 4096: 3.5, 1 << 20: 1.2}
_ANEW = (1024, 1 << 20)
_IPSEC_MB = {64: 3.0, 256: 1.5, 1024: 1.25, 65_536: 1.0}
_SEAL = "`seal_many`, packed"


def size_name(size: int) -> str:
    """Return `size` bytes as a person writes it."""
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} B"


def lines(setting: Setting) -> Iterator[Line]:
    """Yield the lines of both peers."""
    for size, goal in _LOOP.items():
        what = f"{_SEAL}, {size_name(size)}, against a loop of AESGCM"
        yield Line(what, partial(_against_loop, setting, what, size, goal))
    for size in _ANEW:
        what = f"{_SEAL}, {size_name(size)}, into a new buffer each time, against the loop"
        yield Line(what, partial(_against_loop, setting, what, size, None, anew=True))
    yield from _against_ipsec_mb(setting)


def _against_loop(
    setting: Setting, what: str, size: int, goal: float | None, *, anew: bool = False
) -> Figure:
    records = batch.of_size(size)
    sealer = Sealer()
    ours = (sealer.packed_anew if anew else sealer.packed)(records)
    theirs = AesGcmLoop().seal(records)
    compared = compare(steady(ours, len(records)), steady(theirs, len(records)), setting.rounds(ROUNDS))
    return faster(what, goal, compared, "record", "call", f"{len(records):,} records a call")


def _against_ipsec_mb(setting: Setting) -> Iterator[Line]:
    names = {size: f"{_SEAL}, {size_name(size)}, against intel-ipsec-mb in C" for size in _IPSEC_MB}
    try:
        peer = IpsecMb(setting.folder)
    except PeerMissing as missed:
        for size, what in names.items():
            yield Line(what, _missing(what, _IPSEC_MB[size], str(missed)))
        return
    setting.versions["intel-ipsec-mb"] = peer.version()
    for size, what in names.items():
        yield Line(what, partial(_one_against_ipsec_mb, setting, what, size, peer))
    peer.close()


def _missing(what: str, goal: float, reason: str) -> Callable[[], Figure]:
    return partial(missing, what, Goal(goal, at_least=True), reason)


def _one_against_ipsec_mb(setting: Setting, what: str, size: int, peer: IpsecMb) -> Figure:
    records = batch.of_size(size)
    theirs, way = peer.seal(records)
    ours = steady(Sealer().packed(records), len(records))
    compared = compare(ours, theirs, setting.rounds(ROUNDS))
    note = f"{len(records):,} records a call; its {way}, the quicker of its two ways"
    return faster(what, _IPSEC_MB[size], compared, "record", "record", note)
