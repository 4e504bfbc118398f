"""The vectors of data keys: localvault, and a reader made from the specification alone, see what each tells."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from localvault import DataKey, DecryptionFailed, LocalVaultError, NewerFormat
from localvault.algorithms.material import import_key
from localvault.crypto.wrapping import open_all
from localvault.lifecycle.loaded import Loaded
from localvault.model.packed import Packed
from localvault.native.memory import Locked
from localvault.sealing import datakey
from tests.support import data_keys
from tests.vectors.make_data_keys import cases as made_cases
from tests.vectors.make_data_keys import material_of

FILE = Path(__file__).parent / "localvault" / "data-keys.json"
SEED = "2026"
FOUND = json.loads(FILE.read_text(encoding="ascii"))
CASES = FOUND["oct"] + FOUND["rsa"]
cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
ERRORS = {"fails": DecryptionFailed, "newer": NewerFormat}


def loaded(case: dict[str, str]) -> Loaded:
    """The key of a case, as localvault has it in use."""
    text = case["material"]
    k = base64.urlsafe_b64encode(bytes.fromhex(text)).decode().rstrip("=") if text[0] != "-" else ""
    key = import_key({"kty": "oct", "k": k} if k else text)
    attributes: Any = (True, None, None)
    operations = ["wrapKey", "unwrapKey"]
    return Loaded(attributes, [key.kty, key.size, None, operations], memoryview(key.encode()))


def opened(case: dict[str, str]) -> bytes:
    """The data key, by localvault."""
    key, version, wrapped = loaded(case), bytes.fromhex(case["version"]), bytes.fromhex(case["wrapped"])
    datakey.parse(wrapped)
    found = open_all(
        lambda asked: key if asked == version else None, Packed.of([wrapped]), bytes.fromhex(case["context"])
    )
    if found.wrong:
        raise DecryptionFailed("it does not open")
    at, size = found.places[0]
    return bytes(found.memory.view()[at : at + size])


def test_there_are_vectors() -> None:
    """So many of each kind."""
    expected = [case["expect"] for case in CASES]
    assert {kind: expected.count(kind) for kind in set(expected)} == {"opens": 42, "fails": 39, "newer": 4}


def test_the_oct_ones_are_what_the_script_makes() -> None:
    """From its seed, byte for byte; RSA's padding is random."""
    assert FOUND["oct"] == list(made_cases(SEED))


@cases
def test_localvault_sees_what_a_vector_tells(case: dict[str, str]) -> None:
    """It opens to the data key that is told, or raises the very error."""
    if case["expect"] == "opens":
        assert opened(case).hex() == case["secret"]
        return
    with pytest.raises(LocalVaultError) as failed:
        opened(case)
    assert type(failed.value) is ERRORS[case["expect"]]


@cases
def test_another_reader_sees_the_same(case: dict[str, str]) -> None:
    """One that is written from docs/format.md and uses nothing of localvault."""
    arguments: Any = (
        {bytes.fromhex(case["version"]): material_of(case)},
        bytes.fromhex(case["wrapped"]),
        bytes.fromhex(case["context"]),
    )
    if case["expect"] == "opens":
        assert data_keys.read(*arguments).hex() == case["secret"]
        return
    with pytest.raises(data_keys.Newer if case["expect"] == "newer" else data_keys.Refused):
        data_keys.read(*arguments)


class _Free:
    """Stands for a key that allows everything."""

    def allow(self, *asked: object) -> None:
        """Allow it."""

    def hold(self, holder: object) -> None:
        """Keep nothing."""


@pytest.mark.parametrize(
    "case", [case for case in CASES if case["expect"] == "opens"], ids=lambda case: case["name"]
)
def test_what_a_data_key_sealed_opens(case: dict[str, str]) -> None:
    """The token that is told opens under the data key, and one that localvault seals for the other reader."""
    secret, context = bytes.fromhex(case["secret"]), bytes.fromhex(case["context"])
    free: Any = _Free()
    key = DataKey(free, b"", Locked.of(secret), (0, len(secret)))
    assert key.open(bytes.fromhex(case["token"]), context).hex() == case["plaintext"]
    made = key.seal(b"text", context)
    assert data_keys.token(secret, made[18:42], b"text", context) == made
    name, _ = data_keys.file_parts(secret)
    assert name.hex() == key.id
