"""The Merkle tree over the leaves, one leaf after another.

Source: RFC 6962 section 2.1. Relies on SHA-256, for many leaves on the core. Promises: `Tree` needs only the roots of
the complete subtrees it has (the frontier, 32 bytes for each bit set in the size), and says which nodes each leaf
completed, so that storing them serves every later proof.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

from localvault.native.leaves import extend_tree

HASH = 32
TILE = 8  # nodes are stored from this level up: a subtree of 2^8 leaves is recomputed from its events
EMPTY_ROOT = sha256(b"").digest()


class Node(NamedTuple):
    """The root of a complete subtree of 2^`level` leaves, the `place`-th of that size (from 0)."""

    level: int
    place: int
    hash: bytes


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two children's; the byte 1 keeps nodes apart from leaves (RFC 6962 section 2.1)."""
    return sha256(b"\1" + left + right).digest()


class Tree:
    """A tree that grows by one leaf at a time."""

    __slots__ = ("completed", "frontier", "size")

    def __init__(self, size: int = 0, frontier: Iterable[bytes] = ()) -> None:
        self.size = size
        self.frontier = list(frontier)
        """Roots of the complete subtrees, the largest first; as many as bits are set in `size`."""
        self.completed: list[Node] = []
        """Nodes of level 8 and above completed so far; the caller takes them and clears the list."""
        if len(self.frontier) != size.bit_count():
            raise ValueError("the frontier does not fit the size of the tree")

    def append(self, leaf: bytes) -> None:
        """Add a leaf by its hash: one SHA-256 for each subtree it completes, one on average."""
        frontier = self.frontier
        place, level, root = self.size, 0, leaf
        while place & 1:
            root = sha256(b"\1" + frontier.pop() + root).digest()
            place >>= 1
            level += 1
            if level >= TILE:
                self.completed.append(Node(level, place, root))
        frontier.append(root)
        self.size += 1

    def extend(self, leaves: bytes) -> None:
        """Add many leaves by their hashes, 32 bytes each, as `append` adds one."""
        grown = extend_tree(self.size, self.frontier, leaves, TILE)
        if grown is None:
            for at in range(0, len(leaves), HASH):
                self.append(leaves[at : at + HASH])
            return
        before, self.size = self.size, self.size + len(leaves) // HASH
        self.frontier, hashes = grown
        if hashes:
            self.completed += _placed(before, self.size, hashes)

    def root(self) -> bytes:
        """Return the root over all leaves (RFC 6962: MTH); of none, the hash of nothing."""
        if not self.frontier:
            return EMPTY_ROOT
        root = self.frontier[-1]
        for left in reversed(self.frontier[:-1]):
            root = node_hash(left, root)
        return root

    def copy(self) -> Tree:
        """Return a tree that grows on its own from here, with nothing completed yet."""
        return Tree(self.size, self.frontier)


def _placed(before: int, size: int, hashes: list[bytes]) -> list[Node]:
    """Return the nodes that growing from `before` leaves to `size` completed, in the order `append` completes them.

    `hashes` are theirs, level by level.
    """
    places = [
        (level, place)
        for level in range(TILE, size.bit_length())
        for place in range(before >> level, size >> level)
    ]
    nodes = [Node(*place, node) for place, node in zip(places, hashes, strict=True)]
    return sorted(nodes, key=lambda node: ((node.place + 1) << node.level, node.level))
