"""The vectors of sealed files: localvault, and a reader made from the specification alone, see what each tells."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from localvault.errors import DecryptionFailed, LocalVaultError, NewerFormat
from localvault.native.face import XaesKey
from localvault.native.memory import Locked
from localvault.sealing.filehead import HEADER_SIZE, FileHeader, file_key, parse
from localvault.sealing.filestream import open_stream, seal_stream
from tests.support import sealed_files
from tests.vectors.make_files import vectors

FOLDER = Path(__file__).parent / "localvault"
SEED = "2026"
ERRORS = {"fails": DecryptionFailed, "newer": NewerFormat}


class Case(NamedTuple):
    """A vector as it was read."""

    fields: dict[str, str]
    file: bytes

    def of(self, name: str) -> bytes:
        """A field that is bytes."""
        return bytes.fromhex(self.fields[name])


def load(path: Path) -> Case:
    """The vector at `path`."""
    front, payload = path.read_text(encoding="ascii").split("\n\n")
    fields = dict(line.split(":", 1) for line in front.splitlines())
    return Case({name: value.strip() for name, value in fields.items()}, bytes.fromhex(payload))


CASES = {path.stem: load(path) for path in sorted(FOLDER.glob("file-*.txt"))}
cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def key_of(case: Case) -> XaesKey:
    """The file key, by localvault's own derivation."""
    return XaesKey(file_key(Locked.of(case.of("material")).view()))


def opened(case: Case) -> bytes:
    """The content, by localvault."""
    header = parse(case.file[:HEADER_SIZE])
    if header.version_id != case.of("version"):
        raise DecryptionFailed("the reader has no such version")
    out = bytearray()
    open_stream(key_of(case), header, case.of("context"), reader(case.file[HEADER_SIZE:]), out.extend)
    return bytes(out)


def reader(data: bytes) -> Callable[[memoryview], int]:
    """What fills windows from `data`."""
    left = memoryview(data)

    def read(window: memoryview) -> int:
        nonlocal left
        size = min(len(window), len(left))
        window[:size], left = left[:size], left[size:]
        return size

    return read


def test_there_are_vectors() -> None:
    """So many of each kind: a glob that matches nothing would pass everything."""
    expected = [case.fields["expect"] for case in CASES.values()]
    assert {kind: expected.count(kind) for kind in set(expected)} == {"opens": 13, "fails": 32, "newer": 3}


def test_the_files_are_what_the_script_makes() -> None:
    """From its seed, byte for byte."""
    made = {f"file-{vector.name}": vector.text() for vector in vectors(SEED)}
    assert {path.stem: path.read_text() for path in FOLDER.glob("file-*.txt")} == made


@cases
def test_localvault_sees_what_a_vector_tells(case: Case) -> None:
    """It opens to the content that is told, or raises the very error."""
    if case.fields["expect"] == "opens":
        check_content(case, opened(case))
        return
    with pytest.raises(LocalVaultError) as failed:
        opened(case)
    assert type(failed.value) is ERRORS[case.fields["expect"]]


@cases
def test_another_reader_sees_the_same(case: Case) -> None:
    """One that is written from docs/format.md and uses nothing of localvault."""
    arguments: Any = ({case.of("version"): case.of("material")}, case.file, case.of("context"))
    if case.fields["expect"] == "opens":
        check_content(case, sealed_files.read(*arguments))
        return
    error = sealed_files.Newer if case.fields["expect"] == "newer" else sealed_files.Refused
    with pytest.raises(error):
        sealed_files.read(*arguments)


@pytest.mark.parametrize(
    "case",
    [case for case in CASES.values() if case.fields["expect"] == "opens"],
    ids=lambda case: case.fields["tells"],
)
def test_sealing_again_makes_the_same_bytes(case: Case) -> None:
    """With the header's nonce, localvault makes the vector out of its content: a content has one form."""
    header = parse(case.file[:HEADER_SIZE])
    assert FileHeader(*header).encode() == case.file[:HEADER_SIZE]
    out = bytearray()
    seal_stream(key_of(case), header, case.of("context"), reader(opened(case)), out.extend)
    assert bytes(out) == case.file


def check_content(case: Case, content: bytes) -> None:
    """Fail unless it is what the vector tells of."""
    assert len(content) == int(case.fields["length"])
    assert hashlib.sha256(content).hexdigest() == case.fields["sha256"]
