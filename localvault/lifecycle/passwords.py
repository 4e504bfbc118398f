"""Drawing a password by its rules, each that fits them as likely as any other.

Relies on `below`, which returns a random number below another: the operating system's randomness unless a test says
otherwise. Promises: it always ends, and every password of the length that has enough of each class has the same chance.

Putting one character of each class first and filling up from all of them, as is often done, is not uniform: it makes
digits more likely than they are among passwords that merely have one. Drawing until one fits is uniform and may never
end. So it is first decided how many characters of each class there are, each way as likely as there are passwords of
that way; then which characters, and then in which order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import comb
from secrets import randbelow

Below = Callable[[int], int]


def draw(classes: Sequence[str], length: int, at_least: int, below: Below = randbelow) -> str:
    """Return a password of `length` characters with at least `at_least` of each class; classes share no character."""
    characters: list[str] = []
    ways = _ways(tuple(map(len, classes)), length, at_least)
    left = length
    for letters, after in zip(classes, ways[1:], strict=True):
        count = _count(len(letters), left, at_least, after, below)
        characters += (letters[below(len(letters))] for _ in range(count))
        left -= count
    for last in range(length - 1, 0, -1):  # Fisher and Yates: every order is as likely
        other = below(last + 1)
        characters[last], characters[other] = characters[other], characters[last]
    return "".join(characters)


def _count(size: int, left: int, at_least: int, after: Sequence[int], below: Below) -> int:
    """Return how many of the `left` characters come from a class of `size`; `after`: ways to fill the others."""
    terms = {count: _choices(size, left, count) * after[left - count] for count in range(at_least, left + 1)}
    chosen = below(sum(terms.values()))
    for count, ways in terms.items():
        if chosen < ways:
            return count
        chosen -= ways
    raise AssertionError("a number below the sum of all ways is within one of them")


def _choices(size: int, places: int, count: int) -> int:
    """Return in how many ways `count` of the `places` are taken by characters of a class of `size`."""
    return comb(places, count) * int(size**count)


@lru_cache(maxsize=32)
def _ways(sizes: tuple[int, ...], length: int, at_least: int) -> tuple[tuple[int, ...], ...]:
    """Return, for the classes from each on, and for none, how many texts of 0 to `length` characters they make."""
    ways: list[tuple[int, ...]] = [(1, *(0,) * length)]
    for size in reversed(sizes):
        after = ways[0]
        ways.insert(
            0,
            tuple(
                sum(
                    _choices(size, places, count) * after[places - count]
                    for count in range(at_least, places + 1)
                )
                for places in range(length + 1)
            ),
        )
    return tuple(ways)
