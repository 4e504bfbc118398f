"""What the machine offers and what localvault uses of it, for `localvault doctor` and bug reports.

Relies on the native core and `cryptography`. Promises: no secret, no path and no name in what it returns.
"""

from __future__ import annotations

import os
import platform
import resource
from collections.abc import Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, TypedDict

from localvault.native.core import ffi, lib
from localvault.native.fallback import openssl_version
from localvault.native.levels import CHOSEN, FAILED, VARIABLE, Level, levels
from localvault.native.memory import Locked
from localvault.native.threads import threads

if TYPE_CHECKING:
    from _cffi_backend import FFI

CRYPTOGRAPHY: Final = "cryptography"


class MemoryReport(TypedDict):
    """The locked memory of this process; sizes in bytes, guard pages not counted."""

    handles: int
    regions: int
    bytes: int
    bytes_locked: int
    not_dumped: bool
    wiped_on_fork: bool


class Report(TypedDict):
    """What `doctor` returns."""

    version: str
    python: str
    compiler: str
    machine: str
    cpu: list[str]
    openssl: str
    cryptography: str
    levels: list[str]
    """What can do bulk work here, best first; `cryptography` always can."""
    states: dict[str, str]
    """Every level of this build: `usable`, `not on this processor` or `failed its self-test`."""
    level: str
    """The one that this process uses, and"""
    reason: str
    threads: int
    """How many threads a large batch may use."""
    mlock_limit: int | None
    memory: MemoryReport
    problems: list[str]
    """What is not as it should be, a sentence each."""


def cpu_features() -> list[str]:
    """The names of the instruction sets that processor and operating system allow ("aes", "vaes"...)."""
    bits = lib.lv_cpu_features()
    return [_text(lib.lv_cpu_feature_name(bit)) for bit in range(64) if bits >> bit & 1]


def memory() -> MemoryReport:
    """What the locked memory of this process amounts to now."""
    sums: Any = ffi.new("struct lv_mem_report *")
    lib.lv_mem_report(sums)
    return MemoryReport(
        handles=sums.handles,
        regions=sums.regions,
        bytes=sums.bytes,
        bytes_locked=sums.bytes_locked,
        not_dumped=bool(sums.not_dumped),
        wiped_on_fork=bool(sums.wiped_on_fork),
    )


def mlock_limit() -> int | None:
    """How many bytes this process may lock (RLIMIT_MEMLOCK); None if there is no limit."""
    limit, _hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    return None if limit == resource.RLIM_INFINITY else limit


def doctor() -> Report:
    """Return what this machine offers, what localvault uses of it and why, and what is not as it should be.

    Plain values, for bug reports: no secret, no path and no name of a vault is in it. Every level is tested against
    known answers on the way, which takes a millisecond or so the first time. Sizes are bytes.
    """
    probe = Locked.zero(1)  # so that the report of memory speaks of at least one region
    found = memory()
    offered = levels()
    report = Report(
        version=_text(lib.lv_version()),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        compiler=_text(lib.lv_compiler()),
        machine=platform.machine(),
        cpu=cpu_features(),
        openssl=openssl_version(),
        cryptography=version("cryptography"),
        levels=[*(level.name for level in offered if level.usable), CRYPTOGRAPHY],
        states={level.name: level.state for level in offered},
        level=CRYPTOGRAPHY if CHOSEN is None else CHOSEN.name,
        reason=_reason(offered, os.environ.get(VARIABLE)),
        threads=threads(),
        mlock_limit=mlock_limit(),
        memory=found,
        problems=[*_problems_of_levels(offered), *_problems_of_memory(found, probe.locked)],
    )
    probe.wipe()
    return report


def _reason(offered: list[Level], wanted: str | None) -> str:
    if wanted:
        return f"{VARIABLE}={wanted}"
    if CHOSEN is not None:
        return "the best of those that passed their self-test"
    if any(level.usable for level in offered):
        return "the levels need CPython"
    return "no level can be used here"


def _problems_of_levels(offered: list[Level]) -> Iterator[str]:
    for level in offered:
        if level.state == FAILED:
            yield f"level {level.name} failed its self-test: on this machine it computes wrongly, and is not used"


def _problems_of_memory(found: MemoryReport, is_locked: bool) -> Iterator[str]:
    if not is_locked or found["bytes_locked"] < found["bytes"]:
        yield "not all memory for keys could be locked, so keys may be swapped out; raise RLIMIT_MEMLOCK (ulimit -l)"


def _text(value: FFI.CData) -> str:
    text = ffi.string(value)
    return text if isinstance(text, str) else text.decode()
