"""A random life of keys and of the data keys they wrap, held against a plain model.

A data key that is in use works exactly while the version that wrapped it is there and enabled, whatever happened in
between; its wrapped form opens exactly then, and can be moved to another version, whose fate it shares from then on.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, multiple, rule, run_state_machine_as_test

import localvault
from localvault import DataKey
from tests.property.test_key_life import KeyLife
from tests.support.lives import LONG, NAMES, QUICK


class Held(NamedTuple):
    """A data key, the version that wrapped it, a token it sealed, and the open vault it belongs to."""

    name: str
    version: str
    key: DataKey
    token: bytes
    vault: localvault.Vault


class DataKeyLife(KeyLife):
    """All verbs on keys in any order, and those on data keys between them."""

    held = Bundle("held")

    def state(self, name: str, version: str) -> type[Exception] | None:
        """The error that using this version of a key gives now, None if it works."""
        key = self.live(name)
        if key is None or version not in key.versions:
            return localvault.KeyNotFound
        return None if key.versions[version]["enabled"] else localvault.KeyDisabled

    def is_oct(self, name: str) -> bool:
        """Whether the current version can wrap data keys."""
        key = self.live(name)
        return key is not None and key.versions[key.current]["kty"] == "oct"

    @rule(target=held, name=NAMES, algorithm=st.sampled_from([None, "A128KW"]))
    def hold(self, name: str, algorithm: str | None) -> Any:
        if not self.is_oct(name):
            return multiple()
        current = self.live(name).current  # type: ignore[union-attr]
        error = self.state(name, current)
        if error is not None:
            with pytest.raises(error):
                self.vault.crypto(name).data_key(algorithm=algorithm)
            return multiple()
        made = self.vault.crypto(name).data_key(algorithm=algorithm)
        return Held(name, current, made, made.seal(b"text"), self.vault)

    @rule(held=held)
    def use(self, held: Held) -> None:
        error = self.state(held.name, held.version)
        if held.vault is not self.vault:
            error = localvault.VaultClosed
        if error is None:
            assert held.key.open(held.token) == b"text"
            assert held.key.open(held.key.seal(b"more")) == b"more"
            return
        for act in (lambda: held.key.open(held.token), lambda: held.key.seal(b"more")):
            with pytest.raises(error):
                act()

    @rule(target=held, held=held)
    def open_again(self, held: Held) -> Any:
        error = self.state(held.name, held.version)
        if error is None:
            opened = self.vault.crypto(held.name).open_data_key(held.key.wrapped)
            assert opened.id == held.key.id
            return held._replace(key=opened, vault=self.vault)
        if error is localvault.KeyNotFound and self.live(held.name) is not None:
            error = localvault.DecryptionFailed  # the key is there, and that version of it is not
        with pytest.raises(error):
            self.vault.crypto(held.name).open_data_key(held.key.wrapped)
        return multiple()

    @rule(target=held, held=held)
    def move(self, held: Held) -> Any:
        if not self.is_oct(held.name):
            return multiple()
        current = self.live(held.name).current  # type: ignore[union-attr]
        if self.state(held.name, current) or self.state(held.name, held.version):
            with pytest.raises((localvault.KeyDisabled, localvault.DecryptionFailed)):
                self.vault.crypto(held.name).rewrap_data_keys([held.key.wrapped])
            return multiple()
        crypto = self.vault.crypto(held.name)
        (moved,) = crypto.rewrap_data_keys([held.key.wrapped])
        opened = crypto.open_data_key(moved)
        assert opened.open(held.token) == b"text"
        return held._replace(version=current, key=opened, vault=self.vault)


TestDataKeyLife = DataKeyLife.TestCase
TestDataKeyLife.settings = settings(QUICK, max_examples=10)


@pytest.mark.soak
def test_long_life() -> None:
    """The same machine for a thousand lives."""
    run_state_machine_as_test(DataKeyLife, settings=LONG)
