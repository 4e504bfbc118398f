"""What is shipped works without the source tree."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHIPPED = ["localvault", "csrc", "pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"]

SMOKE = """
import sys
import localvault

folder = sys.argv[1]
assert sys.prefix in localvault.__file__, localvault.__file__
with localvault.create(folder, passphrase="correct horse", name="smoke") as vault:
    vault.secrets.set("db-password", "s3cret")
with localvault.open(folder, passphrase="correct horse") as vault:
    print(vault.secrets.get("DB-Password").value)
"""


def run(*command: str | Path, cwd: Path) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a source distribution, so that what the latter lacks is missed."""
    work = tmp_path_factory.mktemp("build")
    tree, dist = work / "tree", work / "dist"
    tree.mkdir()
    dist.mkdir()
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.so", "_core.c")
            shutil.copytree(ROOT / name, tree / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, tree)
    make_sdist = f"from setuptools import build_meta; build_meta.build_sdist({str(dist)!r})"
    run(sys.executable, "-c", make_sdist, cwd=tree)
    (sdist,) = dist.glob("*.tar.gz")
    run(
        sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", dist, sdist, cwd=work
    )
    (built,) = dist.glob("*.whl")
    return built


def test_one_wheel_serves_every_python(wheel: Path) -> None:
    """Built against the limited API of 3.11."""
    assert "-cp311-abi3-" in wheel.name


def test_it_holds_the_package_and_nothing_else(wheel: Path) -> None:
    """Every module, the marker for type checkers and the extension; no C, no tests."""
    names = set(zipfile.ZipFile(wheel).namelist())
    tree = wheel.parent.parent / "tree"
    modules = {file.relative_to(tree).as_posix() for file in (tree / "localvault").rglob("*.py")}
    assert modules | {"localvault/py.typed", "localvault/_core.pyi", "localvault/_core.abi3.so"} <= names
    others = {name for name in names if not name.startswith("localvault/") and ".dist-info/" not in name}
    assert others == set()
    assert not [name for name in names if name.endswith((".c", ".h"))]
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_it_works_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    """Installed with its dependencies and run outside of the checkout: a secret set is a secret got."""
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    python = tmp_path / "venv" / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", wheel, cwd=tmp_path)
    assert run(python, "-I", "-c", SMOKE, tmp_path / "smoke.vault", cwd=tmp_path) == "s3cret\n"
    assert "secret" in run(python.with_name("localvault"), "--help", cwd=tmp_path)
