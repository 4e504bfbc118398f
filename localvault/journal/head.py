"""How large the journal is and what its tree has come to: one sealed record.

Relies on `tree` and on the record sealer. Promises: the head changes in the same transaction as the events it counts.

The head stands in the table TREE because it changes with every commit and the journal's last page must not: a key
behind the last event would make every page of events be split in the middle and stay half empty.
"""

from __future__ import annotations

from localvault.errors import Tampered
from localvault.journal.tree import HASH, Tree
from localvault.sealing.record import HEADER_SIZE, OVERHEAD, RecordSealer, header
from localvault.store.layout import Table
from localvault.store.protocol import ReadTxn

JOURNAL, TREE = int(Table.JOURNAL), int(Table.TREE)
HEAD_KEY = b"head"  # behind every node's: a node's key begins with its level, at most 63


def pack_head(tree: Tree) -> bytes:
    """Return the head's plaintext: size (8), then the frontier, 32 bytes for each bit set in the size."""
    return tree.size.to_bytes(8) + b"".join(tree.frontier)


def unpack_head(plaintext: bytes) -> Tree:
    """Return the tree of a head.

    Raises:
        ValueError: it is not a head.
    """
    hashes = plaintext[8:]
    if len(plaintext) < 8 or len(hashes) % HASH:
        raise ValueError("not a head")
    return Tree(int.from_bytes(plaintext[:8]), [hashes[i : i + HASH] for i in range(0, len(hashes), HASH)])


def count(txn: ReadTxn) -> int:
    """Return how many events the table JOURNAL has, by its last key."""
    for key, _nothing in txn.scan(JOURNAL, reverse=True, keys_only=True):
        return int.from_bytes(key) + 1
    return 0


class Heads:
    """Reads heads, and remembers the last one so that a commit need not open what this process wrote."""

    def __init__(self, sealer: RecordSealer) -> None:
        self._sealer = sealer
        # Exact whatever other processes do: they seal anew, under a nonce of their own. Only heads that fitted their
        # events are remembered.
        self._remembered: tuple[bytes, Tree] | None = None

    def read(self, txn: ReadTxn) -> Tree:
        """Return the tree as the transaction sees it, to be grown.

        Raises:
            Tampered: the head was altered, or does not fit the events.
        """
        record = txn.get(TREE, HEAD_KEY)
        remembered = self._remembered
        if remembered is not None and remembered[0] == record:
            return remembered[1].copy()
        tree = Tree() if record is None else self.open(record)
        size = count(txn)
        if size != tree.size:
            raise Tampered(
                f"the journal has {size} events where its head says {tree.size}: "
                f"event {min(size, tree.size)} is the first that is wrong",
                hint="restore the vault from a backup",
            )
        if record is not None:
            self.remember(record, tree)
        return tree

    def open(self, record: bytes) -> Tree:
        """Return the tree of a sealed head, to be grown.

        Raises:
            Tampered: it is not a head that this vault wrote.
        """
        try:
            return unpack_head(self._sealer.open(TREE, HEAD_KEY, record))
        except (Tampered, ValueError):
            raise Tampered("the journal's head was altered", hint="restore the vault from a backup") from None

    def is_ahead(self, record: bytes) -> bool:
        """Return whether `record` says that it is a head sealed below a master key this vault has not had yet.

        Nothing there is authenticated, so a head of the present one whose epoch was damaged is told apart by opening.
        """
        own = header(self._sealer.depth, 1, self._sealer.epoch)
        if len(record) < OVERHEAD or record[:4] != own[:4] or record[4:HEADER_SIZE] <= own[4:]:
            return False
        try:
            self.open(own + record[HEADER_SIZE:])
        except Tampered:
            return True
        return False

    def is_behind(self, record: bytes) -> bool:
        """Return whether `record` says that it is a head sealed below a master key the vault had before."""
        own = header(self._sealer.depth, 1, self._sealer.epoch)
        return len(record) >= OVERHEAD and record[:4] == own[:4] and record[4:HEADER_SIZE] < own[4:]

    def remember(self, record: bytes, tree: Tree) -> None:
        """Remember what `record` says."""
        self._remembered = (record, tree.copy())
