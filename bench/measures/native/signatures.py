"""Signing many digests with one RSA key, against a loop of `cryptography`.

Relies on `vault.crypto(…).sign_many`: door and audit are part of our side. Promises: every signature of the first call
is verified; where the core has no lanes for this processor nothing is timed, since both sides would be `cryptography`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from time import perf_counter

import localvault
from bench import vaults
from bench.figures import Figure, Goal, Line, faster, missing
from bench.peers.rsa import RsaLoop
from bench.setting import Setting
from bench.timing import Work, compare, steady
from localvault.native.features import cpu_features

BATCH = 64
_ROUNDS = 15
_GOALS = {2048: 3.2, 3072: 2.8, 4096: 2.7}
_ALGORITHM = "RS256"
NOT_SERVED = "this processor has no AVX-512 IFMA: served by `cryptography`"


def served() -> bool:
    """Return whether the core has lanes for RSA on this processor."""
    return "avx512ifma" in cpu_features()


def signing(vault: localvault.Vault, size: int) -> Work:
    """Make a key of `size` bits and return a call that signs `BATCH` digests with it."""
    name, digests = f"rsa-{size}", [os.urandom(32) for _ in range(BATCH)]
    vault.keys.create(name, "RSA", size=size)
    crypto = vault.crypto(name)
    crypto.verify_many(_ALGORITHM, digests, crypto.sign_many(_ALGORITHM, digests))
    return lambda: crypto.sign_many(_ALGORITHM, digests)


def lines(setting: Setting) -> Iterator[Line]:
    """Yield a line for each size of key."""
    for size, goal in _GOALS.items():
        what = f"`sign_many`, RSA {size}, {BATCH} at a time, verified, against a loop of `cryptography`"
        yield Line(what, partial(_figure, setting, what, size, goal))


def _figure(setting: Setting, what: str, size: int, goal: float) -> Figure:
    if not served():
        return missing(what, Goal(goal, at_least=True), NOT_SERVED)
    theirs = RsaLoop(size).sign([os.urandom(32) for _ in range(BATCH)])
    with vaults.temporary(setting.folder) as vault:
        ours = steady(signing(vault, size), BATCH, perf_counter)
        compared = compare(ours, steady(theirs, BATCH, perf_counter), setting.rounds(_ROUNDS))
    return faster(what, goal, compared, "signature", "signature", "door and audit included")
