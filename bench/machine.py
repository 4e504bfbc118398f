"""On what the figures were taken: processor, system, Python, versions of everything that took part.

Relies on /proc where there is one. Promises: nothing that names a person, a host or a path.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench import levels

_CPU = Path("/proc/cpuinfo")
_MOUNTS = Path("/proc/self/mountinfo")
_PACKAGES = (
    "localvault", "cryptography", "lmdb", "msgpack", "cffi", "pynacl", "argon2-cffi", "sqlcipher3", "python-pkcs11",
)  # fmt: skip


def describe(folder: Path) -> dict[str, str]:
    """Return what the figures depend on, by name; `folder` is where the vaults were."""
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "level of the core": levels.chosen(),
        "system": f"{platform.system()} {platform.release().split('-')[0]}, {platform.machine()}",
        "file system": _file_system(folder),
        "Python": f"{platform.python_implementation()} {platform.python_version()} ({platform.python_compiler()})",
        **{name: found for name in _PACKAGES if (found := _version(name))},
    }


def in_memory(folder: Path) -> bool:
    """Return whether `folder` lies on a file system that never reaches a disk."""
    return _file_system(folder) in ("tmpfs", "ramfs")


def model() -> str:
    """Return the processor's name with family and model, since a name alone may stand for several generations."""
    numbers = [f"{name.split()[-1]} {number}" for name in ("cpu family", "model") if (number := _cpu(name))]
    return ", ".join([_processor(), *numbers])


def _processor() -> str:
    return _cpu("model name") or platform.processor() or platform.machine()


def _cpu(name: str) -> str | None:
    if not _CPU.exists():
        return None
    found = re.search(rf"^{name}\s*: (.*)$", _CPU.read_text(), re.MULTILINE)
    return found.group(1) if found else None


def _file_system(folder: Path) -> str:
    """Return the type of the file system that `folder` is on, from the mount with the longest fitting path."""
    if not _MOUNTS.exists():
        return sys.platform
    best = ("", "unknown")
    for line in _MOUNTS.read_text().splitlines():
        left, _, right = line.partition(" - ")
        mount = left.split()[4]
        if folder.resolve().is_relative_to(mount) and len(mount) >= len(best[0]):
            best = (mount, right.split()[0])
    return best[1]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
