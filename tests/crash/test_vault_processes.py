"""Several processes with one vault open at once: no lost update, versions in order, every event exactly once.

Each process says what came of what it did; in the end what all of them were told is held against the vault. Some are
killed in the middle: then the one operation in flight may have happened or not.
"""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter, defaultdict
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import localvault
from localvault import Vault
from localvault.door import correlation
from localvault.journal import spool
from localvault.store import environment
from localvault.testing.clock import FixedClock
from tests.support import life
from tests.support.children import Child, Say

SHARED = ["shared-0", "shared-1", "shared-2"]
LONG = pytest.mark.soak


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A vault with an oct key, closed."""
    with life.create(tmp_path / "vault") as vault:
        vault.keys.create("orders", "oct")
    return tmp_path / "vault"


def work(path: Path, worker: int, rounds: int, say: Say) -> None:
    """Do this and that with what all have in common and with what is this worker's own."""
    spool.PENDING_BYTES, spool.ROTATE_BYTES = 3_000, 10_000
    dice = random.Random(worker)
    vault = life.reopen(path)
    for number in range(rounds):
        correlation.set(f"{worker} {number}")
        name, kind = dice.choice(SHARED), dice.choice(list(DOINGS))
        said = [worker, number, kind, name]
        say(["will", *said])
        say(["did", *said, DOINGS[kind](vault, name, f"{worker} {number}")])
    vault.close()


def _set(vault: Vault, name: str, value: str) -> Any:
    return vault.secrets.set(name, value).version


def _get(vault: Vault, name: str, value: str) -> Any:
    try:
        found = vault.secrets.get(name)
    except localvault.SecretNotFound:
        return None
    return [found.version, found.value]


def _rotate(vault: Vault, name: str, value: str) -> Any:
    return vault.keys.rotate("orders").version


def _seal(vault: Vault, name: str, value: str) -> Any:
    orders = vault.crypto("orders")
    token = orders.seal(value.encode())
    return orders.open(token).decode()


def _own(vault: Vault, name: str, value: str) -> Any:
    """A life from beginning to end, of a name nobody else knows."""
    mine = "own-" + value.replace(" ", "-")
    made = vault.secrets.set(mine, value).version
    vault.secrets.delete(mine)
    recovered = vault.secrets.recover(mine).version
    vault.secrets.delete(mine)
    vault.secrets.purge(mine)
    return made == recovered


def _batch(vault: Vault, name: str, value: str) -> Any:
    """Add a version to each of the shared secrets, all together; again if it met another's write as the map grew."""
    while True:
        with suppress(localvault.StoreBusy), vault.batch():
            return [vault.secrets.set(each, value).version for each in SHARED]


DOINGS = {"set": _set, "get": _get, "rotate": _rotate, "seal": _seal, "own": _own, "batch": _batch}
EVENTS = {"set": 1, "get": 1, "rotate": 1, "seal": 2, "own": 5, "batch": len(SHARED)}


def assert_consistent(path: Path, heard: list[list[Any]]) -> None:
    """What all processes together were told is what the vault has, but for what they did not hear the end of."""
    done = {
        (worker, number): (kind, name, came)
        for word, worker, number, kind, name, *came in heard
        if word == "did"
    }
    begun = {(worker, number): (kind, name) for word, worker, number, kind, name, *_ in heard}
    open_ = begun.keys() - done.keys()
    with life.reopen(path) as vault:
        values = {name: _versions(vault, name) for name in SHARED}
        told: dict[str, dict[str, str]] = defaultdict(dict)
        for (worker, number), (kind, name, (came,)) in done.items():
            if kind == "set":
                told[name][came] = f"{worker} {number}"
            elif kind == "batch":
                for each, version in zip(SHARED, came, strict=True):
                    told[each][version] = f"{worker} {number}"
        for name in SHARED:
            assert told[name].items() <= values[name].items(), f"{name}: an update is lost"
            more = set(values[name].values()) - set(told[name].values())
            assert more <= {f"{worker} {number}" for worker, number in open_}, (
                f"{name}: {more} nobody has written"
            )
            assert len(values[name]) == len(set(values[name].values())), f"{name}: an update is there twice"
        for kind, name, (came,) in done.values():
            if kind == "get" and came is not None:
                assert values[name][came[0]] == came[1]
            assert kind not in ("seal", "own") or came
        rotated = [came for kind, _, (came,) in done.values() if kind == "rotate"]
        keys = [each.version for each in vault.keys.versions("orders")]
        assert set(rotated) <= set(keys)
        assert len(rotated) < len(keys) <= len(rotated) + 1 + len(open_)
        _assert_events(vault, done, open_)
        vault.audit.verify()
        assert vault.check() == []
    _assert_order(heard, values)
    assert {each.name for each in path.iterdir()} <= {"data.mdb", "lock.mdb", "head"}


def _versions(vault: Vault, name: str) -> dict[str, str | bytes]:
    try:
        versions = [each.version for each in vault.secrets.versions(name)]
    except localvault.SecretNotFound:
        return {}
    assert versions == sorted(versions, key=str)
    return {version: vault.secrets.get(name, version).value for version in versions if version is not None}


def _assert_events(vault: Vault, done: dict[Any, Any], open_: set[Any]) -> None:
    """Each operation has its events, once."""
    events = [
        event for event in vault.audit.events() if event.operation != "VaultBatch"
    ]  # those that were refused
    counts = Counter(event.correlation_id for event in events if event.correlation_id)
    for (worker, number), (kind, _name, _came) in done.items():
        found = counts.pop(f"{worker} {number}", 0)
        assert found == EVENTS[kind], f"{kind} of {worker} {number} has {found} events"
    assert counts.keys() <= {f"{worker} {number}" for worker, number in open_}


def _assert_order(heard: list[list[Any]], values: dict[str, dict[str, Any]]) -> None:
    """What one process sees of a name never goes back: later gets see the same version or a later one."""
    last: dict[tuple[int, str], str] = {}
    for word, worker, _number, kind, name, *came in heard:
        if word != "did" or kind not in ("set", "get") or came[0] is None:
            continue
        version = came[0] if kind == "set" else came[0][0]
        assert version >= last.get((worker, name), ""), f"{name} went back for {worker}"
        last[worker, name] = version


@pytest.mark.parametrize(
    ("workers", "rounds"),
    [(2, 60), (4, 40), pytest.param(4, 5000, marks=LONG)],
)
def test_no_update_is_lost(path: Path, monkeypatch: pytest.MonkeyPatch, workers: int, rounds: int) -> None:
    """Two and four that write and read the same names, also while the file outgrows its map."""
    monkeypatch.setattr(environment, "MAP_START", 128 << 10)
    children = [Child(partial(work, path, worker, rounds)) for worker in range(workers)]
    ends = [child.ended() for child in children]
    assert [code for code, _ in ends] == [0] * workers
    assert_consistent(path, [line for _, heard in ends for line in heard])


@pytest.mark.parametrize("rounds", [12, pytest.param(800, marks=LONG)])
def test_some_of_them_are_killed(path: Path, rounds: int) -> None:
    """Of those at work one after another is killed and replaced; the others never notice, and nothing is lost."""
    dice = random.Random(rounds)
    numbers = itertools.count()
    heard: list[list[Any]] = []
    children = [Child(partial(work, path, next(numbers), 100_000)) for _ in range(3)]
    for _ in range(rounds):
        children[-1].wait_for_word()
        time.sleep(dice.uniform(0, 0.05))
        victim = children.pop(dice.randrange(len(children)))
        victim.kill()
        heard += _killed(victim)
        children.append(Child(partial(work, path, next(numbers), 100_000)))
    for child in children:
        child.wait_for_word()
        child.kill()
        heard += _killed(child)
    assert len(heard) > 2 * rounds
    assert_consistent(path, heard)


def _killed(child: Child) -> list[Any]:
    code, heard = child.ended()
    assert code == -9, f"it ended with {code} before it was killed; it had said {heard[-2:]}"
    return heard


@pytest.mark.parametrize("verb", ["backup", "compact"])
def test_copies_while_others_write(path: Path, tmp_path: Path, verb: str) -> None:
    """Each copy made while others write is a whole vault as it was at one moment, and opening goes on meanwhile."""
    children = [Child(partial(work, path, worker, 100_000)) for worker in range(2)]
    for child in children:
        child.wait_for_word()
    sizes = []
    for number in range(4):
        with life.reopen(path) as vault:
            getattr(vault, verb)(tmp_path / f"copy{number}")
        with life.reopen(tmp_path / f"copy{number}") as copy:
            sizes.append(copy.audit.verify().size)
            assert copy.check() == []
            # Batches add to all of the shared secrets together.
            found = [set(_versions(copy, name).values()) for name in SHARED]
            singles = {event.correlation_id for event in copy.audit.events("SecretSet")}
            assert all(set(map(str, each)) <= singles for each in found)
    for child in children:
        child.kill()
    heard = [line for child in children for line in _killed(child)]
    assert sizes == sorted(set(sizes))
    assert_consistent(path, heard)


def test_two_do_what_is_due(tmp_path: Path) -> None:
    """What is due is done once, however many do it at the same time."""
    clock = FixedClock()
    with life.create(tmp_path / "vault", clock=clock, retention_days=7) as vault:
        vault.secrets.set_many({f"gone-{number}": "value" for number in range(300)})
        vault.secrets.set("kept", "value")
        with vault.batch():
            for number in range(300):
                vault.secrets.delete(f"gone-{number}")
    clock.move(days=8)

    def run_due(say: Say) -> None:
        with life.reopen(tmp_path / "vault", clock=clock) as vault:
            say([entry.target for entry in vault.agenda.run_due()])

    children = [Child(run_due) for _ in range(3)]
    ends = [child.ended() for child in children]
    assert [code for code, _ in ends] == [0, 0, 0]
    done = Counter(target for _, (targets,) in ends for target in targets)
    assert done == Counter(f"/secrets/gone-{number}" for number in range(300))
    with life.reopen(tmp_path / "vault", clock=clock) as vault:
        assert list(vault.secrets.list_deleted()) == []
        assert vault.agenda.run_due() == []
        assert [each.name for each in vault.secrets.list()] == ["kept"]
        # A run whose part others have done meanwhile has nothing to tell.
        runs = [event.details for event in vault.audit.events("AgendaRun") if event.details is not None]
        told = [target for details in runs for target in details["done"]]
        assert Counter(told) == Counter(f"purge /secrets/gone-{number}" for number in range(300))
        assert vault.check() == []
