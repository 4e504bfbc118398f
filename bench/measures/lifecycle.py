"""What the life of many keys and secrets costs: the agenda, rotations, many versions, retiring, a new master key.

Relies on `probe` for what needs a process of its own. Promises: time is handed in, nothing waits for it; what falls due
was entered by dates and policies, as an application does it.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from time import process_time

import localvault
from bench import vaults
from bench.figures import Figure, Goal, Spread, missing, rate, slower
from bench.setting import Setting
from bench.timing import compare, repeat, steady, stopwatch

_PROBE = Path(__file__).parent.parent / "probe.py"
_ROTATIONS, _VERSIONS, _TOKENS = 10_000, 10_000, 1_000_000
_TOKEN = 64  # bytes sealed in each
_SINGLES = 200  # new versions in one round
_MEBIBYTE = 1 << 20


def measure(setting: Setting) -> Iterator[Figure]:
    """Yield the figures of the lifecycle."""
    yield from _agenda(setting)
    yield from _rotations(setting)
    yield from _versions(setting)
    yield from _counting(setting)
    yield from _new_master_key(setting)


def _agenda(setting: Setting) -> Iterator[Figure]:
    """With nothing due: as an application's timer finds it nearly always."""
    setting.say(f"nothing due among {setting.many:,}")
    what = f"`run_due` that finds nothing, among {setting.many:,} secrets that expire some day"
    with vaults.temporary(setting.folder) as vault:
        _fill_expiring(vault, setting.many)
        if vault.agenda.run_due():
            raise AssertionError("something was due")
        seconds = repeat(steady(vault.agenda.run_due, 1), setting.rounds(20))
    yield Figure(what, Goal(1, unit="ms"), seconds.scaled(1000), "one call", "", "authorised and journalled")


def _fill_expiring(vault: localvault.Vault, count: int) -> None:
    pairs, expires_on = vaults.values(count), datetime.now(UTC) + timedelta(days=365)
    while part := list(islice(pairs, vaults.CHUNK)):
        vault.secrets.set_many(part, expires_on=expires_on)


def _rotations(setting: Setting) -> Iterator[Figure]:
    setting.say(f"{_ROTATIONS:,} rotations")
    action = localvault.LifetimeAction("Rotate", time_after_create="P90D")
    with vaults.temporary(setting.folder) as vault:
        names = [f"key-{number:05d}" for number in range(_ROTATIONS)]
        with vault.batch():
            for name in names:
                vault.keys.create(name, "oct", size=256)
        vault.keys.set_rotation_policies(names, localvault.RotationPolicy(lifetime_actions=[action]))
        seconds = []
        for turn in range(setting.rounds(5)):
            # The versions made in this turn are due 90 days from now, and so are those of the next.
            now = datetime.now(UTC) + timedelta(days=91)
            gc.collect()
            started = process_time()
            done = vault.agenda.run_due(now)
            seconds.append(process_time() - started)
            if len(done) != _ROTATIONS:
                raise AssertionError(f"turn {turn} rotated {len(done)} keys")
    yield Figure(
        f"{_ROTATIONS:,} rotations of AES keys that are due", Goal(2, unit="s"), Spread.of(seconds), "in one `run_due`",
        "", "processor time; every rotation has its own event",
    )  # fmt: skip


def _versions(setting: Setting) -> Iterator[Figure]:
    setting.say(f"a key with {_VERSIONS:,} versions")
    with vaults.temporary(setting.folder) as vault:
        tokens = {}
        for name, versions in (("old", _VERSIONS), ("young", 2)):
            vault.keys.create(name, "oct", size=256)
            tokens[name] = vault.crypto(name).seal(b"of the first version")
            with vault.batch():
                for _ in range(versions - 1):
                    vault.keys.rotate(name)
        sides = f"{_VERSIONS:,}:", "two:"
        what = f"a key with {_VERSIONS:,} versions, against two:"
        opening = [
            steady(lambda name=name: vault.crypto(name).open(tokens[name]), 1) for name in ("old", "young")
        ]
        compared = compare(*opening, setting.rounds(40))
        yield slower(f"{what} open a token of the first", 1.5, compared, *sides)
        rotating = [lambda name=name: _time_rotations(vault, name) for name in ("old", "young")]
        compared = compare(*rotating, setting.rounds(15))
        note = "a sync each; after it both have some versions more"
        yield slower(f"{what} make the next version", 1.5, compared, *sides, note)


def _time_rotations(vault: localvault.Vault, name: str) -> float:
    started = process_time()
    for _ in range(_SINGLES):
        vault.keys.rotate(name)
    return (process_time() - started) / _SINGLES


def _counting(setting: Setting) -> Iterator[Figure]:
    count = min(_TOKENS, setting.many)
    setting.say(f"counting {count:,} tokens")
    with vaults.temporary(setting.folder) as vault:
        vault.keys.create("aes", "oct", size=256)
        crypto = vault.crypto("aes")
        size = _TOKEN * count
        tokens = crypto.seal_many(localvault.Packed(bytes(size), range(0, size + 1, _TOKEN)))
        if crypto.count_versions(tokens).counts != {vault.keys.get("aes").version: count}:
            raise AssertionError("the count is wrong")

        def one_round() -> float:
            with stopwatch() as watch:
                crypto.count_versions(tokens)
            return watch.seconds

        seconds = repeat(one_round, setting.rounds(15))
    what = f"which versions {count:,} tokens use"
    yield rate(what, Goal(5_000_000, unit="a second", at_least=True), count, seconds)


def _new_master_key(setting: Setting) -> Iterator[Figure]:
    path = setting.of_size(setting.many, "to seal again")
    setting.say("a new master key")
    runs = [_probe(path) for _ in range(setting.rounds(3))]
    seconds = Spread.of([run["seconds"] for run in runs])
    scale = setting.many / 1_000_000
    records = f"{runs[0]['records']:,.0f} records, {runs[0]['records'] / seconds.median:,.0f} a second"
    what = f"new master key for {setting.many:,} secrets"
    yield Figure(what, Goal(30 * scale, unit="s"), seconds, records, "", "one process on an idle vault")
    peak = max(run["bytes"] for run in runs)
    if not peak:
        yield missing(
            f"{what}: memory", Goal(300, unit="MiB"), "this system does not tell a process's own memory"
        )
        return
    measured = Spread.of([peak / _MEBIBYTE])
    note = "anonymous memory at its peak; pages of the data file are the system's cache"
    yield Figure(f"{what}: memory", Goal(300, unit="MiB"), measured, "", "", note)


def _probe(path: Path) -> dict[str, float]:
    command = [sys.executable, str(_PROBE), "rotate", str(path), str(vaults.key_file(path))]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)
