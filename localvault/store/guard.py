"""Looks at pages before the engine does, in a vault that was found on disk and not yet checked as a whole.

Relies on `pages` for what a sound page is and on a transaction of the engine being open. Promises: once `reach` has
returned, the engine can look for that key, or change it, without stopping the process, reading outside the file or
running in circles, whichever byte of the file was flipped before it was opened; and a key that is then not found was
not there. Cost: some microseconds a key. Opening stays independent of the vault's size.

Two facts keep it cheap. A leaf found sound once in its place stays trusted there: whatever its number holds later was
written by an engine that had its own guard. And the pages the engine walks in an unfinished transaction are its own
copies of pages on the way to the same key in the state committed last, or their neighbours.

The rejected alternatives: checking the whole file when opening (seconds in a large vault), and checksums of pages kept
beside the file (the engine would still follow pointers on pages nobody looked at).
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right

from localvault.errors import Damaged
from localvault.store.freepages import FreePages, check_free_pages, in_both
from localvault.store.metas import Meta
from localvault.store.pagefile import PageFile
from localvault.store.pages import LEAF, Branch, Found, check_branch, check_leaf, damaged, find_child, head

# A search that changes nothing may follow a damaged 16-bit offset and a damaged 16-bit size on a leaf: 128 KiB. A leaf
# nearer than that to the end of the file is checked in full first.
_REACH = 1 << 17
_REMEMBERED = 1024  # branch pages kept parsed, some 10 KB each; a vault of 300,000 secrets has about as many


class Guard:
    """Checks the pages of one data file as they are asked for. Any thread may use it."""

    __slots__ = ("_branches", "_free", "_free_damage", "_lock", "_meta", "_sound", "pages", "visits")

    def __init__(self, pages: PageFile, meta: Meta) -> None:
        self.pages = pages
        self._meta = meta
        # By page number: a hash of the bounds between which the leaf was found sound.
        self._sound: dict[int, int] = {}
        self._branches: dict[int, tuple[bytes, Branch]] = {}
        self._lock = threading.Lock()
        self.visits = 0
        # Pages that were free when the file was opened: one that a pointer leads to shows an older state of the vault.
        self._free = bytearray()
        self._free_damage: Damaged | None = None
        try:
            self._free = check_free_pages(pages, meta).marks
        except Damaged as error:
            self._free_damage = error

    def newest(self) -> Meta:
        """Return the state committed last.

        Raises:
            Damaged: its roots are not sound.
        """
        meta = self._meta
        if self.pages.newest_id() != meta.txn_id:
            with self._lock:
                self._meta = meta = self.pages.newest()
        return meta

    def allow_writing(self) -> None:
        """Refuse to write where what says which pages are free cannot be trusted: they are what a write overwrites.

        Raises:
            Damaged: nothing may be written.
        """
        if self._free_damage is not None:
            raise self._free_damage

    def reach(self, key: bytes, *, fully: bool = True) -> Found:
        """Check the pages on the way to `key`; returns the leaf that has its place, or page 0 if there are no keys.

        `fully` also checks every entry of the leaf, which the mere `get` of a key that is there does not need.

        Raises:
            Damaged: one of them is not sound.
        """
        self.visits += 1
        meta = self.newest()
        tree = meta.main
        found: Found = (tree.root, b"", None)
        for height in range(tree.depth - 1, 0, -1):
            # The lowest branch pages are the many. Where they are too many to keep, a search looks only at what the
            # engine will look at.
            if fully or height > 1 or tree.branches <= _REMEMBERED:
                branch = self._branch(found, meta)
                found = _child(branch, bisect_right(branch.keys, key), found)
            else:
                found = find_child(self._page(found[0], meta), meta.last_page, key, found)
        return self._leaf(found, meta, fully) if tree.depth else (0, b"", None)

    def before(self, key: bytes | None) -> Found:
        """Check the pages on the way to the greatest key below `key` (None: the greatest of all); returns its leaf.

        Raises:
            Damaged: one of them is not sound.
        """
        self.visits += 1
        meta = self.newest()
        tree = meta.main
        found: Found = (tree.root, b"", None)
        for _ in range(tree.depth - 1):
            branch = self._branch(found, meta)
            index = len(branch.keys) if key is None else bisect_left(branch.keys, key)
            found = _child(branch, index, found)
        return self._leaf(found, meta, True) if tree.depth else (0, b"", None)

    def absent(self, key: bytes) -> bytes | None:
        """Check the leaf that has the place of `key` and those on both sides: if `key` is not there, it is nowhere.

        A flipped bit in a pointer's key sends a search to the leaf next to the right one, and then that leaf has keys
        which are not between its pointers' keys. Returns where the next leaf begins (None: there is none).

        Raises:
            Damaged: one of them is not sound.
        """
        _number, low, high = self.reach(key)
        if low:
            self.before(low)
        if high is not None:
            self.reach(high)
        return high

    def ahead(self, key: bytes) -> bytes | None:
        """Check the leaf of `key` and the next one; returns where that begins (None: there is none).

        Raises:
            Damaged: one of them is not sound.
        """
        high = self.reach(key)[2]
        if high is not None:
            self.reach(high)
        return high

    def behind(self, key: bytes | None) -> bytes:
        """Check the leaf that ends below `key` (None: the last) and the one before it; returns where the former begins.

        Raises:
            Damaged: one of them is not sound.
        """
        low = self.before(key)[1]
        if low:
            self.before(low)
        return low

    def around(self, key: bytes) -> None:
        """Check the way to `key` and the neighbours of every page on it: what a removal may join or move.

        Raises:
            Damaged: one of them is not sound.
        """
        meta = self.newest()
        tree = meta.main
        found: Found = (tree.root, b"", None)
        edges: set[tuple[bytes, bytes | None]] = set()
        for _ in range(tree.depth - 1):
            branch = self._branch(found, meta)
            found = _child(branch, bisect_right(branch.keys, key), found)
            edges.add(found[1:])
        self.reach(key)
        for low, high in edges:
            if low:
                self.before(low)
            if high is not None:
                self.reach(high)

    def _page(self, number: int, meta: Meta) -> bytes:
        if number < len(self._free) and self._free[number]:
            # Either the engine has used the page since, or a damaged pointer leads to it.
            free = FreePages(self.pages, meta).marks
            if free[number]:
                raise damaged(number, "is in use and listed as free")
            self._free = in_both(self._free, free)
        return self.pages.page(number)

    def _branch(self, found: Found, meta: Meta) -> Branch:
        number, low, high = found
        page = self._page(number, meta)
        remembered = self._branches.get(number)
        if remembered is not None and remembered[0] == page:
            return remembered[1]
        branch = check_branch(page, number, meta.last_page, low, high)
        with self._lock:
            if len(self._branches) >= _REMEMBERED:
                self._branches.clear()
            self._branches[number] = page, branch
        return branch

    def _leaf(self, found: Found, meta: Meta, fully: bool) -> Found:
        number, low, high = found
        bounds = hash((low, high))
        if self._sound.get(number) == bounds:
            return found
        page = self._page(number, meta)
        if fully or (number + 1) * len(page) + _REACH > (meta.last_page + 1) * len(page):
            check_leaf(page, number, low, high)
            self._sound[number] = bounds
        elif page[: len(_HEAD)] != head(number, LEAF):
            raise damaged(number, "is not what the page before says it is")
        return found


_HEAD = head(0, LEAF)


def _child(branch: Branch, index: int, found: Found) -> Found:
    keys = branch.keys
    return (
        branch.children[index],
        keys[index - 1] if index else found[1],
        keys[index] if index < len(keys) else found[2],
    )
