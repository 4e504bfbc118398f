"""The feature report: true, complete and plain."""

from __future__ import annotations

import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from localvault.native import features
from localvault.native.features import cpu_features, doctor, memory
from localvault.native.levels import FAILED, OFF, Level, levels
from tests.support.natives import WAYS, run_with


def test_the_report_is_plain_data() -> None:
    """It prints as JSON, names a level that is available and a core of the package's version."""
    found = doctor()
    assert json.loads(json.dumps(found)) == found
    assert found["level"] in found["levels"]
    assert found["version"] == version("localvault")
    assert found["cryptography"] == version("cryptography")
    assert found["memory"]["regions"] >= 1
    assert found["openssl"].startswith("OpenSSL")
    assert found["threads"] >= 1
    assert platform.python_version() in found["python"]


def test_the_levels_are_told_with_their_states() -> None:
    """Every one of the build, and the usable ones in their order before `cryptography`."""
    found = doctor()
    assert found["states"] == {level.name: level.state for level in levels()}
    assert found["levels"] == [*(level.name for level in levels() if level.usable), "cryptography"]


PROGRAM = "import json, localvault; print(json.dumps(localvault.doctor()))"


@pytest.mark.parametrize("way", WAYS)
def test_why_a_level_is_used(way: str) -> None:
    """Because the variable says so."""
    found = json.loads(run_with(way, PROGRAM))
    assert found["level"] == ("cryptography" if way == OFF else way)
    assert found["reason"] == f"LOCALVAULT_NATIVE={way}"


def test_why_the_best_is_used() -> None:
    """Without the variable it is the best; where there is none, that is said."""
    found = json.loads(run_with("", PROGRAM))
    assert found["level"] == found["levels"][0]
    usable = found["level"] != "cryptography"
    assert found["reason"] == (
        "the best of those that passed their self-test" if usable else "no level can be used here"
    )


def test_a_failed_self_test_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """Named with its level; a level that this processor lacks is none."""
    offered = [
        Level(0, "avx512", "not on this processor"),
        Level(1, "avx2", FAILED),
        Level(2, "aesni", "usable"),
    ]
    monkeypatch.setattr(features, "levels", lambda: offered)
    found = doctor()
    assert len(found["problems"]) == 1
    assert "avx2 failed its self-test" in found["problems"][0]
    assert found["levels"] == ["aesni", "cryptography"]


def test_memory_that_cannot_be_locked_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the limit to raise."""
    monkeypatch.setattr(features, "memory", lambda: memory() | {"bytes": 5, "bytes_locked": 4})
    (problem,) = doctor()["problems"]
    assert "RLIMIT_MEMLOCK" in problem


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or platform.machine() != "x86_64",
    reason="compares with /proc/cpuinfo",
)
def test_cpu_features_are_the_kernels() -> None:
    """Every feature named is one the kernel names, and none that both know is left out."""
    kernel_names = {
        "sha": "sha_ni",
        "sse4.1": "sse4_1",
        "avx512ifma": "avx512ifma",
        "avx512vbmi": "avx512vbmi",
    }
    flags = set(
        next(
            line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")
        ).split()
    )
    for name in (
        "ssse3", "sse4.1", "pclmulqdq", "aes", "avx", "avx2", "bmi2", "sha",
        "vaes", "vpclmulqdq", "gfni", "avx512f", "avx512bw", "avx512vl", "avx512ifma", "avx512vbmi",
    ):  # fmt: skip
        assert (name in cpu_features()) == (kernel_names.get(name, name) in flags), name
