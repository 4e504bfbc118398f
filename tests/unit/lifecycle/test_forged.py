"""Backups that open and do not hold what a backup holds: whoever has the transfer passphrase could make one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgpack
import pytest

from localvault import BadParameter, Damaged, LocalVaultError, NewerFormat, Vault
from localvault.testing.profiles import CHEAPEST
from tests.support import life
from tests.support.keys import key
from tests.support.refusals import refused, unchanged

both = pytest.mark.parametrize("collection", ["secrets", "keys"])
PASSPHRASE = "of the transfer"


@pytest.fixture(scope="module")
def forger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """The vault that seals what is forged, stretching passphrases by the cheapest profile."""
    yield from _made(tmp_path_factory)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """The vault it is restored into, one for all tests: nothing gets in."""
    yield from _made(tmp_path_factory)


def _made(factory: pytest.TempPathFactory) -> Iterator[Vault]:
    with life.create(factory.mktemp("forged") / "v") as vault:
        blobs: Any = vault._parts.ground.blobs
        blobs._kdf = CHEAPEST
        yield vault


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (b"\xc1", Damaged),
        (b"", Damaged),
        (msgpack.packb(7), Damaged),
        (msgpack.packb([1, b"s", "It"]), Damaged),
        (msgpack.packb([2, b"s", "It", None, []]), NewerFormat),
    ],
    ids=["no msgpack", "nothing", "a number", "too short", "a later version"],
)
def test_a_payload_that_is_no_object_is_refused(
    other: Vault, payload: bytes, error: type[LocalVaultError]
) -> None:
    """Even one that was sealed under the vault's own key."""
    blob = other._parts.ground.blobs.seal(payload, None)
    with refused(other, error, "SecretRestore", target="/secrets"):
        other.secrets.restore(blob)


ID = bytes(range(16))
ATTRIBUTES: list[Any] = [True, None, None, 0, 0, None, None]
TRAITS: list[Any] = ["oct", 128, None, ["sign"], False]
BODY: list[Any] = [key("oct-128").encode(), None]


def forged(collection: str, **parts: Any) -> list[Any]:
    """The payload of an object `It` with one version, some parts of it replaced."""
    traits, body = (None, "v") if collection == "secrets" else (TRAITS, BODY)
    whole = {"id": ID, "attributes": ATTRIBUTES, "traits": traits, "body": body} | parts
    version = [whole["id"], whole["attributes"], whole["traits"], whole["body"]]
    kind = b"s" if collection == "secrets" else b"k"
    return [1, kind, parts.get("name", "It"), parts.get("settings"), parts.get("versions", [version])]


def attributes(place: int, value: Any) -> dict[str, list[Any]]:
    """Attributes with the one at `place` replaced."""
    return {"attributes": [*ATTRIBUTES[:place], value, *ATTRIBUTES[place + 1 :]]}


FORGED: dict[str, tuple[str, dict[str, Any]]] = {
    "a name that is none": ("secrets", {"name": 5}),
    "settings that are none": ("secrets", {"settings": 5}),
    "no version": ("secrets", {"versions": []}),
    "versions that are none": ("secrets", {"versions": 5}),
    "a version cut short": ("secrets", {"versions": [[ID]]}),
    "a version twice": ("secrets", {"versions": [[ID, ATTRIBUTES, None, "v"]] * 2}),
    "a short id": ("secrets", {"id": ID[:15]}),
    "a long id": ("secrets", {"id": ID + b"x"}),
    "an id in text": ("secrets", {"id": "x" * 16}),
    "no attributes": ("secrets", {"attributes": []}),
    "one attribute more": ("secrets", {"attributes": [*ATTRIBUTES, None]}),
    "enabled as a number": ("secrets", attributes(0, 1)),
    "a date in text": ("secrets", attributes(1, "2030")),
    "a date beyond all dates": ("secrets", attributes(2, 1 << 62)),
    "a date before all dates": ("secrets", attributes(1, -(1 << 62))),
    "never created": ("secrets", attributes(3, None)),
    "updated truly": ("secrets", attributes(4, True)),
    "a content type of bytes": ("secrets", attributes(5, b"c")),
    "tags in a list": ("secrets", attributes(6, [])),
    "a tag of bytes": ("secrets", attributes(6, {"a": b"b"})),
    "traits of a secret": ("secrets", {"traits": []}),
    "a value that is a number": ("secrets", {"body": 5}),
    "a key without traits": ("keys", {"traits": None}),
    "a key of another type": ("keys", {"traits": ["RSA", 2048, None, ["sign"], False]}),
    "a key of another size": ("keys", {"traits": ["oct", 256, None, ["sign"], False]}),
    "operations that are none": ("keys", {"traits": ["oct", 128, None, "sign", False]}),
    "an operation there is not": ("keys", {"traits": ["oct", 128, None, ["fly"], False]}),
    "exportable as a number": ("keys", {"traits": ["oct", 128, None, ["sign"], 1]}),
    "a key without material": ("keys", {"body": None}),
    "material that is none": ("keys", {"body": [b"\x01", None]}),
    "material in text": ("keys", {"body": ["text", None]}),
    "another public part": ("keys", {"body": [BODY[0], key("EC-P-256").public_der()]}),
}


def restore_forged(forger: Vault, other: Vault, collection: str, parts: dict[str, Any]) -> Any:
    """Restore into `other` what `forger` has sealed under a passphrase that both know."""
    blob = forger._parts.ground.blobs.seal(msgpack.packb(forged(collection, **parts)), PASSPHRASE)
    return getattr(other, collection).restore(blob, passphrase=PASSPHRASE)


@both
def test_a_forged_payload_can_be_right(forger: Vault, vault: Vault, collection: str) -> None:
    """Or the next test would prove nothing."""
    assert restore_forged(forger, vault, collection, {}).version == ID.hex()
    assert vault.check() == []


@pytest.mark.parametrize(("collection", "parts"), FORGED.values(), ids=FORGED)
def test_whoever_has_the_passphrase_cannot_forge_an_object(
    forger: Vault, other: Vault, collection: str, parts: dict[str, Any]
) -> None:
    """A payload with one part that no version has is refused: restored, it would break every list it is in."""
    operation = {"secrets": "SecretRestore", "keys": "KeyRestore"}[collection]
    with refused(other, Damaged, operation, target=f"/{collection}"):
        restore_forged(forger, other, collection, parts)


def test_a_forged_name_is_refused_like_any_other(forger: Vault, other: Vault) -> None:
    """By the rule for names."""
    with unchanged(other), pytest.raises(BadParameter):
        restore_forged(forger, other, "secrets", {"name": "../It"})
