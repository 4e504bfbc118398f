"""A small vault as bytes, one byte of which is changed at a time; and what somebody who opens it then gets.

Each change is lived with in a child process, many to a child: one that ends before its time names the change.
"""

from __future__ import annotations

import hashlib
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from localvault import Vault, VaultError
from localvault.records import HEADER_KEY, VAULT
from localvault.testing.clock import FixedClock
from tests.support import life
from tests.support.children import Child, Say, run

READS = 6  # events that wait in the spool, besides that of opening
HANG = 30  # s one change may take
DATA, NOTE = "data.mdb", "head"
DIGEST = hashlib.sha256(b"a document").digest()


class Change(NamedTuple):
    """One byte of one file, and what it is to be."""

    file: str
    offset: int
    byte: int


class Wrong(Exception):
    """Something was given out that is not what was written, or something is lost and nobody says so."""


class Original:
    """A vault with some of everything, compacted; and with a spool that a killed process has left, or without."""

    def __init__(self, folder: Path, *, pending: bool) -> None:
        with life.create(folder / "first", clock=FixedClock()) as vault:
            self.values = _fill(vault)
            self.token = vault.crypto("orders").seal(b"a line")
            vault.keys.rotate("orders")
            self.signature = vault.crypto("signing").sign("ES256", DIGEST).signature
            vault.compact(folder / "second")
        self.waiting = 1 + READS if pending else 0
        with life.reopen(folder / "second", clock=FixedClock()) as vault:
            with vault._parts.store.read() as txn:
                self.header = txn.get(VAULT, HEADER_KEY) or b""
            self.names = sorted({name for name, _ in self.values})
            self.keys = {
                key.name: [each.version for each in vault.keys.versions(key.name)]
                for key in vault.keys.list()
            }
        if pending:
            run(partial(_leave_pending, folder / "second"))
        self.files = {path.name: path.read_bytes() for path in (folder / "second").iterdir()}
        del self.files["lock.mdb"]
        self.put(folder / "third")
        with life.reopen(folder / "third", clock=FixedClock()) as vault:
            self.events = told(vault)[:-2]

    def put(self, folder: Path, change: Change | None = None) -> None:
        """Write it to `folder`, changed or not."""
        folder.mkdir(mode=0o700, exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
        for name, content in self.files.items():
            if change is not None and name == change.file:
                content = bytearray(content)
                content[change.offset] = change.byte
            descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT, 0o600)
            os.write(descriptor, content)
            os.close(descriptor)


def _fill(vault: Vault) -> dict[tuple[str, str], str | bytes]:
    wanted: list[tuple[str, str | bytes]] = [
        ("db", "first"),
        ("db", "second"),
        ("Api-Key", b"bytes"),
        ("long", "v" * 5000),
        ("x", ""),
    ]
    values = {(name, vault.secrets.set(name, value).version or ""): value for name, value in wanted}
    vault.secrets.set("gone", "deleted")
    vault.secrets.delete("gone")
    vault.keys.create("orders", "oct", size=256)
    vault.keys.create("signing", "EC", curve="P-256")
    vault.slots.add_recovery_key(label="on paper")
    return values


def _leave_pending(folder: Path, say: Say) -> None:
    vault = life.reopen(folder, clock=FixedClock())
    for _ in range(READS):
        vault.secrets.get("db")
    os._exit(0)


def told(vault: Vault) -> list[tuple[str, str, int]]:
    """What the journal tells, in short."""
    return [(event.operation, event.target, event.sequence) for event in vault.audit.events()]


class Visit:
    """One look at everything in a vault that may be damaged."""

    def __init__(self, original: Original, vault: Vault) -> None:
        self._original = original
        self._vault = vault
        self.refused = 0

    def look(self) -> str:
        """Read everything, change something, check; returns what came of it.

        Raises:
            Wrong: what was given out is not what was written, or is lost and `check` does not say so.
        """
        original, vault = self._original, self._vault
        for (name, version), value in original.values.items():
            self._same(
                value,
                f"{name}/{version}",
                lambda name=name, version=version: vault.secrets.get(name, version).value,
            )
        self._same(original.names, "names", lambda: sorted(each.name for each in vault.secrets.list()))
        self._same(["gone"], "deleted", lambda: [each.name for each in vault.secrets.list_deleted()])
        self._same(original.keys, "keys", self._keys)
        self._same(b"a line", "token", lambda: vault.crypto("orders").open(original.token))
        self._same(
            None, "signature", lambda: vault.crypto("signing").verify("ES256", DIGEST, original.signature)
        )
        self._same([None, "on paper"], "slots", lambda: [slot.label for slot in vault.slots.list()])
        told = self._told()
        self._same("new", "a new secret", self._write)
        lost = self._lost()
        try:
            vault.audit.verify()
        except VaultError:
            self.refused += 1
        if (self.refused or lost) and not told and not self._told():
            raise Wrong(
                f"{self.refused} reads were refused, {lost} events are lost, and check() finds nothing"
            )
        return "refused" if self.refused else "told" if told else "as it was"

    def _same(self, expected: Any, what: str, read: Callable[[], Any]) -> None:
        try:
            found = read()
        except VaultError:
            self.refused += 1
            return
        if found != expected:
            raise Wrong(f"{what}: {str(found)[:200]} and not {str(expected)[:200]}")

    def _keys(self) -> dict[str, list[str | None]]:
        keys = self._vault.keys
        return {key.name: [each.version for each in keys.versions(key.name)] for key in keys.list()}

    def _write(self) -> str | bytes:
        self._vault.secrets.set("new", "new")
        return self._vault.secrets.get("new").value

    def _lost(self) -> int:
        """How many of the events that waited in the spool are not in the journal; those that were in it must be."""
        wanted, found = self._original.events, []
        try:
            found += told(self._vault)
        except VaultError:
            self.refused += 1
            return 0
        same = next(
            (at for at, pair in enumerate(zip(found, wanted, strict=False)) if pair[0] != pair[1]),
            len(wanted),
        )
        if same < len(wanted) - self._original.waiting:
            raise Wrong(f"event {same} is {found[same : same + 1]}, not {wanted[same]}")
        return len(wanted) - same

    def _told(self) -> bool:
        try:
            return bool(self._vault.check())
        except VaultError:
            return True


def outcome(original: Original, folder: Path, change: Change) -> str:
    """What comes of opening the vault with this change."""
    original.put(folder, change)
    try:
        vault = life.reopen(folder, clock=FixedClock())
    except VaultError:
        return "not opened"
    try:
        return Visit(original, vault).look()
    finally:
        vault.close()


def _live(original: Original, folder: Path, changes: list[Change], say: Say) -> None:
    for change in changes:
        signal.alarm(HANG)
        try:
            came = outcome(original, folder, change)
        except Wrong as wrong:
            came = f"WRONG: {wrong}"
        except Exception as error:
            came = f"UNFORESEEN: {type(error).__name__}: {error}"
        say(came)


def lived_with(
    original: Original, folder: Path, changes: Iterable[Change], *, at_once: int = 400
) -> Counter[str]:
    """Live with each change; returns how often each outcome came up, bad ones with the change they came of."""
    seen = Counter[str]()
    left = list(changes)
    while left:
        child = Child(partial(_live, original, folder, left[:at_once]))
        code, heard = child.ended(hang=HANG * at_once)
        for change, came in zip(left, heard, strict=False):
            seen[came if came.islower() else f"{change}: {came}"] += 1
        if code:
            seen[f"{left[len(heard)]}: STOPPED by {code}"] += 1
            heard.append("")
        left = left[len(heard) :]
    return seen
