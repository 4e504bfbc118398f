"""The gate: the core's ratios of today against those that were stored, so that no change makes it slower unseen.

Relies on `ratios` and the core's lines. Promises: a ratio counts as worse only if it is so in every one of `PASSES`
measurements, taken minutes apart; only ratios count, whose two sides took turns, never seconds. It is no test: `make
bench ARGS=--gate` runs it, before and after a change to the core or a change of compiler.
"""

from __future__ import annotations

from collections.abc import Collection

from bench import levels, machine, ratios, threads
from bench.figures import Figure
from bench.measures.native import THEMES
from bench.ratios import Ratio, Ratios
from bench.setting import Setting

PASSES = 3
_THEMES = {name: theme for name, theme in THEMES.items() if name != "building"}  # which has no ratio
WORSE, NOTHING_STORED = 1, 2  # exit statuses


def store(setting: Setting) -> int:
    """Measure and store; returns 0."""
    found = ratios.best_of([_measure(setting)])
    ratios.store(_machine(), found)
    print(f"{len(found)} ratios are stored for {_machine()}.")
    return 0


def check(setting: Setting) -> int:
    """Measure, compare with what is stored, and return the exit status: 0 if nothing is worse."""
    stored = ratios.load(_machine())
    if stored is None:
        print(f"Nothing is stored for {_machine()}: run with --store on a state that is known to be good.")
        return NOTHING_STORED
    best = ratios.best_of([_measure(setting)])
    for _ in range(PASSES - 1):
        worse = ratios.regressions(stored, best)
        if worse:
            setting.say(f"once more, since {len(worse)} seem to be worse")
            best = ratios.best_of([best, _measure(setting, worse)])
    return _tell(stored, best)


def _measure(setting: Setting, wanted: Collection[str] | None = None) -> dict[str, Ratio]:
    """Return all ratios, or the `wanted` ones."""
    found: dict[str, Ratio] = {}
    with threads.limited_to(1):
        for theme in _THEMES.values():
            for line in theme(setting):
                if wanted is None or line.what in wanted:
                    setting.say(line.what)
                    found |= _ratio(line.measure())
    return found


def _ratio(figure: Figure) -> dict[str, Ratio]:
    if figure.measured is None or figure.unit != "×":
        return {}
    return {figure.what: Ratio(figure.measured.median, figure.more_is_better)}


def _tell(stored: Ratios, found: Ratios) -> int:
    worse = ratios.regressions(stored, found)
    for what, ratio in found.items():
        before = (
            f"{stored[what].value:.3g}×, {stored[what].change_to(ratio):+.0%}" if what in stored else "new"
        )
        print(f"{'WORSE' if what in worse else '     '}  {what}: {ratio.value:.3g}× ({before})")
    for what in stored.keys() - found.keys():
        print(f"       {what}: not measured")
    print(
        f"{len(worse)} of {len(found)} ratios are worse by more than {ratios.TOLERANCE:.0%}, on {_machine()}."
    )
    return WORSE if worse else 0


def _machine() -> str:
    return f"{machine.model()}; {levels.chosen()}"
