"""Which pages of a data file are free: what the next write may overwrite.

Relies on `pages` and `pagefile`. Promises: `free_pages` returns each free page once, or raises `Damaged`;
`check_free_pages` raises `Damaged` where a write could give out a page of the engine's own trees, a page outside the
file, or one page twice. That no free page is also in use elsewhere is seen by walking everything (`structure`).
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from localvault.errors import Damaged
from localvault.native.pages import mark_listed
from localvault.store.metas import Meta
from localvault.store.pagefile import PageFile
from localvault.store.pages import (
    BIG,
    HEADER_SIZE,
    Tree,
    check_branch,
    damaged,
    overflow_span,
    page_number,
    read_leaf,
)

_NUMBER = Struct("=Q")


class FreePages:
    """The free pages, and the pages that list them."""

    __slots__ = ("_branches", "_entries", "_leaves", "_meta", "_overflows", "_pages", "count", "marks", "own")

    def __init__(self, pages: PageFile, meta: Meta) -> None:
        """Read every list of free pages of `meta`.

        Raises:
            Damaged: the lists contradict themselves or each other.
        """
        self._pages = pages
        self._meta = meta
        self.marks = bytearray(meta.last_page + 1)
        """A byte for each page: 1 if it is free."""
        self.count = 0
        self.own: list[int] = []
        self._branches = self._leaves = self._overflows = self._entries = 0
        tree = meta.free
        if tree.depth:
            self._walk(tree)
        if (self._branches, self._leaves, self._overflows, self._entries) != tree[3:7]:
            raise Damaged("the data file is damaged: the count of its free lists is wrong")

    @property
    def free(self) -> set[int]:
        """The numbers of the free pages."""
        return {number for number, mark in enumerate(self.marks) if mark}

    def _walk(self, tree: Tree) -> None:
        last = 0
        for leaf in self._below(tree.root, tree.depth - 1):
            for key, flags, size, stored in read_leaf(self._pages.page(leaf), leaf):
                txn_id = int(_NUMBER.unpack(key)[0]) if len(key) == _NUMBER.size else 0
                if not last < txn_id <= self._meta.txn_id or flags & ~BIG:
                    raise damaged(leaf, "has a list of free pages that is not what was written")
                last = txn_id
                self._add(leaf, self._long(stored, size) if flags else stored)
                self._entries += 1

    def _below(self, number: int, height: int) -> Iterator[int]:
        if number in self.own:
            raise damaged(number, "is in use twice")
        self.own.append(number)
        if not height:
            self._leaves += 1
            yield number
            return
        self._branches += 1
        # The keys are numbers in the machine's byte order, so the order of their bytes says nothing: `_walk` compares
        # the numbers themselves.
        branch = check_branch(self._pages.page(number), number, self._meta.last_page, None, least=1)
        for child in branch.children:
            yield from self._below(child, height - 1)

    def _long(self, stored: bytes, size: int) -> bytes:
        first = page_number(stored)
        page_size = self._pages.page_size
        span = (HEADER_SIZE + size - 1) // page_size + 1
        if not 2 <= first <= first + span - 1 <= self._meta.last_page:
            raise damaged(first, "is not in the file")
        if overflow_span(self._pages.page(first), first) != span:
            raise damaged(first, "is not what the page before says it is")
        self.own += range(first, first + span)
        self._overflows += span
        found = b"".join(self._pages.page(number) for number in range(first, first + span))
        return found[HEADER_SIZE : HEADER_SIZE + size]

    def _add(self, leaf: int, record: bytes) -> None:
        count = len(record) // _NUMBER.size - 1
        if count < 0 or len(record) % _NUMBER.size:
            raise damaged(leaf, "has a list of free pages that is cut short")
        said = int(_NUMBER.unpack_from(record)[0])
        if said != count or not mark_listed(record[_NUMBER.size :], self._meta.last_page, self.marks):
            raise damaged(leaf, "has a list of free pages that is not what was written")
        self.count += count


def check_free_pages(pages: PageFile, meta: Meta) -> FreePages:
    """Return the free pages, checked against each other and against how many pages are said to be in use.

    Costs a few microseconds for each list and page of lists, whatever the size of the file.

    Raises:
        Damaged: nothing may be written to this file.
    """
    lists = FreePages(pages, meta)
    used = [*lists.own, meta.main.root] if meta.main.depth else lists.own
    if len(lists.own) != len(set(lists.own)) or any(lists.marks[number] for number in used):
        raise Damaged("the data file is damaged: a page in use is listed as free")
    if 2 + meta.free.pages + meta.main.pages + lists.count != meta.last_page + 1:
        raise Damaged("the data file is damaged: its pages in use and its free pages are not all there are")
    return lists


def in_both(some: bytearray, others: bytearray) -> bytearray:
    """Return the marks that both have, for as many pages as `some` has."""
    # As two numbers of so many bytes: a step for each page would take a hundred times as long.
    both = int.from_bytes(some, "little") & int.from_bytes(others, "little")
    return bytearray(both.to_bytes(len(some), "little"))
