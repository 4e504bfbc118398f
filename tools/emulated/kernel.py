"""The Linux that the emulated processor runs: Debian's cloud kernel, unpacked once and kept.

Relies on apt-get, apt-cache, dpkg-deb and lz4, the first time on the network too; apt checks the package's signature.
Promises: a kernel as a flat image of memory from LOAD on, and the address of its PVH entry; a package that is built
differently is refused by name, not guessed at.
"""

from __future__ import annotations

import re
import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "linux-image-cloud-amd64"
LOAD = 16 << 20  # where Debian's kernel is linked to be
PVH_ENTRY = 18  # the ELF note of Xen that holds the 32-bit entry (xen/interface/elfnote.h, PHYS32_ENTRY)
LZ4_LEGACY = bytes.fromhex("02214c18")


class RigError(Exception):
    """The rig itself cannot do its work; the message says what to do about it."""


@dataclass(frozen=True)
class Kernel:
    """A kernel as it lies in memory from LOAD on, and where its 32-bit entry is."""

    entry: int
    image: bytes


def output_of(command: list[str], folder: Path, stdin: bytes = b"") -> bytes:
    """What `command` prints. Raises RigError with the command and its last words if it fails."""
    done = subprocess.run(command, cwd=folder, input=stdin, capture_output=True, check=False)
    if done.returncode != 0:
        words = done.stderr.decode(errors="replace").strip().splitlines() or ["(no message)"]
        raise RigError(f"{' '.join(command)} failed: {words[-1]}")
    return done.stdout


def _fetch(folder: Path) -> bytes:
    """The kernel file as Debian ships it."""
    depends = output_of(["apt-cache", "depends", PACKAGE], folder).decode()
    found = re.search(r"Depends: (linux-image-\S+)", depends)
    if found is None:
        raise RigError(f"apt knows no {PACKAGE}: run apt-get update")
    output_of(["apt-get", "download", found[1]], folder)
    (package,) = folder.glob("*.deb")
    output_of(["dpkg-deb", "-x", str(package), str(folder)], folder)
    (file,) = (folder / "boot").glob("vmlinuz-*")
    return file.read_bytes()


def _unpack(file: bytes, folder: Path) -> bytes:
    """The ELF file in a compressed kernel (Documentation/x86/boot.rst: setup_sects, payload_offset, payload_length)."""
    if file[0x202:0x206] != b"HdrS":
        raise RigError(f"{PACKAGE} does not hold an x86 kernel")
    offset, length = struct.unpack_from("<II", file, 0x248)
    start = (file[0x1F1] + 1) * 512 + offset
    payload = file[start : start + length - 4]  # less its own length at the end
    if payload[:4] != LZ4_LEGACY:
        raise RigError(f"the kernel in {PACKAGE} is compressed with something else than lz4")
    return output_of(["lz4", "-dc"], folder, payload)


def _segments(elf: bytes) -> list[tuple[int, int, int, int]]:
    """Kind, offset in the file, address in memory and size of each segment of a 64-bit ELF file."""
    (table,) = struct.unpack_from("<Q", elf, 32)
    (count,) = struct.unpack_from("<H", elf, 56)
    headers = [struct.unpack_from("<IIQQQQ", elf, table + 56 * index) for index in range(count)]
    return [(kind, offset, address, size) for kind, _, offset, _, address, size in headers]


def _entry(notes: bytes) -> int:
    """The address in the note PVH_ENTRY."""
    at = 0
    while at < len(notes):
        name, size, kind = struct.unpack_from("<III", notes, at)
        value = at + 12 + (name + 3) // 4 * 4
        if kind == PVH_ENTRY and notes[at + 12 : at + 16] == b"Xen\0":
            return int.from_bytes(notes[value : value + size], "little")
        at = value + (size + 3) // 4 * 4
    raise RigError(f"the kernel in {PACKAGE} has no PVH entry")


def _flatten(elf: bytes) -> Kernel:
    """The loadable segments where they belong."""
    image = bytearray()
    entry = 0
    for kind, offset, address, size in _segments(elf):
        if kind == 1:  # PT_LOAD
            image.extend(bytes(max(0, address - LOAD + size - len(image))))
            image[address - LOAD : address - LOAD + size] = elf[offset : offset + size]
        if kind == 4:  # PT_NOTE
            entry = _entry(elf[offset : offset + size])
    return Kernel(entry, bytes(image))


def kernel(cache: Path) -> Kernel:
    """The kernel in the folder `cache`, fetched if it is not there yet. Raises RigError."""
    kept = cache / "kernel.bin"
    if not kept.is_file():
        with tempfile.TemporaryDirectory(dir=cache) as name:
            folder = Path(name)
            made = _flatten(_unpack(_fetch(folder), folder))
            (folder / "kernel.bin").write_bytes(made.entry.to_bytes(4, "little") + made.image)
            (folder / "kernel.bin").replace(kept)  # at once, so that two runs do not meet a half of it
    content = kept.read_bytes()
    return Kernel(int.from_bytes(content[:4], "little"), content[4:])
