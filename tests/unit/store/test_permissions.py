"""Who may touch a vault's folder, and what is refused because somebody else could."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from localvault.errors import InsecureFolder, NotAVault
from localvault.store.environment import DATA_FILE, LOCK_FILE
from localvault.store.files import make_file, make_folder, scratch_folder
from localvault.store.lmdb import LmdbStore
from localvault.store.permissions import check_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store's folder."""
    LmdbStore.create(tmp_path / "vault").close()
    return tmp_path / "vault"


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277, 0o777])
def test_modes_do_not_depend_on_the_umask(tmp_path: Path, umask: int) -> None:
    """The folder is 0700 and its files 0600 whatever the umask, also of a copy and of a lock file made later."""
    before = os.umask(umask)
    try:
        LmdbStore.create(tmp_path / "vault").close()
        (tmp_path / "vault" / LOCK_FILE).unlink()
        store = LmdbStore.open(tmp_path / "vault")
        store.backup(tmp_path / "copy")
        store.close()
        LmdbStore.open(tmp_path / "copy").close()
    finally:
        os.umask(before)
    for name in ("vault", "copy"):
        assert _mode(tmp_path / name) == 0o700
        assert {path.name: _mode(path) for path in (tmp_path / name).iterdir()} == {
            DATA_FILE: 0o600,
            LOCK_FILE: 0o600,
        }


def test_an_empty_folder_that_is_taken_over_gets_the_mode(tmp_path: Path) -> None:
    """A folder that was there and empty becomes 0700."""
    (tmp_path / "vault").mkdir(mode=0o777)
    (tmp_path / "vault").chmod(0o777)
    LmdbStore.create(tmp_path / "vault").close()
    assert _mode(tmp_path / "vault") == 0o700


@pytest.mark.parametrize("bits", [0o020, 0o002, 0o022])
@pytest.mark.parametrize("name", [".", DATA_FILE, LOCK_FILE, "spool"])
def test_a_vault_others_could_write_to_is_refused(folder: Path, name: str, bits: int) -> None:
    """Group or others with write permission to the folder or any file in it: refused, with the command that helps."""
    path = folder / name
    path.touch()
    path.chmod(_mode(path) | bits)
    with pytest.raises(InsecureFolder) as caught:
        LmdbStore.open(folder)
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("chmod")


def test_readable_by_others_is_not_refused(folder: Path) -> None:
    """Everything is sealed, so reading it tells nobody anything."""
    folder.chmod(0o755)
    (folder / DATA_FILE).chmod(0o644)
    LmdbStore.open(folder).close()


def test_a_vault_of_another_user_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner must be this user or root."""
    owner = folder.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    if owner == 0:
        check_folder(folder)
        os.chown(folder / DATA_FILE, 12345, -1)
        monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(InsecureFolder):
        check_folder(folder)


def test_a_link_in_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    """A file of the vault must be in the vault."""
    (folder / DATA_FILE).rename(tmp_path / "elsewhere")
    (folder / DATA_FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InsecureFolder):
        LmdbStore.open(folder)


def test_what_is_not_a_folder(tmp_path: Path) -> None:
    """A file, or nothing, is not a vault."""
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "no", tmp_path / "file" / "below"):
        with pytest.raises(NotAVault):
            check_folder(path)


def test_a_new_file_is_there_completely_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is never replaced, and one that cannot be written is not left behind."""
    make_file(tmp_path / "new", b"content")
    assert (tmp_path / "new").read_bytes() == b"content"
    with pytest.raises(FileExistsError):
        make_file(tmp_path / "new", b"other")
    assert (tmp_path / "new").read_bytes() == b"content"

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        make_file(tmp_path / "more", b"content")
    assert not (tmp_path / "more").exists()


def test_a_scratch_folder_is_gone_unless_it_was_renamed(tmp_path: Path) -> None:
    """What is left in it goes with it; renamed, it stays."""
    with scratch_folder(tmp_path) as scratch:
        make_file(scratch / "file", b"")
        assert scratch.name.startswith(".")
    assert not scratch.exists()
    with scratch_folder(tmp_path) as scratch:
        scratch.rename(tmp_path / "kept")
    assert (tmp_path / "kept").is_dir()
    assert make_folder(tmp_path / "kept") is False
