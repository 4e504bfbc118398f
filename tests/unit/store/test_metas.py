"""The first two pages: what they may say, and what is wrong with a file where they do not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from localvault.errors import Damaged, NewerFormat, NotAVault, VaultError
from localvault.store import metas
from localvault.store.lmdb import LmdbStore
from localvault.store.metas import META_SIZE, Meta, newest
from tests.support.stores import PAGE, data, filled, flipped, put_data

MAIN = 88  # where the record of the tree begins in such a page
LAST_PAGE, TXN_ID = 136, 144


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metas, "_PAUSE", 0)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The data file of a store."""
    folder = tmp_path_factory.mktemp("metas") / "vault"
    filled(folder, 20)
    return data(folder)


def _reader(content: bytes) -> Callable[[int, int], bytes]:
    return lambda offset, size: content[offset : offset + size]


def _put(content: bytes, offset: int, number: int, size: int = 8) -> bytes:
    return content[:offset] + number.to_bytes(size, "little") + content[offset + size :]


def test_the_newer_of_the_two_is_chosen(content: bytes) -> None:
    """The state committed last is the one with the higher number."""
    meta = newest(_reader(content))
    numbers = [int.from_bytes(content[page + TXN_ID : page + TXN_ID + 8], "little") for page in (0, PAGE)]
    assert meta.txn_id == max(numbers)
    assert meta.page_size == PAGE
    assert abs(numbers[0] - numbers[1]) == 1


def test_every_flipped_bit_is_seen_or_means_nothing(content: bytes) -> None:
    """One flipped bit gives an error, or the very same state, or a wrong count, or the state before: never another."""
    right = newest(_reader(content))
    older = 0 if right.txn_id & 1 else PAGE
    rolled_back = []
    for offset in [*range(META_SIZE), *range(PAGE, PAGE + META_SIZE)]:
        for bit in range(8):
            try:
                found = newest(_reader(flipped(content, offset, 1 << bit)))
            except VaultError:
                continue
            if found.txn_id != right.txn_id:
                rolled_back.append((offset, bit))
            elif found.main.root != right.main.root or found.free.root != right.free.root:
                assert offset not in range(older, older + META_SIZE)
    # What cannot be told here: the newer number made smaller by two, or the older larger by two.
    assert len(rolled_back) <= 2
    assert all(offset % PAGE == TXN_ID for offset, _bit in rolled_back)


@pytest.mark.parametrize("page", [0, PAGE])
@pytest.mark.parametrize(
    ("offset", "number", "size"),
    [
        (8, 1, 2),  # padding
        (10, 9, 2),  # type
        (0, 5, 8),  # page number
        (40, 2048, 4),  # page size
        (40, 4097, 4),
        (44, 0, 2),  # flags of the tree of free pages
        (MAIN, 1, 4),  # padding of the tree
        (MAIN + 4, 2, 2),  # flags of the tree: another order
        (MAIN + 6, 200, 2),  # depth
        (MAIN + 6, 0, 2),
        (MAIN + 32, 0, 8),  # entries
        (MAIN + 40, 1, 8),  # root: the page itself
        (MAIN + 40, 1 << 40, 8),  # root: outside the file
        (LAST_PAGE, 0, 8),
    ],
)
def test_a_page_that_contradicts_itself(
    content: bytes, page: int, offset: int, number: int, size: int
) -> None:
    """Each field that cannot be as it is makes the file damaged, whichever of the two pages it is on."""
    with pytest.raises(Damaged):
        newest(_reader(_put(content, page + offset, number, size)))


@pytest.mark.parametrize("numbers", [(6, 6), (5, 6), (6, 9), (9, 6), (4, 7), (0, 3), (2, 0), (6, 1 << 60)])
def test_numbers_that_do_not_follow_each_other(content: bytes, numbers: tuple[int, int]) -> None:
    """The two transactions are neighbours, the even one on the first page."""
    first, second = numbers
    with pytest.raises(Damaged):
        newest(_reader(_put(_put(content, TXN_ID, first), PAGE + TXN_ID, second)))


def test_a_file_that_grew_shorter(content: bytes) -> None:
    """The newer state never has fewer pages than the older."""
    newer = PAGE if newest(_reader(content)).txn_id & 1 else 0
    with pytest.raises(Damaged):
        newest(_reader(_put(content, newer + LAST_PAGE, 2)))


def test_a_file_of_another_kind() -> None:
    """Empty, short and foreign files are not vaults."""
    for other in (b"", b"\0", bytes(100), bytes(3 * PAGE), b"text " * 5000):
        with pytest.raises(NotAVault):
            newest(_reader(other))


def test_a_first_page_that_was_hit(content: bytes) -> None:
    """If one page is still recognised, the file is damaged, not foreign."""
    for page in (0, PAGE):
        for offset in range(16, 20):
            with pytest.raises(Damaged):
                newest(_reader(flipped(content, page + offset, 0x40)))


def test_a_later_format(content: bytes) -> None:
    """A format both pages name is newer; one that only one of them names is damage."""
    both = _put(_put(content, 20, 3, 4), PAGE + 20, 3, 4)
    with pytest.raises(NewerFormat):
        newest(_reader(both))
    for page in (0, PAGE):
        with pytest.raises(Damaged):
            newest(_reader(_put(content, page + 20, 3, 4)))


def test_a_commit_between_the_two_reads_is_waited_out(content: bytes) -> None:
    """Pages that do not fit because another process is just writing them are read again."""
    right = newest(_reader(content))
    reads = []

    def read(offset: int, size: int) -> bytes:
        reads.append(offset)
        return _reader(content if len(reads) > 3 else _put(content, TXN_ID, 90))(offset, size)

    assert newest(read) == right


@pytest.mark.parametrize("keep", [0, 1, 151, 152, 4095, PAGE, PAGE + 100, 2 * PAGE, -4 * PAGE, -5 * PAGE])
def test_a_file_that_was_cut_off(content: bytes, tmp_path: Path, keep: int) -> None:
    """If anything is missing at the end, opening says so and changes nothing."""
    put_data(tmp_path / "vault", content[:keep])
    with pytest.raises((NotAVault, Damaged)):
        LmdbStore.open(tmp_path / "vault")
    assert data(tmp_path / "vault") == content[:keep]


@pytest.mark.parametrize("missing", [1, PAGE])
def test_a_free_page_that_was_never_written(content: bytes, tmp_path: Path, missing: int) -> None:
    """The engine leaves out a last page that is free: nothing is missing then, and writing goes on."""
    put_data(tmp_path / "vault", content[:-missing])
    store = LmdbStore.open(tmp_path / "vault")
    assert store.verify_structure() == []
    store.transact(lambda txn: txn.put(2, b"key", bytes(100_000)))
    assert store.verify_structure() == []
    store.close()


def test_a_file_longer_than_it_says(content: bytes, tmp_path: Path) -> None:
    """Bytes after the last page, as a killed commit leaves them, are no damage."""
    put_data(tmp_path / "vault", content + b"\x5a" * 5 * PAGE)
    store = LmdbStore.open(tmp_path / "vault")
    assert store.verify_structure() == []
    store.transact(lambda txn: txn.put(2, b"key", bytes(100_000)))
    assert store.verify_structure() == []
    store.close()


def test_a_file_that_claims_to_be_huge(content: bytes, tmp_path: Path) -> None:
    """A number of pages no file has is damage, not an attempt to map it."""
    for last_page in (1 << 20, 1 << 40, (1 << 51) - 1, (1 << 64) - 2):
        claims = _put(_put(content, LAST_PAGE, last_page), PAGE + LAST_PAGE, last_page)
        put_data(tmp_path / "vault", claims)
        with pytest.raises(Damaged):
            LmdbStore.open(tmp_path / "vault")


def test_meta_is_plain_data(content: bytes) -> None:
    """What is returned is a tuple that says where the tree is."""
    meta = newest(_reader(content))
    assert isinstance(meta, Meta)
    assert 2 <= meta.main.root <= meta.last_page
