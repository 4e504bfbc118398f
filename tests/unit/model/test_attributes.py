"""Attributes stay within Key Vault's limits and change only as asked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import BadParameter
from localvault.model import attributes as attr
from localvault.model.attributes import UNSET, Attributes

LIMITS: dict[str, Any] = {"max_tags": 15, "tag_length": 256}
BLANK: dict[str, Any] = {
    "enabled": True,
    "not_before": None,
    "expires_on": None,
    "content_type": None,
    "tags": None,
}
KEEP: dict[str, Any] = dict.fromkeys(BLANK, UNSET)


def new(**change: Any) -> Attributes:
    """Return attributes made at time 1000 with `change` applied."""
    return attr.new(1000, **(BLANK | change), **LIMITS)


@pytest.mark.parametrize(
    "change",
    [
        {"tags": {str(n): "" for n in range(16)}},
        {"tags": {"": "value"}},
        {"tags": {"n" * 257: "value"}},
        {"tags": {"name": "v" * 257}},
        {"tags": {"name": 1}},
        {"tags": {"name": "\ud800"}},
        {"content_type": "t" * 256},
        {"content_type": "\udfff"},
        {"content_type": b"bytes"},
        {"not_before": 5, "expires_on": 5},
        {"not_before": 6, "expires_on": 5},
    ],
)
def test_what_is_out_of_bounds_is_refused(change: dict[str, Any]) -> None:
    """By `new` and by `changed` alike."""
    with pytest.raises(BadParameter):
        new(**change)
    with pytest.raises(BadParameter):
        attr.changed(new(), 2000, **(KEEP | change), **LIMITS)


def test_the_limits_themselves_are_accepted() -> None:
    """15 tags of 256 characters and a content type of 255."""
    tags = {f"{n:02}" + "n" * 254: "é" * 256 for n in range(15)}
    made = new(tags=tags, content_type="t" * 255, not_before=5, expires_on=6)
    assert made[attr.TAGS] == tags


@given(st.integers(0, 10_000))
def test_every_update_moves_updated_also_on_a_clock_that_stands_or_runs_back(now: int) -> None:
    """`created` stays, `updated` always grows."""
    before = new()
    after = attr.changed(before, now, **KEEP, **LIMITS)
    assert after[attr.CREATED] == before[attr.CREATED]
    assert after[attr.UPDATED] > before[attr.UPDATED]


@given(st.sampled_from(sorted(BLANK)))
def test_an_update_changes_what_it_names_and_nothing_else(field: str) -> None:
    """Also setting something to nothing is a change; leaving it out is none."""
    full = new(enabled=False, not_before=1, expires_on=2, content_type="t", tags={"a": "b"})
    after = attr.changed(full, 2000, **(KEEP | {field: BLANK[field]}), **LIMITS)
    position = {"enabled": 0, "not_before": 1, "expires_on": 2, "content_type": 5, "tags": 6}
    for name, place in position.items():
        assert after[place] == (BLANK[name] if name == field else full[place])


def test_a_change_leaves_the_old_attributes_alone() -> None:
    """What was read from the store and remembered must not change under another reader."""
    before = new(tags={"a": "b"})
    copy = [*before]
    attr.changed(before, 2000, **(KEEP | {"enabled": False, "tags": {"c": "d"}}), **LIMITS)
    assert before == copy
