"""A vault in which one byte of one file was changed: right answers or errors of ours, and `check` says what is wrong.

Whichever byte it is, nothing wrong is given out, nothing that was written is missing without an error, the process does
not end or hang, and what can no longer be read, or is lost, `check` tells of. See `tests.support.damage`.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.damage import DATA, NOTE, Change, Original, lived_with

GOOD = {"as it was", "told", "refused", "not opened"}
Ways = Callable[[int], Iterator[int]]


@pytest.fixture
def settled(memory: Path) -> Original:
    """A vault that was closed in order."""
    return Original(memory, pending=False)


@pytest.fixture
def pending(memory: Path) -> Original:
    """A vault whose last process was killed and left events in its spool."""
    return Original(memory, pending=True)


@pytest.fixture
def dice() -> random.Random:
    """Chance, whose seed pytest shows when a test fails."""
    seed = random.Random().randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201
    return random.Random(seed)


def one_bit(dice: random.Random) -> Ways:
    """One of the byte's bits turned round."""
    return lambda byte: iter([byte ^ 1 << dice.randrange(8)])


def many_ways(dice: random.Random) -> Ways:
    """All its bits turned round, or none or all of them set; the lowest, the highest and any of them turned round."""

    def ways(byte: int) -> Iterator[int]:
        others = {0x00, 0xFF, byte ^ 0xFF, byte ^ 0x01, byte ^ 0x80, byte ^ 1 << dice.randrange(8)}
        yield from sorted(others - {byte})

    return ways


def changes(original: Original, file: str, ways: Ways, offsets: list[int]) -> Iterator[Change]:
    """The bytes at these offsets of a file, each changed in so many ways."""
    for offset in offsets:
        for byte in ways(original.files[file][offset]):
            yield Change(file, offset, byte)


def assert_good(original: Original, folder: Path, each: Iterator[Change]) -> dict[str, int]:
    """No change has a bad outcome; returns how often each good one came up."""
    seen = lived_with(original, folder / "visited", each)
    bad = {outcome: seen[outcome] for outcome in seen.keys() - GOOD}
    assert not bad, "\n".join(sorted(bad)[:20])
    return seen


def test_the_data_file(settled: Original, memory: Path, dice: random.Random) -> None:
    """Bytes all over the data file, as many at even distances as at random."""
    size = len(settled.files[DATA])
    gap = size // 200
    offsets = [*range(dice.randrange(gap), size, gap), *(dice.randrange(size) for _ in range(200))]
    seen = assert_good(settled, memory, changes(settled, DATA, one_bit(dice), offsets))
    assert seen["refused"] > 20
    assert seen["as it was"] > 20


def test_the_slots(settled: Original, memory: Path, dice: random.Random) -> None:
    """The header with the slots, which stands in the data file unsealed: it never opens altered."""
    content = settled.files[DATA]
    start, size = content.index(b"lvheader"), len(settled.header)
    offsets = dice.sample(range(start, start + size), 120)
    seen = assert_good(settled, memory, changes(settled, DATA, one_bit(dice), offsets))
    assert seen == {"not opened": 120}


def test_the_note(settled: Original, memory: Path, dice: random.Random) -> None:
    """Every byte of the note of the journal's size: `check` tells, and the note is written anew.

    Behind the note there may be the end of an older, longer one, which says nothing.
    """
    offsets = list(range(len(settled.files[NOTE])))
    used = 2 + int.from_bytes(settled.files[NOTE][:2])
    seen = assert_good(settled, memory, changes(settled, NOTE, one_bit(dice), offsets))
    assert seen == Counter({"told": used, "as it was": len(offsets) - used})


def test_a_spool(pending: Original, memory: Path, dice: random.Random) -> None:
    """Bytes of a spool with events that are not in the journal yet: no event of it is lost without being told of."""
    (spool,) = (name for name in pending.files if name.startswith("spool-"))
    offsets = dice.sample(range(len(pending.files[spool])), 250)
    seen = assert_good(pending, memory, changes(pending, spool, one_bit(dice), offsets))
    assert seen == {"told": 250}


@pytest.mark.soak
@pytest.mark.parametrize("part", range(4))
def test_every_byte_of_the_data_file(settled: Original, memory: Path, dice: random.Random, part: int) -> None:
    """Every byte of it, in every way."""
    offsets = list(range(part, len(settled.files[DATA]), 4))
    assert_good(settled, memory, changes(settled, DATA, many_ways(dice), offsets))


@pytest.mark.soak
def test_every_byte_beside_it(pending: Original, memory: Path, dice: random.Random) -> None:
    """Every byte of the note and of a spool, in every way."""
    for file in pending.files.keys() - {DATA}:
        offsets = list(range(len(pending.files[file])))
        assert_good(pending, memory, changes(pending, file, many_ways(dice), offsets))
