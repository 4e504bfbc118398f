"""Keys in use while things happen to them: the part of a random life that seals, opens, counts and retires.

The rules of a state machine that has a vault, a clock and a `World` (`tests.support.lifecycle`), which says what each
version may do. Tokens and data keys are kept for the whole life: of versions that are disabled, expired, retired,
trimmed, deleted or restored since.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

import localvault
from localvault import DataKey, VersionCounts
from localvault.testing.clock import FixedClock
from tests.support.lifecycle import Thing, World

KEYS = st.sampled_from(["k-one", "k-two"])
PLACES = st.integers(0, 9)


class Token(NamedTuple):
    """What a version of a key sealed."""

    name: str
    version: str
    sealed: bytes
    text: bytes


class Held(NamedTuple):
    """A data key, the version that wrapped it, a token it sealed, and the open vault it belongs to."""

    name: str
    version: str
    key: DataKey
    sealed: bytes
    vault: localvault.Vault


class KeysInUse(RuleBasedStateMachine):
    """Seals, opens, moves, counts and retires, and knows what each must come to."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FixedClock()
        self.world = World()
        self.tokens: list[Token] = []
        self.held: list[Held] = []
        self.vault: localvault.Vault

    def refusal(self, name: str, version: str, *, makes: bool = False) -> type[Exception] | None:
        """The error that using a version of a key gives now, None if it works."""
        return self.world.refusal(name, version, self.clock.now, makes=makes)

    def current_refusal(self, name: str) -> type[Exception] | None:
        """The error that sealing under a key gives now."""
        thing = self.world.live(name)
        return localvault.KeyNotFound if thing is None else self.refusal(name, thing.current, makes=True)

    @rule(name=KEYS, text=st.binary(max_size=20))
    def seal(self, name: str, text: bytes) -> None:
        """A token is made by the current version, if that may, and kept."""
        if error := self.current_refusal(name):
            with pytest.raises(error):
                self.vault.crypto(name).seal(text)
            return
        sealed = self.vault.crypto(name).seal(text)
        version = self.world.things[name].current
        assert localvault.token_version(sealed) == version
        self.tokens.append(Token(name, version, sealed, text))

    @precondition(lambda self: self.tokens)
    @rule(place=PLACES)
    def open_one(self, place: int) -> None:
        """A token of any age."""
        self.opens(self.tokens[place % len(self.tokens)])

    def opens(self, token: Token) -> None:
        """A token opens if its version may."""
        error = self.refusal(token.name, token.version)
        if error is localvault.KeyNotFound and self.world.live(token.name):
            error = localvault.DecryptionFailed  # the key is there, and that version of it is not
        if error is None:
            assert self.vault.crypto(token.name).open(token.sealed) == token.text
        else:
            with pytest.raises(error):
                self.vault.crypto(token.name).open(token.sealed)

    @rule(name=KEYS)
    def rewrap_many(self, name: str) -> None:
        """The tokens of a key are moved to its current version, unless one of them may not be opened."""
        mine = [token for token in self.tokens if token.name == name]
        refusals = {token: self.refusal(name, token.version) for token in mine}
        ends = {self.current_refusal(name)} - {None} or (
            set(refusals.values()) - {None, localvault.KeyNotFound}
        )
        failed: list[int] = []

        def act() -> list[bytes]:
            return self.vault.crypto(name).rewrap_many([token.sealed for token in mine], failed=failed)

        if ends:
            with pytest.raises(tuple(error for error in ends if error)):
                act()
            return
        current = self.world.things[name].current
        moved = dict(zip(mine, act(), strict=True))
        assert {mine[place] for place in failed} == {token for token in mine if refusals[token]}
        self.tokens = [
            token._replace(version=current, sealed=moved[token]) if moved.get(token) else token
            for token in self.tokens
        ]

    @rule(name=KEYS)
    def hold(self, name: str) -> None:
        """A data key is made, and kept."""
        if error := self.current_refusal(name):
            with pytest.raises(error):
                self.vault.crypto(name).data_key()
            return
        key = self.vault.crypto(name).data_key()
        self.held.append(Held(name, self.world.things[name].current, key, key.seal(b"text"), self.vault))

    @precondition(lambda self: self.held)
    @rule(place=PLACES)
    def use_held(self, place: int) -> None:
        """It seals while its version may wrap, and opens while that may unwrap, whatever happened in between."""
        held = self.held[place % len(self.held)]
        for makes in (False, True):
            error = self.refusal(held.name, held.version, makes=makes)
            if held.vault is not self.vault:
                error = localvault.VaultClosed
            if error is None:
                sealed = held.key.seal(b"text") if makes else held.sealed
                assert held.key.open(sealed) == b"text"
                continue
            with pytest.raises(error):
                held.key.seal(b"text") if makes else held.key.open(held.sealed)

    @precondition(lambda self: self.held)
    @rule(place=PLACES, move=st.booleans())
    def open_held(self, place: int, move: bool) -> None:
        """Its wrapped form opens, or is moved, as a token would be."""
        place %= len(self.held)
        held = self.held[place]
        error = self.refusal(held.name, held.version)
        if error is localvault.KeyNotFound and self.world.live(held.name):
            error = localvault.DecryptionFailed
        if move:
            error = self.current_refusal(held.name) or error

        def act() -> bytes:
            wrapped = held.key.wrapped
            return self.vault.crypto(held.name).rewrap_data_keys([wrapped])[0] if move else wrapped

        crypto = self.vault.crypto(held.name)
        if error:
            with pytest.raises(error):
                crypto.open_data_key(act())
            return
        opened = crypto.open_data_key(act())
        assert opened.open(held.sealed) == b"text"
        version = self.world.things[held.name].current if move else held.version
        self.held[place] = held._replace(version=version, key=opened, vault=self.vault)

    def counted(self, thing: Thing) -> VersionCounts:
        """The counts of all tokens there are."""
        counts = self.vault.crypto(thing.name).count_versions([token.sealed for token in self.tokens])
        named = Counter(token.version for token in self.tokens)
        assert dict(counts.counts) == {each: named[each] for each in named if each in thing.versions}
        assert dict(counts.unknown) == {each: named[each] for each in named if each not in thing.versions}
        return counts

    @rule(name=KEYS, place=PLACES)
    def retire(self, name: str, place: int) -> None:
        """A version is disabled if no token needs it."""
        thing = self.world.live(name)
        if thing is None:
            with pytest.raises(localvault.KeyNotFound):
                self.vault.crypto(name).count_versions([])
            return
        version, counts = pick(thing, place), self.counted(thing)
        if version == thing.current or counts.of(version):
            with pytest.raises(localvault.Conflict):
                self.vault.keys.retire(name, version, counts)
            return
        assert not self.vault.keys.retire(name, version, counts).enabled
        thing.versions[version].enabled = False


def pick(thing: Thing, place: int) -> str:
    """One of an object's versions."""
    return list(thing.versions)[place % len(thing.versions)]
