"""What stands in a vault's folder, and what an attacker who can write there would make of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from localvault.records import HEADER_KEY, VAULT
from localvault.store.environment import LOCK_FILE
from localvault.store.lmdb import LmdbStore
from localvault.store.protocol import WriteTxn


def content(folder: Path) -> dict[str, bytes]:
    """Every file's bytes, but for the engine's list of who is reading, which is nothing that lasts."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != LOCK_FILE}


def alter(folder: Path, act: Callable[[WriteTxn], None]) -> None:
    """Change records behind the vault's back."""
    store = LmdbStore.open(folder)
    try:
        with store.write() as txn:
            act(txn)
    finally:
        store.close()


def alter_header(folder: Path, act: Callable[[bytearray], None], *, fitting: bool = True) -> None:
    """Change the header; `fitting` gives it a checksum that fits, as an attacker would."""

    def change(txn: WriteTxn) -> None:
        header = bytearray(txn.get(VAULT, HEADER_KEY) or b"")
        act(header)
        if fitting:
            header[-32:] = hashlib.sha256(header[:-32]).digest()
        txn.put(VAULT, HEADER_KEY, bytes(header))

    alter(folder, change)


def flip(data: bytearray, at: int) -> None:
    """Turn one bit round."""
    data[at] ^= 1
