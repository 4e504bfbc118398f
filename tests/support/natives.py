"""The two implementations of the native room's face, for tests that hold for both.

`cryptography` does the work of one, the core's kernels that of the other, which is there where this processor has a
level of them. `LOCALVAULT_NATIVE=off` takes it away, and another level's name puts that level in its place.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from localvault.native import fallback, loops
from localvault.native.levels import CHOSEN, OFF, VARIABLE, levels
from localvault.native.memory import Locked
from tests.support.processes import ROOT


class Native(NamedTuple):
    """One implementation: what `face` takes from it."""

    name: str
    XaesKey: type[Any]
    XaesBatch: type[Any]
    GcmKey: type[Any]
    seal_many: Callable[..., Any]
    open_many: Callable[..., Any]
    rewrap_many: Callable[..., Any]
    limit: int
    """The longest plaintext, in bytes."""

    def xaes(self, material: bytes) -> Any:
        """A key from bytes that are no secret."""
        return self.XaesKey(Locked.of(material))

    def gcm(self, material: bytes) -> Any:
        """An AES-GCM key from bytes that are no secret."""
        return self.GcmKey(Locked.of(material))


def _natives() -> list[Native]:
    found = [
        Native("cryptography", fallback.XaesKey, fallback.XaesBatch, fallback.GcmKey,
               loops.seal_many, loops.open_many, loops.rewrap_many, (1 << 31) - 1)
    ]  # fmt: skip
    if CHOSEN is not None:
        from localvault.native import gcm, many, xaes

        found.append(
            Native(CHOSEN.name, xaes.XaesKey, xaes.XaesBatch, gcm.GcmKey,
                   many.seal_many, many.open_many, many.rewrap_many, (1 << 36) - 32)
        )  # fmt: skip
    return found


NATIVES = _natives()
both = pytest.mark.parametrize("native", NATIVES, ids=lambda native: native.name)
"""For a test with the argument `native`."""

WAYS = [*(level.name for level in levels() if level.usable), OFF]
"""What LOCALVAULT_NATIVE may be on this processor."""


def run_with(way: str, program: str, given: str = "") -> str:
    """Run a program with a forced level; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={VARIABLE: way, "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
