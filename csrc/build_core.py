"""Describes the extension `localvault._core` to cffi (API mode).

Relies on cffi and a C compiler; no system library is linked. Promises: every C file below this folder is
compiled and every header is a dependency, so a new primitive needs no line here. Paths are relative to the
project's root, which is where setuptools runs.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from cffi import FFI

CSRC = Path("csrc")

COMPILE_ARGS = [
    "-std=c11",
    "-O2",
    "-fvisibility=hidden",
    "-fstack-protector-strong",
    "-Wall",
    "-Wextra",
    "-Wvla",
    "-Wstrict-prototypes",
    # Warnings in gcc 12 that are never harmless across a binding.
    "-Werror=incompatible-pointer-types",
    "-Werror=implicit-function-declaration",
    "-Werror=int-conversion",
]
LINK_ARGS = ["-Wl,-z,relro,-z,now"] if sys.platform.startswith("linux") else []


def posix_paths(pattern: str) -> list[str]:
    """The files below csrc/ that match, sorted so that builds can be reproduced."""
    return sorted(path.as_posix() for path in CSRC.rglob(pattern))


VERSION = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

ffibuilder = FFI()
ffibuilder.cdef((CSRC / "core.cdef.txt").read_text(encoding="utf-8"))
ffibuilder.set_source(
    "localvault._core",
    '#include "lv_core.h"',
    sources=posix_paths("*.c"),
    depends=[*posix_paths("*.[hc]"), (CSRC / "core.cdef.txt").as_posix()],
    include_dirs=[(CSRC / "include").as_posix(), CSRC.as_posix()],
    define_macros=[("LV_VERSION", f'"{VERSION}"')],
    extra_compile_args=COMPILE_ARGS,
    extra_link_args=LINK_ARGS,
)
