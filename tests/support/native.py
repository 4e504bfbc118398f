"""C programs on the native core, for the tests: compiled with the compiler of this Python, under its sanitizers.

Relies on that compiler alone. Promises: each file of the core is compiled once for each variant and session, several
at a time; a program that does not compile raises `RuntimeError` with what the compiler said.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from localvault.native.core import ffi, lib

ROOT = Path(__file__).resolve().parents[2]
CSRC = ROOT / "csrc"
NATIVE = ROOT / "tests" / "native"
FLAGS = ["-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
SANITIZERS = {
    "plain": [],
    "address": ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
    "thread": ["-fsanitize=thread"],
}
# Stand in for a part of the core: a system that can do less, and AVX-512 on x86-64 processors that have none.
POOR_PLATFORM, WIDE = "poor-platform", "wide"
WIDE_LEVEL, WIDE_TARGETS = "aes_gcm_vaes512.c", "avx512f,avx512bw,avx512vl,"
# Unoptimised, for the stand-in is slow to compile; an index outside of a table of powers stops the program.
WIDE_FLAGS = ["-O0", "-fsanitize=bounds", "-fsanitize-undefined-trap-on-error"]
SUPPORT = ["harness.c", "reference.c", "records.c", "scene.c", "successor.c"]
GCM_TESTS = [
    *("test_vectors.c", "test_gcm.c", "test_gcm_keys.c", "test_gcm_batch.c"),
    *("test_gcm_many.c", "test_ring.c", "test_rewrap.c", "test_reseal.c"),
]
_FOLDER = tempfile.TemporaryDirectory(prefix="localvault-native-")


def compiler() -> list[str]:
    """The compiler's command."""
    return shlex.split(sysconfig.get_config_var("CC") or "cc")


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)


def compile_all(files: Iterable[Path], flags: list[str], folder: Path) -> list[Path]:
    """An object in `folder` of each file; as many at a time as there are processors."""
    files = list(files)
    objects = [folder / f"{number}-{file.stem}.o" for number, file in enumerate(files)]
    folder.mkdir(parents=True)
    commands = [
        [*compiler(), *FLAGS, *flags, f"-I{CSRC / 'include'}", f"-I{CSRC}", "-c", str(file), "-o", str(made)]
        for file, made in zip(files, objects, strict=True)
    ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(_run, commands))
    return objects


@cache
def sanitizer(variant: str) -> list[str]:
    """The flags of a variant; none where the compiler lacks that sanitizer's library."""
    source = Path(_FOLDER.name) / "empty.c"
    source.write_text("int main(void) { return 0; }\n")
    flags = SANITIZERS[variant]
    probe = [*compiler(), *flags, str(source), "-o", str(source.with_suffix(""))]
    return flags if subprocess.run(probe, capture_output=True, check=False).returncode == 0 else []


@cache
def core_objects(variant: str) -> dict[str, Path]:
    """The core's objects in one variant, by the names of their sources."""
    files = sorted(CSRC.rglob("*.c"))
    made = compile_all(files, sanitizer(variant), Path(_FOLDER.name) / variant)
    assert len({file.name for file in files}) == len(files)
    return {file.name: made for file, made in zip(files, made, strict=True)}


@cache
def _wide_objects() -> dict[str, Path]:
    """The AVX-512 level on 128-bit registers, and the processor that says it has them (tests/native/wide/)."""
    [source] = CSRC.rglob(WIDE_LEVEL)
    text = source.read_text(encoding="utf-8")
    assert text.count(WIDE_TARGETS) == 2
    copy = Path(_FOLDER.name) / WIDE_LEVEL
    copy.write_text(text.replace(WIDE_TARGETS, ""), encoding="utf-8")
    flags = [*WIDE_FLAGS, f"-I{NATIVE / 'wide'}"]
    level, processor = compile_all([copy, NATIVE / "cpu_wide.c"], flags, Path(_FOLDER.name) / "wide")
    return {WIDE_LEVEL: level, "cpu.c": processor}


def needs_stand_in() -> bool:
    """Whether this is an x86-64 processor with the level below AVX-512's, but not that one."""
    number, statuses = 0, dict[str, int]()
    while (name := lib.lv_level_name(number)) != ffi.NULL:
        statuses[ffi.string(name).decode()] = lib.lv_level_status(number)
        number += 1
    return statuses.get("avx512") == lib.LV_NO_LEVEL and statuses.get("avx2") == lib.LV_OK


@cache
def _poor_objects() -> dict[str, Path]:
    [made] = compile_all([NATIVE / "platform_poor.c"], [], Path(_FOLDER.name) / POOR_PLATFORM)
    return {"platform_poor.c": made}


def build(sources: Iterable[Path], variant: str, target: Path) -> Path:
    """A program of these files and the core in one of `SANITIZERS`, or with a stand-in for a part of it.

    Files named reference.c are compiled without sanitizers: they are slow enough.
    """
    base = variant if variant in SANITIZERS else "plain"
    objects = dict(core_objects(base))
    if variant == POOR_PLATFORM:
        objects = {name: made for name, made in objects.items() if not name.startswith("platform_")}
        objects |= _poor_objects()
    if variant == WIDE and needs_stand_in():
        objects |= _wide_objects()
    slow, own = [], []
    for source in sources:
        (slow if source.name == "reference.c" else own).append(source)
    made = compile_all(own, sanitizer(base), target.with_suffix(".own"))
    made += compile_all(slow, ["-O2"], target.with_suffix(".slow"))
    linked = [*made, *objects.values()]
    _run([*compiler(), *sanitizer(base), *map(str, linked), "-o", str(target), "-lpthread", "-lm"])
    return target


def build_library(target: Path) -> Path:
    """The core as a shared library that shows all of its names."""
    sources = [str(file) for file in sorted(CSRC.rglob("*.c"))]
    includes = [f"-I{CSRC / 'include'}", f"-I{CSRC}"]
    _run([*compiler(), *FLAGS, "-shared", "-fPIC", *includes, *sources, "-o", str(target), "-lpthread"])
    return target


def build_gcm(variant: str, target: Path) -> Path:
    """tests/native/test_gcm and its parts as one program."""
    return build([NATIVE / name for name in ("main.c", *GCM_TESTS, *SUPPORT)], variant, target)
