"""What the engine's errors become."""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path

import lmdb
import pytest

from localvault.errors import (
    BadParameter,
    Damaged,
    LocalVaultError,
    ReadOnlyVault,
    StoreBusy,
    StoreFull,
    VaultClosed,
    VaultError,
)
from localvault.store import environment, faults
from localvault.store.faults import fault
from localvault.store.layout import Table
from localvault.store.lmdb import LmdbStore
from tests.support.stores import behind


def _error(code: int, kind: type[lmdb.Error] = lmdb.Error) -> lmdb.Error:
    error = kind("doing", code)
    error.code = code
    return error


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (_error(errno.ENOSPC, lmdb.DiskError), StoreFull),
        (_error(errno.EFBIG), StoreFull),
        (_error(errno.EDQUOT), StoreFull),
        (_error(-30792, lmdb.MapFullError), StoreFull),
        (_error(-30796, lmdb.CorruptedError), Damaged),
        (_error(-30797, lmdb.PageNotFoundError), Damaged),
        (_error(-30793, lmdb.InvalidError), Damaged),
        (_error(-30787, lmdb.CursorFullError), Damaged),
        (_error(-30790, lmdb.ReadersFullError), StoreBusy),
        (_error(-30781, lmdb.BadValsizeError), BadParameter),
        (_error(errno.EACCES, lmdb.ReadonlyError), ReadOnlyVault),
        (_error(errno.EROFS), ReadOnlyVault),
        (_error(0), VaultClosed),
        (_error(-30795, lmdb.PanicError), VaultError),
        (_error(-30782, lmdb.BadTxnError), VaultError),
        (_error(errno.ENOMEM, lmdb.MemoryError), VaultError),
    ],
)
def test_every_error_of_the_engine_has_its_own_meaning(
    error: lmdb.Error, wanted: type[LocalVaultError], tmp_path: Path
) -> None:
    """Each is told as what a caller can do something about."""
    assert type(fault(error, str(tmp_path))) is wanted


def test_a_write_cut_short_is_a_full_disk_if_there_is_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine says only "input/output error": the room that is left tells the two apart."""
    cut_short = _error(errno.EIO)
    monkeypatch.setattr(faults, "_LITTLE_ROOM", 0)
    assert type(fault(cut_short, str(tmp_path))) is VaultError
    monkeypatch.setattr(faults, "_LITTLE_ROOM", 1 << 60)
    assert type(fault(cut_short, str(tmp_path))) is StoreFull
    monkeypatch.setattr(faults, "_LITTLE_ROOM", 0)
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (1 << 20, resource.RLIM_INFINITY))
    assert type(fault(cut_short, str(tmp_path))) is StoreFull


def test_no_address_space_to_grow_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the map cannot grow nothing is written, everything says so, and the vault opens again."""
    monkeypatch.setattr(environment, "MAP_START", 1 << 20)
    store = LmdbStore.create(tmp_path / "vault", lambda txn: txn.put(Table.OBJECTS, b"key", b"value"))
    monkeypatch.setattr(behind(store), "_map_size", 1 << 60)
    with pytest.raises(VaultError):
        store.transact(lambda txn: txn.put(Table.OBJECTS, b"large", bytes(2 << 20)))
    with pytest.raises(VaultError), store.read():
        pass
    store.close()
    store = LmdbStore.open(tmp_path / "vault")
    with store.read() as txn:
        assert list(txn.scan(Table.OBJECTS)) == [(b"key", b"value")]
    store.close()


def test_errors_have_the_sentence_a_person_needs(tmp_path: Path) -> None:
    """No code of the engine alone: a sentence, and what to do where something can be done."""
    for error in (_error(errno.ENOSPC), _error(-30796, lmdb.CorruptedError), _error(-30795, lmdb.PanicError)):
        told = fault(error, str(tmp_path))
        assert told.hint
        assert " " in told.message
    assert os.strerror(errno.ENOSPC) not in fault(_error(errno.ENOSPC), str(tmp_path)).message
