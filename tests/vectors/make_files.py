"""Makes the vectors of sealed files, `file-*.txt`: `python -m tests.vectors.make_files FOLDER SEED`.

Uses nothing of localvault (tests/support/sealed_files.py follows the specification alone). All that is random comes
from SEED, so the same seed makes the same files.

A vector is lines `field: value`, an empty line, and the file in hexadecimal, 32 bytes to a line:

    expect: opens, fails (`DecryptionFailed`) or newer (`NewerFormat`)
    tells: what is to be seen in it
    material, version: of the key the reader has
    context: what the reader gives
    length, sha256: of the content, if it opens
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.support.sealed_files import TAG, Head, chunks, pieces, seal

SIZE = 1024
LOG2 = 10


class Vector(NamedTuple):
    """One case."""

    name: str
    expect: str
    tells: str
    material: bytes
    version: bytes
    context: bytes
    content: bytes
    file: bytes

    def text(self) -> str:
        """The vector as it is kept."""
        fields = {
            "expect": self.expect,
            "tells": self.tells,
            "material": self.material.hex(),
            "version": self.version.hex(),
            "context": self.context.hex(),
        }
        if self.expect == "opens":
            fields["length"] = str(len(self.content))
            fields["sha256"] = hashlib.sha256(self.content).hexdigest()
        lines = [f"{name}: {value}".rstrip() for name, value in fields.items()]
        payload = [self.file[start : start + 32].hex() for start in range(0, len(self.file), 32)]
        return "\n".join([*lines, "", *payload]) + "\n"


class Draw:
    """Bytes that a seed stands for."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._calls = 0

    def __call__(self, size: int) -> bytes:
        """The next `size` bytes."""
        self._calls += 1
        return hashlib.shake_128(f"{self._seed} {self._calls}".encode()).digest(size)


def vectors(seed: str) -> Iterator[Vector]:
    """Every case, in order."""
    draw = Draw(seed)
    yield from _opening(draw)
    yield from _failing(draw)
    yield from _newer(draw)


def _opening(draw: Draw) -> Iterator[Vector]:
    def case(
        name: str, tells: str, length: int, *, log2: int = LOG2, key: int = 32, context: bytes = b""
    ) -> Vector:
        material, head, content = draw(key), Head(draw(16), draw(19), log2), draw(length)
        file = seal(material, head, content, context)
        return Vector(name, "opens", tells, material, head.version, context, content, file)

    yield case("empty", "an empty file is one empty chunk", 0)
    yield case("one-byte", "one chunk of one byte", 1)
    yield case("almost-a-chunk", "one chunk, a byte short", SIZE - 1)
    yield case("a-chunk", "one whole chunk, which is the last", SIZE)
    yield case("a-chunk-and-a-byte", "two chunks, the last of one byte", SIZE + 1)
    yield case("three-chunks", "two whole chunks and a short one", 2 * SIZE + 100)
    yield case("four-whole-chunks", "the last chunk is whole: no empty one follows", 4 * SIZE)
    yield case("context", "the reader gives a context", 1500, context=b"\0backups\xff")
    yield case("key-128", "an oct key of 128 bits", 1500, key=16)
    yield case("key-192", "an oct key of 192 bits", 1500, key=24)
    yield case("chunks-of-2-KiB", "another chunk size", 5000, log2=11)
    yield case("chunks-of-64-KiB", "the chunk size localvault writes", 300, log2=16)
    yield case("chunks-of-1-MiB", "the greatest chunk size", 300, log2=20)


def _failing(draw: Draw) -> Iterator[Vector]:
    material, head, content = draw(32), Head(draw(16), draw(19), LOG2), draw(3 * SIZE + 100)
    cut = pieces(content, SIZE)
    first, second, third, last = chunks(material, head, cut)
    whole = head.encode() + first + second + third + last

    def case(
        name: str, tells: str, *parts: bytes, context: bytes = b"", version: bytes = head.version
    ) -> Vector:
        return Vector(name, "fails", tells, material, version, context, b"", b"".join(parts))

    def sealed(of: Head, cut: list[bytes], **more: int | list[int]) -> bytes:
        return of.encode() + b"".join(chunks(material, of, cut, **more))  # type: ignore[arg-type]

    h = head.encode()
    yield case("nothing", "no bytes at all")
    yield case("half-a-header", "cut within the header", h[:30])
    yield case("header-only", "cut behind the header", h)
    yield case("cut-at-a-border", "the last chunk is gone", h, first, second, third)
    yield case("cut-to-one-chunk", "all but the first chunk are gone", h, first)
    yield case("cut-in-a-chunk", "the last chunk lost a byte", whole[:-1])
    yield case(
        "cut-in-a-tag", "15 bytes of the last chunk are left", h, first, second, third, last[: TAG - 1]
    )
    yield case("cut-to-a-tag", "16 bytes of the last chunk are left", h, first, second, third, last[:TAG])
    yield case("extra-byte", "a byte behind the last chunk", whole, b"\0")
    yield case("extra-chunk", "the last chunk twice", whole, last)
    yield case("swapped", "chunks 1 and 2 are exchanged", h, first, third, second, last)
    yield case("repeated", "chunk 1 twice", h, first, second, second, third, last)
    yield case("left-out", "chunk 1 is left out", h, first, third, last)
    yield case("without-the-first", "chunk 0 is left out", h, second, third, last)
    yield case("no-last-chunk", "the last chunk's flag is 0", sealed(head, cut, flags=[0, 0, 0, 0]))
    yield case("two-last-chunks", "chunk 1 has the flag too", sealed(head, cut, flags=[0, 1, 0, 1]))
    yield case("flag-of-two", "the last chunk's flag is 2", sealed(head, cut, flags=[0, 0, 0, 2]))
    yield case("numbered-from-1", "the first chunk has the number 1", sealed(head, cut, first=1))
    yield case("empty-last-chunk", "authentic, but its last chunk is empty", sealed(head, [*cut[:3], b""]))
    yield case(
        "short-chunk", "authentic chunks, but chunk 1 is short", sealed(head, [cut[0], cut[3], cut[2]])
    )
    yield case("another-context", "sealed without a context", whole, context=b"backups")
    yield case("another-version", "the reader has no such version", whole, version=draw(16))
    other = Head(head.version, draw(19), LOG2)
    mixed = chunks(material, other, pieces(draw(3 * SIZE + 100), SIZE))
    yield case("mixed", "chunk 1 is another file's", h, first, mixed[1], third, last)
    yield case("exchanged-header", "another file's header", other.encode(), whole[len(h) :])
    yield case(
        "exchanged-chunk-size", "the header says 2 KiB", head._replace(log2=11).encode(), whole[len(h) :]
    )
    yield case(
        "chunks-too-small", "authentic, but chunks of 512 bytes", sealed(head._replace(log2=9), [cut[3]])
    )
    yield case("chunks-too-large", "authentic, but chunks of 2 MiB", sealed(head._replace(log2=21), [cut[3]]))
    yield case(
        "another-magic", "authentic, but another magic", sealed(head._replace(magic=b"lvbackup"), [cut[3]])
    )
    yield case("format-0", "authentic, but format 0", sealed(head._replace(form=0), [cut[3]]))
    yield case("suite-0", "authentic, but suite 0", sealed(head._replace(suite=0), [cut[3]]))
    for name, place in (("ciphertext", len(h) + SIZE + TAG), ("tag", len(whole) - 1)):
        yield case(f"altered-{name}", f"one bit of a {name}", _flipped(whole, place))


def _newer(draw: Draw) -> Iterator[Vector]:
    material, head, content = draw(32), Head(draw(16), draw(19), LOG2), draw(100)

    def case(name: str, tells: str, file: bytes) -> Vector:
        return Vector(name, "newer", tells, material, head.version, b"", b"", file)

    yield case("format-2", "a later format", seal(material, head._replace(form=2), content))
    yield case("suite-2", "a later suite", seal(material, head._replace(suite=2), content))
    yield case("format-65535", "a much later format", head._replace(form=0xFFFF, log2=40).encode()[:20])


def _flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def main(folder: Path, seed: str) -> None:
    """Write every vector to `folder`."""
    for vector in vectors(seed):
        (folder / f"file-{vector.name}.txt").write_text(vector.text(), encoding="ascii")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
