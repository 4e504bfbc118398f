"""Sealed files through a vault: what was sealed opens after rotations, and a target is there complete or not at all."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import localvault
from localvault import (
    BadParameter,
    Crypto,
    DecryptionFailed,
    KeyDisabled,
    KeyExpired,
    KeyNotFound,
    KeyOperationForbidden,
    NewerFormat,
    Vault,
    VaultClosed,
)
from localvault.testing.clock import FixedClock
from localvault.testing.profiles import CHEAPEST
from tests.support import sealed_files
from tests.support.keys import key
from tests.support.pieces import Dribble
from tests.support.sealing import CHUNK, CONTENT, nothing_opens, put, sealed
from tests.support.told import told


@pytest.mark.parametrize(
    "size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 16 * CHUNK, 16 * CHUNK + 1, 40 * CHUNK + 7]
)
def test_what_is_sealed_opens(crypto: Crypto, folder: Path, size: int) -> None:
    """Of any length: the number of its bytes comes back, and the files have mode 0600 whatever the umask."""
    content = os.urandom(size)
    before = os.umask(0o777)
    try:
        assert crypto.seal_file(put(folder / "a", content), folder / "b") == size
        assert crypto.open_file(str(folder / "b"), str(folder / "c")) == size
    finally:
        os.umask(before)
    assert (folder / "c").read_bytes() == content
    assert (folder / "b").stat().st_size == size + 63 + 16 * max(0, -(-size // CHUNK) - 1)
    assert {path.name: path.stat().st_mode & 0o777 for path in (folder / "b", folder / "c")} == {
        "b": 0o600,
        "c": 0o600,
    }
    assert {path.name for path in folder.iterdir()} == {"a", "b", "c"}


@pytest.mark.parametrize("name", ["oct-128", "oct-192", "oct-256"])
def test_another_reader_opens_what_a_vault_seals(held: Vault, name: str) -> None:
    """One made from docs/format.md alone, with the material and the version's id."""
    version = bytes.fromhex(held.keys.get(name).version or "")
    data = sealed(held.crypto(name), context=b"backups")
    assert sealed_files.read({version: bytes(key(name).view())}, data, b"backups") == CONTENT


@pytest.mark.parametrize("name", ["oct-128", "oct-256"])
def test_a_vault_opens_what_another_writer_seals(held: Vault, folder: Path, name: str) -> None:
    """Also with chunks of another size."""
    version = bytes.fromhex(held.keys.get(name).version or "")
    for log2 in (10, 16, 20):
        head = sealed_files.Head(version, os.urandom(19), log2)
        made = put(folder / "made", sealed_files.seal(bytes(key(name).view()), head, CONTENT, b"c"))
        held.crypto(name).open_file(made, folder / "opened", context=b"c", replace=True)
        assert (folder / "opened").read_bytes() == CONTENT


def test_old_files_open_and_new_ones_use_the_new_version(data: Vault, folder: Path) -> None:
    """A file names its version; one that is disabled, or that the key does not have, does not open it."""
    crypto, versions = data.crypto("data"), []
    for number in range(3):
        versions.append(data.keys.get("data").version)
        crypto.seal_file(io.BytesIO(b"%d" % number), folder / f"{number}")
        data.keys.rotate("data")
    assert [(folder / f"{number}").read_bytes()[11:27].hex() for number in range(3)] == versions
    for number in range(3):
        data.crypto("data", versions[0]).open_file(folder / f"{number}", folder / "out", replace=True)
        assert (folder / "out").read_bytes() == b"%d" % number
    assert sealed(data.crypto("data", versions[1]))[11:27].hex() == versions[1]
    data.keys.update("data", versions[0], enabled=False)
    with pytest.raises(KeyDisabled):
        crypto.open_file(folder / "0", folder / "no")
    data.keys.create("other", "oct")
    with pytest.raises(DecryptionFailed, match="a version this key does not have"):
        data.crypto("other").open_file(folder / "1", folder / "no")
    assert not (folder / "no").exists()


def test_no_two_files_are_alike(crypto: Crypto) -> None:
    """The same content, key and context: another nonce, and not one chunk the same."""
    first, second = sealed(crypto), sealed(crypto)
    assert first[:28] == second[:28]
    for start in range(28, len(first), CHUNK + 16):
        assert first[start : start + 16] != second[start : start + 16]


def test_cut_reordered_or_mixed_files_do_not_open(crypto: Crypto, folder: Path) -> None:
    """At every border: one error, one sentence, and no target."""
    whole, other = sealed(crypto), sealed(crypto)
    starts = [0, *range(47, len(whole), CHUNK + 16), len(whole)]
    parts = [whole[start:end] for start, end in pairwise(starts)]
    strange = [other[start:end] for start, end in pairwise(starts)]
    head, *chunks = parts
    wrong = [[head, *chunks[:n]] for n in range(len(chunks))]
    wrong += [[head, *chunks[:n], *chunks[n + 1 :]] for n in range(len(chunks))]
    wrong += [[head, *chunks[:n], chunks[n], *chunks[n:]] for n in range(len(chunks))]
    wrong += [[head, *chunks[:n], chunks[n + 1], chunks[n], *chunks[n + 2 :]] for n in range(len(chunks) - 1)]
    wrong += [[head, *chunks[:n], strange[n + 1], *chunks[n + 1 :]] for n in range(len(chunks))]
    wrong += [[strange[0], *chunks], [head, *chunks, b"\0"], [head, *chunks, chunks[-1]]]
    seen = {str(nothing_opens(crypto, b"".join(each), folder / "out")) for each in wrong}
    assert seen == {"the file does not open: wrong key, wrong context, altered or cut short"}
    crypto.open_file(io.BytesIO(whole), folder / "out")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_leaves_no_target(crypto: Crypto, folder: Path, data: st.DataObject) -> None:
    """A bit anywhere in the file, with an existing target or without: an error, and what is there stays."""
    whole = bytearray(sealed(crypto, CONTENT[: data.draw(st.sampled_from([0, 5, CHUNK, CHUNK + 9]))]))
    place = data.draw(st.integers(0, len(whole) - 1) | st.integers(0, 46))
    whole[place] ^= 1 << data.draw(st.integers(0, 7))
    put(folder / "kept", b"as it was")
    nothing_opens(crypto, bytes(whole), folder / "out")
    nothing_opens(crypto, bytes(whole), folder / "kept", replace=True)
    assert (folder / "kept").read_bytes() == b"as it was"


def test_another_context_key_or_vault_does_not_open(data: Vault, folder: Path, tmp_path: Path) -> None:
    """None of them, and not what is no sealed file at all."""
    crypto = data.crypto("data")
    whole = sealed(crypto, context=b"monday")
    data.keys.create("other", "oct")
    with localvault.create(
        tmp_path / "w", passphrase="w", name="other", kdf=CHEAPEST, allow_weak=True
    ) as stranger:
        stranger.keys.create("data", "oct")
        nothing_opens(stranger.crypto("data"), whole, folder / "out", context=b"monday")
    nothing_opens(data.crypto("other"), whole, folder / "out", context=b"monday")
    for context in (b"", b"tuesday", b"mondays"):
        nothing_opens(crypto, whole, folder / "out", context=context)
    for nothing in (b"", b"lvsealed", CONTENT, crypto.seal(b"token")):
        assert "not a sealed file" in str(nothing_opens(crypto, nothing, folder / "out"))
    for newer in (whole[:9] + b"\2" + whole[10:], whole[:10] + b"\2" + whole[11:]):
        assert type(nothing_opens(crypto, newer, folder / "out")) is NewerFormat


def test_a_purged_key_takes_its_files_along(data: Vault, folder: Path) -> None:
    """`KeyNotFound`; and a new key of that name does not open them."""
    whole = sealed(data.crypto("data"))
    data.keys.delete("data")
    for verb in ("open_file", "seal_file"):
        with pytest.raises(KeyNotFound):
            getattr(data.crypto("data"), verb)(io.BytesIO(whole), folder / "out")
    data.keys.purge("data")
    data.keys.create("data", "oct")
    nothing_opens(data.crypto("data"), whole, folder / "out")


def test_states_are_those_of_every_use(data: Vault, folder: Path, clock: FixedClock) -> None:
    """An expired key opens and does not seal; one that may only sign does neither."""
    whole = sealed(data.crypto("data"))
    data.keys.update("data", expires_on=clock.now + timedelta(hours=1))
    clock.move(days=1)
    with pytest.raises(KeyExpired):
        sealed(data.crypto("data"))
    assert data.crypto("data").open_file(io.BytesIO(whole), folder / "out") == len(CONTENT)
    data.keys.update("data", operations=["sign"])
    with pytest.raises(KeyOperationForbidden):
        data.crypto("data").open_file(io.BytesIO(whole), folder / "no")


@pytest.mark.parametrize("name", ["RSA-2048", "EC-P-256", "OKP-Ed25519"])
def test_only_an_oct_key_seals_files(held: Vault, folder: Path, name: str) -> None:
    """Whatever else a key may do."""
    # One that may encrypt is told what it lacks; the others may not.
    error, told_why = (
        (BadParameter, "sealed under an oct key")
        if name == "RSA-2048"
        else (KeyOperationForbidden, "encrypt")
    )
    with pytest.raises(error, match=told_why):
        held.crypto(name).seal_file(io.BytesIO(b""), folder / "out")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("seed", range(5))
def test_pipes_are_read_and_written_to_their_end(crypto: Crypto, folder: Path, seed: int) -> None:
    """However few bytes come at a time; the target may be a pipe when sealing."""
    reading, writing = os.pipe()
    got: list[bytes] = []

    def drain() -> None:
        with os.fdopen(reading, "rb") as stream:
            got.append(stream.read())

    thread = threading.Thread(target=drain)
    thread.start()
    with os.fdopen(writing, "wb", buffering=0) as pipe:
        assert crypto.seal_file(Dribble(CONTENT, seed), pipe) == len(CONTENT)
    thread.join()
    assert crypto.open_file(Dribble(got[0], seed), folder / "out") == len(CONTENT)
    assert (folder / "out").read_bytes() == CONTENT


def test_a_named_pipe_is_a_source(crypto: Crypto, folder: Path) -> None:
    """As `<(…)` hands them in."""
    os.mkfifo(folder / "pipe")
    thread = threading.Thread(target=(folder / "pipe").write_bytes, args=(CONTENT,))
    thread.start()
    assert crypto.seal_file(folder / "pipe", folder / "out") == len(CONTENT)
    thread.join()


def test_a_file_is_never_opened_into_a_pipe(data: Vault, crypto: Crypto) -> None:
    """A programming mistake: it would hand out a beginning before the end is authentic. No event, nothing read."""
    target: Any = io.BytesIO()
    with told(data) as events, pytest.raises(TypeError, match="into a path"):
        crypto.open_file(io.BytesIO(sealed(crypto)), target)
    assert target.getvalue() == b""
    assert [event.operation for event in events] == ["KeySeal"]


def test_a_closed_vault_does_nothing(data: Vault, folder: Path) -> None:
    """Closed before, or in the middle by another thread: `VaultClosed`, and no target."""
    crypto = data.crypto("data")
    whole = sealed(crypto)
    with pytest.raises(VaultClosed):
        crypto.seal_file(io.BytesIO(bytes(5 << 20)), folder / "a", progress=lambda *_: data.close())
    for verb in (crypto.seal_file, crypto.open_file):
        with pytest.raises(VaultClosed):
            verb(io.BytesIO(whole), folder / "b")
    assert list(folder.iterdir()) == []


def test_several_threads_may_do_it_at_once(data: Vault, folder: Path) -> None:
    """With one key; each file is its own."""
    crypto, failed = data.crypto("data"), list[BaseException]()

    def work(number: int) -> None:
        try:
            content = bytes([number]) * (3 * CHUNK + number)
            for turn in range(5):
                crypto.seal_file(io.BytesIO(content), folder / f"{number}.{turn}")
                crypto.open_file(folder / f"{number}.{turn}", folder / f"{number}.{turn}.out")
                assert (folder / f"{number}.{turn}.out").read_bytes() == content
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_in_a_batch_it_uses_what_the_batch_has_made(vault: Vault, folder: Path) -> None:
    """A key made in it is found, by the batch's own thread."""
    with vault.batch():
        vault.keys.create("fresh", "oct")
        vault.crypto("fresh").seal_file(io.BytesIO(CONTENT), folder / "a")
    assert vault.crypto("fresh").open_file(folder / "a", folder / "b") == len(CONTENT)


@pytest.mark.parametrize("wrong", [None, 3, "text", io.StringIO("text")])
def test_what_is_no_source_is_a_programming_mistake(crypto: Crypto, folder: Path, wrong: Any) -> None:
    """`TypeError`, but for a text, which is a path that is not there."""
    act: Callable[[], object] = lambda: crypto.seal_file(wrong, folder / "a")  # noqa: E731
    with pytest.raises(BadParameter if isinstance(wrong, str) else TypeError):
        act()
    assert list(folder.iterdir()) == []
