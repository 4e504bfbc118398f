"""Which kernels of the core this process uses, chosen once.

Relies on the core, which tests every level that the processor can run against known answers before it says so.
Promises: the best level that passed; none, and so `cryptography`, where there is none; what LOCALVAULT_NATIVE asks
for, or an error.
"""

from __future__ import annotations

import os
import sys
from typing import Final, NamedTuple

from localvault.errors import BadParameter
from localvault.native.core import ffi, lib

VARIABLE: Final = "LOCALVAULT_NATIVE"
OFF: Final = "off"
FAILED: Final = "failed its self-test"


class Level(NamedTuple):
    """A set of instructions that kernels are written for."""

    number: int
    name: str
    """`avx512`, `avx2`, `aesni` or `arm64`."""
    state: str
    """`usable`, `not on this processor` or `failed its self-test`."""

    @property
    def usable(self) -> bool:
        """Whether the processor can and the self-test passed."""
        return self.state == "usable"


_STATES = {
    lib.LV_OK: "usable",
    lib.LV_NO_LEVEL: "not on this processor",
    lib.LV_WRONG: FAILED,
}


def levels() -> list[Level]:
    """Return all levels this build has, best first."""
    found: list[Level] = []
    while name := lib.lv_level_name(len(found)):
        text = ffi.string(name)
        state = _STATES[lib.lv_level_status(len(found))]
        found.append(Level(len(found), text if isinstance(text, str) else text.decode(), state))
    return found


def choose(wanted: str | None) -> Level | None:
    """Return the level called `wanted`, or the best one if it is None or empty; None: `cryptography` does the work.

    Raises:
        BadParameter: there is no such level, or it cannot be used here.
    """
    offered = levels()
    # Results are written into fresh bytes in place (see `xaes`), which is sound where CPython made them.
    is_cpython = sys.implementation.name == "cpython"
    if wanted == OFF:
        return None
    if not wanted:
        return next((level for level in offered if level.usable and is_cpython), None)
    if not is_cpython:
        raise BadParameter(f"{VARIABLE}={wanted}: the core's levels need CPython", hint=f"unset {VARIABLE}")
    for level in offered:
        if level.name == wanted and level.usable:
            return level
        if level.name == wanted:
            raise BadParameter(f"{VARIABLE}={wanted}: {level.state}", hint=f"unset {VARIABLE}")
    names = ", ".join([*(level.name for level in offered), OFF])
    raise BadParameter(f"{VARIABLE}={wanted}: this build has no such level", hint=f"use one of {names}")


CHOSEN: Final = choose(os.environ.get(VARIABLE))
"""The level this process uses; None: `cryptography`."""
