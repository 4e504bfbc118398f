"""Recomputes the whole journal from its events and compares it with everything that was stored about it.

Relies on `leaf`, `tree`, `entry` and `head`, and for whole runs on the core, which makes the same leaves. Promises:
goes on past what is wrong and names every place; finds any event changed, removed, moved, repeated or added by who has
no key, and events that are authentic but not of this history (from another copy of the vault), down to the subtree of
256 they stand in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from localvault.errors import NewerFormat, Tampered
from localvault.journal.entry import Entry, unpack_run
from localvault.journal.frames import ID
from localvault.journal.head import HEAD_KEY, JOURNAL, TREE, unpack_head
from localvault.journal.leaf import encode, leaf_hash
from localvault.journal.pen import node_key
from localvault.journal.tree import HASH, TILE, Node, Tree
from localvault.model.problem import Problem
from localvault.native.leaves import Run, leaves_of_run
from localvault.sealing.record import RecordSealer
from localvault.store.protocol import ReadTxn

DIGEST = 16
_RUNS_AT_ONCE = 64  # whose leaves the tree gets in one go
Digests: TypeAlias = dict[tuple[int, bytes], bytes | None]
"""By table and key, the digest of the record last written there, or None where it was removed."""


def read_writes(writes: bytes, digests: Digests) -> None:
    """Enter a mutation's writes: `table (1) | length of key (1) | key | digest (16, zero for a removal)`, repeated.

    Raises:
        ValueError: it does not come out even.
    """
    at = 0
    while at < len(writes):
        key_end = at + 2 + writes[at + 1] if at + 1 < len(writes) else len(writes)
        digest = writes[key_end : key_end + DIGEST]
        if len(digest) != DIGEST:
            raise ValueError("writes end in the middle")
        digests[writes[at], writes[at + 2 : key_end]] = digest if any(digest) else None
        at = key_end + DIGEST


class Audit:
    """One walk over the journal as one transaction sees it."""

    def __init__(self, txn: ReadTxn, sealer: RecordSealer, noted: Tree | None = None) -> None:
        """`noted` is a head known from elsewhere, which the journal must have grown from."""
        self._txn = txn
        self._noted = noted
        self._sealer = sealer
        self.tree = Tree()
        """The tree of the events walked so far; whole only if there was no problem."""
        self.digests: Digests = {}
        """What the mutations walked so far say of every record."""
        self._whole = True
        self._next = 0
        self._waiting: list[bytes] = []  # leaves that the tree is still to get, a run's together

    def walk(self) -> Iterator[Problem]:
        """Yield everything that is wrong, the first bad event first."""
        for key, record in self._txn.scan(JOURNAL):
            yield from self._run(key, record)
        yield from self._grow()
        yield from self._head()
        yield from self._rest()

    def _run(self, key: bytes, record: bytes) -> Iterator[Problem]:
        last = int.from_bytes(key)
        try:
            if len(key) != 8:
                raise ValueError("not the key of a run")
            plaintext = self._sealer.open(JOURNAL, key, record)
            run = leaves_of_run(plaintext, last)
            entries = [] if run else list(unpack_run(last, plaintext))
        except (Tampered, NewerFormat, ValueError, TypeError):
            yield from self._grow()
            self._whole = False
            yield _events(self._next, last, "altered, or not of this vault")
            self._next = max(self._next, last + 1)
            return
        first = last + 1 - (run.count if run else len(entries))
        if first != self._next:
            yield from self._grow()
            self._whole = False
            yield _events(
                *((self._next, first - 1, "missing") if first > self._next else (first, last, "there twice"))
            )
        self._next = last + 1
        if run and self._enter(run):
            self._waiting.append(run.leaves)
            if len(self._waiting) >= _RUNS_AT_ONCE:
                yield from self._grow()
            return
        for entry in entries or unpack_run(last, plaintext):
            yield from self._entry(entry)

    def _enter(self, run: Run) -> bool:
        """Enter all writes of a run, or, if one of them does not come out even, none."""
        found: Digests = {}
        try:
            for writes in run.writes:
                read_writes(writes, found)
        except ValueError:
            return False
        self.digests.update(found)
        return True

    def _entry(self, entry: Entry) -> Iterator[Problem]:
        sequence, fields, process, salts, writes = entry
        yield from self._grow()
        try:
            self._waiting.append(leaf_hash(encode(sequence, fields, process, writes, salts)))
            if writes is not None:
                read_writes(writes, self.digests)
        except ValueError:
            self._whole = False
            yield _events(sequence, sequence, "not in a form that can be checked")
        yield from self._grow()

    def _grow(self) -> Iterator[Problem]:
        """Add the leaves that wait to the tree, and compare what that completes with what is stored.

        To be called before anything else is told, so that problems come in the order of their events.
        """
        leaves = b"".join(self._waiting)
        self._waiting.clear()
        # Where the noted head is one of the sizes passed, growing halts there.
        left = 0 if self._noted is None else self._noted.size - self.tree.size
        halt = left * HASH if 0 < left * HASH < len(leaves) else len(leaves)
        for part in filter(None, (leaves[:halt], leaves[halt:])):
            self.tree.extend(part)
            if self._whole:
                for node in self.tree.completed:
                    yield from self._node(node)
                yield from self._grown_from_noted()
            self.tree.completed.clear()

    def _grown_from_noted(self) -> Iterator[Problem]:
        noted = self._noted
        if noted is not None and noted.size == self.tree.size and noted.frontier != self.tree.frontier:
            self._whole = False
            first = _first_difference(noted, self.tree)
            yield Problem(
                f"journal {first}", f"events {first} and later are not the ones that the note was made of"
            )

    def _node(self, node: Node) -> Iterator[Problem]:
        key = node_key(node)
        record = self._txn.get(TREE, key)
        first, last = node.place << node.level, ((node.place + 1) << node.level) - 1
        try:
            stored = None if record is None else self._sealer.open(TREE, key, record)
        except (Tampered, NewerFormat):
            stored = b""
        if stored != node.hash:
            if stored:
                # Both are authentic and they disagree: one of them comes from another history of this vault.
                self._whole = False
                yield Problem(
                    f"journal {first}", f"events {first} to {last} are not the ones the tree was made of"
                )
            else:
                yield Problem(
                    f"tree {node.level}/{node.place}", "a node is altered" if record else "a node is missing"
                )

    def _head(self) -> Iterator[Problem]:
        record = self._txn.get(TREE, HEAD_KEY)
        try:
            head = Tree() if record is None else unpack_head(self._sealer.open(TREE, HEAD_KEY, record))
        except (Tampered, NewerFormat, ValueError):
            yield Problem("journal head", "altered, or not of this vault")
            return
        if head.size > self._next:
            yield _events(self._next, head.size - 1, "missing")
        elif head.size < self._next:
            yield _events(head.size, self._next - 1, "more than the head counts")
        elif self._whole and head.frontier != self.tree.frontier:
            first = _first_difference(head, self.tree)
            yield Problem(
                f"journal {first}", f"events {first} and later are not the ones the tree was made of"
            )

    def _rest(self) -> Iterator[Problem]:
        """What stands in the table TREE and belongs to nothing."""
        for key, record in self._txn.scan(TREE):
            if len(key) == 9 and TILE <= key[0] < HEAD_KEY[0]:
                if (int.from_bytes(key[1:]) + 1) << key[0] > self._next:
                    yield Problem(
                        f"tree {key[0]}/{int.from_bytes(key[1:])}", "a node over events that are not there"
                    )
            elif key.startswith(b"spool") and len(key) == len(b"spool") + ID:
                try:
                    self._sealer.open(TREE, key, record)
                except (Tampered, NewerFormat):
                    yield Problem(
                        f"spool {key[len(b'spool') :].hex()}", "the record of how far it was read is altered"
                    )
            elif key != HEAD_KEY:
                yield Problem(f"tree {key.hex()}", "nothing of the journal has this key")


def _events(first: int, last: int, what: str) -> Problem:
    said = f"event {first} is" if first >= last else f"events {first} to {last} are"
    return Problem(f"journal {first}", f"{said} {what}")


def _first_difference(one: Tree, other: Tree) -> int:
    start = 0
    levels = [bit for bit in range(one.size.bit_length() - 1, -1, -1) if one.size >> bit & 1]
    for level, left, right in zip(levels, one.frontier, other.frontier, strict=True):
        if left != right:
            break
        start += 1 << level
    return start
