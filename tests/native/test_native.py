"""The C core without Python, under sanitizers where the compiler has them."""

from __future__ import annotations

import re
import shlex
import subprocess
import sysconfig
from pathlib import Path

import pytest

from localvault.store.environment import DATA_FILE
from tests.support.stores import Pages, filled

HERE = Path(__file__).parent
CSRC = HERE.parent.parent / "csrc"
PROGRAM = HERE / "test_mem.c"
PAGES_PROGRAM = HERE / "test_pages.c"
FLAGS = ["-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
VARIANTS = {
    "plain": [],
    "address": ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
    "thread": ["-fsanitize=thread"],
    "poor-platform": [],
}
NAMES = re.findall(r"^    TEST\((\w+)\),$", PROGRAM.read_text(encoding="utf-8"), re.MULTILINE)


def sources(variant: str) -> list[Path]:
    """The core's files, with a poorer operating system in the variant of that name."""
    files = sorted(CSRC.rglob("*.c"))
    if variant == "poor-platform":
        return [file for file in files if not file.name.startswith("platform_")] + [HERE / "platform_poor.c"]
    return files


def build(variant: str, target: Path, program: Path = PROGRAM) -> subprocess.CompletedProcess[str]:
    """Compiles a program with the compiler that built this Python."""
    compiler = shlex.split(sysconfig.get_config_var("CC") or "cc")
    includes = [f"-I{CSRC / 'include'}", f"-I{CSRC}"]
    files = [str(file) for file in [program, *sources(variant)]]
    command = [*compiler, *FLAGS, *VARIANTS[variant], *includes, *files, "-o", str(target), "-lpthread"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module", params=list(VARIANTS))
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program in one variant; a compiler without that sanitizer's library builds it plain."""
    target = tmp_path_factory.mktemp("native") / request.param
    done = build(request.param, target)
    if done.returncode and request.param in ("address", "thread"):
        done = build("plain", target)
    assert done.returncode == 0, done.stderr
    return target


def test_the_list_of_promises_is_not_empty() -> None:
    """A pattern that matched nothing would test nothing."""
    assert len(NAMES) >= 14


@pytest.mark.parametrize("name", NAMES)
def test_promise_of_the_header(program: Path, name: str) -> None:
    """Each function of the C program keeps its promise in every variant."""
    available = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()
    if name in available:
        done = subprocess.run([program, name], capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr


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
