"""The random choices of tests: the same on every machine, different from each other."""

from __future__ import annotations

import pytest

from localvault.testing.chance import Chance


def test_the_same_seed_gives_the_same_surprises() -> None:
    """Known ones, so that a change of the generator is seen: each test with a seed would test something else."""
    assert Chance(1).bytes(8).hex() == "00f487c8268d0592"
    assert [Chance(7).below(1000), Chance(7).one_of("abcdefgh")] == [
        Chance(7).below(1000),
        Chance(7).one_of("abcdefgh"),
    ]
    one, two = Chance(3), Chance(3)
    assert [one.bytes(5) for _ in range(20)] == [two.bytes(5) for _ in range(20)]


def test_no_two_draws_are_alike() -> None:
    """Within a seed and between seeds."""
    drawn = {Chance(seed).bytes(16) for seed in range(100)}
    chance = Chance(0)
    drawn |= {chance.bytes(16) for _ in range(100)}
    assert len(drawn) == 199  # the first draw of seed 0 is drawn twice


@pytest.mark.parametrize("bound", [1, 2, 7, 1000])
def test_a_number_is_below_its_bound(bound: int) -> None:
    """Each one comes up."""
    chance = Chance(5)
    drawn = [chance.below(bound) for _ in range(20 * bound)]
    assert 0 <= min(drawn) <= max(drawn) < bound
    assert len(set(drawn)) > bound * 0.9


def test_every_choice_comes_up() -> None:
    """And nothing else."""
    chance = Chance(2)
    assert {chance.one_of("abc") for _ in range(100)} == set("abc")
