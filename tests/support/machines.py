"""C programs for this machine and for 64-bit ARM: how they are built and what runs them."""

from __future__ import annotations

import platform
import shlex
import shutil
import subprocess
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CSRC = ROOT / "csrc"
FLAGS = ("-std=c11", "-g", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror")
INCLUDES = (f"-I{CSRC / 'include'}", f"-I{CSRC}")


@dataclass(frozen=True)
class Machine:
    """A processor family as it is reached from here. What `lacks` names keeps it from being reached."""

    compiler: tuple[str, ...]
    emulator: tuple[str, ...] = ()
    lacks: str = ""

    def compile(self, arguments: Sequence[str | Path], folder: Path) -> None:
        """Runs the compiler in `folder`; its complaints fail the test."""
        command = [*self.compiler, *FLAGS, *INCLUDES, *map(str, arguments)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def objects(self, sources: Sequence[Path], folder: Path) -> list[Path]:
        """Compiles `sources`, none of them named like another, into `folder`."""
        folder.mkdir()
        self.compile(["-c", *sources], folder)
        made = sorted(folder.glob("*.o"))
        assert len(made) == len(sources)
        return made

    def run(self, program: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Runs a program that was compiled for this machine."""
        command = [*self.emulator, str(program), *arguments]
        return subprocess.run(command, capture_output=True, timeout=600, check=False)


def _emulated_arm64() -> Machine:
    compiler = "aarch64-linux-gnu-gcc"
    emulator = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
    missing = []
    if shutil.which(compiler) is None:
        missing.append("gcc-aarch64-linux-gnu")
    elif not Path(_says(compiler, "-print-file-name=libc.a")).is_absolute():
        missing.append("libc6-dev-arm64-cross")
    if emulator is None:
        missing.append("qemu-user")
    lacks = f"needs the Debian packages {' and '.join(missing)}" if missing else ""
    # Static: the emulator then needs no C library of the other machine's.
    return Machine((compiler, "-static"), (emulator or "",), lacks)


def _says(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


HERE = Machine(tuple(shlex.split(sysconfig.get_config_var("CC") or "cc")))
ARM64 = HERE if platform.machine() in ("aarch64", "arm64") else _emulated_arm64()
