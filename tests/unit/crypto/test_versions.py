"""Which versions tokens and sealed files name: told of one without a key, counted of many for one."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import localvault
from localvault import (
    BadParameter,
    Crypto,
    DecryptionFailed,
    KeyNotFound,
    NewerFormat,
    Packed,
    Vault,
    VersionCounts,
    VersionPolicy,
    file_version,
    token_version,
)
from localvault.crypto import named
from tests.support.refusals import refused

FORMS: dict[str, Callable[[list[bytes]], Packed | Iterable[bytes]]] = {
    "list": lambda tokens: tokens,
    "packed": Packed.of,
    "iterator": iter,
    "buffers": lambda tokens: [memoryview(bytearray(token)) for token in tokens],  # type: ignore[misc]
}
forms = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


@pytest.fixture
def tokens(data: Vault) -> dict[str, list[bytes]]:
    """Three tokens of each of three versions of `data`, by version."""
    made: dict[str, list[bytes]] = {}
    for _ in range(3):
        made[str(data.keys.get("data").version)] = data.crypto("data").seal_many([b"", b"a", b"b" * 100])
        data.keys.rotate("data")
    return made


def test_a_token_tells_its_version(tokens: dict[str, list[bytes]]) -> None:
    """Whatever holds its bytes, and without any vault."""
    for version, made in tokens.items():
        for token in made:
            assert token_version(token) == token_version(memoryview(token)) == version  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("token", "error"),
    [
        (b"", DecryptionFailed),
        (b"\1" * 57, DecryptionFailed),
        (b"\0\1" + bytes(56), DecryptionFailed),
        (b"\1\0" + bytes(56), DecryptionFailed),
        (b"\2\1" + bytes(56), NewerFormat),
        (b"\1\2" + bytes(56), NewerFormat),
    ],
)
def test_what_names_no_version(crypto: Crypto, token: bytes, error: type[Exception]) -> None:
    """One is an error, of many it is counted as no token."""
    with pytest.raises(error):
        token_version(token)
    assert crypto.count_versions([token]) == VersionCounts("data", {}, {}, 1)


@forms
def test_many_are_counted(
    data: Vault, tokens: dict[str, list[bytes]], form: Callable[[list[bytes]], Any], monkeypatch: Any
) -> None:
    """By version, whatever form they come in; what another key made, or nobody, apart."""
    monkeypatch.setattr(named, "_ROUND", 4)
    data.keys.create("other", "oct")
    foreign = data.crypto("other").seal(b"text")
    first, second, third = tokens
    items = [*tokens[third], b"no token", *tokens[first][:2], foreign, *tokens[second][:1], b"", foreign]
    assert data.crypto("Data").count_versions(form(items)) == VersionCounts(
        "data", {first: 2, second: 1, third: 3}, {token_version(foreign): 2}, 2
    )
    event = next(data.audit.events(operation="KeyCountVersions", reverse=True))
    assert (event.count, event.details) == (10, {"versions": 3, "unknown": 2, "invalid": 2})


@forms
def test_none_are_counted(crypto: Crypto, form: Callable[[list[bytes]], Any]) -> None:
    """Nothing at all is zero of everything."""
    assert crypto.count_versions(form([])) == VersionCounts("data", {}, {}, 0)


def test_a_trimmed_version_is_unknown(data: Vault, tokens: dict[str, list[bytes]]) -> None:
    """Its tokens are told all the same."""
    everything = [token for made in tokens.values() for token in made]
    data.keys.set_version_policy("data", VersionPolicy(latest_minus=2))
    [gone] = data.keys.trim("data")
    counts = data.crypto("data").count_versions(everything)
    assert counts.unknown == {gone: 3}
    assert counts.of(gone) == 3
    assert counts.total == 9


@given(st.lists(st.binary(max_size=130), max_size=20))
def test_whatever_the_items_each_is_counted_once(items: list[bytes]) -> None:
    """Tokens or not, in one form or another."""
    packed, listed = named.by_tokens(Packed.of(items)), named.by_tokens(items)
    assert packed == listed
    assert sum(packed[0].values()) + packed[1] == len(items)
    for version_id, count in packed[0].items():
        assert count == sum(item[2:18] == version_id and _is_token(item) for item in items)


def _is_token(item: bytes) -> bool:
    try:
        token_version(item)
    except (DecryptionFailed, NewerFormat):
        return False
    return True


def test_a_key_that_is_not_there_counts_nothing(vault: Vault) -> None:
    """And says so before it takes the first item."""

    def items() -> Iterable[bytes]:
        raise AssertionError("an item was taken")
        yield b""

    with refused(vault, KeyNotFound, "KeyCountVersions", target="/keys/none"):
        vault.crypto("none").count_versions(items())
    wrong: Any = ["text"]
    vault.keys.create("data", "oct")
    with pytest.raises(TypeError):
        vault.crypto("data").count_versions(wrong)


def test_files_are_counted(data: Vault, folder: Path) -> None:
    """By the beginning of each; what is no sealed file apart."""
    paths = []
    for number in range(3):
        paths.append(folder / f"{number}")
        data.crypto("data").seal_file(io.BytesIO(b"text" * 10_000), paths[-1])
        data.keys.rotate("data")
    versions = [str(each.version) for each in data.keys.versions("data")]
    assert [file_version(path) for path in paths] == versions[:3]
    (folder / "cut").write_bytes(paths[0].read_bytes()[:47])
    (folder / "short").write_bytes(paths[0].read_bytes()[:46])
    (folder / "newer").write_bytes(b"lvsealed\0\2" + b"\1" * 60)
    assert file_version(str(folder / "cut")) == versions[0]
    with pytest.raises(DecryptionFailed):
        file_version(folder / "short")
    with pytest.raises(NewerFormat):
        file_version(folder / "newer")
    paths += [str(folder / name) for name in ("cut", "short", "newer")]  # type: ignore[list-item]
    counts = data.crypto("data").count_file_versions(paths)
    assert counts == VersionCounts("data", dict.fromkeys(versions[:3], 1) | {versions[0]: 2}, {}, 2)
    assert counts + data.crypto("data").count_versions([]) == counts


@pytest.mark.parametrize("name", ["none", "."])
def test_a_file_that_cannot_be_read_is_an_error(data: Vault, folder: Path, name: str) -> None:
    """It is not passed over: a proof without it would be none."""
    with pytest.raises(BadParameter):
        file_version(folder / name)
    with refused(data, BadParameter, "KeyCountVersions", target="/keys/data"):
        data.crypto("data").count_file_versions([folder / name])


def test_reading_a_version_needs_no_vault() -> None:
    """Both are public names of their own."""
    assert {"token_version", "file_version", "VersionCounts", "VersionPolicy"} <= set(localvault.__all__)
