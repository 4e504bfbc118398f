"""The peers' single operations, so that they stand in the same list as ours."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import lmdb
import pytest

from bench import vaults
from bench.peers import PeerMissing, softhsm
from bench.peers.sqlcipher import SqlCipher


def test_peer_sqlcipher_select(benchmark: Any, tmp_path: Path) -> None:
    """One of a thousand values, by name, in random order."""
    peer = SqlCipher(tmp_path / "peer.db", os.urandom(32))
    peer.fill(dict(vaults.values(vaults.FEW)))
    names = iter(vaults.shuffled(vaults.FEW, 2_000_000))
    assert benchmark(lambda: peer.get(next(names)))
    peer.close()


def test_peer_softhsm_encrypt(benchmark: Any, tmp_path: Path) -> None:
    """Encrypt 64 bytes with AES-256-CBC."""
    try:
        peer = softhsm.SoftHsm(tmp_path, softhsm.ensure())
    except PeerMissing as missed:
        pytest.skip(str(missed))
    message = os.urandom(64)
    assert peer.decrypt(benchmark(peer.encrypt, message)) == message
    peer.close()


def test_peer_lmdb_synced_commit(benchmark: Any, tmp_path: Path) -> None:
    """Commit one entry of 64 bytes and sync it."""
    environment = lmdb.open(str(tmp_path), map_size=1 << 28)

    def commit(key: bytes, value: bytes) -> None:
        with environment.begin(write=True) as txn:
            txn.put(key, value)

    benchmark.pedantic(commit, setup=lambda: ((os.urandom(32), os.urandom(64)), {}), rounds=300)
    environment.close()
