"""The tree: RFC 6962's, whatever the size, however it came to be."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.journal.head import pack_head, unpack_head
from localvault.journal.leaf import leaf_hash
from localvault.journal.tree import EMPTY_ROOT, TILE, Node, Tree, node_hash

VECTORS = Path(__file__).parents[2] / "vectors"
RFC: dict[str, Any] = json.loads((VECTORS / "rfc6962" / "tree.json").read_text())
OWN: dict[str, Any] = json.loads((VECTORS / "localvault" / "tree.json").read_text())
LEAVES = [bytes.fromhex(leaf) for leaf in RFC["leaves"]]
HASHES = st.lists(st.binary(min_size=32, max_size=32), max_size=70)


def grown(hashes: list[bytes]) -> Tree:
    """The tree of these leaves."""
    tree = Tree()
    for leaf in hashes:
        tree.append(leaf)
    return tree


def numbered(size: int) -> list[bytes]:
    """The leaves of localvault's own vectors."""
    return [leaf_hash(number.to_bytes(8)) for number in range(size)]


def defined(hashes: list[bytes]) -> bytes:
    """MTH as RFC 6962 section 2.1 defines it, as plainly as possible."""
    if len(hashes) < 2:
        return hashes[0] if hashes else sha256(b"").digest()
    left = 1
    while left * 2 < len(hashes):
        left *= 2
    return sha256(b"\1" + defined(hashes[:left]) + defined(hashes[left:])).digest()


def test_there_are_vectors() -> None:
    """An empty file of vectors proves nothing."""
    assert len(LEAVES) == 8
    assert len(RFC["roots"]) == len(RFC["frontiers"]) == 9
    assert len(OWN["cases"]) >= 10
    assert len(OWN["nodes"]) >= 5


@pytest.mark.parametrize("size", range(9))
def test_roots_and_frontiers_are_the_published_ones(size: int) -> None:
    """Those of the certificate transparency reference implementations."""
    tree = grown([leaf_hash(leaf) for leaf in LEAVES[:size]])
    assert tree.size == size
    assert tree.root().hex() == RFC["roots"][size]
    assert [root.hex() for root in tree.frontier] == RFC["frontiers"][size]


def test_leaf_and_node_hashes_are_the_published_ones() -> None:
    """One by one, and in the complete tree of eight."""
    for case in RFC["hashed_leaves"]:
        assert leaf_hash(bytes.fromhex(case["leaf"])).hex() == case["hash"]
    for case in RFC["hashed_nodes"]:
        assert node_hash(bytes.fromhex(case["left"]), bytes.fromhex(case["right"])).hex() == case["hash"]
    level = [leaf_hash(leaf) for leaf in LEAVES]
    for expected in RFC["nodes"]:
        assert [node.hex() for node in level] == expected
        level = [node_hash(*level[at : at + 2]) for at in range(0, len(level) - 1, 2)]


@pytest.mark.parametrize("case", RFC["inclusion"], ids=lambda case: f"{case['place']} of {case['size']}")
def test_published_inclusion_proofs_lead_to_our_roots(case: dict[str, Any]) -> None:
    """What the reference implementations prove holds against the tree built here (RFC 9162 section 2.1.3.2)."""
    place, last = case["place"], case["size"] - 1
    root = leaf_hash(LEAVES[place])
    for sibling in map(bytes.fromhex, case["path"]):
        if place & 1 or place == last:
            root = node_hash(sibling, root)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            root = node_hash(root, sibling)
        place, last = place >> 1, last >> 1
    assert last == 0
    assert root == grown([leaf_hash(leaf) for leaf in LEAVES[: case["size"]]]).root()


@given(HASHES)
def test_a_root_is_as_rfc_6962_defines_it(hashes: list[bytes]) -> None:
    """The recursive definition and the growing tree agree."""
    assert grown(hashes).root() == defined(hashes)


@given(HASHES, HASHES)
def test_a_tree_grows_on_from_its_frontier(first: list[bytes], more: list[bytes]) -> None:
    """Stored as a head and taken up again, it becomes what it would have become."""
    tree = unpack_head(pack_head(grown(first)))
    for leaf in more:
        tree.append(leaf)
    assert tree.root() == grown(first + more).root()
    assert tree.frontier == grown(first + more).frontier


@given(HASHES, HASHES)
def test_a_copy_is_apart(hashes: list[bytes], more: list[bytes]) -> None:
    """What grows from a copy leaves the tree as it was."""
    tree = grown(hashes)
    copy = tree.copy()
    for leaf in more:
        copy.append(leaf)
    assert tree.root() == defined(hashes)
    assert tree.size == len(hashes)


@pytest.mark.parametrize("case", OWN["cases"], ids=lambda case: str(case["size"]))
def test_heads_are_the_published_ones(case: dict[str, Any]) -> None:
    """Root and head of larger trees, whose vectors were made by the recursive definition."""
    tree = grown(numbered(case["size"]))
    assert tree.root().hex() == case["root"]
    assert pack_head(tree).hex() == case["head"]
    assert unpack_head(bytes.fromhex(case["head"])).root() == tree.root()


def test_each_complete_subtree_is_told_once() -> None:
    """From 256 leaves up: what a later proof needs, and nothing twice."""
    leaves = numbered(2200)
    completed = grown(leaves).completed
    expected = {
        (level, place): defined(leaves[place << level : (place + 1) << level])
        for level in range(TILE, 12)
        for place in range(len(leaves) >> level)
    }
    assert {(node.level, node.place): node.hash for node in completed} == expected
    assert len(completed) == len(expected)


def test_nodes_are_the_published_ones() -> None:
    """At all the levels that are stored."""
    completed = grown(numbered(66_000)).completed
    for case in OWN["nodes"]:
        assert Node(case["level"], case["place"], bytes.fromhex(case["hash"])) in completed


def test_an_empty_tree_has_the_hash_of_nothing() -> None:
    """RFC 6962: MTH({}) = SHA-256()."""
    assert Tree().root() == EMPTY_ROOT == sha256().digest()


@given(st.binary(max_size=200))
def test_any_bytes_are_a_head_or_an_error(plaintext: bytes) -> None:
    """What parses prints back; everything else is a `ValueError`."""
    try:
        tree = unpack_head(plaintext)
    except ValueError:
        return
    assert pack_head(tree) == plaintext
