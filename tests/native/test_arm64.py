"""The C core on 64-bit ARM, under emulation where this machine is another, and every level against every other."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from localvault.store.environment import DATA_FILE
from tests.support.machines import ARM64, CSRC, HERE, Machine
from tests.support.sealed import ladder
from tests.support.stores import Pages, filled

FOLDER = Path(__file__).parent
LIST = re.compile(r"^    TEST\((\w+)\),$", re.MULTILINE)
OK, NO_LEVEL = 0, 8
# The programs that list their tests, and their files.
PROGRAMS = {"test_mem": ("test_mem.c",)}
PROMISES = [
    (program, name)
    for program, files in PROGRAMS.items()
    for file in files
    for name in LIST.findall((FOLDER / file).read_text(encoding="utf-8"))
]
# qemu's user emulation (7.2) answers MADV_WIPEONFORK with success and does nothing. There, promises about children are
# kept with the core's own wiping, as on a system that does not have it.
NEEDS_WIPEONFORK = re.compile("child|inherited")

needs_arm64 = pytest.mark.skipif(bool(ARM64.lacks), reason=ARM64.lacks)
MACHINES = [pytest.param(HERE, id="here"), pytest.param(ARM64, id="arm64", marks=needs_arm64)]


class Programs:
    """Links programs with the core, which is compiled once for each machine and system."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._core = cache(self._compiled)
        self.linked = cache(self._linked)

    def _compiled(self, machine: Machine, system: str) -> list[Path]:
        sources = sorted(CSRC.rglob("*.c"))
        if system == "poor":
            sources = [path for path in sources if not path.name.startswith("platform_")]
            sources.append(FOLDER / "platform_poor.c")
        return machine.objects(sources, self._folder / f"{'arm64' if machine is ARM64 else 'here'}-{system}")

    def _linked(self, machine: Machine, name: str, *options: str, system: str = "own") -> Path:
        core = self._core(machine, system)
        target = core[0].parent / "-".join((name, *(re.sub(r"\W", "", option) for option in options)))
        files = [FOLDER / file for file in PROGRAMS.get(name, (f"{name}.c",))]
        machine.compile([*files, *options, *core, "-o", target, "-lpthread"], core[0].parent)
        return target


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """All programs of this module."""
    return Programs(tmp_path_factory.mktemp("arm64"))


def levels(machine: Machine, program: Path) -> dict[str, int]:
    """Every level's status, by name, in order."""
    done = machine.run(program)
    assert done.returncode == 0, done.stderr.decode()
    lines = (line.split() for line in done.stdout.decode().splitlines())
    return {name: int(status) for name, status in lines}


def test_the_list_of_promises_is_not_empty() -> None:
    """A pattern that matched nothing would test nothing."""
    assert len(PROMISES) >= 14


@needs_arm64
@pytest.mark.parametrize(("program", "name"), PROMISES)
def test_promise_of_the_header(programs: Programs, program: str, name: str) -> None:
    """Each function of the C programs keeps its promise on 64-bit ARM."""
    system = "poor" if ARM64.emulator and NEEDS_WIPEONFORK.search(name) else "own"
    done = ARM64.run(programs.linked(ARM64, program, system=system), name)
    assert done.returncode == 0, done.stderr.decode()


@needs_arm64
def test_arm64_has_its_level(programs: Programs) -> None:
    """A processor with AES and PMULL has one level, and it passes its self-test."""
    assert levels(ARM64, programs.linked(ARM64, "sealed")) == {"arm64": OK}


@needs_arm64
@pytest.mark.parametrize("lacks", ["HWCAP_AES", "HWCAP_PMULL", "HWCAP_AES|HWCAP_PMULL|HWCAP_SHA2"])
def test_without_the_instructions_there_is_no_level(programs: Programs, lacks: str) -> None:
    """A processor that lacks AES or PMULL is given no key and runs none of those instructions."""
    options = (str(FOLDER / "getauxval_poor.c"), f"-DLACKS=({lacks})", "-Wl,--wrap=getauxval")
    assert levels(ARM64, programs.linked(ARM64, "sealed", *options)) == {"arm64": NO_LEVEL}


@pytest.fixture(scope="module")
def expected() -> bytes:
    """What every level has to write."""
    return ladder()


@pytest.mark.parametrize("machine", MACHINES)
def test_levels_seal_what_cryptography_seals(programs: Programs, machine: Machine, expected: bytes) -> None:
    """Every level of either machine writes the same records to the last byte, and opens no altered one."""
    program = programs.linked(machine, "sealed")
    for number, (name, status) in enumerate(levels(machine, program).items()):
        if status != NO_LEVEL:
            done = machine.run(program, str(number))
            assert done.returncode == 0, (name, done.stderr.decode())
            assert done.stdout == expected, name


@needs_arm64
def test_pages_are_walked_alike(programs: Programs, tmp_path: Path) -> None:
    """The walk over damaged pages comes to the same answers on both machines."""
    filled(tmp_path / "vault", 300)
    pages = Pages(tmp_path / "vault")
    meta = pages.newest()
    pages.close()
    facts = [meta.main.root, meta.main.depth - 1, meta.last_page, 1, 5000]
    arguments = [str(tmp_path / "vault" / DATA_FILE), *map(str, facts)]
    here, there = (
        machine.run(programs.linked(machine, "test_pages"), *arguments) for machine in (HERE, ARM64)
    )
    assert (here.returncode, there.returncode) == (0, 0), (here.stderr + there.stderr).decode()
    assert here.stdout == there.stdout
    assert 0 < int(here.stdout) < 5000
