"""`import localvault` is cheap: a program that may need a vault pays nothing for it until it does."""

from __future__ import annotations

import subprocess
import sys

import pytest


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter."""
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)


def modules_after(statement: str) -> set[str]:
    """The top-level names of all modules a fresh interpreter has loaded."""
    program = f"{statement}; import sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(python("-c", program).stdout.split())


def test_importing_it_loads_no_third_party_module() -> None:
    """Neither a dependency nor the extension nor any room of the package."""
    loaded = modules_after("import localvault") - modules_after("pass")
    assert loaded - sys.stdlib_module_names == {"localvault"}
    rooms = python(
        "-c", "import localvault, sys; print([m for m in sys.modules if m.startswith('localvault.')])"
    )
    assert rooms.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "heavy", ["asyncio", "dataclasses", "inspect", "re", "subprocess", "tempfile", "typing"]
)
def test_importing_it_loads_no_heavy_module(heavy: str) -> None:
    """Modules of the standard library that take milliseconds stay out as well."""
    assert heavy not in modules_after("import localvault") - modules_after("pass")


def test_importing_it_loads_next_to_nothing() -> None:
    """How long it takes is the benchmark's to say; here, that there is nothing that could take long."""
    names = "import sys; print(*sys.modules)"
    before = set(python("-I", "-c", names).stdout.split())
    after = set(python("-I", "-c", f"import localvault; {names}").stdout.split())
    assert len(after - before) <= 8, after - before
