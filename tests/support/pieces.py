"""Sources and targets for streams that a test holds in its hands."""

from __future__ import annotations

import io
import random

from localvault.native.face import XaesKey
from localvault.sealing.filehead import HEADER_SIZE, FileHeader, parse
from localvault.sealing.filestream import Read, open_stream, seal_stream


def from_bytes(data: bytes) -> Read:
    """What fills windows from `data`."""
    stream = io.BytesIO(data)
    return stream.readinto


def sealed(key: XaesKey, header: FileHeader, content: bytes, context: bytes = b"") -> bytes:
    """The whole sealed file."""
    out = bytearray()
    seal_stream(key, header, context, from_bytes(content), out.extend)
    return bytes(out)


def opened(key: XaesKey, data: bytes, context: bytes = b"") -> bytes:
    """The content of a whole sealed file."""
    out = bytearray()
    header = parse(data[:HEADER_SIZE])
    open_stream(key, header, context, from_bytes(data[HEADER_SIZE:]), out.extend)
    return bytes(out)


class Dribble(io.RawIOBase):
    """A pipe that gives a few bytes at a time, never as many as were asked for."""

    def __init__(self, data: bytes, seed: int = 1) -> None:
        self._left = memoryview(data)
        self._dice = random.Random(seed)

    def readable(self) -> bool:
        """It is read from."""
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """Give some bytes."""
        size = min(len(buffer), len(self._left), self._dice.randrange(1, 5000))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size
