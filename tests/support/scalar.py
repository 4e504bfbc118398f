"""The core with bulk RSA in plain C (tests/native/rsa_scalar.c): the same code on a processor without AVX512-IFMA."""

from __future__ import annotations

import shlex
import subprocess
import sysconfig
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cffi import FFI

from localvault.native import rsa

ROOT = Path(__file__).parent.parent.parent
CSRC = ROOT / "csrc"
SCALAR = ROOT / "tests" / "native" / "rsa_scalar.c"
# gcc remarks on how it passes vectors, which no other file here does.
FLAGS = ["-std=c11", "-g", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wno-psabi"]


def build(target: Path, *more: Path | str, scalar: bool = True) -> subprocess.CompletedProcess[str]:
    """Compiles the core, with the level that this says, and what else is named, into `target`."""
    files = sorted(CSRC.rglob("*.c"))
    if scalar:
        files = [file for file in files if file.name != "rsa_ifma.c"] + [SCALAR]
    compiler = shlex.split(sysconfig.get_config_var("CC") or "cc")
    includes = [f"-I{CSRC / 'include'}", f"-I{CSRC}"]
    command = [
        *compiler,
        *FLAGS,
        "-O1" if scalar else "-O2",  # the plain C is as quick with -O1 and takes half as long to compile
        *includes,
        *map(str, files),
        *map(str, more),
        "-o",
        str(target),
        "-lpthread",
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


class Core:
    """A core of its own beside the package's."""

    def __init__(self, folder: Path) -> None:
        target = folder / "scalar.so"
        done = build(target, "-shared", "-fPIC")
        assert done.returncode == 0, done.stderr
        self.ffi = FFI()
        self.ffi.cdef((CSRC / "core.cdef.txt").read_text(encoding="utf-8"))
        self.ffi.cdef("extern uint64_t lv_test_products, lv_test_fault_from, lv_test_fault_to;")
        self.lib = self.ffi.dlopen(str(target))
        assert self.lib.lv_init() == self.lib.LV_OK

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Has `native.rsa` compute with it for the length of a test."""
        monkeypatch.delenv("LOCALVAULT_NATIVE", raising=False)
        monkeypatch.setattr(rsa, "ffi", self.ffi)
        monkeypatch.setattr(rsa, "lib", self.lib)

    def err_once(self, after: int) -> None:
        """Has the vector of products that comes after so many others come out wrong."""
        self.lib.lv_test_fault_from = self.lib.lv_test_products + after
        self.lib.lv_test_fault_to = self.lib.lv_test_fault_from + 1


@cache
def core() -> Core:
    """The one core of this process, compiled at the first call."""
    with TemporaryDirectory() as folder:
        return Core(Path(folder))
