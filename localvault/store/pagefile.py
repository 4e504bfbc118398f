"""The pages of an open data file, seen as bytes.

Relies on `pages` and `metas`. Promises: no read leaves the file, however it is damaged. The caller holds a transaction
of the engine meanwhile, which keeps every page of its own state and of later ones from being used again.
"""

from __future__ import annotations

import mmap
import os
from struct import Struct

from localvault.store import metas
from localvault.store.metas import ID_OFFSET, Meta
from localvault.store.pages import damaged

_ID = Struct("=Q")


class PageFile:
    """The pages of an open data file, as far as the file goes."""

    __slots__ = ("_descriptor", "_map", "_size", "page_size")
    _map: mmap.mmap
    _size: int

    def __init__(self, descriptor: int, page_size: int) -> None:
        self._descriptor = descriptor
        self.page_size = page_size
        self._remap()

    def _remap(self) -> None:
        size = os.fstat(self._descriptor).st_size
        self._map = mmap.mmap(self._descriptor, size, access=mmap.ACCESS_READ)
        self._size = size

    def page(self, number: int) -> bytes:
        """Return a copy of page `number`.

        Raises:
            Damaged: the file ends before it.
        """
        start = number * self.page_size
        end = start + self.page_size
        if end > self._size:
            self._remap()
            if end > self._size:
                raise damaged(number, "is missing: the file was cut off")
        return self._map[start:end]

    def image(self) -> mmap.mmap:
        """Return all pages there are now, as they are in the file: they may change while they are looked at."""
        if os.fstat(self._descriptor).st_size > self._size:
            self._remap()
        return self._map

    def read(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset`, fewer at the end of the file."""
        return self._map[offset : offset + size]

    def newest_id(self) -> int:
        """Return the number of the transaction committed last, unchecked."""
        first, second = (
            _ID.unpack_from(self._map, ID_OFFSET),
            _ID.unpack_from(self._map, self.page_size + ID_OFFSET),
        )
        return int(max(first, second)[0])

    def newest(self) -> Meta:
        """Return the state committed last.

        Raises:
            Damaged: the pages that say so contradict each other.
        """
        return metas.newest(self.read)
