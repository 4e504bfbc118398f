"""Making and opening a vault: what does not work has an error of its own and leaves everything as it was."""

from __future__ import annotations

import errno
import os
import signal
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import localvault
from localvault import (
    BadParameter,
    Damaged,
    InsecureFolder,
    JournalUnavailable,
    LocalVaultError,
    NewerFormat,
    NotAVault,
    ReadOnlyVault,
    StoreFull,
    Tampered,
    UnlockFailed,
    Vault,
    VaultExists,
)
from localvault.lifecycle.ground import SETTINGS_KEY
from localvault.records import HEADER_KEY, VAULT
from localvault.store.environment import DATA_FILE
from localvault.testing.profiles import CHEAPEST
from tests.support import life
from tests.support.children import Child
from tests.support.folders import alter, alter_header, content, flip

WEAK: dict[str, Any] = {"kdf": CHEAPEST, "allow_weak": True}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A vault that nobody has open, with one secret."""
    with life.create(tmp_path / "v") as vault:
        vault.secrets.set("db", "value")
    return tmp_path / "v"


def open_files(folder: Path) -> list[Path]:
    """The files in the folder that this process has open."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one this very list was read through
            found.append(entry.readlink())
    return [path for path in found if path.is_relative_to(folder)]


# Opening


def cut(size: int) -> Callable[[Path], None]:
    """What leaves only the first bytes of the data file."""
    return lambda folder: os.truncate(folder / DATA_FILE, size)


def newer(folder: Path) -> None:
    """Write a format number no localvault has."""
    alter_header(folder, lambda header: header.__setitem__(slice(8, 10), b"\0\x03"))


HARM: dict[str, tuple[Callable[[Path], object], type[LocalVaultError]]] = {
    "nothing there": (lambda folder: (folder / DATA_FILE).unlink(), NotAVault),
    "an empty file": (cut(0), NotAVault),
    "the first page": (cut(4096), NotAVault),
    "one page less": (lambda f: os.truncate(f / DATA_FILE, (f / DATA_FILE).stat().st_size - 4096), Damaged),
    "text": (lambda folder: (folder / DATA_FILE).write_text("no vault" * 2000), NotAVault),
    "a newer format": (newer, NewerFormat),
    "a bad header": (lambda folder: alter_header(folder, lambda h: flip(h, 30), fitting=False), Damaged),
    "another MAC": (lambda folder: alter_header(folder, lambda h: flip(h, -40)), Tampered),
    "another vault id": (lambda folder: alter_header(folder, lambda h: flip(h, 12)), UnlockFailed),
    "another slot": (lambda folder: alter_header(folder, lambda h: flip(h, 100)), UnlockFailed),
    "no header": (lambda folder: alter(folder, lambda txn: txn.delete(VAULT, HEADER_KEY)), Damaged),
    "no settings": (lambda folder: alter(folder, lambda txn: txn.delete(VAULT, SETTINGS_KEY)), Damaged),
    "other settings": (
        lambda folder: alter(folder, lambda txn: txn.put(VAULT, SETTINGS_KEY, b"\x01" * 90)),
        Tampered,
    ),
    "a folder others can write to": (lambda folder: folder.chmod(0o770), InsecureFolder),
    "a file others can write to": (lambda folder: (folder / DATA_FILE).chmod(0o602), InsecureFolder),
    "a link": (lambda folder: (folder / "more").symlink_to("/etc/hostname"), InsecureFolder),
}


@pytest.mark.parametrize(("harm", "error"), HARM.values(), ids=HARM.keys())
def test_what_cannot_be_opened_is_said_and_left_alone(
    folder: Path, harm: Callable[[Path], object], error: type[LocalVaultError]
) -> None:
    """Each kind of damage has its own error; nothing is written and no file stays open."""
    harm(folder)
    before = content(folder)
    for read_only in (False, True):
        with pytest.raises(error) as failed:
            life.reopen(folder, read_only=read_only)
        assert type(failed.value) is error
        assert content(folder) == before
        del failed  # an error that is kept keeps the frames it passed, and what they had open
        assert open_files(folder) == []


@pytest.mark.parametrize("path", ["none", "none/at/all", "file", "file/v", "empty"])
def test_where_there_is_no_vault_is_said(tmp_path: Path, path: str) -> None:
    """`NotAVault`, and there is none afterwards."""
    (tmp_path / "file").write_text("text")
    (tmp_path / "empty").mkdir(0o700)
    with pytest.raises(NotAVault):
        life.reopen(tmp_path / path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["empty", "file"]
    assert list((tmp_path / "empty").iterdir()) == []


def test_a_wrong_passphrase_writes_nothing(folder: Path) -> None:
    """`UnlockFailed`, however often; the right one opens afterwards."""
    before = content(folder)
    for wrong in ("", "A passphrase of tests", life.PASSPHRASE + " ", b"\xff", "x" * 4097):
        with pytest.raises((UnlockFailed, BadParameter)) as failed:
            life.reopen(folder, wrong)
        assert isinstance(failed.value, BadParameter) == (not 1 <= len(wrong) <= 4096)
    assert content(folder) == before
    assert open_files(folder) == []
    with life.reopen(folder) as vault:
        assert vault.secrets.get("db").value == "value"


def test_weak_parameters_are_refused_unless_asked_for(folder: Path) -> None:
    """Both when a vault is made and when it is opened; the hint says how."""
    before = content(folder)
    with pytest.raises(BadParameter, match="too weakly") as failed:
        localvault.open(folder, passphrase=life.PASSPHRASE)
    assert "allow_weak" in (failed.value.hint or "")
    assert content(folder) == before
    with pytest.raises(BadParameter, match="too cheap"):
        localvault.create(folder.parent / "w", passphrase="x", name="weak", kdf=CHEAPEST)
    assert not (folder.parent / "w").exists()


@pytest.mark.parametrize(
    "secrets",
    [{}, {"passphrase": "a", "keyfile": "k"}, {"passphrase": "a", "recovery_key": "r"}],
)
def test_one_secret_opens(folder: Path, secrets: dict[str, str]) -> None:
    """None, or more than one, is refused before the folder is looked at."""
    with pytest.raises(BadParameter, match="one of passphrase, keyfile and recovery_key"):
        localvault.open(folder, **secrets)


def test_a_recovery_key_opens_however_it_is_typed(folder: Path) -> None:
    """In either case, with or without hyphens and spaces, O for 0, I and L for 1; one wrong character does not."""
    with life.reopen(folder) as vault:
        shown = vault.slots.add_recovery_key(label="safe")
    bare = shown.replace("-", "")
    typed = [
        shown,
        shown.lower(),
        bare,
        f"  {bare.lower()}\n",
        shown.replace("-", " "),
        bare.replace("0", "O").replace("1", "I"),
        bare.replace("0", "o").replace("1", "l"),
        "- -".join(bare),
    ]
    for text in typed:
        with localvault.open(folder, recovery_key=text) as vault:
            assert vault.secrets.get("db").value == "value"
    before = content(folder)
    other = "A" if bare[7] != "A" else "B"
    for text in (bare[:7] + other + bare[8:], bare[:-1], bare + "A", "", "U" * 56):
        with pytest.raises(UnlockFailed, match="mistyped") as failed:
            localvault.open(folder, recovery_key=text)
        assert bare[10:20] not in str(failed.value)
    assert content(folder) == before


def test_a_key_file_opens(tmp_path: Path) -> None:
    """Made with mode 0600 by `create`; the vault has no passphrase then, and another key file does not open it."""
    with localvault.create(tmp_path / "v", keyfile=tmp_path / "k", name="keyed") as vault:
        vault.secrets.set("db", "value")
        vault.slots.add_keyfile(tmp_path / "second")
    assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o600
    for name in ("k", "second"):
        with localvault.open(tmp_path / "v", keyfile=str(tmp_path / name)) as vault:
            assert vault.secrets.get("db").value == "value"
    localvault.create(tmp_path / "w", keyfile=tmp_path / "other", name="other").close()
    before = content(tmp_path / "v")
    (tmp_path / "no").write_text("no key file")
    (tmp_path / "no").chmod(0o600)
    for unlocking in ({"keyfile": tmp_path / name} for name in ("other", "none", "no")):
        with pytest.raises(UnlockFailed):
            localvault.open(tmp_path / "v", **unlocking)
    with pytest.raises(UnlockFailed, match="no passphrase slot"):
        localvault.open(tmp_path / "v", passphrase="x")
    (tmp_path / "k").chmod(0o644)
    with pytest.raises(InsecureFolder):
        localvault.open(tmp_path / "v", keyfile=tmp_path / "k")
    assert content(tmp_path / "v") == before


@pytest.mark.parametrize(
    ("path", "error"),
    [("no/folder", BadParameter), ("file/vault", BadParameter), ("v" * 300, localvault.VaultError)],
)
def test_a_place_where_nothing_can_be_made(
    tmp_path: Path, path: str, error: type[localvault.LocalVaultError]
) -> None:
    """An error of ours, not the system's, that names the place; and no key file is left that opens nothing."""
    (tmp_path / "file").touch()
    with pytest.raises(error, match=path.partition("/")[0]):
        localvault.create(tmp_path / path, keyfile=tmp_path / "key", name="app")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_reading_only_writes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a medium that refuses every write, everything can be read, nothing changed, and no byte is."""
    before = content(folder)
    real = os.open

    def refusing(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and Path(os.fsdecode(path)).is_relative_to(folder):
            raise OSError(errno.EROFS, "Read-only file system", path)
        return real(path, flags, *arguments, **options)

    monkeypatch.setattr(os, "open", refusing)
    with life.reopen(folder, read_only=True) as vault:
        assert vault.secrets.get("db").value == "value"
        assert [secret.name for secret in vault.secrets.list()] == ["db"]
        assert vault.audit.verify().size == len(list(vault.audit.events()))
        assert vault.check() == []
        for act in (
            lambda: vault.secrets.set("db", "other"),
            lambda: vault.configure(max_tags=3),
            lambda: vault.slots.add_recovery_key(),
        ):
            with pytest.raises(ReadOnlyVault):
                act()
    assert content(folder) == before


def test_reading_only_leaves_a_writable_folder_alone(folder: Path) -> None:
    """Not even an event is written, so that what was signed or copied stays as it is."""
    before = content(folder)
    with life.reopen(folder, read_only=True) as vault:
        vault.secrets.get("db")
        assert content(folder) == before
    assert content(folder) == before


def test_an_opening_that_cannot_be_told_of_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`JournalUnavailable`; nothing stays open, and later it can be opened."""

    def no_space(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", no_space)
        with pytest.raises(JournalUnavailable):
            life.reopen(folder)
    assert open_files(folder) == []
    life.reopen(folder).close()


@pytest.mark.parametrize("durability", ["", "disk", "Power"])
def test_durability_is_one_of_two(folder: Path, durability: Any) -> None:
    """What it is not is refused by both, and makes nothing."""
    with pytest.raises(BadParameter, match="durability"):
        life.reopen(folder, durability=durability)
    with pytest.raises(BadParameter, match="durability"):
        life.create(folder.parent / "w", durability=durability)
    assert not (folder.parent / "w").exists()


# Making


def test_a_new_vault_is_its_owners_alone(tmp_path: Path) -> None:
    """The folder is 0700 and every file in it 0600, whatever the umask."""
    before = os.umask(0)
    try:
        with life.create(tmp_path / "v") as vault:
            vault.secrets.set("db", "value")
            assert stat.S_IMODE(vault.path.stat().st_mode) == 0o700
            assert {stat.S_IMODE(path.stat().st_mode) for path in vault.path.iterdir()} == {0o600}
    finally:
        os.umask(before)


@pytest.mark.parametrize("there", ["vault", "file", "folder", "link"])
def test_nothing_that_is_there_is_touched(folder: Path, there: str) -> None:
    """`VaultExists` for a vault, a file, a folder with something in it or a link to nothing; the key file goes too."""
    path = folder if there == "vault" else folder.parent / there
    if there == "file":
        path.write_text("text")
    elif there == "folder":
        path.mkdir()
        (path / "file").write_text("text")
    elif there == "link":
        path.symlink_to(folder.parent / "nowhere")
    before = content(folder), sorted(entry.name for entry in folder.parent.iterdir())
    for unlocking in ({"passphrase": "x"}, {"keyfile": folder.parent / "k"}):
        with pytest.raises(VaultExists):
            localvault.create(path, name="another", **WEAK, **unlocking)
    assert (content(folder), sorted(entry.name for entry in folder.parent.iterdir())) == before


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    """And made its owner's alone."""
    (tmp_path / "v").mkdir(0o755)
    with life.create(tmp_path / "v") as vault:
        assert stat.S_IMODE(vault.path.stat().st_mode) == 0o700


WRONG: dict[str, dict[str, Any]] = {
    **{
        f"name {name!r}": {"name": name}
        for name in ("ab", "a" * 25, "1ab", "a--b", "a-", "-ab", "ä" * 3, "a.b")
    },
    "retention 6": {"retention_days": 6},
    "retention 91": {"retention_days": 91},
    "retention True": {"retention_days": True},
    "protection 1": {"purge_protection": 1},
    "value bytes 0": {"max_value_bytes": 0},
    "value bytes too many": {"max_value_bytes": (64 << 20) + 1},
    "tags -1": {"max_tags": -1},
    "suffix": {"suffix": "no suffix"},
    "unknown": {"retention": 7},
    "no secret": {"passphrase": None},
    "both": {"keyfile": "k"},
    "an empty passphrase": {"passphrase": ""},
    "half a character": {"passphrase": "\ud800"},
    "too long a passphrase": {"passphrase": b"x" * 4097},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_argument_makes_nothing(tmp_path: Path, wrong: dict[str, Any]) -> None:
    """`BadParameter`, and neither folder nor key file is there."""
    options = {"passphrase": "x", "name": "unit", **WEAK} | wrong
    if "keyfile" in options:
        options["keyfile"] = tmp_path / "k"
    with pytest.raises(BadParameter):
        localvault.create(tmp_path / "v", **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "url"), [("App-1", "https://app-1.vault.localhost"), ("notes.vault", None)])
def test_a_folder_names_its_vault(tmp_path: Path, name: str, url: str | None) -> None:
    """Without its ending; a folder that cannot is told so, with a hint."""
    with localvault.create(tmp_path / name, passphrase="x", **WEAK) as vault:
        assert vault.url == (url or "https://notes.vault.localhost")
    with pytest.raises(BadParameter) as failed:
        localvault.create(tmp_path / "no name", passphrase="x", **WEAK)
    assert failed.value.hint
    assert not (tmp_path / "no name").exists()


def test_a_key_file_is_never_overwritten(tmp_path: Path) -> None:
    """Where there is one, no vault is made and the file stays; nor where there is no folder for it."""
    (tmp_path / "k").write_text("another's")
    for keyfile in (tmp_path / "k", tmp_path / "none" / "k"):
        with pytest.raises(BadParameter):
            localvault.create(tmp_path / "v", keyfile=keyfile, name="unit")
    assert [entry.name for entry in tmp_path.iterdir()] == ["k"]
    assert (tmp_path / "k").read_text() == "another's"


@pytest.mark.parametrize("where", ["localvault.opening.pack_fields", "os.link", "os.fsync"])
def test_a_making_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Wherever it fails: neither folder nor key file, and the same call works afterwards."""

    def no_space(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(where, no_space)
        with pytest.raises(StoreFull):
            localvault.create(tmp_path / "v", keyfile=tmp_path / "k", name="unit")
    assert list(tmp_path.iterdir()) == []
    localvault.create(tmp_path / "v", keyfile=tmp_path / "k", name="unit").close()


@pytest.mark.parametrize("step", ["link", "fsync", "rmdir", "unlink"])
def test_a_making_that_is_killed_can_be_done_again(tmp_path: Path, step: str) -> None:
    """At whatever step: there is a whole vault, or room for one."""

    def act(_say: Callable[[Any], None]) -> None:
        def die(*_: object, **__: object) -> None:
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(os, step, die)
        life.create(tmp_path / "v")

    code, _ = Child(act).ended()
    assert code in (0, -signal.SIGKILL)
    try:
        vault: Vault = life.create(tmp_path / "v")
    except VaultExists:
        vault = life.reopen(tmp_path / "v")
    with vault:
        assert vault.check() == []
        assert next(vault.audit.events()).operation == "VaultCreate"
    assert not [entry.name for entry in vault.path.iterdir() if entry.name.startswith(".")]
