"""The C core without Python, under sanitizers where the compiler has them."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from localvault.store.environment import DATA_FILE
from tests.support.stores import Pages, filled

HERE = Path(__file__).parent
CSRC = HERE.parent.parent / "csrc"
MEMORY_PROGRAM = HERE / "test_mem.c"
POOL_PROGRAM = HERE / "test_pool.c"
PAGES_PROGRAM = HERE / "test_pages.c"
FLAGS = ["-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
VARIANTS = {
    "plain": [],
    "address": ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
    "thread": ["-fsanitize=thread"],
    "poor-platform": [],
}
# The pool asks no more of a poor platform than a name for its threads.
BUILT = {MEMORY_PROGRAM: list(VARIANTS), POOL_PROGRAM: ["plain", "address", "thread"]}


def names(program: Path) -> list[str]:
    """The promises that a program keeps or breaks."""
    return re.findall(r"^    TEST\((\w+)\),$", program.read_text(encoding="utf-8"), re.MULTILINE)


CASES = [
    pytest.param(program, variant, name, id=f"{variant}-{name}")
    for program, variants in BUILT.items()
    for variant in variants
    for name in names(program)
]


def sources(variant: str) -> list[Path]:
    """The core's files, with a poorer operating system in the variant of that name."""
    files = sorted(CSRC.rglob("*.c"))
    if variant == "poor-platform":
        return [file for file in files if not file.name.startswith("platform_")] + [HERE / "platform_poor.c"]
    return files


def build(variant: str, target: Path, *program: Path | str) -> subprocess.CompletedProcess[str]:
    """Compiles a program, its files or flags given, with the compiler that built this Python."""
    compiler = shlex.split(sysconfig.get_config_var("CC") or "cc")
    includes = [f"-I{CSRC / 'include'}", f"-I{CSRC}"]
    files = [str(file) for file in [*program, *sources(variant)]]
    command = [*compiler, *FLAGS, *VARIANTS[variant], *includes, *files, "-o", str(target), "-lpthread"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path, str], Path]:
    """A program in one variant; a compiler without that sanitizer's library builds it plain."""
    folder = tmp_path_factory.mktemp("native")

    @cache
    def make(program: Path, variant: str) -> Path:
        target = folder / f"{program.stem}-{variant}"
        done = build(variant, target, program)
        if done.returncode and variant in ("address", "thread"):
            done = build("plain", target, program)
        assert done.returncode == 0, done.stderr
        return target

    return make


@pytest.mark.parametrize(("program", "least"), [(MEMORY_PROGRAM, 14), (POOL_PROGRAM, 15)])
def test_the_list_of_promises_is_not_empty(program: Path, least: int) -> None:
    """A pattern that matched nothing would test nothing."""
    assert len(names(program)) >= least


@pytest.mark.parametrize(("program", "variant", "name"), CASES)
def test_promise_of_a_header(
    built: Callable[[Path, str], Path], program: Path, variant: str, name: str
) -> None:
    """Each function of a C program keeps its promise in every variant."""
    target = built(program, variant)
    available = subprocess.run([target], capture_output=True, text=True, check=True).stdout.split()
    if name in available:
        done = subprocess.run([target, name], capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr


UNLOADING = """
import ctypes, _ctypes, os, sys, time

def ends_with(threads):
    end = time.monotonic() + 20
    while len(os.listdir("/proc/self/task")) != threads and time.monotonic() < end:
        time.sleep(0.001)
    return len(os.listdir("/proc/self/task")) == threads

usleep = ctypes.cast(ctypes.CDLL(None).usleep, ctypes.c_void_p)
for _ in range(20):
    core = ctypes.CDLL(sys.argv[1])
    assert core.lv_threads_set(5) == 0
    core.lv_pool_run(usleep, ctypes.c_void_p(500), ctypes.c_size_t(20))
    assert ends_with(5)
    _ctypes.dlclose(core._handle)
    assert sys.argv[1] not in open("/proc/self/maps").read()
    assert ends_with(1)
    child = os.fork()
    if child == 0:
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""


def test_a_core_that_is_unloaded_takes_its_workers_along(tmp_path: Path) -> None:
    """No thread is left in code that is gone, nor a handler for the next fork."""
    library = tmp_path / "core.so"
    done = build("plain", library, "-shared", "-fPIC")
    assert done.returncode == 0, done.stderr
    command = [sys.executable, "-c", UNLOADING, library]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("count", [20_000, pytest.param(3_000_000, marks=pytest.mark.fuzz)])
def test_no_damage_leads_out_of_the_file(tmp_path: Path, count: int) -> None:
    """The walk over pages reads nothing outside what it was given, whatever a few changed bytes say."""
    filled(tmp_path / "vault", 300)
    pages = Pages(tmp_path / "vault")
    meta = pages.newest()
    pages.close()
    done = build("address", tmp_path / "program", PAGES_PROGRAM)
    if done.returncode:
        done = build("plain", tmp_path / "program", PAGES_PROGRAM)
    assert done.returncode == 0, done.stderr
    facts = [meta.main.root, meta.main.depth - 1, meta.last_page, 1, count]
    command = [tmp_path / "program", tmp_path / "vault" / DATA_FILE, *map(str, facts)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=3000, check=False)
    assert ran.returncode == 0, ran.stderr
    assert 0 < int(ran.stdout) < count * 3 / 4
