"""A secret gives its value by `.value` alone."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest

from localvault.model.properties import Home, SecretProperties
from localvault.model.secret import DeletedSecret, Secret

PROPERTIES = SecretProperties(
    Home("https://app.vault.localhost", 90, False), "Db", bytes(16), [True, None, None, 0, 0, None, None]
)


@pytest.mark.parametrize("value", ["text", b"bytes", "", b""])
def test_the_value_is_the_one_handed_in(value: str | bytes) -> None:
    """The very object, of its type."""
    assert Secret(PROPERTIES, value).value is value


def test_it_is_named_as_its_properties_are() -> None:
    """Name, version and id."""
    secret = Secret(PROPERTIES, "v")
    assert (secret.name, secret.version, secret.id) == ("Db", "0" * 32, PROPERTIES.id)
    assert secret.properties is PROPERTIES


def test_its_repr_says_that_it_shows_nothing() -> None:
    """And which secret it is."""
    secret = Secret(PROPERTIES, "marker")
    for shown in (
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!s:>200}",
        f"{secret:>200}",
        f"{[secret]}",
    ):
        assert "value=not shown" in shown
        assert "marker" not in shown


@pytest.mark.parametrize(
    "escape", [pickle.dumps, copy.copy, copy.deepcopy, vars, dict, hash, iter, len, bytes]
)
def test_no_general_function_takes_it_apart(escape: Callable[[object], object]) -> None:
    """Nor hashes it: equal hashes would tell equal values."""
    with pytest.raises(TypeError):
        escape(Secret(PROPERTIES, "marker"))


def test_two_secrets_of_one_value_are_not_equal() -> None:
    """A comparison by value would be one whose time tells how much of it is right."""
    assert Secret(PROPERTIES, "v") != Secret(PROPERTIES, "v")


def test_its_value_cannot_be_replaced() -> None:
    """What was read stays what was read."""
    secret = Secret(PROPERTIES, "v")
    for name in ("value", "name", "other"):
        with pytest.raises(AttributeError):
            setattr(secret, name, "w")


def test_a_deleted_secret_has_no_value() -> None:
    """Only its properties and times."""
    assert not hasattr(DeletedSecret(PROPERTIES, 0, 1), "value")
