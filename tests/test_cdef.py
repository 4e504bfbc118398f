"""The declarations Python compiles against are the header's, and secrets cross that line without a copy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from localvault.native.core import lib

ROOT = Path(__file__).parent.parent
HEADER = ROOT / "csrc" / "include" / "lv_core.h"
CDEF = ROOT / "csrc" / "core.cdef.txt"
STUB = ROOT / "localvault" / "_core.pyi"


def declarations(text: str) -> list[str]:
    """What is declared, in order, without comments, attributes and layout."""
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.DOTALL)
    constants = re.findall(r"^#define (LV_[A-Z_]+) ([0-9]+)$", text, re.MULTILINE)
    text = re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"\bLV_(MUST_CHECK|NONNULL)\b", " ", text)
    # Semicolons inside braces do not end a declaration.
    text = re.sub(r"\{[^}]*\}", lambda body: body.group().replace(";", "\1"), text)
    words = [" ".join(part.replace("\1", ";").split()) for part in text.split(";")]
    return [f"{name} = {value}" for name, value in constants] + [part for part in words if part]


def functions(text: str) -> set[str]:
    """The names of the functions declared."""
    return set(re.findall(r"\b(lv_\w+)\(", text))


def test_the_declarations_are_the_headers() -> None:
    """A wrong type that compiles without a warning (size_t for uint32_t) is found here."""
    header = declarations(HEADER.read_text(encoding="utf-8"))
    assert len(header) > 15
    assert declarations(CDEF.read_text(encoding="utf-8")) == header


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("size_t size, lv", "uint32_t size, lv"),
        ("LV_FORKED = 4", "LV_FORKED = 5"),
        ("LV_SMALL_MAX 2048", "LV_SMALL_MAX 1024"),
    ],
)
def test_a_drift_is_found(said: str, meant: str) -> None:
    """The comparison above would see each of these."""
    text = CDEF.read_text(encoding="utf-8")
    assert said in text
    assert declarations(text.replace(said, meant)) != declarations(text)


def test_the_types_for_mypy_name_the_same_functions() -> None:
    """`_core.pyi`, the header and the compiled extension agree."""
    declared = functions("\n".join(declarations(HEADER.read_text(encoding="utf-8"))))
    stub = set(re.findall(r"def (lv_\w+)\(", STUB.read_text(encoding="utf-8")))
    assert stub == declared == {name for name in dir(lib) if name.startswith("lv_")}


def test_every_call_that_can_fail_must_be_checked() -> None:
    """In the header, whatever returns a status or an answer says so to the compiler."""
    header = re.sub(r"/\*.*?\*/", " ", HEADER.read_text(encoding="utf-8"), flags=re.DOTALL)
    unchecked = re.findall(r"^(?:LV_NONNULL )?(?:int|size_t|uint8_t \*)\s*(lv_\w+)\(", header, re.MULTILINE)
    assert unchecked == []


def test_secrets_are_not_copied_into_c() -> None:
    """`ffi.new("char[]", secret)` makes a copy nobody wipes: buffers and handles are passed instead."""
    files = list((ROOT / "localvault").rglob("*.py"))
    assert files
    for file in files:
        assert not re.search(r"ffi\.new\(\s*[\"'][^\"']*\[", file.read_text(encoding="utf-8")), file


def test_only_one_module_imports_the_extension() -> None:
    """import-linter cannot see an extension, so this is looked up in the text."""
    files = (ROOT / "localvault").rglob("*.py")
    importers = [
        file.name for file in files if re.search(r"\bimport _core|\._core\b", file.read_text("utf-8"))
    ]
    assert importers == ["core.py"]
