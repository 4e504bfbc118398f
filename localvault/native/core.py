"""Hands on the extension's `ffi` and `lib`, initialised: csrc/include/lv_core.h has the contracts.

Raises `BadParameter` when LOCALVAULT_THREADS holds no number of threads.
"""

from __future__ import annotations

from localvault._core import ffi, lib
from localvault.native.processors import threads_by_default

__all__ = ["ffi", "lib"]

if lib.lv_init() != lib.LV_OK:
    raise OSError("the native core could not start: the operating system gave no memory or no random bytes")
if lib.lv_threads_set(threads_by_default(lib.LV_THREADS_MAX)) != lib.LV_OK:
    raise MemoryError("the native core could not start: no memory to prepare threads for a fork")
