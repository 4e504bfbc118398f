"""Writes events into the journal, inside one write transaction.

Relies on `tree`, `head`, the record sealer and, for leaves and entries, on the core, or else on `leaf` and `entry`.
Promises: an event, the nodes it completes and the head go into the same transaction; all records of one transaction are
sealed under one derived key.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_right

from localvault.journal.entry import RUN_BYTES, pack, pack_entry, run_of, unpack_fields
from localvault.journal.head import HEAD_KEY, JOURNAL, TREE, Heads, pack_head
from localvault.journal.leaf import encode, leaf_hash, salts_needed
from localvault.journal.tree import Node
from localvault.native.frame import Frames
from localvault.native.leaves import AT_HAND, SALTS_MAX, Made, make_leaves
from localvault.sealing.record import BatchSealer
from localvault.store.protocol import WriteTxn

_SALTS_AT_ONCE = 4096
_AT_ONCE = 256  # events in one call of the core: what comes of them stays in the processor's nearer caches


def node_key(node: Node) -> bytes:
    """Return where a node stands in the table TREE: level (1), place (8, big-endian)."""
    return bytes((node.level,)) + node.place.to_bytes(8)


class Pen:
    """Appends events to the journal of one transaction; nothing counts before `finish`."""

    __slots__ = ("_heads", "_run", "_run_bytes", "_run_count", "_salts", "_sealer", "_tree", "txn", "written")

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
        self._run: list[bytes] = []  # pieces of the run that is being written, of one or several entries each
        self._run_bytes = self._run_count = 0
        self._salts = _Salts()

    def add(self, packed: bytes, process: str, writes: bytes | None = None) -> None:
        """Append one event by its packed fields, with its writes if it is a mutation's.

        Raises:
            ValueError, TypeError: the fields are not those of an event.
        """
        if AT_HAND:
            made = self._make(packed, array("q", (0, len(packed))), process, writes)
            if made.count:
                self._write(made.entries, made.offsets)
                self._tree.append(made.leaves)
                return
        fields, sequence = unpack_fields(packed), self._tree.size
        salts = self._salts.take(salts_needed(fields, writes))
        leaf = leaf_hash(encode(sequence, fields, process, writes, salts))
        entry = pack_entry(packed, _packed(process), salts, writes)
        self._write(entry, array("q", (0, len(entry))))
        self._tree.append(leaf)

    def add_many(self, frames: Frames, process: str) -> int:
        """Append the events that frames of a spool hold; returns how many, before the first that is none."""
        done = 0
        while done < frames.count:
            if AT_HAND:
                made = self._make(frames.data, frames.offsets[done : done + _AT_ONCE + 1], process)
                if made.count:
                    self._write(made.entries, made.offsets)
                    self._tree.extend(made.leaves)
                    done += made.count
                    continue
            try:
                self.add(frames.data[frames.offsets[done] : frames.offsets[done + 1]], process)
            except (ValueError, TypeError):
                break
            done += 1
        return done

    def put(self, key: bytes, plaintext: bytes) -> None:
        """Seal and put something of the journal's own into the table TREE."""
        self.txn.put(TREE, key, self._sealer.seal(TREE, key, plaintext))

    def finish(self) -> None:
        """Put what has been added, and the head, into the transaction; nothing if nothing was added."""
        if not self._run:
            return
        tree = self._tree
        self._end_run(tree.size)
        for node in tree.completed:
            self.put(node_key(node), node.hash)
        tree.completed.clear()
        self.written = self._sealer.seal(TREE, HEAD_KEY, pack_head(tree))
        self.txn.put(TREE, HEAD_KEY, self.written)
        self._heads.remember(self.written, tree)

    def _make(self, fields: bytes, offsets: array[int], process: str, writes: bytes | None = None) -> Made:
        """Have leaves and entries made of some events: of none only if the first one is not for the core."""
        salts = self._salts.at_least(SALTS_MAX, SALTS_MAX * (len(offsets) - 1))
        made = make_leaves(fields, offsets, self._tree.size, _packed(process), salts, writes)
        self._salts.take(made.salts_taken)
        return made

    def _write(self, entries: bytes, offsets: array[int]) -> None:
        """Write the entries of the events that come next into runs, ending each before it would get too long."""
        first = self._tree.size
        begin, last = 0, len(offsets) - 1
        while begin < last:
            end = bisect_right(offsets, offsets[begin] + RUN_BYTES - self._run_bytes, begin) - 1
            if end <= begin and self._run:
                self._end_run(first + begin)
                continue
            end = max(end, begin + 1)
            self._run.append(entries[offsets[begin] : offsets[end]])
            self._run_bytes += offsets[end] - offsets[begin]
            self._run_count += end - begin
            begin = end

    def _end_run(self, size: int) -> None:
        # A run stands under the number of its last event: then the last key tells the size, and the first key at or
        # after a number is the run that holds it.
        key = (size - 1).to_bytes(8)
        run = run_of(self._run_count, b"".join(self._run))
        self.txn.put(JOURNAL, key, self._sealer.seal(JOURNAL, key, run))
        self._run.clear()
        self._run_bytes = self._run_count = 0


class _Salts:
    """Random bytes, drawn in bulk, each handed out once."""

    __slots__ = ("_at", "_drawn")

    def __init__(self) -> None:
        self._drawn, self._at = b"", 0

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        # Twice as many at each call: a lone mutation draws what it needs, folding thousands hardly calls at all.
        at = self._at
        if at + size > len(self._drawn):
            self._drawn, at = os.urandom(max(size, min(2 * len(self._drawn), _SALTS_AT_ONCE))), 0
        self._at = at + size
        return self._drawn[at : at + size]

    def at_least(self, size: int, useful: int) -> bytes:
        """Return the bytes that come next without handing them out: `size` or more, to be told by `take` how many."""
        if self._at + size > len(self._drawn):
            self._drawn, self._at = os.urandom(max(size, useful)), 0
        return self._drawn[self._at :]


_packed_processes: dict[str, bytes] = {}


def _packed(process: str) -> bytes:
    packed = _packed_processes.get(process)
    if packed is None:
        if len(_packed_processes) >= 256:
            _packed_processes.clear()
        packed = _packed_processes[process] = pack(process)
    return packed
