"""Named Argon2id parameters, and what is refused below the floor and above the ceiling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import BadParameter, Tampered
from localvault.sealing import profiles
from localvault.sealing.profiles import KdfProfile, check_new, check_stored, is_weak, named
from localvault.testing.profiles import CHEAPEST

MIB = 1024
ANY = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 255))


def test_the_named_profiles_are_their_sources() -> None:
    """RFC 9106 section 4, first and second recommendation; OWASP's minimum."""
    assert profiles.RFC_9106_HIGH_MEMORY[1:] == (1, 2 * 1024 * MIB, 4)
    assert profiles.RFC_9106_LOW_MEMORY[1:] == (3, 64 * MIB, 4)
    assert profiles.OWASP_MINIMUM[1:] == (2, 19 * MIB, 1)
    assert profiles.DEFAULT is profiles.RFC_9106_LOW_MEMORY


@pytest.mark.parametrize("profile", profiles.NAMED)
def test_every_named_profile_can_be_used(profile: KdfProfile) -> None:
    """Without any permission, new and stored; and its parameters find its name again."""
    assert check_new(profile, allow_weak=False) == profile
    assert check_stored(profile, allow_weak=False) == profile
    assert named(*profile[1:]) is profile


@pytest.mark.parametrize("weak", [CHEAPEST, named(1, 19 * MIB, 1), named(1000, 18 * MIB, 1)])
def test_below_the_floor_needs_permission(weak: KdfProfile) -> None:
    """Too little memory, or too little work; with a hint that names the way out."""
    assert is_weak(weak)
    for check in (check_new, check_stored):
        with pytest.raises(BadParameter) as refused:
            check(weak, allow_weak=False)
        assert "allow_weak" in str(refused.value.hint)
        assert check(weak, allow_weak=True) == weak


def test_equivalents_of_the_minimum_are_not_weak() -> None:
    """OWASP names 46 MiB in one pass as equal to 19 MiB in two."""
    assert not is_weak(named(1, 46 * MIB, 1))
    assert not is_weak(named(2, 19 * MIB, 1))


@pytest.mark.parametrize(
    "impossible",
    [
        (0, 64 * MIB, 1),
        (1, 64 * MIB, 0),
        (1, 64 * MIB, 65),
        (1, 31, 4),
        (1, 4097 * MIB, 1),
        (17, 4096 * MIB, 1),
    ],
)
def test_beyond_the_ceiling_no_permission_helps(impossible: tuple[int, int, int]) -> None:
    """What nobody may make is a mistake when new, and an alteration when stored."""
    with pytest.raises(BadParameter):
        check_new(named(*impossible), allow_weak=True)
    with pytest.raises(Tampered):
        check_stored(named(*impossible), allow_weak=True)


@given(ANY)
def test_what_passes_is_bounded(parameters: tuple[int, int, int]) -> None:
    """Whatever stands on disk, no more than 4 GiB and 64 GiB of work is ever tried."""
    try:
        passes, memory, lanes = check_stored(named(*parameters), allow_weak=True)[1:]
    except Tampered:
        return
    assert 8 * lanes <= memory <= 4 * 1024 * MIB
    assert 1 <= memory * passes <= 64 * 1024 * MIB


def test_parameters_are_told_in_words() -> None:
    """For the slot list."""
    assert profiles.DEFAULT.text == "Argon2id, 3 passes over 64 MiB, 4 lanes"
    assert CHEAPEST.text == "Argon2id, 1 pass over 8 KiB, 1 lane"
