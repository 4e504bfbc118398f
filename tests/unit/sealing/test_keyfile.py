"""Key files: private, complete, never overwritten; everything else is said in a sentence."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import BadParameter, Damaged, InsecureFolder, NewerFormat, UnlockFailed, VaultError
from localvault.sealing import keyfile
from localvault.sealing.credentials import KEYFILE
from localvault.sealing.keyfile import new_keyfile, read_keyfile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a key file may be made."""
    return tmp_path / "vault.key"


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o777])
def test_a_new_file_is_private_whatever_the_umask(path: Path, mask: int) -> None:
    """0600, one line, and what it holds is what it gives back."""
    before = os.umask(mask)
    try:
        made = new_keyfile(path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o7777 == 0o600
    assert path.read_text().count("\n") == 1
    read = read_keyfile(path)
    assert read.kind == KEYFILE
    assert read.secret.equals(made.secret)


def test_an_existing_file_is_never_overwritten(path: Path) -> None:
    """Nor a link followed."""
    path.write_text("precious")
    link = path.with_name("link")
    link.symlink_to(path.with_name("nowhere"))
    for taken in (path, link):
        with pytest.raises(BadParameter, match="already"):
            new_keyfile(taken)
    assert path.read_text() == "precious"


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    """And not made."""
    with pytest.raises(BadParameter, match="folder"):
        new_keyfile(tmp_path / "none" / "key")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a key file would look like a damaged one."""
    monkeypatch.setattr(keyfile.os, "write", lambda _handle, data: len(data) - 1)
    with pytest.raises(OSError, match="bytes could be written"):
        new_keyfile(path)
    assert not path.exists()


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o601, 0o620, 0o666])
def test_a_file_others_could_read_or_change_is_refused(path: Path, mode: int) -> None:
    """With the command that mends it."""
    new_keyfile(path)
    path.chmod(mode)
    with pytest.raises(InsecureFolder) as refused:
        read_keyfile(path)
    assert refused.value.hint == f"chmod 600 {path}"


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600, 0o640])
def test_a_file_the_owners_group_may_read_is_fine(path: Path, mode: int) -> None:
    """So orchestrators hand secrets over."""
    made = new_keyfile(path)
    path.chmod(mode)
    assert read_keyfile(path).secret.equals(made.secret)


def test_another_users_file_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner could read and exchange it."""
    new_keyfile(path)
    os.chown(path, 12345, -1) if os.geteuid() == 0 else None
    monkeypatch.setattr(keyfile.os, "geteuid", lambda: 54321)
    with pytest.raises(InsecureFolder, match="another user"):
        read_keyfile(path)


def test_no_file_and_no_key_file_are_told_apart(path: Path) -> None:
    """Both `UnlockFailed`; a folder cannot be read either."""
    with pytest.raises(UnlockFailed, match="No such file"):
        read_keyfile(path)
    with pytest.raises(UnlockFailed, match="not a file"):
        read_keyfile(Path("/"))
    path.write_bytes(b"-----BEGIN something else-----\n")
    path.chmod(0o600)
    with pytest.raises(UnlockFailed, match="not a key file"):
        read_keyfile(path)


def test_a_file_that_fails_while_it_is_read_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bad disk, say: `UnlockFailed` with the system's reason."""
    new_keyfile(path)

    def fail(_handle: int, _buffers: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(keyfile.os, "readv", fail)
    with pytest.raises(UnlockFailed, match="Input/output error"):
        read_keyfile(path)


def test_a_pipe_does_not_hold_up_the_caller(path: Path) -> None:
    """Reading one nobody writes to would wait for ever."""
    os.mkfifo(path, 0o600)
    with pytest.raises(UnlockFailed):
        read_keyfile(path)


def test_a_newer_file_is_said(path: Path) -> None:
    """`NewerFormat`."""
    new_keyfile(path)
    path.write_bytes(path.read_bytes().replace(b"keyfile-1 ", b"keyfile-2 "))
    with pytest.raises(NewerFormat):
        read_keyfile(path)


def test_a_damaged_file_is_said(path: Path) -> None:
    """Cut short, or with one character changed."""
    new_keyfile(path)
    content = path.read_bytes()
    for damaged in (
        content[:-5],
        content[:-2] + b"!\n",
        content[:30] + (b"Z" if content[30:31] != b"Z" else b"Y") + content[31:],
    ):
        path.write_bytes(damaged)
        with pytest.raises(Damaged):
            read_keyfile(path)


@given(st.binary(max_size=700))
def test_junk_gives_our_errors(tmp_path_factory: pytest.TempPathFactory, junk: bytes) -> None:
    """Whatever is in the file."""
    path = tmp_path_factory.getbasetemp() / "junk.key"
    for content in (junk, b"localvault-keyfile-1 " + junk):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(VaultError):
            read_keyfile(path)
