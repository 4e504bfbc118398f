"""A version policy resolved to one id: held against a plain count of versions, whatever happens in between."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.lifecycle import minimum
from localvault.lifecycle.minimum import (
    SETTING,
    is_whole,
    lowest,
    moved,
    policy_of,
    retired_since,
    with_policy,
)
from localvault.model.clock import DAY
from localvault.model.ids import next_id
from localvault.model.version_policy import VersionPolicy

NOW = 1_800_000_000_000_000


class Key:
    """The versions of a key, its settings, and from when on each version has been retired."""

    def __init__(self) -> None:
        self.now = NOW
        self.ids: list[bytes] = []
        self.settings: dict[str, Any] | None = {"another": 1}
        self.retired: dict[bytes, int] = {}
        self.rotate()

    def rotate(self) -> None:
        """Add a version."""
        new = next_id(self.now, after=self.ids[-1] if self.ids else None)
        border = lowest(self.settings)
        later = (each for each in self.ids if each > border)
        self.settings = moved(self.settings, later, new, self.now)
        self.ids.append(new)
        self.note()

    def set(self, policy: VersionPolicy) -> None:
        """Give it a policy."""
        border, newer = b"", 0
        if policy.latest_minus is not None:
            opening = self.ids[-1 - policy.latest_minus :]
            border, newer = opening[0], len(opening) - 1
        elif policy.minimum_open is not None:
            border = bytes.fromhex(policy.minimum_open)
        self.settings = with_policy(self.settings, policy, border, newer, self.now)
        self.note()

    def note(self) -> None:
        """Note what is retired now, and what no longer is."""
        border = lowest(self.settings)
        self.retired = {each: self.retired.get(each, self.now) for each in self.ids if each < border}


def minus(count: int, keep: int = 1) -> VersionPolicy:
    """Latest minus so many."""
    return VersionPolicy(latest_minus=count, keep=keep)


STEPS = st.lists(
    st.one_of(
        st.just("rotate"),
        st.just("rotate"),
        st.tuples(st.just("minus"), st.integers(0, 4)),
        st.tuples(st.just("from"), st.integers(0, 30)),
        st.just("none"),
        st.tuples(st.just("wait"), st.integers(0, 60)),
        st.just("set the clock back"),
    ),
    max_size=40,
)


@given(STEPS)
def test_the_border_is_where_counting_puts_it(steps: list[Any]) -> None:
    """After any rotations, policies and waits; and no version is said to be retired for longer than it has been."""
    key, counted, longest = Key(), None, 0
    for step in steps:
        match step:
            case "rotate":
                key.rotate()
            case "none":
                key.set(VersionPolicy())
                counted = None
            case "set the clock back":
                key.now -= 9 * DAY
            case ("wait", days):
                key.now += days * DAY
            case ("minus", count):
                key.set(minus(count))
                counted = count
            case ("from", index):
                key.set(VersionPolicy(minimum_open=key.ids[index % len(key.ids)].hex()))
                counted = None
        if counted is not None:
            assert lowest(key.settings) == key.ids[max(0, len(key.ids) - 1 - counted)]
        assert is_whole(key.settings, set(key.ids), key.ids[-1])
        for days in (0, 7, 30, 90):
            border = retired_since(key.settings, key.now - days * DAY)
            told = {each for each in key.ids if each < border}
            assert told <= {each for each, since in key.retired.items() if since <= key.now - days * DAY}
        state = (key.settings or {}).get(SETTING)
        longest = max(longest, len(state["marks"]) if state else 0)
    assert (key.settings or {})["another"] == 1
    assert longest <= 26


def test_a_policy_comes_back_as_it_was_set() -> None:
    """Also after rotations moved what it comes down to; without one there is nothing in the head."""
    key = Key()
    assert policy_of(None) == policy_of(key.settings) == VersionPolicy()
    for policy in (minus(2, keep=3), VersionPolicy(minimum_open=key.ids[0].hex()), VersionPolicy(keep=4)):
        key.set(policy)
        key.rotate()
        assert policy_of(key.settings) == policy
    key.set(VersionPolicy())
    assert key.settings == {"another": 1}
    key.settings = None
    key.set(VersionPolicy())
    assert key.settings is None


def test_what_is_retired_for_long_is_told_within_days() -> None:
    """A key rotated every hour for a year: four days late at most, with no more marks than retention has room for."""
    key = Key()
    key.set(minus(1))
    hours = 24 * 200
    for _ in range(hours):
        key.now += DAY // 24
        key.rotate()
    assert key.settings is not None
    marks = key.settings[SETTING]["marks"]
    assert len(marks) <= 26
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(marks))
    for days in (7, 30, 90):
        border = retired_since(key.settings, key.now - days * DAY)
        late = [each for each, since in key.retired.items() if since <= key.now - (days + 5) * DAY]
        assert all(each < border for each in late)
        assert len(late) > 1000


def test_a_clock_set_back_retires_nothing_earlier_than_it_was_replaced() -> None:
    """Or the retention time of purge protection would be over at once."""
    border = next_id(NOW)
    made = with_policy(None, VersionPolicy(latest_minus=0), border, 0, NOW - 200 * DAY)
    assert retired_since(made, NOW - DAY) == b""
    assert retired_since(made, NOW) == border


def test_a_rotation_looks_at_one_version() -> None:
    """However far back the border is."""
    key = Key()
    for _ in range(50):
        key.rotate()
    key.set(minus(40))

    def ids() -> Any:
        yield key.ids[11]
        raise AssertionError("it looked further")

    settings = moved(key.settings, ids(), next_id(key.now, after=key.ids[-1]), key.now)
    assert lowest(settings) == key.ids[11]
    key.set(minus(1000))
    assert lowest(moved(key.settings, iter(()), next_id(key.now), key.now)) == key.ids[0]


def _whole() -> tuple[dict[str, Any], set[bytes], bytes]:
    key = Key()
    key.rotate()
    key.rotate()
    key.set(minus(1))
    assert key.settings is not None
    return key.settings, set(key.ids), key.ids[-1]


DAMAGE: dict[str, Any] = {
    "lowest": [b"", b"x" * 16, "text", 3, None],
    "minus": [-1, "1", True, 1.0, 1_000_001, 0],
    "newer": [0, 2, -1, "1", True, None],
    "keep": [0, -1, "1", None, True, 1_000_001],
    "marks": [None, 3, [1], [[1]], [["x", b"x" * 16]], [[1, b"x"]], [[1, 2, 3]], [[True, b"x" * 16]]],
}


@pytest.mark.parametrize(
    ("name", "wrong"), [(name, each) for name in DAMAGE for each in DAMAGE[name]], ids=repr
)
def test_a_policy_of_another_form_is_seen(name: str, wrong: Any) -> None:
    """What a backup made by somebody else holds is looked at in every part."""
    settings, ids, current = _whole()
    assert is_whole(settings, ids, current)
    assert not is_whole(settings | {SETTING: settings[SETTING] | {name: wrong}}, ids, current)
    short = {part: value for part, value in settings[SETTING].items() if part != name}
    assert not is_whole(settings | {SETTING: short}, ids, current)


def test_a_policy_needs_versions_in_order() -> None:
    """Where the current version is not the newest, and where there is no policy at all."""
    settings, ids, _current = _whole()
    assert not is_whole(settings, ids, min(ids))
    assert is_whole({"another": 1}, ids, min(ids))
    assert is_whole(None, ids, min(ids))
    assert not is_whole({SETTING: None}, ids, max(ids))
    assert min(ids) > minimum.NO_MINIMUM
