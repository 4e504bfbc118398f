"""The ratios that the gate compares with: one file, by processor and by level of the core.

Relies on nothing. Promises: a ratio that got better is never a regression, whichever way better is; what was stored for
other processors stays when one is stored anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

STORE = Path(__file__).parent / "ratios.json"
TOLERANCE = 0.15  # of a ratio: more than that is a regression
_MORE, _LESS = _WAYS = "more is better", "less is better"


class Ratio(NamedTuple):
    """How two sides compare, and whether more of it is better for ours."""

    value: float
    more_is_better: bool

    @property
    def goodness(self) -> float:
        """A number that is larger where ours does better."""
        return self.value if self.more_is_better else 1 / self.value

    def change_to(self, new: Ratio) -> float:
        """Return by what part `new` is better (above 0) or worse (below 0) for our side."""
        return new.goodness / self.goodness - 1

    def better(self, other: Ratio) -> Ratio:
        """Return this one or `other`, whichever is better for our side."""
        return max(self, other, key=lambda ratio: ratio.goodness)


Ratios = Mapping[str, Ratio]
"""By what was measured."""


def regressions(stored: Ratios, found: Ratios) -> list[str]:
    """Return what is in both and worse by more than `TOLERANCE`, the worst first."""
    changes = {what: stored[what].change_to(found[what]) for what in stored if what in found}
    worse = [what for what, change in changes.items() if change < -TOLERANCE]
    return sorted(worse, key=changes.__getitem__)


def best_of(passes: Iterable[Ratios]) -> dict[str, Ratio]:
    """Return the best ratio of each: what a busy moment takes away comes back, what a change takes away hardly does."""
    best: dict[str, Ratio] = {}
    for found in passes:
        for what, ratio in found.items():
            best[what] = best[what].better(ratio) if what in best else ratio
    return best


def load(machine: str, path: Path = STORE) -> dict[str, Ratio] | None:
    """Return what is stored for `machine`, or None."""
    everything = _read(path)
    if machine not in everything:
        return None
    return {
        what: Ratio(value, way == _MORE) for way in _WAYS for what, value in everything[machine][way].items()
    }


def store(machine: str, found: Ratios, path: Path = STORE) -> None:
    """Store `found` for `machine`, in place of what was there."""
    plain = {
        way: {
            what: round(ratio.value, 4)
            for what, ratio in found.items()
            if ratio.more_is_better is (way == _MORE)
        }
        for way in _WAYS
    }
    everything = dict(sorted((_read(path) | {machine: plain}).items()))
    path.write_text(json.dumps(everything, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _read(path: Path) -> dict[str, dict[str, dict[str, float]]]:
    everything: dict[str, dict[str, dict[str, float]]] = {}
    if path.exists():
        everything = json.loads(path.read_text(encoding="utf-8"))
    return everything
