"""What the machine offers and what localvault uses of it, for `localvault doctor` and bug reports.

Relies on the native core and `cryptography`. Promises: no secret, no path and no name in what it returns.
"""

from __future__ import annotations

import platform
import resource
from typing import TYPE_CHECKING, Any, TypedDict

from localvault.native.core import ffi, lib
from localvault.native.fallback import openssl_version
from localvault.native.memory import Locked

if TYPE_CHECKING:
    from _cffi_backend import FFI


class MemoryReport(TypedDict):
    """The locked memory of this process; sizes in bytes, guard pages not counted."""

    handles: int
    regions: int
    bytes: int
    bytes_locked: int
    not_dumped: bool
    wiped_on_fork: bool


class Report(TypedDict):
    """What `report` returns."""

    version: str
    compiler: str
    machine: str
    cpu: list[str]
    openssl: str
    levels: list[str]
    level: str
    mlock_limit: int | None
    memory: MemoryReport


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


def report() -> Report:
    """Everything above as plain values; `levels` are the ways to do bulk work, best first."""
    probe = Locked.zero(1)  # so that the memory report speaks of at least one region
    found = Report(
        version=_text(lib.lv_version()),
        compiler=_text(lib.lv_compiler()),
        machine=platform.machine(),
        cpu=cpu_features(),
        openssl=openssl_version(),
        levels=["cryptography"],
        level="cryptography",
        mlock_limit=mlock_limit(),
        memory=memory(),
    )
    probe.wipe()
    return found


def _text(value: FFI.CData) -> str:
    text = ffi.string(value)
    return text if isinstance(text, str) else text.decode()
