"""The arithmetic of the benchmark's gate: what counts as worse, what is stored, what is told. Nothing here is timed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import gate, ratios
from bench.figures import Figure, Goal, Line, Spread
from bench.ratios import Ratio
from bench.setting import Setting

MACHINE = "a processor; a level"


def faster(value: float) -> Ratio:
    """A ratio that should be large."""
    return Ratio(value, more_is_better=True)


def slower(value: float) -> Ratio:
    """A ratio that should be small."""
    return Ratio(value, more_is_better=False)


@pytest.mark.parametrize(
    ("before", "after", "worse"),
    [
        (faster(10), faster(8.6), False),
        (faster(10), faster(8.4), True),
        (faster(10), faster(30), False),
        (slower(10), slower(11.7), False),
        (slower(10), slower(11.8), True),
        (slower(10), slower(3), False),
    ],
)  # fmt: skip
def test_worse_by_more_than_fifteen_percent_is_a_regression(
    before: Ratio, after: Ratio, *, worse: bool
) -> None:
    """Whichever way better is, and better by any amount is none."""
    assert ratios.regressions({"it": before}, {"it": after}) == (["it"] if worse else [])


def test_the_worst_comes_first() -> None:
    """Regressions are told in order of how much was lost."""
    stored = {"a": faster(10), "b": slower(1), "c": faster(4)}
    found = {"a": faster(8), "b": slower(4), "c": faster(2)}
    assert ratios.regressions(stored, found) == ["b", "c", "a"]


def test_what_is_only_on_one_side_is_no_regression() -> None:
    """A new line has nothing to be compared with, and a peer that is missing takes nothing away."""
    assert ratios.regressions({"gone": faster(10)}, {"new": faster(1)}) == []


def test_the_best_pass_counts() -> None:
    """A ratio that was good once is good: a busy moment is to cost nobody an afternoon."""
    passes = [{"a": faster(5), "b": slower(5)}, {"a": faster(9)}, {"a": faster(7), "b": slower(2)}]
    assert ratios.best_of(passes) == {"a": faster(9), "b": slower(2)}


def test_storing_keeps_other_machines(tmp_path: Path) -> None:
    """Each processor and level has ratios of its own, and storing again replaces only its own."""
    path = tmp_path / "ratios.json"
    assert ratios.load(MACHINE, path) is None
    ratios.store("another", {"a": slower(2)}, path)
    ratios.store(MACHINE, {"a": faster(3), "b": faster(4)}, path)
    ratios.store(MACHINE, {"a": faster(5)}, path)
    assert ratios.load(MACHINE, path) == {"a": faster(5)}
    assert ratios.load("another", path) == {"a": slower(2)}


def test_the_stored_file_is_whole() -> None:
    """What is stored in the tree loads, and no ratio in it is zero or less."""
    for machine in json.loads(ratios.STORE.read_text(encoding="utf-8")):
        stored = ratios.load(machine)
        assert stored
        assert all(ratio.value > 0 for ratio in stored.values())


class _Lines:
    """Lines whose measurements were written down beforehand."""

    def __init__(self, **values: list[float]) -> None:
        self.values = values
        self.asked: list[str] = []

    def theme(self, _setting: Setting) -> Iterator[Line]:
        for what in self.values:
            yield Line(what, lambda what=what: self._figure(what))  # type: ignore[misc]  # bound while it is yielded

    def _figure(self, what: str) -> Figure:
        self.asked.append(what)
        value = self.values[what].pop(0)
        goal = Goal(1, unit="a second") if what == "rate" else None
        return Figure(what, goal, Spread.of([value]), "", "", more_is_better=True)


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> dict[str, Ratio]:
    """What the gate compares with."""
    found: dict[str, Ratio] = {}
    monkeypatch.setattr(ratios, "load", lambda _machine: found or None)
    return found


def _check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lines: _Lines) -> int:
    monkeypatch.setattr(gate, "_THEMES", {"theme": lines.theme})
    return gate.check(Setting(tmp_path, 1, 1.0))


def test_what_seems_worse_is_measured_again_before_it_is_told(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    stored: dict[str, Ratio],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Only the suspects are; one that comes back is none, one that does not ends with status 1."""
    stored |= {"noisy": faster(10), "slow": faster(10), "fine": faster(10)}
    lines = _Lines(noisy=[5, 9.9], slow=[5, 6, 4], fine=[10], rate=[7])
    assert _check(monkeypatch, tmp_path, lines) == gate.WORSE
    assert lines.asked == ["noisy", "slow", "fine", "rate", "noisy", "slow", "slow"]
    told = capsys.readouterr().out
    assert "WORSE  slow: 6× (10×, -40%)" in told
    assert "1 of 3 ratios are worse" in told


def test_nothing_worse_ends_well(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stored: dict[str, Ratio]
) -> None:
    """The status is 0, after one measurement."""
    stored |= {"fine": faster(10)}
    assert _check(monkeypatch, tmp_path, _Lines(fine=[9])) == 0


@pytest.mark.usefixtures("stored")
def test_nothing_stored_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A gate with nothing to compare with does not pass, and measures nothing."""
    lines = _Lines(fine=[10])
    assert _check(monkeypatch, tmp_path, lines) == gate.NOTHING_STORED
    assert "--store" in capsys.readouterr().out
    assert lines.asked == []
