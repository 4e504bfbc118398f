"""Is what the extension needs to be compiled installed? If not, says in one sentence what to install.

Relies on the standard library alone, because it runs before anything is installed. Promises: exit status 0
and no output when a C compiler and Python's headers are there, otherwise status 1 and one sentence.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import sysconfig
from pathlib import Path


def compiler() -> str:
    """The program the build will call: `CC` if set, else what this Python was built with, else `cc`."""
    command = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    return shlex.split(command)[0]


def complaint(include: Path) -> str | None:
    """The sentence for what is missing, or None; `include` is the folder that should hold `Python.h`."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if shutil.which(compiler()) is None:
        return (
            f"localvault needs a C compiler and `{compiler()}` was not found: install one "
            "(Debian: apt-get install gcc libc6-dev, Fedora: dnf install gcc, macOS: xcode-select --install)."
        )
    if not (include / "Python.h").is_file():
        return (
            f"localvault needs the headers of Python {version} and {include / 'Python.h'} is missing: "
            f"install them (Debian: apt-get install python{version}-dev, Fedora: dnf install "
            f"python3-devel, macOS: brew install python@{version})."
        )
    return None


def main() -> int:
    """Prints the complaint, if there is one; the exit status says which."""
    sentence = complaint(Path(sysconfig.get_path("include")))
    if sentence:
        print(sentence, file=sys.stderr)
    return 1 if sentence else 0


if __name__ == "__main__":
    sys.exit(main())
