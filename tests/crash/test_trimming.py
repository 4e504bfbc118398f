"""Versions retired and trimmed by a process that is killed before each single step of it.

Whatever the step, what was acknowledged holds; what is gone are the oldest versions in whole transactions, each with
its event; the key goes on, and trimming again finishes what was begun.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import localvault
from localvault import VersionPolicy
from localvault.journal import journal
from localvault.lifecycle import trimming
from tests.crash.test_vault_killed import assert_whole
from tests.support import life
from tests.support.children import Say
from tests.support.steps import killed_before, steps_of, traceable

VERSIONS, AT_ONCE = 7, 2


def make(path: Path) -> tuple[list[str], bytes]:
    """A vault whose key `k` has versions; returns them, and a token of the current one."""
    with life.create(path) as vault:
        vault.keys.create("k", "oct")
        for _ in range(VERSIONS - 1):
            vault.keys.rotate("k")
        return versions(vault), vault.crypto("k").seal(b"text")


def versions(vault: localvault.Vault) -> list[str]:
    """The versions of `k`, the oldest first."""
    return [str(each.version) for each in vault.keys.versions("k")]


def work(path: Path, say: Say) -> None:
    """Set a policy and trim, saying when each is acknowledged."""
    journal._SETTLE_EVERY, journal._LOOK_AROUND = -1.0, -1.0
    trimming.AT_ONCE = AT_ONCE
    with life.reopen(path) as vault:
        vault.keys.set_version_policy("k", VersionPolicy(latest_minus=0))
        say("retired")
        say(vault.keys.trim("k"))


def look(path: Path, ids: list[str], token: bytes, heard: list[object]) -> None:
    """Open the vault as the next process does, and see that all is as it was acknowledged."""
    assert_whole(path)
    with life.reopen(path) as vault:
        found = versions(vault)
        gone = ids[: len(ids) - len(found)]
        assert found == ids[len(gone) :]
        assert len(gone) % AT_ONCE == 0 or len(found) == 1
        told = [
            each for event in vault.audit.events(operation="KeyTrim") for each in event.details["removed"]
        ]
        assert told == gone
        if "retired" in heard:
            assert vault.keys.version_policy("k") == VersionPolicy(latest_minus=0)
        if len(heard) > 1:
            assert gone == heard[1] == ids[:-1]
        assert vault.crypto("k").open(token) == b"text"
        vault.keys.set_version_policy("k", VersionPolicy(latest_minus=0))
        assert vault.keys.trim("k") == ids[len(gone) : -1]
        assert vault.check() == []


@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.soak)])
def test_killed_before_each_step(memory: Path, every: int) -> None:
    """No version is half gone, none is gone out of order, and none without an event that tells of it."""
    make(memory / "first")
    steps = steps_of(lambda say: work(memory / "first", say))
    assert steps > 20 or not traceable()
    partly = 0
    for step in range(0, steps, every):
        path = memory / f"{step}"
        ids, token = make(path)
        killed, heard = killed_before(lambda say, path=path: work(path, say), step)  # type: ignore[misc]
        assert killed or step > 0.9 * steps
        try:
            partly += heard == ["retired"]
            look(path, ids, token, heard)
        except AssertionError as error:
            raise AssertionError(f"step {step} of {steps}: {error}") from error
    assert partly > 2
