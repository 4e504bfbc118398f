"""Calibration hits its target on any machine, and never leaves floor, ceiling and allowed memory."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import BadParameter
from localvault.sealing import profiles
from localvault.sealing.calibrate import calibrate, measure
from localvault.sealing.profiles import KdfProfile, check_new
from localvault.testing.profiles import CHEAPEST

MIB = 1024
RATES = st.floats(1e3, 1e9)  # KiB a second; a laptop does some 2e6
TARGETS = st.floats(0.01, 60)
MEMORY = st.integers(19 * MIB, 2048 * MIB)


def machine(rate: float) -> dict[str, object]:
    """A machine that works through `rate` KiB a second, as `calibrate` takes it."""
    return {"measure": lambda profile: profile.memory_kib * profile.time_cost / rate}


@given(RATES, TARGETS, MEMORY)
def test_it_stays_between_floor_and_ceiling(rate: float, target: float, memory: int) -> None:
    """However slow or quick the machine."""
    found = calibrate(target, memory_kib=memory, **machine(rate))
    assert check_new(found, allow_weak=False) == found
    assert found.memory_kib <= memory


@given(st.floats(1e6, 1e7), st.floats(0.25, 5), st.integers(64 * MIB, 2048 * MIB))
def test_it_takes_about_as_long_as_wanted(rate: float, target: float, memory: int) -> None:
    """Within a fifth, on machines of today."""
    found = calibrate(target, memory_kib=memory, **machine(rate))
    assert found.memory_kib * found.time_cost / rate == pytest.approx(target, rel=0.2)


def test_memory_grows_before_passes() -> None:
    """Three passes while there is memory to be had; then more of them."""
    assert calibrate(0.3, memory_kib=1024 * MIB, **machine(1e6))[1:3] == (3, 97 * MIB)
    assert calibrate(3.0, memory_kib=64 * MIB, **machine(1e6))[1:3] == (46, 64 * MIB)


@pytest.mark.parametrize("target", [0, -1, 0.009, 61, float("nan"), float("inf")])
def test_a_senseless_target_is_refused(target: float) -> None:
    """`BadParameter` before anything is measured."""
    with pytest.raises(BadParameter):
        calibrate(target)


@pytest.mark.parametrize("memory", [0, 19 * MIB - 1, 2048 * MIB + 1])
def test_memory_out_of_range_is_refused(memory: int) -> None:
    """Below the floor, or beyond RFC 9106's first recommendation."""
    with pytest.raises(BadParameter):
        calibrate(0.5, memory_kib=memory)


def test_it_measures_this_machine() -> None:
    """Without arguments it finds something that may be used."""
    assert measure(CHEAPEST) < measure(profiles.OWASP_MINIMUM)
    found = calibrate(0.05, memory_kib=64 * MIB)
    assert isinstance(found, KdfProfile)
    assert check_new(found, allow_weak=False)


def test_memory_is_an_eighth_of_the_machines_unless_told_otherwise() -> None:
    """At least 64 MiB and at most 2 GiB, whatever the machine; so one unlock leaves room for everything else."""
    plenty = calibrate(60, **machine(1e9))
    assert 64 * MIB <= plenty.memory_kib <= 2048 * MIB
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 1024
    assert plenty.memory_kib <= max(physical // 8, 64 * MIB)
