"""The rig that runs a program on an emulated processor; in Bochs's place there is mostly a script that plays it."""

from __future__ import annotations

import importlib
import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

RIG = Path(__file__).parent.parent / "tools" / "emulated"
NAMES = ("machine", "image", "kernel")

pytestmark = pytest.mark.skipif(shutil.which("setpriv") is None, reason="the rig needs Linux")


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    """The rig's modules, which import each other as a script's siblings do."""
    monkeypatch.syspath_prepend(RIG)
    yield {name: importlib.import_module(name) for name in NAMES}
    for name in NAMES:
        del sys.modules[name]


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rig: dict[str, ModuleType]) -> Path:
    """A folder for one start of the machine; `bochs` is the shell script that a test writes there."""
    script = tmp_path / "bochs"
    script.touch(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return script


def _play(script: Path, commands: str) -> Path:
    script.write_text(f"#!/bin/sh\n{commands}\n")
    return script.parent


def _elf(*segments: tuple[int, int, bytes]) -> bytes:
    """A 64-bit ELF file of these segments: kind, address in memory, content."""
    start = 64 + 56 * len(segments)
    headers, contents = b"", b""
    for kind, address, content in segments:
        offset = start + len(contents)
        headers += struct.pack("<IIQQQQQQ", kind, 0, offset, 0, address, len(content), len(content), 0)
        contents += content
    return struct.pack("<32xQ16xH6x", 64, len(segments)) + headers + contents


def _note(kind: int, value: bytes) -> bytes:
    return struct.pack("<III", 4, len(value), kind) + b"Xen\0" + value + bytes(-len(value) % 4)


def test_missing_packages_are_named(tmp_path: Path) -> None:
    """In one line, as the command that installs them."""
    done = subprocess.run(
        [sys.executable, RIG / "run.py", "program"],
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 125
    assert done.stderr.count("\n") == 1
    for word in ("apt-get install", "bochs", "gcc", "lz4"):
        assert word in done.stderr


def test_output_comes_frame_by_frame(play: Path, rig: dict[str, ModuleType]) -> None:
    """Also when a frame is written in two pieces, and with bytes that are no text."""
    folder = _play(
        play, r"printf 'o\003\000a\377' >output; sleep 0.3; printf '\000e\001\000!x\001\000\007' >>output"
    )
    assert list(rig["machine"].frames(folder, 60)) == [("o", b"a\xff\0"), ("e", b"!"), ("x", b"\7")]


@pytest.mark.parametrize("written", ["", r"o\001\000a", r"x\001\000", "x"])
def test_an_end_without_a_status_is_an_error(play: Path, rig: dict[str, ModuleType], written: str) -> None:
    """Whatever came before; the error has the emulated console's last line."""
    folder = _play(play, f"printf '{written}' >output; echo Kernel panic >console")
    with pytest.raises(rig["kernel"].RigError, match="Kernel panic"):
        list(rig["machine"].frames(folder, 60))


def test_a_machine_that_hangs_is_ended(play: Path, rig: dict[str, ModuleType]) -> None:
    """After the time-out, not when it likes, and its process is gone."""
    folder = _play(play, "echo $$ >pid; exec sleep 60")
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        list(rig["machine"].frames(folder, 3))
    assert time.monotonic() - start < 30
    with pytest.raises(ProcessLookupError):
        os.kill(int((folder / "pid").read_text()), 0)


def test_a_kernel_lies_where_it_is_linked(rig: dict[str, ModuleType]) -> None:
    """Segments at their addresses, zeros between, and the entry is the one in the note."""
    load = rig["kernel"].LOAD
    notes = _note(6, b"linux\0") + _note(18, struct.pack("<Q", load + 5))
    made = rig["kernel"]._flatten(_elf((1, load + 6, b"data"), (4, 0, notes), (1, load, b"code")))
    assert (made.entry, made.image) == (load + 5, b"code\0\0data")


def test_a_kernel_without_the_entry_is_refused(rig: dict[str, ModuleType]) -> None:
    """A note of another kind, or of another owner, is not it."""
    other = _note(18, bytes(8)).replace(b"Xen", b"xen")
    for notes in (_note(17, bytes(8)), other, b""):
        with pytest.raises(rig["kernel"].RigError, match="PVH entry"):
            rig["kernel"]._flatten(_elf((4, 0, notes)))


def test_the_image_ends_with_its_mark(tmp_path: Path, rig: dict[str, ModuleType]) -> None:
    """Where the first page says it is, behind kernel and archive."""
    image = rig["image"]
    archive = image.initramfs(b"init", b"program", ["program", "ä"], ["A=b"])
    image.write(tmp_path / "memory", rig["kernel"].Kernel(0x1000850, b"kernel"), archive, "quiet")
    written = (tmp_path / "memory").read_bytes()
    mark, entry, end = struct.unpack_from("<III", written)
    assert (mark, entry) == (image.END_MARK, 0x1000850)
    assert written[end - image.HANDOVER :] == struct.pack("<I", image.END_MARK)
    start, size = struct.unpack_from("<QQ", written, 0x200)
    assert written[start - image.HANDOVER :][:size] == archive


def test_what_does_not_fit_is_refused(tmp_path: Path, rig: dict[str, ModuleType]) -> None:
    """A program of half the memory leaves no room to unpack it."""
    archive = bytes(rig["image"].MEMORY // 2)
    with pytest.raises(rig["kernel"].RigError, match="does not fit"):
        rig["image"].write(tmp_path / "memory", rig["kernel"].Kernel(0, b"kernel"), archive, "")


@pytest.mark.soak
def test_the_emulated_processor_computes_what_the_manual_says(
    tmp_path: Path, rig: dict[str, ModuleType]
) -> None:
    """All of check.c agrees, on the real rig."""
    try:
        rig["machine"].check_packages()
    except rig["kernel"].RigError as error:
        pytest.skip(str(error))
    program = tmp_path / "check"
    subprocess.run(["gcc", "-O1", "-static", "-o", program, RIG / "check.c"], check=True)
    done = subprocess.run(
        [sys.executable, RIG / "run.py", program, "300"], capture_output=True, text=True, check=False
    )
    assert done.stdout.endswith("300 rounds, 0 wrong\n")
    assert (done.returncode, done.stderr) == (0, "")
