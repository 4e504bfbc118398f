"""Finds the Argon2id parameters that make an unlock take as long as its owner wants to wait.

Relies on argon.py for measuring. Promises: never below the floor, never above the ceiling, and never more memory than
was allowed, however quick or slow the machine is.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from time import perf_counter
from typing import Final

from localvault.errors import BadParameter
from localvault.native.memory import Locked
from localvault.sealing.argon import SALT_SIZE, stretch
from localvault.sealing.profiles import (
    CEILING_WORK_KIB,
    FLOOR_MEMORY_KIB,
    FLOOR_WORK_KIB,
    RFC_9106_HIGH_MEMORY,
    RFC_9106_LOW_MEMORY,
    KdfProfile,
    named,
)

SECONDS_MIN: Final = 0.01
SECONDS_MAX: Final = 60.0
_MIB = 1024  # KiB
_LANES = RFC_9106_LOW_MEMORY.parallelism
_PASSES = RFC_9106_LOW_MEMORY.time_cost
_PROBE = KdfProfile("probe", 1, 64 * _MIB, _LANES)


def measure(profile: KdfProfile) -> float:
    """How many seconds one guess with `profile` takes here and now: the quicker of two."""
    return min(_once(profile) for _ in range(2))


def calibrate(
    target_seconds: float = 0.5,
    *,
    memory_kib: int | None = None,
    measure: Callable[[KdfProfile], float] = measure,
) -> KdfProfile:
    """Parameters that take about `target_seconds` (0.01 to 60) on this machine, within `memory_kib` (19 MiB or more;
    an eighth of the machine's memory, at most 2 GiB, unless told otherwise).

    As RFC 9106 section 4 advises, memory is raised before passes: it is what special hardware has the least of. Three
    passes are kept while memory can still grow, then more are added.

    Raises:
        BadParameter: a target or memory out of range.
    """
    if not SECONDS_MIN <= target_seconds <= SECONDS_MAX:
        raise BadParameter(f"a target is {SECONDS_MIN} to {SECONDS_MAX:g} seconds")
    limit = _default_memory() if memory_kib is None else memory_kib
    if not FLOOR_MEMORY_KIB <= limit <= RFC_9106_HIGH_MEMORY.memory_kib:
        raise BadParameter(
            f"memory is {FLOOR_MEMORY_KIB} to {RFC_9106_HIGH_MEMORY.memory_kib} KiB, not {limit}"
        )
    work = int(target_seconds * _PROBE.memory_kib / measure(_PROBE))
    work = min(max(work, FLOOR_WORK_KIB), CEILING_WORK_KIB)
    memory = min(max(work // _PASSES // _MIB * _MIB, FLOOR_MEMORY_KIB), limit)
    # Rounded to the nearest, then up where the floor asks for it.
    passes = max(round(work / memory), -(-FLOOR_WORK_KIB // memory))
    return named(min(passes, CEILING_WORK_KIB // memory), memory, _LANES)


def _once(profile: KdfProfile) -> float:
    passphrase = Locked.of(b"calibration")
    started = perf_counter()
    stretch(passphrase, bytes(SALT_SIZE), profile).wipe()
    return perf_counter() - started


def _default_memory() -> int:
    kib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 1024
    return min(max(kib // 8, RFC_9106_LOW_MEMORY.memory_kib), RFC_9106_HIGH_MEMORY.memory_kib)
