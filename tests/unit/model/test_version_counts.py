"""Counts of versions add up, and travel as JSON without becoming others."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault import BadParameter, VersionCounts

ONE, TWO, THREE = ("0" * 31 + digit for digit in "123")
VERSIONS = st.dictionaries(st.sampled_from([ONE, TWO, THREE]), st.integers(1, 1 << 40))
COUNTS = st.builds(
    VersionCounts, st.sampled_from(["Orders", "orders"]), VERSIONS, VERSIONS, st.integers(0, 99)
)
NONE = VersionCounts("orders", {}, {}, 0)


@given(st.lists(COUNTS, min_size=1, max_size=5))
def test_counts_add_up(many: list[VersionCounts]) -> None:
    """In every number; the sum of many is what adding them one after another gives."""
    whole: Any = sum(many)
    assert whole.total == sum(each.total for each in many)
    assert whole.invalid == sum(each.invalid for each in many)
    for version in (ONE, TWO, THREE):
        assert whole.of(version) == sum(each.of(version) for each in many)
        assert whole.counts.get(version, 0) == sum(each.counts.get(version, 0) for each in many)
    assert many[0] + NONE == many[0]


@given(COUNTS)
def test_counts_come_back_from_json(counts: VersionCounts) -> None:
    """And from a pickle, as from a worker process."""
    assert VersionCounts.from_dict(json.loads(json.dumps(counts.to_dict()))) == counts
    assert pickle.loads(pickle.dumps(counts)) == counts  # made just here


def test_an_example() -> None:
    """What belongs to the key, what does not, and what is no token."""
    counts = VersionCounts("orders", {ONE: 3}, {TWO: 2}, 1)
    assert (counts.total, counts.of(ONE), counts.of(TWO.upper()), counts.of(THREE)) == (6, 3, 2, 0)
    assert counts.to_dict() == {
        "key": "orders", "total": 6, "counts": {ONE: 3}, "unknown": {TWO: 2}, "invalid": 1
    }  # fmt: skip


def test_counts_of_two_keys_do_not_add_up() -> None:
    """The sum would be a proof of nothing."""
    with pytest.raises(BadParameter, match="orders and archive"):
        NONE + VersionCounts("archive", {}, {}, 0)  # the sum is what is tried
    with pytest.raises(TypeError):
        NONE + 1  # type: ignore[operator]  # likewise


GOOD = VersionCounts("orders", {ONE: 3}, {TWO: 2}, 1).to_dict()
BAD: list[Any] = [
    None,
    [],
    {},
    *({name: value for name, value in GOOD.items() if name != left_out} for left_out in GOOD),
    GOOD | {"key": "no name"},
    GOOD | {"key": 1},
    GOOD | {"total": 5},
    GOOD | {"invalid": -1, "total": 4},
    GOOD | {"invalid": True},
    GOOD | {"counts": [ONE]},
    GOOD | {"counts": {"no version": 3}},
    GOOD | {"counts": {ONE: -3, TWO: 6}},
    GOOD | {"counts": {ONE: "3"}},
    GOOD | {"unknown": {1: 2}},
]


@pytest.mark.parametrize("document", BAD, ids=repr)
def test_what_is_no_proof_is_refused(document: Any) -> None:
    """Counts that were cut, altered or made up carelessly are `BadParameter`."""
    with pytest.raises(BadParameter):
        VersionCounts.from_dict(document)
