"""The C core without Python, under sanitizers where the compiler has them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from localvault.store.environment import DATA_FILE
from tests.support.native import (
    GCM_TESTS,
    NATIVE,
    POOR_PLATFORM,
    SANITIZERS,
    WIDE,
    build,
    build_gcm,
    build_library,
)
from tests.support.stores import Pages, filled
from tests.vectors.gcm_cases import packed

MEM_VARIANTS = [*SANITIZERS, POOR_PLATFORM]
# All that the plain variant has, the wide one has, too.
GCM_VARIANTS = [WIDE, *(variant for variant in SANITIZERS if variant != "plain"), POOR_PLATFORM]


def names(*files: str) -> list[str]:
    """The tests in C files, as their tables list them."""
    texts = [(NATIVE / file).read_text(encoding="utf-8") for file in files]
    return [name for text in texts for name in re.findall(r'^    (?:TEST\(|\{")(\w+)', text, re.MULTILINE)]


MEM_NAMES = names("test_mem.c")
POOL_NAMES = names("test_pool.c")
GCM_NAMES = names(*GCM_TESTS)


@pytest.fixture(scope="module", params=MEM_VARIANTS)
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program on locked memory in one variant."""
    return build([NATIVE / "test_mem.c"], request.param, tmp_path_factory.mktemp("native") / request.param)


@pytest.fixture(scope="module", params=list(SANITIZERS))
def pool_program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program on the pool of threads in one variant."""
    return build([NATIVE / "test_pool.c"], request.param, tmp_path_factory.mktemp("pool") / request.param)


@pytest.fixture(scope="module", params=GCM_VARIANTS)
def gcm_program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program on sealing in one variant."""
    return build_gcm(request.param, tmp_path_factory.mktemp("gcm") / request.param)


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published cases in one file."""
    path = tmp_path_factory.mktemp("vectors") / "gcm.bin"
    path.write_bytes(packed())
    return path


def run(program: Path, *arguments: str | Path, timeout: float = 600) -> str:
    """What the program prints; it ends well or the test fails with what it complained of."""
    command = [program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_lists_of_promises_are_not_empty() -> None:
    """A pattern that matched nothing would test nothing."""
    assert len(MEM_NAMES) >= 14
    assert len(POOL_NAMES) >= 15
    assert len(GCM_NAMES) >= 48
    assert len({*GCM_NAMES}) == len(GCM_NAMES)


@pytest.mark.parametrize("name", MEM_NAMES)
def test_promise_of_the_header(program: Path, name: str) -> None:
    """Each function of the C program keeps its promise in every variant."""
    if name in run(program).split():
        run(program, name)


@pytest.mark.parametrize("name", POOL_NAMES)
def test_promise_of_the_pool(pool_program: Path, name: str) -> None:
    """Each function of the C program keeps its promise in every variant."""
    if name in run(pool_program).split():
        run(pool_program, name)


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
    library = build_library(tmp_path / "core.so")
    command = [sys.executable, "-c", UNLOADING, library]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert ran.returncode == 0, ran.stderr


# What two of the variants add is asked of a few: the others would only be slow.
ABOUT_THREADS = [name for name in GCM_NAMES if "thread" in name]
ABOUT_CHILDREN = [name for name in GCM_NAMES if "child" in name or "inherited" in name or "wiped" in name]
ONLY = {"thread": ABOUT_THREADS, POOR_PLATFORM: ABOUT_CHILDREN}


@pytest.mark.parametrize("name", GCM_NAMES)
def test_promise_of_sealing(gcm_program: Path, vectors: Path, name: str) -> None:
    """Each function of the C program keeps its promise in every variant, at every level this machine can use."""
    if name in ONLY.get(gcm_program.name, GCM_NAMES):
        run(gcm_program, name, vectors)


def test_the_leak_test_catches_what_leaks(tmp_path: Path) -> None:
    """A comparison that leaves at the first difference is told from one that does not, by its times alone."""
    files = [NATIVE / "leak" / "leak.c", NATIVE / "leak" / "dudect.c"]
    assert "control" in run(build(files, "plain", tmp_path / "leak"), "control")


def test_the_c_program_has_what_its_tables_say(gcm_program: Path) -> None:
    """The names found in its text are those it lists: none is left out of a table or of the main program."""
    assert run(gcm_program).split() == GCM_NAMES
    assert len(ABOUT_THREADS) >= 2
    assert len(ABOUT_CHILDREN) >= 4


@pytest.mark.fuzz
@pytest.mark.parametrize("name", GCM_NAMES)
def test_promise_of_sealing_at_length(gcm_program: Path, vectors: Path, name: str) -> None:
    """The long form: every offset, more chance, and records of 2^24 blocks."""
    run(gcm_program, name, "long", vectors, timeout=3000)


@pytest.mark.parametrize("count", [20_000, pytest.param(3_000_000, marks=pytest.mark.fuzz)])
def test_no_damage_leads_out_of_the_file(tmp_path: Path, count: int) -> None:
    """The walk over pages reads nothing outside what it was given, whatever a few changed bytes say."""
    filled(tmp_path / "vault", 300)
    pages = Pages(tmp_path / "vault")
    meta = pages.newest()
    pages.close()
    program = build([NATIVE / "test_pages.c"], "address", tmp_path / "program")
    facts = [meta.main.root, meta.main.depth - 1, meta.last_page, 1, count]
    opened = run(program, tmp_path / "vault" / DATA_FILE, *map(str, facts), timeout=3000)
    assert 0 < int(opened) < count * 3 / 4


@pytest.mark.parametrize("variant", [name for name in SANITIZERS if name != "thread"])
@pytest.mark.parametrize("rounds", [20_000, pytest.param(2_000_000, marks=pytest.mark.fuzz)])
def test_counting_prefixes_is_right_for_every_shape(tmp_path: Path, variant: str, rounds: int) -> None:
    """Records of all lengths, tables of all sizes, offsets that lead anywhere: each counted once, nothing else read."""
    program = build([NATIVE / "test_prefixes.c"], variant, tmp_path / "program")
    assert int(run(program, "20261126", str(rounds), timeout=3000)) > 50 * rounds
