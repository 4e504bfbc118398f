"""The memory of the emulated machine as it is before its first instruction: kernel, initramfs, and what start.S reads.

Relies on nothing but the standard library. Promises: an image for Bochs's `optramimage` that begins at HANDOVER, with
the start info of the PVH boot protocol (Linux, include/xen/interface/hvm/start_info.h).
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Iterator
from pathlib import Path

import kernel as linux

HANDOVER = 1 << 20  # the first address above the old PC's holes; the image begins here
MEMORY = 512 << 20
END_MARK = 0x6B72614D  # "Mark"
COMMAND_LINE = HANDOVER + 0x800
RAM, RESERVED = 1, 2


def _entry(name: str, mode: int, content: bytes = b"", device: tuple[int, int] = (0, 0)) -> bytes:
    """One entry of a cpio archive in the format "newc", padded."""
    path = name.encode() + b"\0"
    fields = (0, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(path), 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + path
    return head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4)


def _strings(strings: list[str]) -> bytes:
    return b"".join(string.encode(errors="surrogateescape") + b"\0" for string in strings)


def initramfs(init: bytes, program: bytes, arguments: list[str], environment: list[str]) -> bytes:
    """An archive with `init` as process 1 and the program it is to run, as init.c expects them."""
    executable = stat.S_IFREG | 0o755
    return b"".join(
        (
            _entry("dev", stat.S_IFDIR | 0o755),
            _entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1)),
            _entry("init", executable, init),
            _entry("program", executable, program),
            _entry("arguments", stat.S_IFREG | 0o644, _strings(arguments)),
            _entry("environment", stat.S_IFREG | 0o644, _strings(environment)),
            _entry("TRAILER!!!", 0),
        )
    )


def _handover(entry: int, end_mark: int, module: tuple[int, int], command_line: str) -> bytes:
    """What start.S and the kernel's PVH entry read; the offsets are from HANDOVER."""
    memory_map = (
        (0, 0x9F000, RAM, 0),
        (0xA0000, 0x60000, RESERVED, 0),
        (HANDOVER, MEMORY - HANDOVER, RAM, 0),
    )
    page = bytearray(4096)
    struct.pack_into("<III", page, 0, END_MARK, entry, end_mark)
    # magic, version, flags, number of modules, their list, command line, ACPI (none), memory map, its length
    places = (HANDOVER + 0x200, COMMAND_LINE, 0, HANDOVER + 0x100)
    struct.pack_into("<IIIIQQQQII", page, 16, 0x336EC578, 1, 0, 1, *places, len(memory_map), 0)
    for index, region in enumerate(memory_map):
        struct.pack_into("<QQII", page, 0x100 + 24 * index, *region)
    struct.pack_into("<QQQQ", page, 0x200, *module, 0, 0)
    line = command_line.encode() + b"\0"
    page[0x800 : 0x800 + len(line)] = line
    return bytes(page)


def parts(kernel: linux.Kernel, archive: bytes, command_line: str) -> Iterator[tuple[int, bytes]]:
    """Offsets in the image, ascending, and what is there; between them it is zero."""
    module = linux.LOAD + (len(kernel.image) + 0xFFFFF) // 0x100000 * 0x100000
    end_mark = module + (len(archive) + 0xFFF) // 0x1000 * 0x1000
    if end_mark > MEMORY // 2:
        raise linux.RigError(f"the program does not fit into the emulated machine's {MEMORY >> 20} MiB")
    yield 0, _handover(kernel.entry, end_mark, (module, len(archive)), command_line)
    yield linux.LOAD - HANDOVER, kernel.image
    yield module - HANDOVER, archive
    yield end_mark - HANDOVER, END_MARK.to_bytes(4, "little")


def write(path: Path, kernel: linux.Kernel, archive: bytes, command_line: str) -> None:
    """Writes the image to `path`. Raises RigError if it is larger than the machine."""
    with path.open("wb") as file:
        for offset, content in parts(kernel, archive, command_line):
            file.seek(offset)
            file.write(content)
