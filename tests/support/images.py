"""What can be read where nothing should be: files, a process's memory, the forms in which a text may stand there."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

PART = 16  # bytes of a key that are as good as found
SHORTEST = 7  # bytes that are not found by chance


def forms(text: str) -> dict[str, bytes]:
    """How a text may look in a file: encodings, upper and lower case, hex, base64 wherever it begins."""
    found: dict[str, bytes] = {}
    for case, shown in (("as it is", text), ("lower", text.lower()), ("upper", text.upper())):
        plain = shown.encode()
        found |= {f"{case}, UTF-8": plain, f"{case}, hex": plain.hex().encode()}
        found |= {f"{case}, HEX": plain.hex().upper().encode()}
        found |= {f"{case}, {name}": shown.encode(name) for name in ("utf-16-le", "utf-16-be", "utf-32-le")}
        found |= {f"{case}, reversed": plain[::-1]}
        for shift in range(3):
            # Only what does not depend on the bytes before and after it.
            encoded = base64.b64encode(bytes(shift) + plain)
            middle = encoded[4 if shift else 0 : len(encoded) - 4]
            found |= {
                f"{case}, base64 at {shift}": middle,
                f"{case}, base64url at {shift}": middle.translate(bytes.maketrans(b"+/", b"-_")),
            }
    assert min(map(len, found.values())) >= SHORTEST, f"{text!r} is too short to be told from chance"
    return found


def texts_in(contents: Mapping[str, bytes], texts: Iterable[str]) -> list[str]:
    """Where one of the texts stands, in whatever form: `text, form: place` each."""
    return [
        f"{text}, {form}: {place}"
        for text in texts
        for form, wanted in forms(text).items()
        for place, content in contents.items()
        if wanted in content
    ]


def files_in(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, and the names of all of them."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    names = "\n".join(path.relative_to(folder).as_posix() for path in paths)
    return {path.name: path.read_bytes() for path in paths} | {"names of files": names.encode()}


def keys_in(contents: Mapping[str, bytes], keys: Mapping[str, bytes]) -> list[str]:
    """Where a key stands, or either end of it, in either order of bytes: `key, form: place` each."""
    return [
        f"{name}, {form}: {place}"
        for name, key in keys.items()
        for form, wanted in (
            ("begin", key[:PART]),
            ("end", key[-PART:]),
            ("begin, reversed", key[:PART][::-1]),
            ("end, reversed", key[-PART:][::-1]),
        )
        for place, content in contents.items()
        if wanted in content
    ]


def memory_of(process: int) -> dict[str, bytes]:
    """A process's memory as a core dump has it: all but what it keeps out of one and what merely shows files."""
    image: dict[str, bytes] = {}
    memory = os.open(f"/proc/{process}/mem", os.O_RDONLY)
    try:
        for start, end, name in _dumped(process):
            try:
                image[f"{start:x} {name}"] = os.pread(memory, end - start, start)
            except OSError:  # pages of a file behind its end, and the kernel's own
                continue
    finally:
        os.close(memory)
    return image


def _dumped(process: int) -> Iterator[tuple[int, int, str]]:
    mappings = re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", Path(f"/proc/{process}/smaps").read_text())
    for mapping in mappings[1:]:
        first = mapping.split("\n", 1)[0].split(maxsplit=5)
        flags = re.search(r"^VmFlags:(.*)$", mapping, re.MULTILINE)
        start, end = (int(number, 16) for number in first[0].split("-"))
        name = first[5] if len(first) > 5 else "memory"
        merely_a_file = name.startswith("/") and "w" not in first[1]
        if "r" in first[1] and not merely_a_file and (flags is None or "dd" not in flags[1].split()):
            yield start, end, name
