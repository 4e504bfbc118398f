"""Pages read as bytes: what the engine wrote passes, anything else is `Damaged` and nothing worse."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import lmdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localvault.errors import Damaged
from localvault.store import pages
from localvault.store.freepages import FreePages, check_free_pages
from localvault.store.pages import Branch, check_branch, check_leaf, find_child, overflow_span, read_leaf
from tests.support.stores import PAGE, Pages, data, filled


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """The pages of a store with one branch page."""
    folder = tmp_path_factory.mktemp("pages") / "vault"
    filled(folder)
    opened = Pages(folder)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def root(opened: Pages) -> tuple[int, bytes, Branch]:
    """The root: its number, its bytes, and what they say."""
    meta = opened.newest()
    page = opened.file.page(meta.main.root)
    return meta.main.root, page, check_branch(page, meta.main.root, meta.last_page, b"")


def _outcome(check: Callable[[], object]) -> str:
    try:
        check()
    except Damaged:
        return "damaged"
    return "sound"


def _with(page: bytes, offset: int, content: bytes) -> bytes:
    return page[:offset] + content + page[offset + len(content) :]


def test_every_page_the_engine_wrote_is_sound(opened: Pages, root: tuple[int, bytes, Branch]) -> None:
    """A branch page and all its leaves pass, each within the bounds the branch gives it."""
    number, page, branch = root
    bounds = [b"", *branch.keys, None]
    for index, child in enumerate(branch.children):
        low = bounds[index] or b""
        keys = check_leaf(opened.file.page(child), child, low, bounds[index + 1])
        for key in keys:
            found = find_child(page, opened.newest().last_page, key, (number, b"", None))
            assert found == (child, low, bounds[index + 1])


def test_a_flipped_bit_in_what_leads_somewhere_is_seen(
    opened: Pages, root: tuple[int, bytes, Branch]
) -> None:
    """Every bit of a leaf's header, offsets, sizes and keys, and of a branch's header and offsets, is covered."""
    number, page, branch = root
    last_page = opened.newest().last_page
    for offset in range(16 + 2 * len(branch.children)):
        for bit in range(8):
            other = _with(page, offset, bytes((page[offset] ^ 1 << bit,)))
            assert _outcome(lambda other=other: check_branch(other, number, last_page, b"")) == "damaged"
    child = branch.children[1]
    leaf = opened.file.page(child)
    offsets = struct.unpack_from(f"={len(check_leaf(leaf, child))}H", leaf, 16)
    places = [*range(16 + 2 * len(offsets))]
    for offset in offsets:
        places += range(offset, offset + 8 + struct.unpack_from("=H", leaf, offset + 6)[0])
    for place in places:
        for bit in range(8):
            other = _with(leaf, place, bytes((leaf[place] ^ 1 << bit,)))
            assert _outcome(lambda other=other: check_leaf(other, child)) == "damaged", (place, bit)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_any_bytes_are_either_sound_or_damaged(
    opened: Pages, root: tuple[int, bytes, Branch], data: st.DataObject
) -> None:
    """No bytes, however chosen, make a check do anything but return or raise `Damaged`."""
    number, page, branch = root
    start = data.draw(
        st.sampled_from([page, opened.file.page(branch.children[0]), bytes(PAGE), b"\xff" * PAGE])
    )
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.one_of(st.integers(0, 120), st.integers(0, PAGE - 1)))
        start = _with(start, place, data.draw(st.binary(min_size=1, max_size=4)))[:PAGE]
    key = data.draw(st.sampled_from([b"", b"\x02s", *branch.keys]))
    for check in (
        lambda: check_branch(start, number, 50, b""),
        lambda: check_branch(start, number, 50, None, least=1),
        lambda: check_leaf(start, branch.children[0]),
        lambda: read_leaf(start, branch.children[0]),
        lambda: find_child(start, 50, key, (number, b"", None)),
        lambda: overflow_span(start, number),
    ):
        assert _outcome(check) in ("sound", "damaged")


def test_a_search_believes_nothing_a_full_check_would_not(
    opened: Pages, root: tuple[int, bytes, Branch]
) -> None:
    """On a page with one byte changed, a search either finds what it found before, or the full check fails too."""
    number, page, branch = root
    last_page = opened.newest().last_page
    for offset in range(16, PAGE, 3):
        other = _with(page, offset, bytes((page[offset] ^ 0x55,)))
        full = _outcome(lambda other=other: check_branch(other, number, last_page, b""))
        for index, key in enumerate(branch.keys):
            try:
                found = find_child(other, last_page, key, (number, b"", None))
            except Damaged:
                assert full == "damaged"
                continue
            if found[0] != branch.children[index + 1]:
                changed = check_branch(other, number, last_page, None) if full == "sound" else None
                assert changed is None or changed != branch


def test_a_page_that_is_cut_short(root: tuple[int, bytes, Branch]) -> None:
    """Fewer bytes than a page are damaged, down to none."""
    number, page, _branch = root
    for size in (0, 1, 15, 16, 17, 100, PAGE - 1):
        assert _outcome(lambda size=size: check_branch(page[:size], number, 99, b"")) == "damaged"
        assert _outcome(lambda size=size: check_leaf(page[:size], number)) == "damaged"


def test_keys_out_of_their_bounds(opened: Pages, root: tuple[int, bytes, Branch]) -> None:
    """A sound page in the wrong place is damaged."""
    number, page, branch = root
    last_page = opened.newest().last_page
    first, second = branch.children[:2]
    low = branch.keys[0]
    assert _outcome(lambda: check_leaf(opened.file.page(first), first, b"", low)) == "sound"
    assert _outcome(lambda: check_leaf(opened.file.page(first), first, low)) == "damaged"
    assert _outcome(lambda: check_leaf(opened.file.page(second), second, b"", low)) == "damaged"
    assert _outcome(lambda: check_branch(page, number, last_page, branch.keys[1])) == "damaged"
    assert _outcome(lambda: check_branch(page, number, last_page, b"", branch.keys[-1])) == "damaged"
    assert _outcome(lambda: check_branch(page, number, max(branch.children) - 1, b"")) == "damaged"


def test_what_is_missing_from_the_file(opened: Pages) -> None:
    """A page the file does not have is damaged, never read."""
    for number in (opened.newest().last_page + 1, 1 << 40, 1 << 62):
        with pytest.raises(Damaged):
            opened.file.page(number)


@pytest.fixture(scope="module")
def many_free(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """A data file with long lists of free pages, some with pages of their own, on a tree of several levels."""
    folder = tmp_path_factory.mktemp("free")
    engine = lmdb.open(str(folder), map_size=64 << 20, sync=False)
    for number in range(3000):
        with engine.begin(write=True) as txn:
            txn.put(b"%d" % number, bytes(1000))
    with engine.begin() as _keeps_pages_from_being_used_again:
        for number in range(0, 3000, 4):
            with engine.begin(write=True) as txn:
                txn.delete(b"%d" % number)
        with engine.begin(write=True) as txn:
            for number in range(3000):
                txn.delete(b"%d" % number)
    engine.close()
    opened = Pages(folder)
    yield opened
    opened.close()


def test_free_pages_are_found(many_free: Pages) -> None:
    """Lists of any length and depth are read: with the pages in use they are all there is."""
    meta = many_free.newest()
    assert meta.free.depth > 1
    assert meta.free.overflows > 1
    lists = FreePages(many_free.file, meta)
    assert len(lists.free) + meta.main.pages + meta.free.pages + 2 == meta.last_page + 1
    assert len(lists.own) == meta.free.pages
    assert check_free_pages(many_free.file, meta).free == lists.free
    assert len(lists.free) == lists.count


def test_lists_of_free_pages_that_were_changed(many_free: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flipped byte in any page of the lists is seen, or leaves the very same pages free."""
    meta = many_free.newest()
    lists = FreePages(many_free.file, meta)
    read = pages_read = many_free.file.page
    assert read is not None
    for number in lists.own[:6]:
        for offset in (*range(0, 200, 7), *range(200, PAGE, 61)):

            def changed(wanted: int, number: int = number, offset: int = offset) -> bytes:
                page = pages_read(wanted)
                return _with(page, offset, bytes((page[offset] ^ 0x10,))) if wanted == number else page

            file = _Changed(many_free, changed)
            try:
                free = check_free_pages(file, meta).free  # type: ignore[arg-type]
            except Damaged:
                continue
            # What is left is bytes of the page nothing is kept in.
            assert free == lists.free or len(free ^ lists.free) == 2


class _Changed:
    """The pages of a file, seen through a change."""

    def __init__(self, opened: Pages, page: Callable[[int], bytes]) -> None:
        self.page_size = opened.file.page_size
        self.page = page


def test_counts_that_do_not_add_up(many_free: Pages) -> None:
    """Pages in use, free pages and the size of the file must fit: nothing is written otherwise."""
    meta = many_free.newest()
    wrong = [
        meta._replace(last_page=meta.last_page - 1),
        meta._replace(last_page=meta.last_page + 1),
        meta._replace(main=meta.main._replace(leaves=meta.main.leaves + 1)),
        meta._replace(free=meta.free._replace(entries=meta.free.entries - 1)),
        meta._replace(txn_id=meta.txn_id - 1),
    ]
    for changed in wrong:
        with pytest.raises(Damaged):
            check_free_pages(many_free.file, changed)


def test_a_free_page_in_use(opened: Pages) -> None:
    """A root that is listed as free is damaged."""
    meta = opened.newest()
    free = min(FreePages(opened.file, meta).free)
    with pytest.raises(Damaged):
        check_free_pages(opened.file, meta._replace(main=meta.main._replace(root=free)))


def test_page_data_is_what_the_file_has(opened: Pages, tmp_path: Path) -> None:
    """A page is the file's own bytes, also of a file that has grown since."""
    filled(tmp_path / "vault", 8)
    small = Pages(tmp_path / "vault")
    before = small.newest().last_page
    content = data(tmp_path / "vault")
    with (tmp_path / "vault" / "data.mdb").open("ab") as file:
        file.write(b"\x01" * PAGE * 100)
    assert small.file.page(3) == content[3 * PAGE : 4 * PAGE]
    assert small.file.page(before + 50) == b"\x01" * PAGE
    assert small.file.newest_id() == small.newest().txn_id
    small.close()
    assert pages.head(7, pages.LEAF) == struct.pack("=QHH", 7, 0, 2)
