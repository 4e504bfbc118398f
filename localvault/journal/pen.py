"""Writes events into the journal, inside one write transaction.

Relies on `leaf`, `tree`, `entry`, `head` and the record sealer. Promises: an event, the nodes it completes and the
head go into the same transaction; all records of one transaction are sealed under one derived key.
"""

from __future__ import annotations

import os

from localvault.journal.entry import RUN_BYTES, pack, pack_entry, pack_run
from localvault.journal.head import HEAD_KEY, JOURNAL, TREE, Heads, pack_head
from localvault.journal.leaf import Fields, encode, leaf_hash, salts_needed
from localvault.journal.tree import Node
from localvault.sealing.record import BatchSealer
from localvault.store.protocol import WriteTxn

_SALTS_AT_ONCE = 4096


def node_key(node: Node) -> bytes:
    """Return where a node stands in the table TREE: level (1), place (8, big-endian)."""
    return bytes((node.level,)) + node.place.to_bytes(8)


class Pen:
    """Appends events to the journal of one transaction; nothing counts before `finish`."""

    __slots__ = ("_heads", "_run", "_run_bytes", "_salts", "_salts_at", "_sealer", "_tree", "txn", "written")

    def __init__(self, txn: WriteTxn, heads: Heads, sealer: BatchSealer) -> None:
        """Take up the journal where the transaction has it.

        Raises:
            Tampered: the head was altered, or does not fit the events.
        """
        self.txn = txn
        self.written: bytes | None = None
        """The head's record once `finish` has put one."""
        self._heads = heads
        self._sealer = sealer
        self._tree = heads.read(txn)
        self._run: list[bytes] = []
        self._run_bytes = 0
        self._salts, self._salts_at = b"", 0

    def add(self, packed: bytes, fields: Fields, process: str, writes: bytes | None = None) -> None:
        """Append one event; `packed` is `fields` as packed.

        Raises:
            ValueError, TypeError: the fields are not those of an event.
        """
        salts = self._take(salts_needed(fields, writes))
        leaf = leaf_hash(encode(self._tree.size, fields, process, writes, salts))
        entry = pack_entry(packed, _packed(process), salts, writes)
        if self._run and self._run_bytes + len(entry) > RUN_BYTES:
            self._end_run()
        self._tree.append(leaf)
        self._run.append(entry)
        self._run_bytes += len(entry)

    def put(self, key: bytes, plaintext: bytes) -> None:
        """Seal and put something of the journal's own into the table TREE."""
        self.txn.put(TREE, key, self._sealer.seal(TREE, key, plaintext))

    def finish(self) -> None:
        """Put what has been added, and the head, into the transaction; nothing if nothing was added."""
        if not self._run:
            return
        self._end_run()
        tree = self._tree
        for node in tree.completed:
            self.put(node_key(node), node.hash)
        tree.completed.clear()
        self.written = self._sealer.seal(TREE, HEAD_KEY, pack_head(tree))
        self.txn.put(TREE, HEAD_KEY, self.written)
        self._heads.remember(self.written, tree)

    def _end_run(self) -> None:
        # A run stands under the number of its last event: then the last key tells the size, and the first key at or
        # after a number is the run that holds it.
        key = (self._tree.size - 1).to_bytes(8)
        self.txn.put(JOURNAL, key, self._sealer.seal(JOURNAL, key, pack_run(self._run)))
        self._run.clear()
        self._run_bytes = 0

    def _take(self, size: int) -> bytes:
        # Twice as many at each call: a lone mutation draws what it needs, folding thousands hardly calls at all.
        at = self._salts_at
        if at + size > len(self._salts):
            self._salts, at = os.urandom(max(size, min(2 * len(self._salts), _SALTS_AT_ONCE))), 0
        self._salts_at = at + size
        return self._salts[at : at + size]


_packed_processes: dict[str, bytes] = {}


def _packed(process: str) -> bytes:
    packed = _packed_processes.get(process)
    if packed is None:
        if len(_packed_processes) >= 256:
            _packed_processes.clear()
        packed = _packed_processes[process] = pack(process)
    return packed
