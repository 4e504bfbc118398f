"""A random life of keys, held against a plain model.

Keys are made, imported, rotated, changed, used, deleted, recovered, purged, backed up and restored in any order, while
time moves and the vault is opened again. What a version protected must open under that version as long as it is there
and enabled, and under nothing else.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

import localvault
from localvault.testing.clock import FixedClock
from localvault.testing.profiles import CHEAPEST

PASSPHRASE = "the passphrase of a model"
NAMES = st.sampled_from(["orders", "Orders", "signing", "k" * 127])
KINDS: dict[str, dict[str, Any]] = {
    "oct": {"size": 128},
    "EC": {"curve": "P-256"},
    "OKP": {"curve": "Ed25519"},
}
SIGNS = {"EC": "ES256", "OKP": "EdDSA"}
JWK = {"kty": "oct", "k": "AAECAwQFBgcICQoLDA0ODw"}
RETENTION = 7


class ModelKey:
    """What the model keeps of one key: its versions in order, each with its type and state; and when it is purged."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.versions: dict[str, dict[str, Any]] = {}
        self.purge_on: Any = None

    @property
    def current(self) -> str:
        return list(self.versions)[-1]

    def copy(self) -> ModelKey:
        made = ModelKey(self.name)
        made.versions = {version: dict(state) for version, state in self.versions.items()}
        return made


class Made(NamedTuple):
    """What a version of a key made of a message."""

    name: str
    version: str
    kty: str
    message: bytes
    result: Any


class KeyLife(RuleBasedStateMachine):
    """All verbs on keys in any order."""

    made = Bundle("made")
    blobs = Bundle("blobs")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="localvault-key-life-")
        self.path = Path(self.folder.name) / "v"
        self.clock = FixedClock()
        self.keys: dict[str, ModelKey] = {}
        self.vault: localvault.Vault

    @initialize()
    def begin(self) -> None:
        self.vault = localvault.create(
            self.path,
            passphrase=PASSPHRASE,
            name="life",
            kdf=CHEAPEST,
            allow_weak=True,
            clock=self.clock,
            retention_days=RETENTION,
        )

    def teardown(self) -> None:
        if hasattr(self, "vault"):
            self.vault.audit.verify()
            assert self.vault.check() == []
            self.vault.close()
        self.folder.cleanup()

    def live(self, name: str) -> ModelKey | None:
        key = self.keys.get(name.lower())
        return key if key is not None and key.purge_on is None else None

    def gone(self, name: str) -> ModelKey | None:
        key = self.keys.get(name.lower())
        return key if key is not None and key.purge_on is not None else None

    def adds(self, name: str, kty: str, act: Callable[[], localvault.Key]) -> None:
        """`act` adds a version, unless a deleted key has the name."""
        if self.gone(name):
            with pytest.raises(localvault.ObjectIsDeletedButRecoverable):
                act()
            return
        version = act().version
        key = self.keys.setdefault(name.lower(), ModelKey(name))
        assert version is not None
        assert version not in key.versions
        key.versions[version] = {"kty": kty, "enabled": True}

    @rule(name=NAMES, kty=st.sampled_from(list(KINDS)))
    def create(self, name: str, kty: str) -> None:
        self.adds(name, kty, lambda: self.vault.keys.create(name, kty, **KINDS[kty]))  # type: ignore[arg-type]

    @rule(name=NAMES)
    def import_(self, name: str) -> None:
        self.adds(name, "oct", lambda: self.vault.keys.import_(name, JWK))

    @rule(name=NAMES)
    def rotate(self, name: str) -> None:
        key = self.live(name)
        if key is None:
            with pytest.raises(localvault.KeyNotFound):
                self.vault.keys.rotate(name)
            return
        self.adds(name, key.versions[key.current]["kty"], lambda: self.vault.keys.rotate(name))

    @rule(name=NAMES, enabled=st.booleans(), data=st.data())
    def update(self, name: str, enabled: bool, data: st.DataObject) -> None:
        key = self.live(name)
        if key is None:
            with pytest.raises(localvault.KeyNotFound):
                self.vault.keys.update(name, enabled=enabled)
            return
        version = data.draw(st.sampled_from([None, *key.versions]))
        self.vault.keys.update(name, version, enabled=enabled)
        key.versions[version or key.current]["enabled"] = enabled

    @rule(target=made, name=NAMES, message=st.binary(max_size=40))
    def protect(self, name: str, message: bytes) -> Any:
        key = self.live(name)
        crypto = self.vault.crypto(name)
        kty = "oct" if key is None else key.versions[key.current]["kty"]
        digest = hashlib.sha256(message).digest()

        def act() -> Any:
            return crypto.seal(message) if kty == "oct" else crypto.sign(SIGNS[kty], digest).signature

        if key is None or not key.versions[key.current]["enabled"]:
            with pytest.raises(localvault.KeyNotFound if key is None else localvault.KeyDisabled):
                act()
            return multiple()
        return Made(key.name, key.current, kty, message, act())

    @rule(made=made)
    def unprotect(self, made: Made) -> None:
        key = self.live(made.name)
        crypto = self.vault.crypto(made.name, None if made.kty == "oct" else made.version)
        digest = hashlib.sha256(made.message).digest()

        def act() -> None:
            if made.kty == "oct":
                assert crypto.open(made.result) == made.message
            else:
                crypto.verify(SIGNS[made.kty], digest, made.result)

        if key is None:
            expected: type[Exception] = localvault.KeyNotFound
        elif made.version not in key.versions:
            expected = localvault.DecryptionFailed if made.kty == "oct" else localvault.KeyNotFound
        elif not key.versions[made.version]["enabled"]:
            expected = localvault.KeyDisabled
        else:
            act()
            return
        with pytest.raises(expected):
            act()

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        key = self.live(name)
        if key is None:
            with pytest.raises(localvault.KeyNotFound):
                self.vault.keys.delete(name)
            return
        key.purge_on = self.vault.keys.delete(name).scheduled_purge_date

    @rule(name=NAMES)
    def recover(self, name: str) -> None:
        key = self.gone(name)
        if key is None:
            with pytest.raises(localvault.KeyNotFound):
                self.vault.keys.recover(name)
            return
        self.vault.keys.recover(name)
        key.purge_on = None

    @rule(name=NAMES)
    def purge(self, name: str) -> None:
        if self.gone(name) is None:
            with pytest.raises(localvault.KeyNotFound):
                self.vault.keys.purge(name)
            return
        self.vault.keys.purge(name)
        del self.keys[name.lower()]

    @rule(target=blobs, name=NAMES)
    def backup(self, name: str) -> Any:
        key = self.live(name)
        if key is None:
            with pytest.raises(localvault.KeyNotFound):
                self.vault.keys.backup(name)
            return multiple()
        return key.copy(), self.vault.keys.backup(name)

    @rule(pair=consumes(blobs))
    def restore(self, pair: tuple[ModelKey, bytes]) -> None:
        copy, blob = pair
        if copy.name.lower() in self.keys:
            with pytest.raises(localvault.Conflict):
                self.vault.keys.restore(blob)
            return
        self.vault.keys.restore(blob)
        self.keys[copy.name.lower()] = copy

    @rule(days=st.integers(-3, 10))
    def move_clock(self, days: int) -> None:
        self.clock.move(days=days)

    @rule()
    def run_agenda(self) -> None:
        self.vault.agenda.run_due()
        due = [n for n, k in self.keys.items() if k.purge_on is not None and k.purge_on <= self.clock.now]
        for name in due:
            del self.keys[name]

    @rule()
    def reopen(self) -> None:
        self.vault.close()
        self.vault = localvault.open(self.path, passphrase=PASSPHRASE, allow_weak=True, clock=self.clock)

    @precondition(lambda self: hasattr(self, "vault"))
    @invariant()
    def agrees_with_the_model(self) -> None:
        """Lists, versions, types and states are those of the model."""
        live = [key for key in self.keys.values() if key.purge_on is None]
        assert {p.name for p in self.vault.keys.list(page_size=2)} == {key.name for key in live}
        deleted = {d.name: d.scheduled_purge_date for d in self.vault.keys.list_deleted()}
        assert deleted == {k.name: k.purge_on for k in self.keys.values() if k.purge_on is not None}
        for key in live:
            found = {p.version: (p.kty, p.enabled) for p in self.vault.keys.versions(key.name.swapcase())}
            assert found == {v: (state["kty"], state["enabled"]) for v, state in key.versions.items()}
            assert list(found) == list(key.versions)


TestKeyLife = KeyLife.TestCase
TestKeyLife.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.soak
def test_long_life() -> None:
    """The same machine for a thousand lives."""
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        KeyLife, settings=settings(TestKeyLife.settings, max_examples=1000, stateful_step_count=60)
    )
