"""Data keys in use: what they seal, what they ask the vault, what they leave behind."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import localvault
from localvault import (
    AccessDenied,
    BadParameter,
    Crypto,
    DataKey,
    DecryptionFailed,
    KeyDisabled,
    KeyNotFound,
    LocalVaultError,
    NewerFormat,
    Packed,
    Vault,
    VaultClosed,
)
from localvault.access.decide import Access
from localvault.model.key_access import KEY_ACCESS
from localvault.testing.profiles import CHEAPEST
from tests.support.children import run
from tests.support.sealed_files import Head, seal
from tests.support.told import told

SIZES = (128, 192, 256)


@pytest.fixture
def key(crypto: Crypto) -> DataKey:
    """A data key."""
    return crypto.data_key(context=b"tenant")


def test_what_it_seals_it_opens_also_when_opened_again(crypto: Crypto, key: DataKey) -> None:
    """Messages, many messages as list and packed, and files, with their contexts; the id is the same."""
    again = crypto.open_data_key(key.wrapped, b"tenant")
    assert again.id == key.id
    assert again.wrapped == key.wrapped
    assert again.open(key.seal(b"text", b"c"), b"c") == b"text"
    assert again.open_many(key.seal_many([b"1", b"", b"333"], b"c"), b"c") == [b"1", b"", b"333"]
    packed = key.seal_many(Packed.of([b"1", b"22"]))
    assert again.open_many(packed).to_list() == [b"1", b"22"]
    assert again.open(bytes(packed[1])) == b"22"


@pytest.mark.parametrize("length", [0, 1, 65536, 300_000])
def test_it_seals_files(key: DataKey, folder: Path, length: int) -> None:
    """Of any length, told as they are made, and with a context."""
    content = os.urandom(length)
    (folder / "plain").write_bytes(content)
    seen: list[tuple[int, int | None]] = []
    sealed, opened = folder / "sealed", folder / "opened"
    assert (
        key.seal_file(folder / "plain", sealed, context=b"c", progress=lambda *how: seen.append(how))
        == length
    )
    assert seen[-1] == (length, length)
    assert key.open_file(sealed, opened, context=b"c") == length
    assert opened.read_bytes() == content
    assert (sealed.stat().st_mode & 0o777, opened.stat().st_mode & 0o777) == (0o600, 0o600)
    with pytest.raises(DecryptionFailed):
        key.open_file(sealed, folder / "other")
    with pytest.raises(BadParameter):
        key.open_file(sealed, opened)
    assert sorted(path.name for path in folder.iterdir()) == ["opened", "plain", "sealed"]


def test_a_file_is_opened_into_a_path_only(key: DataKey) -> None:
    """A pipe would get the beginning before the end is authentic."""
    anything: Any = io.BytesIO()
    with pytest.raises(TypeError):
        key.open_file(io.BytesIO(), anything)


@pytest.mark.parametrize("size", SIZES)
def test_the_data_key_itself_leaves_by_export_only(vault: Vault, crypto: Crypto, size: int) -> None:
    """With the token that says so, of the size that was asked for, and each time with an event."""
    key = crypto.data_key(size=size)
    assert key.size == size
    nobody: Any = None
    with pytest.raises(TypeError):
        key.export(access=nobody)
    with told(vault) as events:
        raw = key.export(access=KEY_ACCESS)
    assert len(raw) * 8 == size
    assert crypto.open_data_key(key.wrapped).export(access=KEY_ACCESS) == raw
    (event,) = events
    assert (event.operation, event.target, event.result) == ("DataKeyExport", "/keys/data", "Success")


def test_its_work_is_no_event(vault: Vault, key: DataKey, folder: Path) -> None:
    """Making and opening it is told; what it seals and opens is not."""
    with told(vault) as events:
        for number in range(10):
            key.open(key.seal(str(number).encode()))
        key.open_many(key.seal_many([b"1", b"2"]))
        key.seal_file(io.BytesIO(b"text"), folder / "sealed")
    assert events == []


def test_a_refusal_is_an_event(vault: Vault, key: DataKey) -> None:
    """Told as the wrapping or unwrapping that it would take to get the data key again."""
    token = key.seal(b"text")
    version = vault.keys.update("data", enabled=False).version
    with told(vault) as events:
        for act in (lambda: key.seal(b""), lambda: key.open(token)):
            with pytest.raises(KeyDisabled):
                act()
    assert [(event.operation, event.version, event.result, event.code) for event in events] == [
        ("KeyWrap", version, "Failure", "KeyDisabled"),
        ("KeyUnwrap", version, "Failure", "KeyDisabled"),
    ]


ACTS: dict[str, Callable[[DataKey, bytes, Path], object]] = {
    "seal": lambda key, token, folder: key.seal(b""),
    "seal_many": lambda key, token, folder: key.seal_many([b""]),
    "open": lambda key, token, folder: key.open(token),
    "open_many": lambda key, token, folder: key.open_many(Packed.of([token])),
    "seal_file": lambda key, token, folder: key.seal_file(io.BytesIO(b""), folder / "new"),
    "open_file": lambda key, token, folder: key.open_file(io.BytesIO(b""), folder / "new"),
    "export": lambda key, token, folder: key.export(access=KEY_ACCESS),
    "id": lambda key, token, folder: key.id,
}
acts = pytest.mark.parametrize("act", ACTS.values(), ids=ACTS.keys())


@acts
def test_closed_it_does_nothing(crypto: Crypto, folder: Path, act: Callable[..., object]) -> None:
    """`VaultClosed`, however it was used before; closing twice does no harm, and the others go on."""
    key, other = crypto.data_keys(2)
    token = key.seal(b"text")
    with key:
        key.seal_file(io.BytesIO(b"text"), folder / "sealed")
    key.close()
    with pytest.raises(VaultClosed):
        act(key, token, folder)
    assert other.open(other.seal(b"text")) == b"text"
    assert not (folder / "new").exists()


@acts
def test_it_dies_with_its_vault(tmp_path: Path, folder: Path, act: Callable[..., object]) -> None:
    """Once the vault is closed no data key of it works, and its bytes are gone."""
    with localvault.create(
        tmp_path / "w", passphrase="w", name="died", kdf=CHEAPEST, allow_weak=True
    ) as vault:
        vault.keys.create("data", "oct")
        key = vault.crypto("data").data_key()
        token = key.seal(b"text")
        memory = key._memory
        assert memory is not None
    with pytest.raises(VaultClosed):
        memory.view()
    with pytest.raises(VaultClosed):
        act(key, token, folder)
    key.close()


@acts
def test_a_forked_child_cannot_use_it(key: DataKey, folder: Path, act: Callable[..., object]) -> None:
    """Its memory is not there; zeros would be a key that everybody has."""
    token = key.seal(b"text")

    def child(say: Callable[[str], None]) -> None:
        try:
            act(key, token, folder)
        except LocalVaultError as error:
            say(type(error).__name__)

    assert run(child) == ["VaultForked"]


def test_nothing_passes_for_something_else(data: Vault, crypto: Crypto, key: DataKey, folder: Path) -> None:
    """Tokens and files of the key and of data keys, and wrapped data keys: each opens where it should alone."""
    other = crypto.data_key(context=b"tenant")
    of_key, of_data_key = crypto.seal(b"text", b"tenant"), key.seal(b"text", b"tenant")
    for refused in (
        lambda: crypto.open(key.wrapped, b"tenant"),
        lambda: crypto.open(of_data_key, b"tenant"),
        lambda: crypto.open_data_key(of_key, b"tenant"),
        lambda: crypto.open_data_key(of_data_key, b"tenant"),
        lambda: key.open(of_key, b"tenant"),
        lambda: key.open(key.wrapped, b"tenant"),
        lambda: other.open(of_data_key, b"tenant"),
        lambda: crypto.rewrap(key.wrapped, b"tenant"),
        lambda: crypto.rewrap_data_keys([of_key], b"tenant"),
    ):
        with pytest.raises(DecryptionFailed):
            refused()
    # Nor with its second byte altered: the keys are others, whatever the prefix says.
    for data, suite in ((key.wrapped, 1), (of_key, 65), (of_data_key, 65)):
        altered = data[:1] + bytes((suite,)) + data[2:]
        for act in (crypto.open, crypto.open_data_key, key.open):
            with pytest.raises(DecryptionFailed):
                act(altered, b"tenant")
    key.seal_file(io.BytesIO(b"text"), folder / "of data key")
    crypto.seal_file(io.BytesIO(b"text"), folder / "of key")
    with pytest.raises(DecryptionFailed):
        crypto.open_file(folder / "of data key", folder / "opened")
    with pytest.raises(DecryptionFailed):
        key.open_file(folder / "of key", folder / "opened")


def test_a_file_sealed_under_the_bytes_themselves_does_not_open(key: DataKey, folder: Path) -> None:
    """An engine may use an exported data key as it likes: what it makes is nothing of ours."""
    raw = key.export(access=KEY_ACCESS)
    (folder / "forged").write_bytes(seal(raw, Head(bytes.fromhex(key.id), bytes(19)), b"text"))
    with pytest.raises(DecryptionFailed):
        key.open_file(folder / "forged", folder / "opened")


@pytest.mark.parametrize("form", ["list", "packed"])
def test_bad_tokens_among_good_ones(key: DataKey, form: str) -> None:
    """All or an error; with a list for what failed, the others."""
    tokens: Any = [key.seal(b"1"), key.seal(b"2", b"other"), key.seal(b"3"), b"no token"]
    tokens = Packed.of(tokens) if form == "packed" else tokens
    with pytest.raises(DecryptionFailed, match="2 of 4"):
        key.open_many(tokens)
    failed: list[int] = []
    opened = key.open_many(tokens, failed=failed)
    assert (opened if form == "list" else opened.to_list()) == [b"1", b"", b"3", b""]
    assert failed == [1, 3]
    with pytest.raises(NewerFormat):
        key.open(b"\1\2" + key.seal(b"")[2:])


def test_into_a_buffer(key: DataKey) -> None:
    """The results stand where the caller wants them; what fails leaves zeros."""
    buffer = bytearray(300)
    tokens = key.seal_many(Packed.of([b"one", b"two"]), out=buffer)
    assert key.open_many(Packed.of(tokens.to_list()), out=buffer).to_list() == [b"one", b"two"]
    with pytest.raises(BadParameter):
        key.seal_many([b""], out=buffer)  # type: ignore[call-overload]
    with pytest.raises(DecryptionFailed):
        key.open_many(Packed.of([key.seal(b"one"), bytes(80)]), out=buffer)
    assert bytes(buffer[:50]) == bytes(50)


def test_nobody_without_the_right_uses_it(
    vault: Vault, key: DataKey, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A principal that may no longer wrap or unwrap is refused what it holds already."""
    token = key.seal(b"text")
    monkeypatch.setattr(vault._parts.door, "_access", Access(()))
    for name, act in ACTS.items():
        if name != "id":
            with pytest.raises(AccessDenied):
                act(key, token, folder)


def test_a_purged_key_of_the_same_name_is_another(data: Vault, key: DataKey) -> None:
    """A data key asks for the version that wrapped it, not for whatever has the name by now."""
    token = key.seal(b"text")
    data.keys.delete("data")
    data.keys.purge("data")
    data.keys.create("data", "oct")
    with pytest.raises(KeyNotFound):
        key.open(token)


def test_what_is_in_a_batch_is_seen(data: Vault, key: DataKey) -> None:
    """In the thread of an open batch, a key disabled there stops its data keys at once."""
    with data.batch():
        data.keys.update("data", enabled=False)
        with pytest.raises(KeyDisabled):
            key.seal(b"")
        data.keys.update("data", enabled=True)
        key.seal(b"")
