"""Reads bytes that nobody vouches for, front to back.

Relies on nothing. Promises: never reads outside of the data, whatever a length in it says; `end` refuses what is left
over, so that every layout has one encoding only.
"""

from __future__ import annotations

from localvault.errors import Damaged


class Cursor:
    """A place (`at`, in bytes) in some data; `what` names the data in errors."""

    __slots__ = ("_data", "_what", "at")

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._what = what
        self.at = 0

    def take(self, size: int) -> bytes:
        """The next `size` bytes.

        Raises:
            Damaged: there are fewer.
        """
        end = self.at + size
        if end > len(self._data):
            raise Damaged(f"{self._what} ends too early")
        taken = self._data[self.at : end]
        self.at = end
        return taken

    def number(self, size: int) -> int:
        """The next `size` bytes as an unsigned number, big-endian.

        Raises:
            Damaged: there are fewer.
        """
        return int.from_bytes(self.take(size))

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self._data) - self.at)

    def end(self) -> None:
        """Nothing may be left.

        Raises:
            Damaged: something is.
        """
        if self.at != len(self._data):
            raise Damaged(f"{self._what} has bytes after its end")
