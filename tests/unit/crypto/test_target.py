"""Where a file verb writes: what appears is complete, what was there stays until then, and links lead nowhere."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from localvault import BadParameter, Crypto, StoreFull, Vault, VaultError
from localvault.crypto import target
from tests.support.sealing import CONTENT, nothing_opens, put, sealed


@pytest.fixture(params=["nameless", "hidden", "no links"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Systems with files without a name, without them, and with neither them nor links."""
    if request.param != "nameless":
        monkeypatch.setattr(target, "_NAMELESS", None)
    elif target._NAMELESS is None:
        pytest.skip("the system has no files without a name")
    if request.param == "no links":
        failing(monkeypatch, "link", errno.EPERM)
    return str(request.param)


def failing(patched: pytest.MonkeyPatch, call: str, code: int) -> None:
    """Have a call of the system fail for what is in the tests' folder, and for it alone: the vault makes them too."""
    owner: Any = Path if call == "replace" else os
    real: Callable[..., Any] = getattr(owner, call)
    ours: dict[str, Callable[..., bool]] = {
        "write": lambda _, data: len(data) > 50_000,  # no event is
        "fsync": lambda _: True,  # the vault syncs nothing meanwhile
        "link": lambda _, to, **more: Path(to).parent.name == "files",
        "replace": lambda _, to: Path(to).parent.name == "files",
    }

    def fail(*arguments: Any, **more: Any) -> Any:
        if ours[call](*arguments, **more):
            raise OSError(code, os.strerror(code))
        return real(*arguments, **more)

    patched.setattr(owner, call, fail)


def names(folder: Path) -> set[str]:
    """What is in a folder."""
    return {path.name for path in folder.iterdir()}


def test_a_new_file_appears_when_it_is_complete(system: str, crypto: Crypto, folder: Path) -> None:
    """Not before the last byte was read; at most a hidden name is to be seen, which is gone then."""
    source = put(folder / "a", CONTENT)
    seen: list[set[str]] = []
    crypto.seal_file(source, folder / "b", progress=lambda *_: seen.append(names(folder) - {"a"}))
    assert [name.startswith(".new.") for name in seen[0]] == ([] if system == "nameless" else [True])
    assert names(folder) == {"a", "b"}
    assert crypto.open_file(folder / "b", folder / "c") == len(CONTENT)
    assert (folder / "c").stat().st_mode & 0o777 == 0o600
    assert (folder / "c").stat().st_nlink == 1


def test_what_is_there_stays_unless_it_is_to_be_replaced(system: str, crypto: Crypto, folder: Path) -> None:
    """A file, a folder, a link that leads nowhere: refused, and as it was; `replace` puts a new file in its place."""
    put(folder / "file", b"as it was").chmod(0o644)
    (folder / "inner").mkdir()
    (folder / "link").symlink_to("nowhere")
    there = names(folder)
    for name in there:
        with pytest.raises(BadParameter, match=f"something at .*{name} already"):
            crypto.seal_file(io.BytesIO(CONTENT), folder / name)
    assert names(folder) == there
    assert (folder / "file").read_bytes() == b"as it was"
    crypto.seal_file(io.BytesIO(CONTENT), folder / "file", replace=True)
    assert names(folder) == there
    assert (folder / "file").stat().st_mode & 0o777 == 0o600
    assert crypto.open_file(folder / "file", folder / "out") == len(CONTENT)


def test_what_comes_to_be_there_meanwhile_stays(system: str, crypto: Crypto, folder: Path) -> None:
    """Somebody else's file of that name is not lost."""
    with pytest.raises(BadParameter, match="already"):
        crypto.seal_file(
            io.BytesIO(CONTENT), folder / "b", progress=lambda *_: put(folder / "b", b"somebody's")
        )
    assert (folder / "b").read_bytes() == b"somebody's"
    assert names(folder) == {"b"}


def test_a_link_is_replaced_and_not_followed(system: str, crypto: Crypto, folder: Path) -> None:
    """Nobody who plants one has a file written elsewhere."""
    put(folder / "precious", b"as it was")
    (folder / "link").symlink_to("precious")
    crypto.seal_file(io.BytesIO(CONTENT), folder / "link", replace=True)
    assert (folder / "precious").read_bytes() == b"as it was"
    assert not (folder / "link").is_symlink()
    assert names(folder) == {"precious", "link"}


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_never_replaced(crypto: Crypto, folder: Path, kind: str) -> None:
    """A rename would put a file in the place of a device as well: only files and links give way."""
    place = folder / "place"
    if kind == "folder":
        place.mkdir()
    else:
        os.mkfifo(place)
    with pytest.raises(BadParameter, match="not a file, so it cannot be replaced"):
        crypto.seal_file(io.BytesIO(CONTENT), place, replace=True)
    assert not place.is_file()


@pytest.mark.parametrize("way", ["itself", "hard link", "link", "link as source"])
@pytest.mark.parametrize("verb", ["seal_file", "open_file"])
def test_source_and_target_are_not_the_same(crypto: Crypto, folder: Path, verb: str, way: str) -> None:
    """By whatever name: refused, and the file is as it was."""
    content = CONTENT if verb == "seal_file" else sealed(crypto)
    source = other = put(folder / "a", content)
    if way == "hard link":
        other = folder / "b"
        other.hardlink_to(source)
    elif way != "itself":
        other = folder / "b"
        other.symlink_to("a")
    if way == "link as source":
        source, other = other, source
    with pytest.raises(BadParameter, match="the same file"):
        getattr(crypto, verb)(source, other, replace=True)
    assert (folder / "a").read_bytes() == content


def test_an_open_file_is_not_sealed_into_itself(crypto: Crypto, folder: Path) -> None:
    """What a shell makes of `- - < a >> a` would read what it writes and never end."""
    put(folder / "a", CONTENT)
    with (folder / "a").open("rb") as reads, (folder / "a").open("ab") as writes:
        with pytest.raises(BadParameter, match="the same file"):
            crypto.seal_file(reads, writes)
        writes.flush()
    assert (folder / "a").read_bytes() == CONTENT


def test_a_target_needs_a_folder_that_is_not_the_vaults(data: Vault, crypto: Crypto, folder: Path) -> None:
    """The vault's folder holds its own files and nothing else, through a link as well."""
    (folder / "link").symlink_to(data.path)
    for place in (data.path / "x", data.path / "data.mdb", folder / "link" / "x"):
        with pytest.raises(BadParameter, match="vault's own folder"):
            crypto.seal_file(io.BytesIO(CONTENT), place, replace=True)
    assert "x" not in names(data.path)
    assert data.check() == []
    with pytest.raises(BadParameter, match="there is no folder"):
        crypto.seal_file(io.BytesIO(CONTENT), folder / "none" / "x")
    with pytest.raises(BadParameter, match="there is no folder"):
        crypto.seal_file(io.BytesIO(CONTENT), put(folder / "file", b"") / "x")


FAULTS = {errno.ENOSPC: StoreFull, errno.EDQUOT: StoreFull, errno.EFBIG: StoreFull, errno.EIO: VaultError}
# What a target takes on each kind of system: whether it replaces a file, and the steps to there.
STEPS = {
    ("nameless", False): ("write", "fsync", "link"),
    ("nameless", True): ("write", "fsync", "link", "replace"),
    ("hidden", False): ("write", "fsync", "link"),
    ("hidden", True): ("write", "fsync", "replace"),
    ("no links", False): ("write", "fsync"),
    ("no links", True): ("write", "fsync", "replace"),
}


@pytest.mark.parametrize(("code", "error"), FAULTS.items(), ids=[errno.errorcode[code] for code in FAULTS])
@pytest.mark.parametrize("replace", [False, True])
def test_a_fault_at_any_step_leaves_nothing(
    system: str,
    crypto: Crypto,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    replace: bool,
    code: int,
    error: type[VaultError],
) -> None:
    """Each becomes an error of ours; an existing target is as it was."""
    put(folder / "kept", b"as it was")
    for step in STEPS[system, replace]:
        with monkeypatch.context() as patched:
            failing(patched, step, code)
            with pytest.raises(error) as failed:
                crypto.seal_file(
                    io.BytesIO(CONTENT), folder / ("kept" if replace else "new"), replace=replace
                )
        assert type(failed.value) is error, step
        assert names(folder) == {"kept"}
        assert (folder / "kept").read_bytes() == b"as it was"


def test_a_folder_that_cannot_be_written_is_told(
    crypto: Crypto, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`VaultError` with the system's reason."""
    real = os.open

    def refuse(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if flags & os.O_WRONLY:
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(VaultError, match=r"b cannot be used: Permission denied"):
        crypto.seal_file(io.BytesIO(CONTENT), folder / "b")


class Narrow(io.RawIOBase):
    """A pipe that takes a few bytes at a time, so many in all, and then fails or is full."""

    def __init__(self, room: int, after: int | None = errno.ENOSPC) -> None:
        self.taken = bytearray()
        self._room, self._after = room, after

    def write(self, data: Any, /) -> int | None:
        """Take some."""
        size = min(len(data), 777, self._room - len(self.taken))
        if not size:
            if self._after is None:
                return None
            raise OSError(self._after, os.strerror(self._after))
        self.taken += data[:size]
        return size


def test_a_stream_takes_what_it_can(crypto: Crypto, folder: Path) -> None:
    """Short writes are gone on with; a full disk is `StoreFull`; a closed pipe is the caller's own error."""
    whole = len(sealed(crypto))
    good = Narrow(whole)
    crypto.seal_file(io.BytesIO(CONTENT), good)
    assert crypto.open_file(io.BytesIO(bytes(good.taken)), folder / "out") == len(CONTENT)
    for room in (0, 30, 47, 48, 70_000, whole - 17, whole - 16, whole - 1):
        for code, error in ((errno.ENOSPC, StoreFull), (errno.EPIPE, BrokenPipeError), (None, BadParameter)):
            narrow = Narrow(room, code)
            with pytest.raises(error):
                crypto.seal_file(io.BytesIO(CONTENT), narrow)
            nothing_opens(crypto, bytes(narrow.taken), folder / "no")


def test_a_callers_stream_stays_open(crypto: Crypto, folder: Path) -> None:
    """All of it has left when the call returns."""
    with (folder / "b").open("wb") as file:
        crypto.seal_file(io.BytesIO(CONTENT), file)
        assert not file.closed
        assert crypto.open_file(folder / "b", folder / "c") == len(CONTENT)
