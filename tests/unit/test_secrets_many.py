"""Many secrets at once: all of them or none, in one operation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from localvault import BadParameter, LocalVaultError, ObjectIsDeletedButRecoverable, Vault
from localvault.testing.clock import FixedClock
from tests.support.refusals import events, refused, size


@pytest.mark.parametrize("form", [dict, list, iter], ids=["mapping", "pairs", "iterator"])
def test_set_many_sets_all_in_one_operation(vault: Vault, form: Callable[[Any], Any]) -> None:
    """Values, types, tags and content type of each, in order; one event that tells how many."""
    vault.secrets.set("b", "before")
    start = size(vault)
    pairs = [("a", "1"), ("b", b"2"), ("c", "")]
    made = vault.secrets.set_many(
        form(dict(pairs) if form is dict else pairs), content_type="c", tags={"t": "1"}
    )
    (event,) = events(vault, start)
    assert (event.operation, event.target, event.count, event.result) == (
        "SecretSet",
        "/secrets",
        3,
        "Success",
    )
    for (name, value), properties in zip(pairs, made, strict=True):
        read = vault.secrets.get(name)
        assert (read.value, type(read.value)) == (value, type(value))
        assert read.properties.to_dict() == properties.to_dict()
        assert (properties.name, properties.content_type, properties.tags) == (name, "c", {"t": "1"})
    assert [len(list(vault.secrets.versions(name))) for name in "abc"] == [1, 2, 1]


def test_a_name_given_twice_to_set_many_gets_two_versions(vault: Vault) -> None:
    """In any spelling; the last one is current."""
    made = vault.secrets.set_many([("Ab", "1"), ("aB", "2"), ("AB", "3")])
    assert {properties.name for properties in made} == {"Ab"}
    versions = [properties.version for properties in made]
    assert [properties.version for properties in vault.secrets.versions("ab")] == versions
    assert [vault.secrets.get("ab", version).value for version in versions] == ["1", "2", "3"]
    assert vault.secrets.get("ab").version == versions[-1]


def test_set_many_of_nothing_is_an_operation_too(vault: Vault) -> None:
    """It makes nothing and tells so."""
    start = size(vault)
    assert vault.secrets.set_many([]) == []
    assert [(event.operation, event.count) for event in events(vault, start)] == [("SecretSet", 0)]


BAD_PAIRS: dict[str, tuple[list[tuple[str, Any]], dict[str, Any], type[LocalVaultError]]] = {
    "a value too long": ([("a", "1"), ("b", "x" * 25_601)], {}, BadParameter),
    "a value of no kind": ([("a", "1"), ("b", 5)], {}, BadParameter),
    "a bad name": ([("a", "1"), ("b_", "1")], {}, BadParameter),
    "a deleted name": ([("a", "1"), ("GONE", "1")], {}, ObjectIsDeletedButRecoverable),
    "bad tags": ([("a", "1")], {"tags": {"": ""}}, BadParameter),
    "a bad content type": ([("a", "1")], {"content_type": "c" * 256}, BadParameter),
}


@pytest.mark.parametrize(("pairs", "more", "error"), BAD_PAIRS.values(), ids=BAD_PAIRS)
def test_set_many_sets_all_or_nothing(
    vault: Vault, pairs: list[tuple[str, Any]], more: dict[str, Any], error: type[LocalVaultError]
) -> None:
    """One that cannot be set, wherever it stands, keeps the others out."""
    vault.secrets.set("a", "before")
    vault.secrets.set("gone", "before")
    vault.secrets.delete("gone")
    for order in (pairs, pairs[::-1]):
        with refused(vault, error, "SecretSet", target="/secrets"):
            vault.secrets.set_many(order, **more)


def test_many_secrets_expire_together(vault: Vault, clock: FixedClock) -> None:
    """Each is on the agenda as if it had been set by itself, also one that is named twice or replaces another."""
    expires_on = clock.now + timedelta(days=100)
    vault.secrets.set("old", "1", expires_on=clock.now + timedelta(days=50))
    vault.secrets.set_many([("a", "1"), ("b", "1"), ("b", "2"), ("old", "2")], expires_on=expires_on)
    upcoming = [(entry.action, entry.target, entry.due_on) for entry in vault.agenda.upcoming()]
    assert sorted(upcoming) == sorted(
        (action, f"/secrets/{name}", due_on)
        for name in ("a", "b", "old")
        for action, due_on in (("near-expiry", expires_on - timedelta(days=30)), ("expired", expires_on))
    )
    assert {p.expires_on for p in vault.secrets.list()} == {expires_on}
    assert vault.check() == []
