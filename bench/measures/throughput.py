"""Throughput of bulk sealing over the size of records: every level of the core, intel-ipsec-mb, the loop.

Relies on a process for each level and on the peers. Promises: at each size all sides take turns; a peer that is missing
has no curve.
"""

from __future__ import annotations

from contextlib import ExitStack

from bench import batch, levels
from bench.peers import PeerMissing
from bench.peers.aesgcm import AesGcmLoop
from bench.peers.ipsec_mb import IpsecMb
from bench.setting import Setting
from bench.timing import Round, in_turn, steady

SIZES = (16, 64, 256, 1024, 4096, 16_384, 65_536, 1 << 20)
_ROUNDS = 15

Curves = dict[str, list[tuple[int, float]]]
"""By what sealed: the size of a record, and bytes a second."""


def measure(setting: Setting) -> Curves:
    """Return the curves, our best level first."""
    with ExitStack() as stack:
        names = levels.usable()
        workers = {f"localvault, {name}": stack.enter_context(levels.started(name)) for name in names}
        curves: Curves = {}
        ipsec_mb = _ipsec_mb(setting)
        for size in SIZES:
            sides = {name: worker.sealing(size) for name, worker in workers.items()} | _peers(size, ipsec_mb)
            taken = in_turn(list(sides.values()), setting.rounds(_ROUNDS))
            for name, seconds in zip(sides, taken, strict=True):
                curves.setdefault(name, []).append((size, size / seconds.median))
        if ipsec_mb is not None:
            ipsec_mb.close()
    return curves


def _ipsec_mb(setting: Setting) -> IpsecMb | None:
    try:
        return IpsecMb(setting.folder)
    except PeerMissing:
        return None


def _peers(size: int, ipsec_mb: IpsecMb | None) -> dict[str, Round]:
    records = batch.of_size(size)
    loop = {"cryptography, a loop": steady(AesGcmLoop().seal(records), len(records))}
    return loop if ipsec_mb is None else {"intel-ipsec-mb in C": ipsec_mb.seal(records)[0]} | loop
