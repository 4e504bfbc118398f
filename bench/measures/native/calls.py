"""One call through the vault, door and audit included: encrypting a message; and many secrets in one transaction.

Relies on `vault.crypto(…)`, SoftHSM2 and `writes`. Promises: a round is long enough for the journal to fold what the
calls left in the spool, so that its price is in each figure.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from time import perf_counter

import localvault
from bench import vaults
from bench.batch import NONCE_BYTES
from bench.figures import Figure, Goal, Line, faster, missing, slower
from bench.measures.writes import SET_MANY, set_many
from bench.peers import PeerMissing
from bench.peers.aesgcm import AesGcmLoop
from bench.peers.softhsm import SoftHsm
from bench.setting import Setting
from bench.timing import compare
from bench.vaults import CALLS

_SIZE = 1024
_ROUNDS = 15
_ALGORITHM = "A256GCM"
_BARE_GOAL = 10.0  # 6 µs where a bare call takes 0.6
_SOFTHSM_GOAL = 3.0
_ENCRYPT = "`vault.crypto(…).encrypt`, A256GCM, 1 KiB"


def lines(setting: Setting) -> Iterator[Line]:
    """Yield the lines."""
    with vaults.temporary(setting.folder) as vault:
        vault.keys.create("aes", "oct", size=256)
        crypto = vault.crypto("aes")
        what = f"{_ENCRYPT}, against a bare call of AESGCM"
        yield Line(what, partial(_against_bare, setting, what, crypto))
        what = f"{_ENCRYPT}, against SoftHSM2"
        yield from _against_softhsm(setting, what, crypto)
    yield Line(SET_MANY, partial(set_many, setting))


def _time_encrypts(crypto: localvault.Crypto, plaintext: bytes) -> float:
    encrypt = crypto.encrypt
    started = perf_counter()
    for _ in range(CALLS):
        encrypt(_ALGORITHM, plaintext)
    return (perf_counter() - started) / CALLS


def _against_bare(setting: Setting, what: str, crypto: localvault.Crypto) -> Figure:
    plaintext, peer = os.urandom(_SIZE), AesGcmLoop()
    nonces = [number.to_bytes(NONCE_BYTES) for number in range(CALLS)]
    compared = compare(
        lambda: _time_encrypts(crypto, plaintext),
        lambda: peer.time_encrypts(plaintext, nonces),
        setting.rounds(_ROUNDS),
    )
    return slower(what, _BARE_GOAL, compared, "encrypt", "call", "door, audit and folding included")


def _against_softhsm(setting: Setting, what: str, crypto: localvault.Crypto) -> Iterator[Line]:
    try:
        peer = setting.softhsm()
    except PeerMissing as missed:
        yield Line(what, partial(missing, what, Goal(_SOFTHSM_GOAL, at_least=True), str(missed)))
        return
    yield Line(what, partial(_against_token, setting, what, crypto, peer))


def _against_token(setting: Setting, what: str, crypto: localvault.Crypto, peer: SoftHsm) -> Figure:
    plaintext = os.urandom(_SIZE)
    nonces = [number.to_bytes(NONCE_BYTES) for number in range(CALLS // 8)]
    if peer.open_gcm(peer.seal_gcm(plaintext, nonces[0]), nonces[0]) != plaintext:
        raise AssertionError("SoftHSM2 does not open what it sealed")
    compared = compare(
        lambda: _time_encrypts(crypto, plaintext),
        lambda: peer.time_seals(plaintext, nonces),
        setting.rounds(_ROUNDS),
    )
    return faster(what, _SOFTHSM_GOAL, compared, "encrypt", "encrypt", "AES-256-GCM on both sides")
