"""Checks a data file as a whole, once it is worth it, so that the guard can step aside.

Relies on the core's walk, which looks at a page in about a microsecond and lets other threads work meanwhile. Promises:
after a yes the engine can do anything with the file; opening still costs the same whatever the vault's size, because
the walk comes later, and a large file is walked by a thread of its own.

What is found sound stays so: what is written from then on is written by engines that had their own guard. Damage that
comes to the disk later is seen when the vault is next opened.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from localvault.errors import Damaged, VaultError
from localvault.native.pages import count_sound
from localvault.store.freepages import FreePages, in_both
from localvault.store.gate import Gate
from localvault.store.guard import Guard
from localvault.store.metas import Meta
from localvault.store.pagefile import PageFile
from localvault.store.pages import check_branch

# A look at the way to one key costs the guard as much as some 16 pages cost the walk, which keeps nobody waiting and
# after which nothing need be remembered of pages: so it begins sooner than that. A program that reads a few secrets and
# ends does without it.
_PAGES_A_LOOK = 64
_AT_ONCE = 2048  # pages, 8 MiB: walked in 2 ms, by whoever is there
_NEVER = -(1 << 60)

_SINGLE_LEVELS = 2  # a tree of so many levels is walked in one go

Transaction = AbstractContextManager[object]
GoOn = Callable[[], bool]


def is_sound(pages: PageFile, meta: Meta, go_on: GoOn = lambda: True) -> bool | None:
    """Return whether the engine can work with the state `meta` in any way; None if `go_on()` said no meanwhile.

    It is what `structure.find_problems` finds nothing wrong with, but for pieces of long values that are missing or
    left over: reading notices the former, and the latter do no harm. The caller has a transaction open.
    """
    tree = meta.main
    seen = bytearray(meta.last_page + 1)
    seen[:2] = b"\1\1"
    found = [0, 0, 0]
    try:
        for root, height, low, high in _parts(pages, meta, seen, found):
            if not go_on():
                return None
            count = count_sound(pages.image(), pages.page_size, meta.last_page, root, height, low, high, seen)
            if count is None:
                return False
            found = [had + more for had, more in zip(found, count, strict=True)]
        lists = FreePages(pages, meta)
    except Damaged:
        return False
    for number in lists.own:
        if seen[number]:
            return False
        seen[number] = 1
    # Each page is in use or free: as many marks as pages, and none twice.
    all_there = seen.count(1) + lists.count == len(seen) and 1 not in in_both(seen, lists.marks)
    return found == [tree.branches, tree.leaves, tree.entries] and all_there


def _parts(
    pages: PageFile, meta: Meta, seen: bytearray, found: list[int]
) -> list[tuple[int, int, bytes, bytes | None]]:
    """Return the parts a tree is walked in: page, height above the leaves, and the bounds of its keys.

    Raises:
        Damaged: the root is not sound.
    """
    tree = meta.main
    if tree.depth <= _SINGLE_LEVELS:
        return [(tree.root, tree.depth - 1, b"", None)] if tree.depth else []
    root = check_branch(pages.page(tree.root), tree.root, meta.last_page, b"")
    seen[tree.root] = 1
    found[0] = 1
    lows, highs = [b"", *root.keys], [*root.keys, None]
    return [
        (child, tree.depth - 2, low, high)
        for child, low, high in zip(root.children, lows, highs, strict=True)
    ]


class Trust:
    """Decides when the file of one environment is walked, and tells once it was found sound."""

    __slots__ = ("_gate", "_tell")

    def __init__(self, gate: Gate, tell: Callable[[], None]) -> None:
        """`tell` is called when the guard is not needed any more."""
        self._gate = gate
        self._tell = tell

    def consider(self, guard: Guard, spare: Transaction) -> None:
        """Have the file walked if looking at single pages has cost as much.

        The caller has a transaction open; `spare` is one that another thread can enter.
        """
        meta = guard.newest()
        if guard.visits * _PAGES_A_LOOK < meta.last_page:
            return
        guard.visits = _NEVER
        if meta.last_page < _AT_ONCE:
            if is_sound(guard.pages, meta):
                self._tell()
        else:
            threading.Thread(target=self._walk, args=(guard, spare), name="localvault walk").start()

    def _walk(self, guard: Guard, transaction: Transaction) -> None:
        # Whoever moves the map or closes the file waits for this transaction, and the interpreter's end for this
        # thread.
        def go_on() -> bool:
            return self._gate.is_open and threading.main_thread().is_alive()

        try:
            with transaction:
                sound = is_sound(guard.pages, guard.newest(), go_on)
        except VaultError:
            sound = None
        if sound:
            self._tell()
        elif sound is None:
            guard.visits = 0  # to be considered again
