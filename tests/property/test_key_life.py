"""A random life of keys, held against a plain model.

Keys are made, imported, rotated, changed, used, deleted, recovered, purged, backed up and restored in any order. What a
version protected must open under that version as long as it is there and enabled, and under nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, multiple, rule, run_state_machine_as_test

import localvault
from tests.support.lives import LONG, NAMES, QUICK, ModelObject, ObjectLife

KINDS: dict[str, dict[str, Any]] = {
    "oct": {"size": 128},
    "EC": {"curve": "P-256"},
    "OKP": {"curve": "Ed25519"},
}
SIGNS = {"EC": "ES256", "OKP": "EdDSA"}
JWK = {"kty": "oct", "k": "AAECAwQFBgcICQoLDA0ODw"}


class Made(NamedTuple):
    """What a version of a key made of a message."""

    name: str
    version: str
    kty: str
    message: bytes
    result: Any


class KeyLife(ObjectLife):
    """All verbs on keys in any order."""

    room, not_found = "keys", localvault.KeyNotFound
    made = Bundle("made")

    def adds(self, name: str, kty: str, act: Callable[[], localvault.Key]) -> None:
        """`act` adds a version, unless a deleted key has the name."""
        if self.gone(name):
            with pytest.raises(localvault.ObjectIsDeletedButRecoverable):
                act()
        else:
            self.note_version(name, act().version, kty=kty)

    @rule(name=NAMES, kty=st.sampled_from(list(KINDS)))
    def create(self, name: str, kty: str) -> None:
        self.adds(name, kty, lambda: self.verbs.create(name, kty, **KINDS[kty]))

    @rule(name=NAMES)
    def import_(self, name: str) -> None:
        self.adds(name, "oct", lambda: self.verbs.import_(name, JWK))

    @rule(name=NAMES)
    def rotate(self, name: str) -> None:
        key = self.live(name)
        if key is None:
            with pytest.raises(localvault.KeyNotFound):
                self.verbs.rotate(name)
            return
        self.adds(name, key.versions[key.current]["kty"], lambda: self.verbs.rotate(name))

    @rule(target=made, name=NAMES, message=st.binary(max_size=40))
    def protect(self, name: str, message: bytes) -> Any:
        key = self.live(name)
        kty = "oct" if key is None else key.versions[key.current]["kty"]
        if key is None or not key.versions[key.current]["enabled"]:
            with pytest.raises(localvault.KeyNotFound if key is None else localvault.KeyDisabled):
                self.make(name, kty, message)
            return multiple()
        return Made(key.name, key.current, kty, message, self.make(name, kty, message))

    def make(self, name: str, kty: str, message: bytes) -> bytes:
        """Protect a message with the current version."""
        crypto = self.vault.crypto(name)
        if kty == "oct":
            return crypto.seal(message)
        return crypto.sign(SIGNS[kty], hashlib.sha256(message).digest()).signature

    @rule(made=made)
    def unprotect(self, made: Made) -> None:
        key = self.live(made.name)
        if key is None:
            expected: type[Exception] = localvault.KeyNotFound
        elif made.version not in key.versions:
            expected = localvault.DecryptionFailed if made.kty == "oct" else localvault.KeyNotFound
        elif not key.versions[made.version]["enabled"]:
            expected = localvault.KeyDisabled
        else:
            self.take(made)
            return
        with pytest.raises(expected):
            self.take(made)

    def take(self, made: Made) -> None:
        """Open or verify what was made, under the version that made it."""
        if made.kty == "oct":
            assert self.vault.crypto(made.name).open(made.result) == made.message
        else:
            digest = hashlib.sha256(made.message).digest()
            self.vault.crypto(made.name, made.version).verify(SIGNS[made.kty], digest, made.result)

    def agrees_on(self, found: ModelObject) -> None:
        types = {p.version: p.kty for p in self.verbs.versions(found.name)}
        assert types == {version: state["kty"] for version, state in found.versions.items()}


TestKeyLife = KeyLife.TestCase
TestKeyLife.settings = QUICK


@pytest.mark.soak
def test_long_life() -> None:
    """The same machine for a thousand lives."""
    run_state_machine_as_test(KeyLife, settings=LONG)
