"""A store's whole life on a file in which something was changed, in a process of its own for each change.

As a program: `python -m tests.support.flips FOLDER SEED COUNT WHAT` (WHAT: `flips`, `all` or `wounds`) makes a store in
FOLDER, changes it COUNT times, and prints one line of JSON: how often each outcome came up, and examples of bad ones.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from localvault.errors import VaultError
from localvault.store.layout import Table
from localvault.store.lmdb import LmdbStore
from localvault.store.protocol import WriteTxn
from localvault.testing.chance import Chance
from tests.support.stores import PAGE, Model, data, filled, flipped, put_data

SECONDS = 60
CHANGES = 40
OUTCOMES = {0: "as it was", 1: "told", 2: "not opened", 3: "WRONG", 4: "UNEXPECTED"}
GOOD = {"as it was", "told", "not opened"}


class Wrong(Exception):
    """Something was given out that is not what was written."""


def life(folder: Path, model: Model) -> bool:
    """Read everything, change much, read again; returns whether anything was refused.

    Values themselves are authenticated above the store, so only what is missing, out of place or too much is wrong.
    """
    store = LmdbStore.open(folder)
    refused = _read(store, model) + _scan(store, model) + _change(store, model, Chance(2))
    refused += bool(store.verify_structure())
    store.close()
    return refused > 0


def _read(store: LmdbStore, model: Model) -> int:
    refused = 0
    for table, key in model:
        try:
            with store.read() as txn:
                if txn.get(table, key) is None:
                    raise Wrong(f"missing: {table} {key!r}")
        except VaultError:
            refused += 1
    return refused


def _scan(store: LmdbStore, model: Model) -> int:
    refused = 0
    for table in Table:
        wanted = sorted(key for where, key in model if where == table)
        for reverse in (False, True):
            try:
                with store.read() as txn:
                    found = [key for key, _ in txn.scan(table, reverse=reverse)]
            except VaultError:
                refused += 1
                continue
            if found != (wanted[::-1] if reverse else wanted):
                raise Wrong(f"scan: {table}")
    return refused


def _change(store: LmdbStore, model: Model, chance: Chance) -> int:
    """Put and delete; what was acknowledged must be there in the end, and what was refused as it was."""
    refused = 0
    now = dict.fromkeys(model, b"")
    places = list(model)
    for _ in range(CHANGES):
        table, key = chance.one_of(places)
        new, value, fresh = (
            chance.below(3) > 0,
            chance.bytes(chance.one_of((20, 300, 2500))),
            chance.bytes(17),
        )

        def work(
            txn: WriteTxn, table: int = table, key: bytes = key, new: bool = new, value: bytes = value
        ) -> None:
            txn.put(table, key, value) if new else txn.delete(table, key)

        def more(txn: WriteTxn, fresh: bytes = fresh, work: object = work) -> None:
            work(txn)  # type: ignore[operator]
            txn.put(Table.OBJECTS, fresh, fresh)

        try:
            store.transact(more)
        except VaultError:
            refused += 1
            continue
        now[Table.OBJECTS, fresh] = fresh
        if new:
            now[table, key] = value
        else:
            now.pop((table, key), None)
    for (table, key), value in now.items():
        try:
            with store.read() as txn:
                found = txn.get(table, key)
        except VaultError:
            refused += 1
            continue
        if found is None or (value and found != value):
            raise Wrong(f"after writing: {table} {key!r}")
    return refused


def outcome(folder: Path, content: bytes, model: Model, errors: int) -> str:
    """Live a life on `content` in a child process and say what came of it."""
    child = os.fork()
    if child == 0:
        status = 4
        try:
            os.dup2(errors, 2)
            signal.alarm(SECONDS)
            put_data(folder, content)
            status = int(life(folder, model))
        except VaultError:
            status = 2
        except Wrong as wrong:
            sys.stderr.write(f"{wrong}\n")
            sys.stderr.flush()
            status = 3
        finally:
            os._exit(status)
    _pid, status = os.waitpid(child, 0)
    shutil.rmtree(folder, ignore_errors=True)
    if os.WIFSIGNALED(status):
        return f"STOPPED by {signal.Signals(os.WTERMSIG(status)).name}"
    return OUTCOMES[os.WEXITSTATUS(status)]


def flips(content: bytes, chance: Chance, count: int) -> Iterator[tuple[str, bytes]]:
    """Flip bits of single bytes, three times out of four in headers, offsets, sizes and keys."""
    places = _structure(content)
    for _ in range(count):
        offset = chance.one_of(places) if chance.below(4) else chance.below(len(content))
        bits = chance.one_of((0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xFF))
        yield f"{offset} ^ {bits}", flipped(content, offset, bits)


def all_flips(content: bytes, chance: Chance, count: int) -> Iterator[tuple[str, bytes]]:
    """Flip every byte, one at a time: one of its bits and all of them."""
    for offset in range(len(content)):
        for bits in (1 << chance.below(8), 0xFF):
            yield f"{offset} ^ {bits}", flipped(content, offset, bits)


def wounds(content: bytes, chance: Chance, count: int) -> Iterator[tuple[str, bytes]]:
    """Do what disks and programs do: zero a page, put one in another's place, write rubbish, cut the end off."""
    pages = len(content) // PAGE
    for _ in range(count):
        kind, at, other = chance.below(6), chance.below(pages) * PAGE, chance.below(pages) * PAGE
        size = chance.one_of((2, 8, 64, 512, PAGE))
        start = at + chance.below(PAGE - size + 1)
        if kind == 0:
            changed = content[:at] + bytes(PAGE) + content[at + PAGE :]
        elif kind == 1:
            changed = content[:at] + content[other : other + PAGE] + content[at + PAGE :]
        elif kind == 2:
            low, high = sorted((at, other))
            middle = content[low + PAGE : high] if high > low else b""
            changed = content[:low] + content[high : high + PAGE] + middle + content[low : low + PAGE]
            changed += content[len(changed) :]
        elif kind == 3:
            changed = content[:start] + chance.bytes(size) + content[start + size :]
        elif kind == 4:
            changed = content
            for _ in range(2 + chance.below(30)):
                changed = flipped(changed, chance.one_of(_structure(content)), 1 + chance.below(255))
        else:
            changed = content[: chance.below(len(content))]
        yield f"{kind} at {at}", changed


def _structure(content: bytes) -> list[int]:
    """Where the two first pages, and the headers, offsets, sizes and keys of all others are."""
    places = [*range(152), *range(PAGE, PAGE + 152)]
    for page in range(2 * PAGE, len(content), PAGE):
        lower = int.from_bytes(content[page + 12 : page + 14], "little")
        if content[page + 10] not in (1, 2) or lower > PAGE:
            continue
        places += range(page, page + lower)
        for at in range(page + 16, page + lower, 2):
            entry = page + int.from_bytes(content[at : at + 2], "little")
            places += range(
                entry, entry + 8 + min(40, int.from_bytes(content[entry + 6 : entry + 8], "little"))
            )
    return places


def main(folder: Path, seed: int, count: int, what: str) -> None:
    """Change a store over and over and print what came of it."""
    ways = {"flips": flips, "all": all_flips, "wounds": wounds}
    model = filled(folder / "source", 12 if what == "all" else 60)
    content = data(folder / "source")
    seen: Counter[str] = Counter()
    bad: list[str] = []
    errors = os.open(folder / "errors", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for name, changed in ways[what](content, Chance(seed), count):
        came = outcome(folder / "vault", changed, model, errors)
        seen[came] += 1
        if came not in GOOD and len(bad) < 20:
            bad.append(f"{name}: {came}")
    sys.stdout.write(
        json.dumps({"seen": seen, "bad": bad, "errors": (folder / "errors").read_text()[-2000:]})
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
