"""The feature report: true, complete and plain."""

from __future__ import annotations

import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from localvault.native.features import cpu_features, report


def test_the_report_is_plain_data() -> None:
    """It prints as JSON, names a level that is available and a core of the package's version."""
    found = report()
    assert json.loads(json.dumps(found)) == found
    assert found["level"] in found["levels"]
    assert found["version"] == version("localvault")
    assert found["memory"]["regions"] >= 1
    assert found["openssl"].startswith("OpenSSL")


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
