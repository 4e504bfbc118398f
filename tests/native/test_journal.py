"""The journal's part of the C core on any bytes, and SHA-256 by each way, without Python and under sanitizers."""

from __future__ import annotations

import platform
import re
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from tests.support.native import NATIVE, build

WAYS = {"x86_64": "shani", "aarch64": "armv8"}
NO_KERNELS = 3


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, with sanitizers where the compiler has them."""
    return build([NATIVE / "test_journal.c"], "address", tmp_path_factory.mktemp("journal") / "program")


def vectors() -> list[tuple[str, str]]:
    """NIST's messages and hashes, both in hex; none is a failure."""
    found: list[tuple[str, str]] = []
    for name in ("SHA256ShortMsg.rsp", "SHA256LongMsg.rsp"):
        text = (files("cryptography_vectors") / "hashes" / "SHA2" / name).read_text(encoding="ascii")
        for bits, message, digest in re.findall(
            r"^Len = (\d+)\s+Msg = (\w+)\s+MD = (\w+)", text, re.MULTILINE
        ):
            found.append((message[: int(bits) // 4], digest))
    assert len(found) > 100
    return found


@pytest.mark.parametrize("way", ["portable", WAYS.get(platform.machine(), "portable")])
def test_sha256_gives_nists_answers(program: Path, way: str) -> None:
    """Alone, on the left and on the right of another message, and in turn with others."""
    known = vectors()
    lines = "".join(message + "\n" for message, _digest in known)
    done = subprocess.run([program, "sha256", way], input=lines, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()
    if way == "portable" or told:
        assert len(told) == len(known)
        for answers, (message, digest) in zip(told, known, strict=True):
            assert set(answers.split()) == {digest}
            assert len(answers.split()) == (4 if len(message) <= 2 * 375 else 3)


@pytest.mark.parametrize("kind", ["fields", "run", "frames"])
@pytest.mark.parametrize("count", [20_000, pytest.param(3_000_000, marks=pytest.mark.fuzz)])
def test_no_bytes_lead_out_of_the_input(program: Path, kind: str, count: int) -> None:
    """Events, runs and frames with a few bytes changed: nothing outside is touched, and some are taken whole."""
    command = [program, kind, "1", str(count)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3000, check=False)
    if kind == "frames" and done.returncode == NO_KERNELS:
        pytest.skip("no kernels for this processor")
    assert done.returncode == 0, done.stderr
    assert 0 < int(done.stdout) < count * 3 / 4
