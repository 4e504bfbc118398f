"""A random life of secrets, held against a plain model.

After every step the vault must agree with the model, also after closing and opening; and what a key sealed opens across
its rotations.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, consumes, rule, run_state_machine_as_test

import localvault
from tests.support.lives import LONG, NAMES, QUICK, ModelObject, ObjectLife

VALUES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.binary(max_size=40),
    st.just("v" * 25_600),
    st.just("v" * 25_601),
)
TAGS = st.one_of(
    st.none(), st.dictionaries(st.text("abc", min_size=1, max_size=3), st.text("xyz", max_size=3), max_size=3)
)


class Life(ObjectLife):
    """All verbs on secrets, and a key that seals across rotations, in any order."""

    room, not_found = "secrets", localvault.SecretNotFound
    tokens = Bundle("tokens")

    def furnish(self) -> None:
        self.vault.keys.create("sealer", "oct", size=256)

    @rule(name=NAMES, value=VALUES, tags=TAGS)
    def set(self, name: str, value: str | bytes, tags: dict[str, str] | None) -> None:
        size = len(value.encode() if isinstance(value, str) else value)
        if size > 25_600:
            with pytest.raises(localvault.BadParameter):
                self.verbs.set(name, value, tags=tags)
        elif self.gone(name):
            with pytest.raises(localvault.ObjectIsDeletedButRecoverable):
                self.verbs.set(name, value, tags=tags)
        else:
            self.note_version(
                name, self.verbs.set(name, value, tags=tags).version, value=value, tags=tags or {}
            )

    @rule(values=st.lists(st.tuples(NAMES, st.text("ab", max_size=3)), max_size=5))
    def set_many(self, values: list[tuple[str, str]]) -> None:
        if any(self.gone(name) for name, _ in values):
            with pytest.raises(localvault.ObjectIsDeletedButRecoverable):
                self.verbs.set_many(values)
            return
        for (name, value), made in zip(values, self.verbs.set_many(values), strict=True):
            self.note_version(name, made.version, value=value, tags={})

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
                        done.append((name, self.verbs.set(name, "batched").version))
                        assert self.verbs.get(name).value == "batched"
                    else:
                        done.append((name, self.verbs.delete(name).scheduled_purge_date))
            if fail:
                raise ZeroDivisionError
        for name, outcome in [] if fail else done:
            if isinstance(outcome, str):
                self.note_version(name, outcome, value="batched", tags={})
            else:
                self.objects[name.lower()].purge_on = outcome

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

    def agrees_on(self, found: ModelObject) -> None:
        for version, state in found.versions.items():
            if not state["enabled"]:
                with pytest.raises(localvault.SecretDisabled):
                    self.verbs.get(found.name.swapcase(), version)
                continue
            secret = self.verbs.get(found.name.swapcase(), version)
            assert (secret.value, type(secret.value)) == (state["value"], type(state["value"]))
            assert secret.properties.tags == state["tags"]


TestLife = Life.TestCase
TestLife.settings = QUICK


@pytest.mark.soak
def test_long_life() -> None:
    """The same machine for a thousand lives."""
    run_state_machine_as_test(Life, settings=LONG)
