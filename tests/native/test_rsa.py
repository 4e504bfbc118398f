"""Bulk RSA without Python: in plain C everywhere, and with AVX512-IFMA where the processor has it.

The program for AVX512-IFMA is static, so an emulator can run it where no processor does.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from localvault.native.features import cpu_features
from tests.native.rsa_cases import c_text
from tests.support.scalar import build

PROGRAM = Path(__file__).parent / "test_rsa.c"
NAMES = re.findall(r"^    TEST\((\w+)\),$", PROGRAM.read_text(encoding="utf-8"), re.MULTILINE)
SHORTER = {
    "known_answers_of_2048_bits": 2,
    "known_answers_of_3072_bits": 4,
    "known_answers_of_4096_bits": 7,
    "every_count_of_operations": 4,
    "a_fault_releases_nothing_wrong": 4,
}
QUICK = (
    "keys_of_another_shape_are_refused",
    "output_may_take_the_place_of_input",
    "a_child_cannot_use_the_keys_of_its_parent",
)


def program(folder: Path, *flags: str, scalar: bool) -> Path:
    """The program, compiled with the cases of one seed."""
    (folder / "rsa_cases.h").write_text(c_text(7), encoding="utf-8")
    done = build(folder / "program", PROGRAM, f"-I{folder}", *flags, scalar=scalar)
    assert done.returncode == 0, done.stderr
    return folder / "program"


def run(command: list[str | Path]) -> subprocess.CompletedProcess[str]:
    """The program's end."""
    return subprocess.run(command, capture_output=True, text=True, timeout=800, check=False)


@pytest.fixture(scope="module")
def scalar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program in plain C."""
    return program(tmp_path_factory.mktemp("scalar"), "-DLV_TEST_SCALAR", scalar=True)


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same under the sanitizers, or plain where the compiler has none."""
    flags = ("-DLV_TEST_SCALAR", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-inline")
    try:
        return program(tmp_path_factory.mktemp("sanitized"), *flags, scalar=True)
    except AssertionError:
        return program(tmp_path_factory.mktemp("sanitized"), "-DLV_TEST_SCALAR", scalar=True)


def test_the_list_of_promises_is_not_empty() -> None:
    """A pattern that matched nothing would test nothing."""
    assert len(NAMES) >= 15
    assert set(NAMES) >= {*SHORTER, *QUICK}


@pytest.mark.parametrize("name", NAMES)
def test_promise_in_plain_c(scalar: Path, name: str) -> None:
    """Each function of the C program keeps its promise, the long ones for a part of their cases."""
    done = run([scalar, name, str(SHORTER.get(name, 1))])
    assert (done.returncode, done.stdout) == (0, f"ok {name}\n"), done.stderr


@pytest.mark.fuzz
def test_all_promises_in_plain_c(scalar: Path) -> None:
    """With every case."""
    done = run([scalar])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", QUICK)
def test_promise_under_sanitizers(sanitized: Path, name: str) -> None:
    """No access outside, no undefined arithmetic."""
    done = run([sanitized, name])
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(
    "avx512ifma" not in cpu_features(), reason="this processor has no AVX512-IFMA; see tools/emulated"
)
def test_all_promises_with_ifma(tmp_path: Path) -> None:
    """The program with the vector kernels, on a processor that has them."""
    done = run([program(tmp_path, "-static", scalar=False)])
    assert done.returncode == 0, done.stderr
