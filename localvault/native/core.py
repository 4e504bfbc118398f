"""Hands on the extension's `ffi` and `lib`, initialised: csrc/include/lv_core.h has the contracts."""

from __future__ import annotations

from localvault._core import ffi, lib

__all__ = ["ffi", "lib"]

if lib.lv_init() != lib.LV_OK:
    raise OSError("the native core could not start: the operating system gave no memory or no random bytes")
