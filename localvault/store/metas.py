"""The two pages that say where everything else in a data file begins.

Relies on `pages`. Promises: what `newest` returns is a state the engine committed, as far as two pages that must agree
can tell: each transaction writes the page its number's last bit names, so the numbers are neighbours and fit their
places. A flipped bit breaks that, or changes a field the engine ignores, with one exception: where it makes the newer
page look two transactions older (or the older one two newer), the state before the last commit is what is found. Who
noted the number of a transaction elsewhere sees that too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from struct import Struct
from typing import NamedTuple

from localvault.errors import Damaged, NewerFormat, NotAVault, VaultError
from localvault.store.pages import DEPTH_MAX, EMPTY, HEADER_SIZE, META, TREE_SIZE, Tree, head

MAGIC = 0xBEEFC0DE
FORMAT = 1  # LMDB 0.9
_INTEGER_KEYS = 8  # the flag of the tree of free pages
_PAGE_SIZES = frozenset({4096, 8192, 16384, 32768})

_START = Struct("=IIQQ")  # magic, format, address (not used), size of the map
_END = Struct("=QQ")  # last page, transaction number
_FREE = HEADER_SIZE + _START.size
_MAIN = _FREE + TREE_SIZE
_TAIL = _MAIN + TREE_SIZE
META_SIZE = _TAIL + _END.size
ID_OFFSET = META_SIZE - 8  # of the transaction number

_NOT_WHAT = "one of its two first pages is not what it should be"

Read = Callable[[int, int], bytes]
_ATTEMPTS = 5
_PAUSE = 0.002  # s


class Meta(NamedTuple):
    """One of the two pages, parsed."""

    free: Tree
    main: Tree
    last_page: int
    txn_id: int

    @property
    def page_size(self) -> int:
        """Bytes in a page: the engine keeps it where the tree of free pages would have its padding."""
        return self.free.padding


def newest(read: Read) -> Meta:
    """Return the state committed last; `read(offset, size)` gives bytes of the file, fewer at its end.

    Tries again a few times, because another process may commit between the two reads.

    Raises:
        NotAVault: it is not a data file at all.
        NewerFormat: it is in a later format of the engine.
        Damaged: the two pages contradict themselves or each other.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return _newest(read)
        except VaultError:
            time.sleep(_PAUSE)
    return _newest(read)


def _newest(read: Read) -> Meta:
    first = _parse(read(0, META_SIZE), 0, read)
    second = _parse(read(first.page_size, META_SIZE), 1, read)
    older, newer = sorted((first, second), key=_txn_id)
    fresh = first.txn_id == second.txn_id == 0
    if not fresh and (first.txn_id & 1 or not second.txn_id & 1 or newer.txn_id - older.txn_id != 1):
        raise _broken("the numbers of its last two transactions do not follow each other")
    if first.page_size != second.page_size or newer.last_page < older.last_page:
        raise _broken("its two first pages contradict each other")
    return newer


def _txn_id(meta: Meta) -> int:
    return meta.txn_id


def _parse(page: bytes, number: int, read: Read) -> Meta:
    if len(page) < META_SIZE:
        raise NotAVault("the data file is empty or cut off: this is not a vault")
    magic, version, _address, _map_size = _START.unpack_from(page, HEADER_SIZE)
    if magic != MAGIC:
        raise _foreign(read)
    if version != FORMAT:
        raise _other_format(version, read) if number == 0 else _broken(_NOT_WHAT)
    last_page, txn_id = _END.unpack_from(page, _TAIL)
    meta = Meta(Tree.parse(page, _FREE), Tree.parse(page, _MAIN), last_page, txn_id)
    if page[: HEADER_SIZE - 4] != head(number, META) or meta.page_size not in _PAGE_SIZES or last_page < 1:
        raise _broken("one of its two first pages contradicts itself")
    _check_tree(meta.free._replace(padding=0), last_page, _INTEGER_KEYS)
    _check_tree(meta.main, last_page, 0)
    return meta


def _check_tree(tree: Tree, last_page: int, flags: int) -> None:
    if not sound_tree(tree, last_page, flags):
        raise _broken("one of its two first pages points outside the file")


def sound_tree(tree: Tree, last_page: int, flags: int = 0) -> bool:
    """Return whether `tree` is a record the engine can have written, no page of it beyond `last_page`."""
    if tree.padding or tree.flags != flags:
        return False
    if tree.root == EMPTY:
        return not (tree.depth or tree.entries or tree.pages)
    return (
        2 <= tree.root <= last_page
        and 1 <= tree.depth < DEPTH_MAX
        and tree.entries >= 1
        and tree.depth <= tree.pages <= last_page
        and (tree.depth > 1) == (tree.branches > 0)
    )


def _foreign(read: Read) -> VaultError:
    """Tell a data file whose first magic number was hit from a file that was never one."""
    for page_size in _PAGE_SIZES:
        for offset in (0, page_size):
            page = read(offset, META_SIZE)
            if len(page) == META_SIZE and _START.unpack_from(page, HEADER_SIZE)[0] == MAGIC:
                return _broken(_NOT_WHAT)
    return NotAVault("the data file is not one a vault has: this is not a vault")


def _other_format(version: int, read: Read) -> VaultError:
    """Tell a later format, which both pages name, from a flipped byte in one of them."""
    for page_size in _PAGE_SIZES:
        page = read(page_size, META_SIZE)
        if len(page) == META_SIZE and _START.unpack_from(page, HEADER_SIZE)[:2] == (MAGIC, version):
            return NewerFormat(
                f"the data file is in the engine's format {version}; this version reads format {FORMAT}"
            )
    return _broken(_NOT_WHAT)


def _broken(what: str) -> Damaged:
    return Damaged(f"the data file is damaged: {what}", hint="restore the vault from a backup")
