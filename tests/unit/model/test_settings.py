"""Settings are within their ranges, or are refused with what would do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import BadParameter
from localvault.model.settings import Settings, changed, make

RANGES = {
    "retention_days": (7, 90),
    "max_value_bytes": (1, 64 << 20),
    "max_tags": (0, 1000),
    "rotation_minimum_days": (0, 3650),
    "expiry_minimum_days": (0, 3650),
}


def test_the_defaults_are_key_vaults() -> None:
    """90 days, no purge protection, 25 KiB, 15 tags, 7 and 28 days; hosts that can only be this machine."""
    assert make(name="app") == Settings("app", "vault.localhost", 90, False, 25_600, 15, 7, 28)


@pytest.mark.parametrize(("name", "bounds"), RANGES.items())
@given(value=st.integers(-(1 << 70), 1 << 70) | st.integers(-10, 100) | st.integers(990, 1010))
def test_a_number_is_accepted_exactly_within_its_range(
    name: str, bounds: tuple[int, int], value: int
) -> None:
    """By `make` and by `changed`."""
    low, high = bounds
    before = make(name="app")
    if low <= value <= high:
        assert getattr(make(name="app", **{name: value}), name) == value
        assert changed(before, {name: value}) == before._replace(**{name: value})
        return
    with pytest.raises(BadParameter) as refused:
        make(name="app", **{name: value})
    assert f"{low} to {high}" in str(refused.value)
    with pytest.raises(BadParameter):
        changed(before, {name: value})


@pytest.mark.parametrize("name", RANGES)
def test_the_ends_of_a_range_belong_to_it(name: str) -> None:
    """And what is just outside does not."""
    low, high = RANGES[name]
    for value in (low, high):
        assert getattr(make(name="app", **{name: value}), name) == value
    for value in (low - 1, high + 1):
        with pytest.raises(BadParameter):
            make(name="app", **{name: value})


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("value", [True, 30.0, "30", None, [30]], ids=repr)
def test_what_is_no_number_is_refused(name: str, value: Any) -> None:
    """Also what Python would count as one."""
    with pytest.raises(BadParameter):
        make(name="app", **{name: value})


@pytest.mark.parametrize("value", [1, 0, "yes", None])
def test_purge_protection_is_on_or_off(value: Any) -> None:
    """Nothing that would only count as one of the two."""
    with pytest.raises(BadParameter):
        make(name="app", purge_protection=value)


def test_with_purge_protection_the_retention_only_grows() -> None:
    """Else it would protect from nobody who may change settings; it may be chosen where protection is switched on."""
    on = changed(make(name="app"), {"purge_protection": True, "retention_days": 30})
    assert changed(on, {"retention_days": 31}).retention_days == 31
    with pytest.raises(BadParameter, match="30 days"):
        changed(on, {"retention_days": 29})


def test_purge_protection_stays_on() -> None:
    """Whatever else is changed; setting it on again changes nothing."""
    on = make(name="app", purge_protection=True)
    assert changed(on, {"max_tags": 7}).purge_protection
    assert changed(on, {"purge_protection": True}) == on
    with pytest.raises(BadParameter):
        changed(on, {"purge_protection": False})
    off = make(name="app")
    assert changed(off, {"purge_protection": True}).purge_protection


@pytest.mark.parametrize("change", [{"name": "a"}, {"name": "a b c"}, {"suffix": "UPPER"}, {"suffix": "x/y"}])
def test_names_follow_their_rules(change: dict[str, str]) -> None:
    """By `make` and by `changed`."""
    with pytest.raises(BadParameter):
        make(**({"name": "app"} | change))
    with pytest.raises(BadParameter):
        changed(make(name="app"), change)


def test_an_unknown_setting_is_named_and_the_known_ones_are_told() -> None:
    """So that a slip of the pen does not go unnoticed."""
    with pytest.raises(BadParameter) as refused:
        make(name="app", retention=7)
    assert "retention" in str(refused.value)
    assert refused.value.hint is not None
    assert all(name in refused.value.hint for name in Settings._fields)


def test_a_change_leaves_the_rest_and_the_old_ones_alone() -> None:
    """Settings are values."""
    before = make(name="app", suffix="example:8443", retention_days=7, max_tags=3)
    copy = Settings(*before)
    after = changed(before, {"max_tags": 4})
    assert after == before._replace(max_tags=4)
    assert before == copy
    assert changed(before, {}) == before


def test_every_object_lives_at_the_home_they_give() -> None:
    """URL, retention and protection."""
    home = make(name="App", suffix="example:8443", retention_days=7, purge_protection=True).home
    assert (home.url, home.retention_days, home.purge_protection) == ("https://app.example:8443", 7, True)
