"""A random life of a vault, held against a plain model.

The model is dictionaries and the rules of Key Vault written once more, as plainly as possible. After every step the
vault must agree with it, also after closing and opening; in the end the journal verifies and `check` finds nothing.
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

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
NAMES = st.sampled_from(["db", "DB", "api-key", "x", "a" * 127, "0"])
VALUES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.binary(max_size=40),
    st.just("v" * 25_600),
    st.just("v" * 25_601),
)
TAGS = st.one_of(
    st.none(), st.dictionaries(st.text("abc", min_size=1, max_size=3), st.text("xyz", max_size=3), max_size=3)
)
RETENTION = 7


class ModelSecret:
    """What the model keeps of one secret: its versions in order, and when it was deleted."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.versions: dict[str, dict[str, Any]] = {}
        self.purge_on: Any = None

    @property
    def current(self) -> str:
        return list(self.versions)[-1]


class Life(RuleBasedStateMachine):
    """All verbs on secrets, and a key that seals across rotations, in any order, with time moving and reopening."""

    tokens = Bundle("tokens")
    blobs = Bundle("blobs")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="localvault-life-")
        self.path = Path(self.folder.name) / "v"
        self.clock = FixedClock()
        self.secrets: dict[str, ModelSecret] = {}
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
        self.vault.keys.create("sealer", "oct", size=256)

    def teardown(self) -> None:
        if hasattr(self, "vault"):
            self.vault.audit.verify()
            assert list(self.vault.check()) == []
            self.vault.close()
        self.folder.cleanup()

    def live(self, name: str) -> ModelSecret | None:
        secret = self.secrets.get(name.lower())
        return secret if secret is not None and secret.purge_on is None else None

    def gone(self, name: str) -> ModelSecret | None:
        secret = self.secrets.get(name.lower())
        return secret if secret is not None and secret.purge_on is not None else None

    @rule(name=NAMES, value=VALUES, tags=TAGS)
    def set(self, name: str, value: str | bytes, tags: dict[str, str] | None) -> None:
        size = len(value.encode() if isinstance(value, str) else value)
        if size > 25_600:
            with pytest.raises(localvault.BadParameter):
                self.vault.secrets.set(name, value, tags=tags)
        elif self.gone(name):
            with pytest.raises(localvault.ObjectIsDeletedButRecoverable):
                self.vault.secrets.set(name, value, tags=tags)
        else:
            made = self.vault.secrets.set(name, value, tags=tags)
            self.note_version(name, made.version, value, tags)

    def note_version(self, name: str, version: str | None, value: Any, tags: dict[str, str] | None) -> None:
        secret = self.secrets.setdefault(name.lower(), ModelSecret(name))
        assert version is not None
        assert version not in secret.versions
        secret.versions[version] = {"value": value, "tags": tags or {}, "enabled": True}

    @rule(values=st.lists(st.tuples(NAMES, st.text("ab", max_size=3)), max_size=5))
    def set_many(self, values: list[tuple[str, str]]) -> None:
        if any(self.gone(name) for name, _ in values):
            with pytest.raises(localvault.ObjectIsDeletedButRecoverable):
                self.vault.secrets.set_many(values)
            return
        for (name, value), made in zip(values, self.vault.secrets.set_many(values), strict=True):
            self.note_version(name, made.version, value, None)

    @rule(
        steps=st.lists(st.tuples(NAMES, st.sampled_from(["set", "delete"])), max_size=4), fail=st.booleans()
    )
    def batch(self, steps: list[tuple[str, str]], fail: bool) -> None:
        """A batch that fails leaves nothing behind; one that does not leaves everything."""
        done: list[Any] = []
        with suppress(ZeroDivisionError), self.vault.batch():
            for name, verb in steps:
                with suppress(localvault.NotFound, localvault.Conflict):
                    if verb == "set":
                        done.append((name, self.vault.secrets.set(name, "batched").version))
                        assert self.vault.secrets.get(name).value == "batched"
                    else:
                        done.append((name, self.vault.secrets.delete(name).scheduled_purge_date))
            if fail:
                raise ZeroDivisionError
        for name, outcome in [] if fail else done:
            if isinstance(outcome, str):
                self.note_version(name, outcome, "batched", None)
            else:
                self.secrets[name.lower()].purge_on = outcome

    @rule(name=NAMES, enabled=st.booleans(), data=st.data())
    def update(self, name: str, enabled: bool, data: st.DataObject) -> None:
        secret = self.live(name)
        if secret is None:
            with pytest.raises(localvault.SecretNotFound):
                self.vault.secrets.update(name, enabled=enabled)
            return
        version = data.draw(st.sampled_from([None, *secret.versions]))
        before = {p.version: p.updated for p in self.vault.secrets.versions(name)}
        after = self.vault.secrets.update(name, version, enabled=enabled)
        assert after.updated > before[after.version]
        secret.versions[version or secret.current]["enabled"] = enabled

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        secret = self.live(name)
        if secret is None:
            with pytest.raises(localvault.SecretNotFound):
                self.vault.secrets.delete(name)
            return
        secret.purge_on = self.vault.secrets.delete(name).scheduled_purge_date
        assert secret.purge_on == self.clock.now + timedelta(days=RETENTION)

    @rule(name=NAMES)
    def recover(self, name: str) -> None:
        secret = self.gone(name)
        if secret is None:
            with pytest.raises(localvault.SecretNotFound):
                self.vault.secrets.recover(name)
            return
        self.vault.secrets.recover(name)
        secret.purge_on = None

    @rule(name=NAMES)
    def purge(self, name: str) -> None:
        if self.gone(name) is None:
            with pytest.raises(localvault.SecretNotFound):
                self.vault.secrets.purge(name)
            return
        self.vault.secrets.purge(name)
        del self.secrets[name.lower()]

    @rule(target=blobs, name=NAMES)
    def backup(self, name: str) -> Any:
        secret = self.live(name)
        if secret is None:
            with pytest.raises(localvault.SecretNotFound):
                self.vault.secrets.backup(name)
            return multiple()
        copy = ModelSecret(secret.name)
        copy.versions = {version: dict(state) for version, state in secret.versions.items()}
        return copy, self.vault.secrets.backup(name)

    @rule(pair=consumes(blobs))
    def restore(self, pair: tuple[ModelSecret, bytes]) -> None:
        copy, blob = pair
        if self.secrets.get(copy.name.lower()) is not None:
            with pytest.raises(localvault.Conflict):
                self.vault.secrets.restore(blob)
            return
        self.vault.secrets.restore(blob)
        self.secrets[copy.name.lower()] = copy

    @rule(target=tokens, plaintext=st.binary(max_size=50), context=st.sampled_from([b"", b"column a"]))
    def seal(self, plaintext: bytes, context: bytes) -> tuple[bytes, bytes, bytes]:
        return plaintext, context, self.vault.crypto("sealer").seal(plaintext, context)

    @rule(token=tokens)
    def open_token(self, token: tuple[bytes, bytes, bytes]) -> None:
        plaintext, context, sealed = token
        assert self.vault.crypto("sealer").open(sealed, context) == plaintext
        with pytest.raises(localvault.DecryptionFailed):
            self.vault.crypto("sealer").open(sealed, context + b"!")

    @rule(target=tokens, token=consumes(tokens))
    def rewrap(self, token: tuple[bytes, bytes, bytes]) -> tuple[bytes, bytes, bytes]:
        plaintext, context, sealed = token
        return plaintext, context, self.vault.crypto("sealer").rewrap(sealed, context)

    @rule()
    def rotate(self) -> None:
        before = self.vault.keys.get("sealer").version
        assert self.vault.keys.rotate("sealer").version != before

    @rule(days=st.integers(-3, 10))
    def move_clock(self, days: int) -> None:
        self.clock.move(days=days)

    @rule()
    def run_agenda(self) -> None:
        self.vault.agenda.run_due()
        due = [n for n, s in self.secrets.items() if s.purge_on is not None and s.purge_on <= self.clock.now]
        for name in due:
            del self.secrets[name]

    @rule()
    def reopen(self) -> None:
        self.vault.close()
        with pytest.raises(localvault.UnlockFailed):
            localvault.open(self.path, passphrase="not the passphrase", allow_weak=True)
        self.vault = localvault.open(self.path, passphrase=PASSPHRASE, allow_weak=True, clock=self.clock)

    @precondition(lambda self: hasattr(self, "vault"))
    @invariant()
    def agrees_with_the_model(self) -> None:
        """Lists, versions, values and states are those of the model."""
        live = {name: secret for name, secret in self.secrets.items() if secret.purge_on is None}
        assert {p.name for p in self.vault.secrets.list(page_size=2)} == {s.name for s in live.values()}
        deleted = {d.name: d.scheduled_purge_date for d in self.vault.secrets.list_deleted(page_size=1)}
        assert deleted == {s.name: s.purge_on for s in self.secrets.values() if s.purge_on is not None}
        for secret in live.values():
            assert [p.version for p in self.vault.secrets.versions(secret.name)] == list(secret.versions)
            for version, state in secret.versions.items():
                self.agrees_on_version(secret.name.swapcase(), version, state)

    def agrees_on_version(self, name: str, version: str, state: dict[str, Any]) -> None:
        if not state["enabled"]:
            with pytest.raises(localvault.SecretDisabled):
                self.vault.secrets.get(name, version)
            return
        found = self.vault.secrets.get(name, version)
        assert (found.value, type(found.value)) == (state["value"], type(state["value"]))
        assert found.properties.tags == state["tags"]


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.soak
def test_long_life() -> None:
    """The same machine for a thousand lives."""
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        Life, settings=settings(TestLife.settings, max_examples=1000, stateful_step_count=60)
    )
