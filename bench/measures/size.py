"""What a million secrets cost: opening, reading, listing, against a vault of a thousand.

Relies on `probe` for what needs a process of its own. Promises: both vaults are filled the same way; the key file slot
keeps key derivation out; the small vault is the harder yardstick, because all of it stays in every cache.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from bench import vaults
from bench.figures import Figure, Goal, Spread, missing, slower
from bench.measures.reads import time_gets
from bench.setting import Setting
from bench.timing import compare
from bench.vaults import CALLS, FEW, SECRETS

_PROBE = Path(__file__).parent.parent / "probe.py"
_PAGE = 1_000
_MEBIBYTE = 1 << 20


def measure(setting: Setting) -> Iterator[Figure]:
    """Yield the figures that depend on how much a vault holds."""
    many, few = setting.of_size(setting.many), setting.of_size(FEW)
    yield from _opening(setting, many, few)
    yield from _reading(setting, many, few)
    yield from _listing(setting, many)


def _opening(setting: Setting, many: Path, few: Path) -> Iterator[Figure]:
    setting.say("opening")
    sides = f"{setting.many:,}:", f"{FEW:,}:"
    what = f"open with {setting.many:,} secrets, against {FEW:,}"
    compared = compare(lambda: _time_open(many), lambda: _time_open(few), setting.rounds(40))
    yield slower(f"{what}; same process", 2, compared, *sides, "unlocked by key file: no key derivation")
    compared = compare(lambda: _fresh_open(many), lambda: _fresh_open(few), setting.rounds(12))
    yield slower(
        f"{what}; new process", 2, compared, *sides, "imports done before; files in the system's cache"
    )


def _time_open(path: Path) -> float:
    started = perf_counter()
    vault = vaults.open_vault(path)
    seconds = perf_counter() - started
    vault.close()
    return seconds


def _fresh_open(path: Path) -> float:
    return _probe("open", path)["seconds"]


def _reading(setting: Setting, many: Path, few: Path) -> Iterator[Figure]:
    setting.say(f"get among {setting.many:,}")
    what = f"get with {setting.many:,} secrets, against {FEW:,}"
    sides = f"{setting.many:,}:", f"{FEW:,}:"
    with vaults.open_vault(many) as big, vaults.open_vault(few) as small:
        near = vaults.shuffled(FEW, CALLS)
        # Ever new names: what was asked for once is remembered, and a name asked for once is the dear case.
        turns = iter(vaults.shuffled(setting.many, CALLS * (setting.rounds(40) + 1)))
        compared = compare(
            lambda: time_gets(big, [next(turns) for _ in range(CALLS)]),
            lambda: time_gets(small, near),
            setting.rounds(40),
        )
        yield slower(f"{what}; names drawn from all", 1.5, compared, *sides, "hardly any name comes twice")
        compared = compare(lambda: time_gets(big, near), lambda: time_gets(small, near), setting.rounds(40))
        yield slower(
            f"{what}; the same {FEW:,} names", None, compared, *sides, "a working set, as applications have"
        )


def _listing(setting: Setting, many: Path) -> Iterator[Figure]:
    setting.say(f"listing {setting.many:,}")
    few = setting.of_size(SECRETS)
    runs = [_probe("list", many, _PAGE) for _ in range(setting.rounds(5))]
    if any(run["names"] != setting.many for run in runs):
        raise AssertionError("the list left names out")
    seconds = Spread.of([run["seconds"] for run in runs])
    goal = Goal(4 * setting.many / 1_000_000, unit="s")
    yield Figure(
        f"list {setting.many:,} names", goal, seconds, f"{setting.many / seconds.median:,.0f} a second", "",
        f"pages of {_PAGE:,}",
    )  # fmt: skip
    yield _listing_memory(setting, runs[0]["bytes"], _probe("list", few, _PAGE)["bytes"])


def _listing_memory(setting: Setting, many: float, few: float) -> Figure:
    what = f"memory for listing {setting.many:,} names, against {SECRETS:,}"
    goal = Goal(2)
    if few <= 0:
        return missing(what, goal, "this system does not tell a process's own memory")
    shown = [f"{amount / _MEBIBYTE:.1f} MiB" for amount in (many, few)]
    return Figure(what, goal, Spread.of([many / few]), *shown, f"own memory at its peak, pages of {_PAGE:,}")


def _probe(verb: str, path: Path, *rest: int) -> dict[str, float]:
    command = [sys.executable, str(_PROBE), verb, str(path), str(vaults.key_file(path)), *map(str, rest)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)
