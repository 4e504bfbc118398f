"""Every password that fits the rules is drawn with the same chance: proved by going through all there is to draw."""

from __future__ import annotations

import string
from collections import defaultdict
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.lifecycle.passwords import draw


class Every:
    """Stands in for randomness and takes every way it could go, one after another, with the chance of each."""

    def __init__(self) -> None:
        self._path: list[tuple[int, int]] = []  # (taken, out of)
        self._at = 0

    def __call__(self, limit: int) -> int:
        """Return the number below `limit` that this way has here."""
        assert limit > 0
        if self._at == len(self._path):
            self._path.append((0, limit))
        taken, out_of = self._path[self._at]
        assert out_of == limit
        self._at += 1
        return taken

    def chance(self) -> Fraction:
        """The chance of the way just taken."""
        chance = Fraction(1)
        for _, out_of in self._path:
            chance /= out_of
        return chance

    def next(self) -> bool:
        """Turn to the next way; False if there is none."""
        self._at = 0
        while self._path:
            taken, out_of = self._path.pop()
            if taken + 1 < out_of:
                self._path.append((taken + 1, out_of))
                return True
        return False


@pytest.mark.parametrize(
    ("classes", "length", "at_least"),
    [
        (["ab", "1"], 3, 1),
        (["ab", "1"], 3, 0),
        (["a", "1", "!"], 3, 1),
        (["abc"], 2, 1),
        (["a", "1"], 4, 2),
        (["ab", "c"], 2, 1),
    ],
)
def test_every_password_is_as_likely_as_any_other(classes: list[str], length: int, at_least: int) -> None:
    """Exactly: the chances of all ways to each password add up to the same fraction, and each password has some."""
    below = Every()
    chances: defaultdict[str, Fraction] = defaultdict(Fraction)
    while True:
        password = draw(classes, length, at_least, below)
        chances[password] += below.chance()
        if not below.next():
            break
    fitting = {
        "".join(letters)
        for letters in product("".join(classes), repeat=length)
        if all(sum(letter in each for letter in letters) >= at_least for each in classes)
    }
    assert set(chances) == fitting
    assert set(chances.values()) == {Fraction(1, len(fitting))}


@given(
    st.lists(st.sampled_from([string.ascii_lowercase, string.ascii_uppercase, string.digits, "!?+"]), min_size=1,
             max_size=4, unique=True),
    st.integers(0, 16),
    st.integers(6, 64),
)  # fmt: skip
def test_a_password_fits_its_rules(classes: list[str], at_least: int, length: int) -> None:
    """Length, characters, and enough of each class, also where there is hardly room for them."""
    length = max(length, at_least * len(classes))
    password = draw(classes, length, at_least)
    assert len(password) == length
    counts = [sum(letter in each for letter in password) for each in classes]
    assert sum(counts) == length
    assert min(counts) >= at_least


def test_real_ones_differ() -> None:
    """Of a thousand no two are alike, and every letter occurs: otherwise with a chance below 2^-90."""
    classes = [string.ascii_lowercase, string.digits]
    drawn = {draw(classes, 24, 1) for _ in range(1000)}
    assert len(drawn) == 1000
    assert set("".join(drawn)) == set("".join(classes))
