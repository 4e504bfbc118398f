"""Folders of sealed files and of tokens: each file is the old one or the new one, and nobody else's is touched."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import localvault
from localvault import (
    BadParameter,
    Conflict,
    Crypto,
    DecryptionFailed,
    KeyDisabled,
    TokenFiles,
    Vault,
    VaultError,
)
from localvault.crypto import target
from localvault.rewrapping.store import Progress
from localvault.sealing.filehead import HEADER_SIZE, FileHeader, parse
from tests.support.sealed_files import Head, seal
from tests.support.told import told

SIZES = {"empty": 0, "a/small": 10, "a/b/one": 1 << 16, "a/b/two": (1 << 16) + 1, "large": 3 << 20}


@pytest.fixture
def folder(tmp_path: Path, crypto: Crypto) -> Path:
    """Sealed files of several sizes, and other things beside them."""
    made = tmp_path / "files"
    (made / "a" / "b").mkdir(parents=True)
    for name, size in SIZES.items():
        (made / "plain").write_bytes(content_of(name, size))
        crypto.seal_file(made / "plain", made / name, context=b"c")
    (made / "plain").write_bytes(b"no sealed file")
    (made / "nothing").touch()
    (made / ".new.half").write_bytes((made / "large").read_bytes())
    (made / "link").symlink_to("large")
    (made / "loop").symlink_to(".")
    return made


def content_of(name: str, size: int) -> bytes:
    """What is in a file."""
    return (name.encode() * (size // len(name) + 1))[:size]


def version_of(path: Path) -> str:
    """The version a sealed file names."""
    return parse(path.read_bytes()[:HEADER_SIZE]).version_id.hex()


def contents(folder: Path) -> dict[str, bytes]:
    """All that is in a folder, but for links."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def test_a_folder_is_moved(vault: Vault, crypto: Crypto, folder: Path, tmp_path: Path) -> None:
    """Every sealed file, in its place and with its mode; the others are as they were, and a second run does nothing."""
    (folder / "large").chmod(0o640)
    before = contents(folder)
    current = vault.keys.rotate("data").version
    seen: list[Progress] = []
    done = localvault.rewrap_files(crypto, folder, context=b"c", progress=seen.append)
    assert done == (len(SIZES), 0, 0, (), (current,))
    assert [each.done for each in seen] == list(range(1, 8))
    after = contents(folder)
    assert {name for name in before if before[name] != after[name]} == set(SIZES)
    assert before.keys() == after.keys()
    for name, size in SIZES.items():
        assert version_of(folder / name) == current
        crypto.open_file(folder / name, tmp_path / "opened", context=b"c", replace=True)
        assert (tmp_path / "opened").read_bytes() == content_of(name, size)
    assert (folder / "large").stat().st_mode & 0o777 == 0o640
    assert (folder / "link").is_symlink()
    assert localvault.rewrap_files(crypto, folder, context=b"c") == (0, len(SIZES), 0, (), (current,))
    assert contents(folder) == after


def test_what_does_not_open_is_left(vault: Vault, crypto: Crypto, folder: Path) -> None:
    """Altered, cut, of another key, of another context: told of by its path; the others are moved."""
    vault.keys.create("other", "oct")
    vault.crypto("other").seal_file(folder / "plain", folder / "foreign", context=b"c")
    crypto.seal_file(folder / "plain", folder / "context", context=b"d")
    data = (folder / "large").read_bytes()
    (folder / "cut").write_bytes(data[:-1])
    (folder / "altered").write_bytes(data[:70_000] + bytes([data[70_000] ^ 1]) + data[70_001:])
    (folder / "newer").write_bytes(data[:9] + b"\2" + data[10:])
    bad = ["altered", "context", "cut", "foreign", "newer"]
    before = contents(folder)
    vault.keys.rotate("data")
    done = localvault.rewrap_files(crypto, folder, context=lambda name: b"c")
    assert done.rewrapped == len(SIZES)
    assert [(each.key, each.code) for each in done.failed] == [
        (name, "NewerFormat" if name == "newer" else "DecryptionFailed") for name in bad
    ]
    after = contents(folder)
    assert {name: after[name] for name in bad} == {name: before[name] for name in bad}
    assert after.keys() == before.keys()


def test_some_of_a_folder(vault: Vault, crypto: Crypto, folder: Path) -> None:
    """A pattern chooses by the names of files."""
    vault.keys.rotate("data")
    done = localvault.rewrap_files(crypto, folder, pattern="[ot]*", context=b"c")
    assert done.rewrapped == 2


def test_a_rotation_in_the_middle(vault: Vault, crypto: Crypto, folder: Path) -> None:
    """The run begins again, so that in the end all is at the new version."""
    first = vault.keys.rotate("data").version

    def rotate(progress: Progress) -> None:
        if (progress.done, progress.rewrapped) == (3, 3):
            vault.keys.rotate("data")

    done = localvault.rewrap_files(crypto, folder, context=b"c", progress=rotate)
    current = vault.keys.get("data").version
    assert done.versions == (first, current)
    assert {version_of(folder / name) for name in SIZES} == {current}


def test_a_folder_that_cannot_be_read_is_an_error(crypto: Crypto, folder: Path, tmp_path: Path) -> None:
    """Passed over in silence it would be taken for done."""
    for place in (tmp_path / "none", folder / "plain"):
        with pytest.raises(BadParameter, match="no folder"):
            localvault.rewrap_files(crypto, place)
        with pytest.raises(BadParameter, match="no folder"):
            TokenFiles(place)


def test_one_file(vault: Vault, crypto: Crypto, folder: Path, tmp_path: Path) -> None:
    """Through a link, which stays; one operation, with the version it was moved to; the size is the content's."""
    current = vault.keys.rotate("data").version
    seen: list[tuple[int, int | None]] = []
    size = SIZES["large"]
    with told(vault) as events:
        moved = crypto.rewrap_file(folder / "link", context=b"c", progress=lambda *how: seen.append(how))
    assert moved == size
    length = (folder / "large").stat().st_size
    assert seen[-1] == (length, length)
    assert [(e.operation, e.version, e.details) for e in events] == [
        ("KeyRewrap", current, {"form": "file", "bytes": size})
    ]
    assert (folder / "link").readlink() == Path("large")
    assert version_of(folder / "large") == current
    assert list(folder.glob(".new.*")) == [folder / ".new.half"]


@pytest.mark.parametrize("log2", [10, 16, 20])
def test_chunks_stay_as_they_are(vault: Vault, crypto: Crypto, tmp_path: Path, log2: int) -> None:
    """Of whatever size a file has them; only version, nonces and what is sealed change."""
    version = bytes.fromhex(str(vault.keys.get("data").version))
    content = os.urandom((2 << 20) + 5)
    key = vault.keys.create("known", "oct")
    assert key is not None
    path, opened = tmp_path / "file", tmp_path / "opened"
    crypto.seal_file(_file(tmp_path / "plain", content), path)
    if log2 != 16:
        # Sealed under the key's own bytes, as an implementation with other chunks would.
        vault.keys.import_("data", {"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAA"})
        version = bytes.fromhex(str(vault.keys.get("data").version))
        path.write_bytes(seal(bytes(16), Head(version, bytes(19), log2), content))
    before = path.stat().st_size
    vault.keys.create("data", "oct")
    crypto.rewrap_file(path)
    header = FileHeader(*parse(path.read_bytes()[:HEADER_SIZE]))
    assert (header.chunk_log2, path.stat().st_size) == (log2, before)
    assert header.nonce != bytes(19)
    assert header.version_id != version
    crypto.open_file(path, opened)
    assert opened.read_bytes() == content


def _file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("how", ["replaced", "written to", "removed"])
def test_a_file_somebody_changes_meanwhile_stays_theirs(
    vault: Vault, crypto: Crypto, folder: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """`Conflict`, and the file is as they left it; a run over the folder tells of it and goes on."""
    vault.keys.rotate("data")
    complete = target.NewFile.complete
    path = folder / "a" / "small"

    def meddle(file: Any) -> None:
        complete(file)
        if file._path.name == "small":
            if how == "replaced":
                (folder / "theirs").write_bytes(b"theirs")
                (folder / "theirs").replace(path)
            elif how == "written to":
                path.write_bytes(b"theirs")
            else:
                path.unlink(missing_ok=True)

    monkeypatch.setattr(target.NewFile, "complete", meddle)
    with pytest.raises(Conflict):
        crypto.rewrap_file(path, context=b"c")
    assert path.exists() == (how != "removed")
    if how != "removed":
        assert path.read_bytes() == b"theirs"
    assert {each.name for each in path.parent.iterdir()} <= {"b", "small"}


def test_a_conflict_does_not_end_a_run(
    vault: Vault, crypto: Crypto, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is counted, and told of."""
    vault.keys.rotate("data")
    complete = target.NewFile.complete

    def touch(file: Any) -> None:
        complete(file)
        if file._path.name == "small":
            os.utime(file._path, ns=(0, 0))

    monkeypatch.setattr(target.NewFile, "complete", touch)
    done = localvault.rewrap_files(crypto, folder, context=b"c")
    assert (done.rewrapped, done.conflicts) == (len(SIZES) - 1, 1)
    assert done.failed == (("a/small", "Conflict"),)


def test_the_key_has_a_say(vault: Vault, crypto: Crypto, folder: Path) -> None:
    """A version that is disabled ends the run; the files are whole."""
    old = vault.keys.get("data").version
    vault.keys.rotate("data")
    vault.keys.update("data", old, enabled=False)
    before = contents(folder)
    with pytest.raises(KeyDisabled):
        localvault.rewrap_files(crypto, folder, context=b"c")
    assert contents(folder) == before


def test_what_is_no_sealed_file_is_refused_by_the_verb(crypto: Crypto, folder: Path, vault: Vault) -> None:
    """And left as it was; so is what is in the vault's own folder."""
    for name, error in (("plain", DecryptionFailed), ("a", BadParameter), ("none", BadParameter)):
        with pytest.raises(error):
            crypto.rewrap_file(folder / name)
    assert (folder / "plain").read_bytes() == b"no sealed file"
    with pytest.raises((BadParameter, VaultError)):
        crypto.rewrap_file(vault.path / "data.mdb")


@pytest.fixture
def tokens(tmp_path: Path, crypto: Crypto) -> Path:
    """Three hundred tokens, each in a file."""
    made = tmp_path / "tokens"
    for number in range(300):
        path = made / str(number % 7) / f"{number}.token"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(crypto.seal(str(number).encode(), path.relative_to(made).as_posix().encode()))
    return made


def test_a_folder_of_tokens(vault: Vault, crypto: Crypto, tokens: Path) -> None:
    """Each with its path for a context; what is no token is told of, and a file that was changed is looked at again."""
    (tokens / "0" / "bad.token").write_bytes(b"no token")
    (tokens / "0" / "empty.token").touch()
    (tokens / "other").write_bytes(b"not asked for")
    (tokens / "0" / "0.token").chmod(0o644)
    store = TokenFiles(tokens, pattern="*.token", context=lambda name: name.encode())
    write, current = store.write, vault.keys.rotate("data").version

    def meddled(changes: Any) -> Any:
        (tokens / "1" / "1.token").write_bytes(crypto.seal(b"theirs", b"1/1.token"))
        (tokens / "1" / "8.token").unlink(missing_ok=True)
        store.write = write  # type: ignore[method-assign]
        return write(changes)

    store.write = meddled  # type: ignore[method-assign]
    assert store.count() == 302
    done = localvault.rewrap(crypto, store)
    assert done == (298, 1, 2, (("0/bad.token", "DecryptionFailed"),), (current,))
    found = {path.relative_to(tokens).as_posix(): path.read_bytes() for path in tokens.rglob("[0-9]*.token")}
    assert len(found) == 299
    for name, token in found.items():
        text = b"theirs" if name == "1/1.token" else name.partition("/")[2].split(".")[0].encode()
        assert crypto.open(token, name.encode()) == text
    assert (tokens / "0" / "0.token").stat().st_mode & 0o777 == 0o644
    assert list(tokens.rglob(".new.*")) == []
    assert localvault.rewrap(crypto, store).current == 299


def test_a_link_put_in_the_place_of_a_token_is_not_followed(
    vault: Vault, crypto: Crypto, tokens: Path, tmp_path: Path
) -> None:
    """Neither after the folder was listed nor between the reading and the writing; a pipe makes nobody wait."""
    secret = tmp_path / "elsewhere"
    secret.write_bytes(crypto.seal(b"another's", b"0/0.token"))
    before = secret.read_bytes()
    store = TokenFiles(tokens, pattern="*.token", context=lambda name: name.encode())
    read, write = store.read, store.write

    def linked(name: str) -> None:
        (tokens / name).unlink()
        (tokens / name).symlink_to(secret)

    def write_late(changes: Any) -> Any:
        if not (tokens / "0" / "14.token").is_symlink():
            linked("0/14.token")
        return write(changes)

    assert len(read(None, 1)) == 1  # lists the folder
    linked("0/0.token")
    (tokens / "0" / "7.token").unlink()
    os.mkfifo(tokens / "0" / "7.token")
    store.read = lambda after, limit: read(after or "-", limit)  # type: ignore[method-assign]
    store.write = write_late  # type: ignore[method-assign]
    vault.keys.rotate("data")
    assert localvault.rewrap(crypto, store).rewrapped == 297
    assert secret.read_bytes() == before
    assert all((tokens / "0" / name).is_symlink() for name in ("0.token", "14.token"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_stays_its_owners(vault: Vault, crypto: Crypto, tokens: Path) -> None:
    """Whoever rewraps it: an application that may read nothing but its own files goes on reading."""
    path = tokens / "0" / "0.token"
    os.chown(path, 12345, 23456)
    path.chmod(0o600)
    vault.keys.rotate("data")
    localvault.rewrap(crypto, TokenFiles(tokens, context=lambda name: name.encode()))
    status = path.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (12345, 23456, 0o600)
