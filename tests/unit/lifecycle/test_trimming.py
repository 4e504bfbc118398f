"""Removing old versions for good: which go and which never do, with and without purge protection."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from localvault import (
    BadParameter,
    Conflict,
    DecryptionFailed,
    KeyNotFound,
    PurgeProtected,
    SecretNotFound,
    Vault,
    VersionCounts,
    VersionPolicy,
)
from localvault.lifecycle import trimming
from localvault.testing.clock import FixedClock
from tests.support.refusals import refused, unchanged


def key_of(vault: Vault, clock: FixedClock, count: int, name: str = "k") -> list[str]:
    """A key with so many versions, a day apart; returns their ids."""
    vault.keys.create(name, "oct")
    for _ in range(count - 1):
        clock.move(days=1)
        vault.keys.rotate(name)
    return versions(vault.keys, name)


def versions(verbs: Any, name: str) -> list[str]:
    """The ids of an object's versions."""
    return [str(each.version) for each in verbs.versions(name)]


def last_event(vault: Vault, operation: str) -> Any:
    """The newest event of an operation."""
    return next(vault.audit.events(operation=operation, reverse=True))


@pytest.mark.parametrize("keep", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("kept_by_policy", [1, 4])
def test_what_is_retired_goes_but_for_what_is_kept(
    vault: Vault, clock: FixedClock, keep: int, kept_by_policy: int
) -> None:
    """The oldest first, and never one that opens; a second time there is nothing left to go."""
    ids = key_of(vault, clock, 5)
    vault.keys.set_version_policy("k", VersionPolicy(latest_minus=1, keep=kept_by_policy))
    going = ids[: max(0, min(3, 5 - max(keep, kept_by_policy)))]
    with unchanged(vault):
        assert vault.keys.trim("k", keep=keep, dry_run=True) == going
    assert vault.keys.trim("K", keep=keep) == going
    assert versions(vault.keys, "k") == ids[len(going) :]
    assert vault.keys.trim("k", keep=keep) == []
    assert vault.check() == []
    vault.audit.verify()


@pytest.mark.parametrize("policy", [VersionPolicy(), VersionPolicy(keep=3), VersionPolicy(latest_minus=4)])
def test_nothing_goes_that_opens(vault: Vault, clock: FixedClock, policy: VersionPolicy) -> None:
    """Without a minimum, or where all versions are within it, disabled ones too."""
    ids = key_of(vault, clock, 5)
    vault.keys.set_version_policy("k", policy)
    vault.keys.update("k", ids[0], enabled=False)
    assert vault.keys.trim("k") == []


def test_what_went_is_gone(vault: Vault, clock: FixedClock) -> None:
    """Its tokens no longer open, also where the key was in use; a later restore of the key brings it back."""
    vault.keys.create("k", "oct")
    crypto = vault.crypto("k")
    token = crypto.seal(b"text")
    blob = vault.keys.backup("k")
    vault.keys.rotate("k")
    assert crypto.open(token) == b"text"
    vault.keys.set_version_policy("k", VersionPolicy(latest_minus=0))
    [gone] = vault.keys.trim("k")
    with pytest.raises(DecryptionFailed):
        crypto.open(token)
    with pytest.raises(KeyNotFound):
        vault.keys.get("k", gone)
    vault.keys.delete("k")
    vault.keys.purge("k")
    vault.keys.restore(blob)
    assert crypto.open(token) == b"text"


def test_a_version_that_tokens_need_holds_up_all(vault: Vault, clock: FixedClock) -> None:
    """The error has the numbers, nothing is changed; tokens of versions that stay hold up nothing."""
    ids = key_of(vault, clock, 4)
    vault.keys.set_version_policy("k", VersionPolicy(latest_minus=1))
    needed = VersionCounts("k", {ids[1]: 3, ids[2]: 5, ids[3]: 7}, {}, 2)
    with refused(vault, Conflict, "KeyTrim", target="/keys/k"):
        vault.keys.trim("k", needed)
    with pytest.raises(Conflict, match=f"3 of 17 counted tokens need 1 .* the oldest, {ids[1]}"):
        vault.keys.trim("k", needed, dry_run=True)
    assert vault.keys.trim("k", needed, keep=3) == ids[:1]
    enough = VersionCounts("k", {ids[0]: 1, ids[1]: 0, ids[2]: 5}, {"0" * 32: 4}, 2)
    assert vault.keys.trim("k", enough) == ids[1:2]
    assert last_event(vault, "KeyTrim").details == {
        "proof": {"total": 12, "invalid": 2, "unknown": 4, "counts": dict(enough.counts)},
        "removed": ids[1:2],
    }


def test_what_proves_nothing_is_refused(vault: Vault, clock: FixedClock) -> None:
    """Counts of another key, numbers out of range, keys that are not there."""
    key_of(vault, clock, 2)
    cases: list[tuple[type[Exception], Callable[[], object]]] = [
        (BadParameter, lambda: vault.keys.trim("k", VersionCounts("other", {}, {}, 0))),
        (BadParameter, lambda: vault.keys.trim("k", keep=0)),
        (BadParameter, lambda: vault.keys.trim("k", keep=True)),
        (BadParameter, lambda: vault.secrets.trim("s", keep=0)),
        (BadParameter, lambda: vault.keys.trim("a b")),
        (KeyNotFound, lambda: vault.keys.trim("none")),
        (SecretNotFound, lambda: vault.secrets.trim("none", keep=1)),
    ]
    vault.secrets.set("s", "1")
    for error, act in cases:
        with pytest.raises(error), unchanged(vault):
            act()
    wrong: Any = {}
    with pytest.raises(TypeError), unchanged(vault):
        vault.keys.trim("k", wrong)


@pytest.mark.parametrize("keep", [1, 2, 3, 7])
def test_a_secret_keeps_its_newest(vault: Vault, clock: FixedClock, keep: int) -> None:
    """So many as asked for, and their values; all of it in one event."""
    for value in "abcde":
        vault.secrets.set("s", value)
    ids = versions(vault.secrets, "s")
    going = ids[: max(0, 5 - keep)]
    with unchanged(vault):
        assert vault.secrets.trim("s", keep=keep, dry_run=True) == going
    assert vault.secrets.trim("S", keep=keep) == going
    assert [vault.secrets.get("s", each).value for each in versions(vault.secrets, "s")] == list("abcde")[
        -keep:
    ]
    event = last_event(vault, "SecretTrim")
    assert (event.count, event.details) == (len(going), {"keep": keep, "removed": going})
    assert vault.check() == []


def test_long_values_go_as_well(vault: Vault) -> None:
    """Every piece of them."""
    vault.secrets.set("s", "v" * 20_000)
    vault.secrets.set("s", "v")
    assert len(vault.secrets.trim("s", keep=1)) == 1
    with vault._parts.store.read() as txn:
        assert list(txn.scan(8)) == []
    assert vault.check() == []


def test_purge_protection_keeps_what_was_just_retired(vault: Vault, clock: FixedClock) -> None:
    """Until it has been retired for the retention time, whatever the policy and however often it is asked."""
    vault.configure(purge_protection=True, retention_days=10)
    ids = key_of(vault, clock, 4)
    vault.keys.set_version_policy("k", VersionPolicy(minimum_open=ids[1]))
    clock.move(days=6)
    vault.keys.set_version_policy("k", VersionPolicy(minimum_open=ids[3]))
    clock.move(days=3, hours=23)
    with refused(vault, PurgeProtected, "KeyTrim", target="/keys/k"):
        vault.keys.trim("k")
    clock.move(hours=1)
    assert vault.keys.trim("k", dry_run=True) == ids[:1]
    assert vault.keys.trim("k") == ids[:1]
    with pytest.raises(PurgeProtected, match="for 10 days after"):
        vault.keys.trim("k")
    clock.move(days=6)
    assert vault.keys.trim("k") == ids[1:3]
    assert vault.keys.trim("k") == []


def test_a_minimum_set_back_begins_the_wait_anew(vault: Vault, clock: FixedClock) -> None:
    """What was brought back into use has not been retired since."""
    vault.configure(purge_protection=True, retention_days=10)
    ids = key_of(vault, clock, 3)
    vault.keys.set_version_policy("k", VersionPolicy(minimum_open=ids[2]))
    clock.move(days=20)
    vault.keys.set_version_policy("k", VersionPolicy(minimum_open=ids[1]))
    vault.keys.set_version_policy("k", VersionPolicy(minimum_open=ids[2]))
    assert vault.keys.trim("k") == ids[:1]
    clock.move(days=9)
    with pytest.raises(PurgeProtected):
        vault.keys.trim("k")
    clock.move(days=1)
    assert vault.keys.trim("k") == ids[1:2]


def test_purge_protection_keeps_values_that_were_just_replaced(vault: Vault, clock: FixedClock) -> None:
    """A version of a secret is out of use from the day on which the next one was made."""
    vault.configure(purge_protection=True, retention_days=10)
    vault.secrets.set("s", "0")
    for value in "123":
        clock.move(days=4)
        vault.secrets.set("s", value)
    ids = versions(vault.secrets, "s")
    with refused(vault, PurgeProtected, "SecretTrim", target="/secrets/s"):
        vault.secrets.trim("s", keep=1)
    clock.move(days=2, milliseconds=1)
    assert vault.secrets.trim("s", keep=1) == ids[:1]
    clock.move(days=4)
    assert vault.secrets.trim("s", keep=1) == ids[1:2]
    clock.move(days=400)
    assert vault.secrets.trim("s", keep=1) == ids[2:3]
    assert vault.secrets.get("s").value == "3"


@pytest.mark.parametrize("at_once", [1, 2, 3, 6, 7, 8])
def test_many_go_in_parts(
    vault: Vault, clock: FixedClock, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """Each transaction with its own event; together they tell of all, and nothing beyond what was asked for goes."""
    monkeypatch.setattr(trimming, "AT_ONCE", at_once)
    ids = key_of(vault, clock, 8)
    vault.keys.set_version_policy("k", VersionPolicy(latest_minus=0))
    assert vault.keys.trim("k") == ids[:7]
    events = list(vault.audit.events(operation="KeyTrim"))
    assert [each for event in events if event.details for each in event.details["removed"]] == ids[:7]
    assert sum(event.count for event in events) == 7
    assert max(event.count for event in events) == min(at_once, 7)
    assert versions(vault.keys, "k") == ids[7:]


def test_trimming_is_undone_with_its_batch(vault: Vault, clock: FixedClock) -> None:
    """Within a batch it sees what the batch has written, and goes or stays with it."""
    ids = key_of(vault, clock, 2)

    def trim() -> list[str]:
        vault.keys.rotate("k")
        vault.keys.set_version_policy("k", VersionPolicy(latest_minus=0))
        return vault.keys.trim("k")

    def undone() -> None:
        with vault.batch():
            assert trim() == ids
            raise RuntimeError("undone")

    with unchanged(vault), pytest.raises(RuntimeError):
        undone()
    with vault.batch():
        assert trim() == ids
    assert len(versions(vault.keys, "k")) == 1
    assert vault.check() == []


def test_a_thousand_versions_go_in_one_event(vault: Vault) -> None:
    """It tells the first, the last and how many; and needs a few KB for each."""
    vault.secrets.set_many([("s", "v")] * 1001)
    tracemalloc.start()
    gone = vault.secrets.trim("s", keep=1)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 3_000_000
    event = last_event(vault, "SecretTrim")
    assert event.count == len(gone) == 1000
    assert event.details == {"keep": 1, "removed": [gone[0], "…", gone[-1]], "removed_count": 1000}
    assert vault.check() == []
