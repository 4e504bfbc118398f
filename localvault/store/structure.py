"""Walks a data file as a whole.

Relies on `pages`, `pagefile` and `freepages`. Promises: a file in which the walk finds nothing is one the engine can
work with in any way: every page is in use exactly once or free exactly once, the tree has the shape and the counts it
claims, every key its right check, every long value all its pieces. The walk reads pages as bytes, stops at nothing and
never follows a pointer unchecked. The caller holds a transaction, so that writers can go on meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable

from localvault.errors import Damaged
from localvault.store.freepages import FreePages
from localvault.store.layout import FULL, PIECES, next_piece
from localvault.store.metas import Meta
from localvault.store.pagefile import PageFile
from localvault.store.pages import check_branch, check_leaf

Progress = Callable[[int, int], None]
_PROBLEMS_MAX = 1000
_NOT_SEEN, _IN_USE, _FREE = 0, 1, 2


def find_problems(pages: PageFile, meta: Meta, progress: Progress | None = None) -> list[str]:
    """Return a sentence for each thing that is wrong with the state `meta` (1,000 at most); none: it is sound.

    `progress(done, of)` is called with numbers of pages from time to time.
    """
    return _Walk(pages, meta, progress).run()


class _Walk:
    def __init__(self, pages: PageFile, meta: Meta, progress: Progress | None) -> None:
        self._pages = pages
        self._meta = meta
        self._progress = progress
        self._problems: list[str] = []
        self._seen = bytearray(meta.last_page + 1)
        self._seen[:2] = bytes((_IN_USE, _IN_USE))
        self._done = 0
        self._branches = self._leaves = self._entries = 0
        self._pieces: set[bytes] = set()
        self._pieces_wanted: set[bytes] = set()

    def run(self) -> list[str]:
        tree = self._meta.main
        if tree.depth:
            self._walk(tree.root, tree.depth - 1, b"", None)
        self._free_pages()
        # What lies behind a damaged pointer would all be reported as missing: only a walk that saw everything may say
        # that something is.
        if not self._problems:
            self._nothing_missing()
        return self._problems

    def _walk(self, number: int, height: int, low: bytes, high: bytes | None) -> None:
        if not self._mark(number):
            return
        try:
            page = self._pages.page(number)
            if not height:
                self._leaf(check_leaf(page, number, low, high))
                return
            branch = check_branch(page, number, self._meta.last_page, low, high)
        except Damaged as error:
            self._report(error.message)
            return
        self._branches += 1
        lows = [low, *branch.keys]
        highs = [*branch.keys, high]
        for child, child_low, child_high in zip(branch.children, lows, highs, strict=True):
            self._walk(child, height - 1, child_low, child_high)

    def _leaf(self, sizes: dict[bytes, int]) -> None:
        self._leaves += 1
        self._entries += len(sizes)
        for key, size in sizes.items():
            if key[0] == PIECES:
                self._pieces.add(key)
            if size == FULL:
                self._pieces_wanted.add(next_piece(key))

    def _free_pages(self) -> None:
        try:
            lists = FreePages(self._pages, self._meta)
        except Damaged as error:
            self._report(error.message)
            return
        for number in lists.own:
            self._mark(number)
        for number in lists.free:
            if self._seen[number]:
                self._report(f"page {number} is in use and listed as free")
            self._seen[number] = _FREE

    def _nothing_missing(self) -> None:
        tree = self._meta.main
        if (self._branches, self._leaves, self._entries) != (tree.branches, tree.leaves, tree.entries):
            self._report("the file does not have the pages and entries it claims")
        lost = self._seen.count(_NOT_SEEN)
        if lost:
            self._report(
                f"{lost} pages are neither in use nor free, the first is {self._seen.index(_NOT_SEEN)}"
            )
        wrong = len(self._pieces_wanted ^ self._pieces)
        if wrong:
            self._report(f"{wrong} pieces of long values are missing or left over")

    def _mark(self, number: int) -> bool:
        if self._seen[number]:
            self._report(f"page {number} is in use twice")
            return False
        self._seen[number] = _IN_USE
        self._done += 1
        if self._progress is not None and not self._done % 1024:
            self._progress(self._done, self._meta.last_page + 1)
        return len(self._problems) < _PROBLEMS_MAX

    def _report(self, problem: str) -> None:
        if len(self._problems) < _PROBLEMS_MAX:
            self._problems.append(problem)
