"""Reading one secret: against SQLCipher, against SoftHSM2.

Relies on the peers. Promises: all values are compared before anything is timed; both sides read the same names in the
same random order, one operation at a time, each authorised, read in its own transaction and audited on our side.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from time import perf_counter

import localvault
from bench import vaults
from bench.figures import Figure, Goal, faster, missing, slower
from bench.peers import PeerMissing
from bench.peers.sqlcipher import SqlCipher
from bench.setting import Setting
from bench.timing import compare
from bench.vaults import CALLS, SECRETS

_ROUNDS = 30
_GET = f"`secrets.get`, 64 B, {SECRETS:,} secrets"


def time_gets(vault: localvault.Vault, names: Sequence[str]) -> float:
    """Get every one of `names` and return the seconds for one."""
    get = vault.secrets.get
    started = perf_counter()
    for name in names:
        get(name).value  # noqa: B018 - the value is part of what is timed
    return (perf_counter() - started) / len(names)


def measure(setting: Setting) -> Iterator[Figure]:
    """Yield the figures for reading one secret among 10,000."""
    with vaults.open_vault(setting.singly_set(SECRETS)) as vault:
        vaults.check_all(vault, SECRETS)
        names = vaults.shuffled(SECRETS, CALLS)
        yield from _against_sqlcipher(setting, vault, names)
        yield from _against_softhsm(setting, vault, names)


def _against_sqlcipher(setting: Setting, vault: localvault.Vault, names: list[str]) -> Iterator[Figure]:
    setting.say("get against SQLCipher")
    peer = SqlCipher(setting.folder / "sqlcipher.db", os.urandom(32))
    data = dict(vaults.values(SECRETS))
    peer.fill(data)
    if any(peer.get(name) != value for name, value in data.items()):
        raise AssertionError("SQLCipher returned something else than what was stored")
    setting.versions["SQLCipher"] = peer.versions()
    rounds = setting.rounds(_ROUNDS)
    compared = compare(lambda: time_gets(vault, names), lambda: peer.time_gets(names), rounds)
    yield slower(f"{_GET}, against a SELECT of SQLCipher", 1.6, compared, "get", "SELECT")
    with vaults.open_vault(setting.of_size(SECRETS)) as batched:
        vaults.check_all(batched, SECRETS)
        compared = compare(lambda: time_gets(batched, names), lambda: peer.time_gets(names), rounds)
        note = "one derived AES key for all records of a batch"
        yield slower("the same, secrets written by one `set_many`", None, compared, "get", "SELECT", note)
    peer.close()


def _against_softhsm(setting: Setting, vault: localvault.Vault, names: list[str]) -> Iterator[Figure]:
    what = f"{_GET}, against SoftHSM2 encrypting 64 B"
    try:
        peer = setting.softhsm()
    except PeerMissing as missed:
        yield missing(what, Goal(2.5, at_least=True), str(missed))
        return
    setting.say("get against SoftHSM2")
    plaintexts = [random.randbytes(vaults.VALUE_BYTES) for _ in range(CALLS // 8)]
    if any(peer.decrypt(peer.encrypt(plaintext)) != plaintext for plaintext in plaintexts):
        raise AssertionError("SoftHSM2 does not decrypt what it encrypted")
    compared = compare(
        lambda: time_gets(vault, names), lambda: peer.time_encrypts(plaintexts), setting.rounds(_ROUNDS // 2)
    )
    yield faster(what, 2.5, compared, "get", "encrypt")
