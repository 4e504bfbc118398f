"""When the operating system gives nothing, nothing is made up."""

from __future__ import annotations

import subprocess
import sys

import pytest

from localvault.native import memory
from localvault.native.core import lib
from localvault.native.memory import Locked


def test_a_core_that_cannot_start_is_not_used() -> None:
    """Without random bytes for its canary the import fails; nothing goes on without protection."""
    program = (
        "import sys, types\n"
        "lib = types.SimpleNamespace(LV_OK=0, lv_init=lambda: 2)\n"
        "core = types.ModuleType('localvault._core'); core.ffi = None; core.lib = lib\n"
        "sys.modules['localvault._core'] = core\n"
        "import localvault.native.core\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "OSError: the native core could not start" in done.stderr


def test_without_random_bytes_there_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """`Locked.random` raises, and gives the memory back."""
    freed: list[object] = []

    class Failing:
        """The core on a system whose generator fails."""

        LV_OK, lv_locked_new = lib.LV_OK, staticmethod(lib.lv_locked_new)

        @staticmethod
        def lv_locked_random(_handle: object) -> int:
            return int(lib.LV_NO_RANDOM)

        @staticmethod
        def lv_locked_free(handle: object) -> None:
            freed.append(handle)
            lib.lv_locked_free(handle)

    monkeypatch.setattr(memory, "lib", Failing)
    with pytest.raises(OSError, match="no random bytes"):
        Locked.random(32)
    assert len(freed) == 1
