"""A random life of keys whose versions are taken out of use, held against a plain model.

All of `test_key_life`, and besides: version policies are set and lifted, versions retired with proof and trimmed. The
model knows no border: it counts versions from the newest on, or to the one a policy names, whenever it is asked.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

import localvault
from localvault import VersionCounts, VersionPolicy
from tests.property.test_key_life import KeyLife, Made
from tests.support.lives import LONG, NAMES, QUICK, ModelObject

PLACES = st.integers(0, 9)


def policy_of(found: ModelObject) -> VersionPolicy:
    """The policy of a key, as the model has it."""
    return getattr(found, "policy", VersionPolicy())


def retired(found: ModelObject) -> list[str]:
    """The versions that the policy retires, the oldest first."""
    policy, versions = policy_of(found), list(found.versions)
    if policy.latest_minus is not None:
        return versions[: max(0, len(versions) - 1 - policy.latest_minus)]
    return [] if policy.minimum_open is None else versions[: versions.index(policy.minimum_open)]


class RetiringLife(KeyLife):
    """All verbs on keys, and those that take versions out of use, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens: list[Made] = []

    @rule(name=NAMES, count=st.integers(0, 3), keep=st.integers(1, 3))
    def latest_minus(self, name: str, count: int, keep: int) -> None:
        """A minimum that moves."""
        self.give(name, VersionPolicy(latest_minus=count, keep=keep))

    @rule(name=NAMES, place=PLACES)
    def minimum(self, name: str, place: int) -> None:
        """A minimum that stays."""
        found = self.live(name)
        if found is not None:
            versions = list(found.versions)
            self.give(name, VersionPolicy(minimum_open=versions[place % len(versions)]))

    @rule(name=NAMES)
    def no_minimum(self, name: str) -> None:
        """Everything opens again."""
        self.give(name, VersionPolicy())

    def give(self, name: str, policy: VersionPolicy) -> None:
        """Set a policy."""
        found = self.live(name)
        if found is None:
            with pytest.raises(localvault.KeyNotFound):
                self.verbs.set_version_policy(name, policy)
            return
        assert self.verbs.set_version_policy(name, policy) == policy
        found.policy = policy  # type: ignore[attr-defined]  # only here is there any

    @rule(made=KeyLife.made)
    def unprotect(self, made: Made) -> None:
        found = self.live(made.name)
        usable = found is not None and found.versions.get(made.version, {}).get("enabled")
        if found is None or not usable or made.kty != "oct" or made.version not in retired(found):
            super().unprotect(made)
            return
        crypto = self.vault.crypto(made.name)
        for attempt in (crypto.open, lambda token: crypto.open_many([token], failed=[])):
            with pytest.raises(localvault.KeyVersionRetired):
                attempt(made.result)

    @rule(made=KeyLife.made)
    def keep(self, made: Made) -> None:
        """A token that is there whenever tokens are counted."""
        if made.kty == "oct":
            self.tokens.append(made)

    def counted(self, name: str) -> VersionCounts:
        """The counts of all tokens that were kept."""
        counts = self.vault.crypto(name).count_versions([made.result for made in self.tokens])
        assert counts.total == len(self.tokens)
        found = self.live(name)
        assert found is not None
        assert set(counts.counts) <= set(found.versions)
        assert not set(counts.unknown) & set(found.versions)
        return counts

    @rule(name=NAMES, keep=st.integers(1, 4), with_counts=st.booleans())
    def trim(self, name: str, keep: int, with_counts: bool) -> None:
        """What is retired goes, unless it is needed."""
        found = self.live(name)
        if found is None:
            with pytest.raises(localvault.KeyNotFound):
                self.verbs.trim(name)
            return
        keep_all = max(keep, policy_of(found).keep)
        going = [each for each in retired(found) if each not in list(found.versions)[-keep_all:]]
        needed = self.counted(name) if with_counts else None
        if needed is not None and any(needed.of(each) for each in going):
            for dry_run in (True, False):
                with pytest.raises(localvault.Conflict):
                    self.verbs.trim(name, needed, keep=keep, dry_run=dry_run)
            return
        assert self.verbs.trim(name, needed, keep=keep, dry_run=True) == going
        assert self.verbs.trim(name, needed, keep=keep) == going
        for each in going:
            del found.versions[each]

    @rule(name=NAMES, place=PLACES)
    def retire(self, name: str, place: int) -> None:
        """A version is disabled if no token needs it."""
        found = self.live(name)
        if found is None:
            return
        version = list(found.versions)[place % len(found.versions)]
        counts = self.counted(name)
        if version == found.current or counts.of(version):
            with pytest.raises(localvault.Conflict):
                self.verbs.retire(name, version, counts)
            return
        assert not self.verbs.retire(name, version, counts).enabled
        found.versions[version]["enabled"] = False

    def agrees_on(self, found: ModelObject) -> None:
        super().agrees_on(found)
        shown: list[Any] = list(self.verbs.versions(found.name))
        assert [each.version for each in shown if each.retired] == retired(found)
        assert self.verbs.version_policy(found.name) == policy_of(found)


TestRetiringLife = RetiringLife.TestCase
TestRetiringLife.settings = settings(QUICK, max_examples=40)


@pytest.mark.soak
def test_long_life() -> None:
    """The same machine for a thousand lives."""
    run_state_machine_as_test(RetiringLife, settings=LONG)
