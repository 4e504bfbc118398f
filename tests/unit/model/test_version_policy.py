"""A version policy says one thing, or is refused."""

from __future__ import annotations

from typing import Any

import pytest

from localvault import BadParameter, VersionPolicy

VERSION = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    "policy",
    [
        {},
        {"minimum_open": VERSION},
        {"latest_minus": 0},
        {"latest_minus": 1_000_000, "keep": 1_000_000},
        {"keep": 2},
    ],
)
def test_what_can_be_meant_is_taken(policy: dict[str, Any]) -> None:
    """Each of the two minimums, or none; told again as it was given."""
    made = VersionPolicy(**policy)
    assert made.to_dict() == {"minimum_open": None, "latest_minus": None, "keep": 1} | policy
    assert made == VersionPolicy(**made.to_dict())


@pytest.mark.parametrize(
    "policy",
    [
        {"minimum_open": VERSION, "latest_minus": 1},
        {"minimum_open": "no version"},
        {"minimum_open": 3},
        {"latest_minus": -1},
        {"latest_minus": 1_000_001},
        {"latest_minus": True},
        {"latest_minus": "1"},
        {"latest_minus": 1.0},
        {"keep": 0},
        {"keep": None},
        {"keep": 1_000_001},
    ],
)
def test_what_cannot_be_meant_is_refused(policy: dict[str, Any]) -> None:
    """Two minimums, no version, a number out of range."""
    with pytest.raises(BadParameter):
        VersionPolicy(**policy)


def test_a_version_is_written_in_one_way() -> None:
    """So that two policies that mean the same are equal."""
    assert VersionPolicy(minimum_open=VERSION.upper()) == VersionPolicy(minimum_open=VERSION)


def test_a_policy_stays_as_it_was_checked() -> None:
    """It is read-only."""
    with pytest.raises(AttributeError):
        VersionPolicy().keep = 2  # type: ignore[misc]  # what is tried
