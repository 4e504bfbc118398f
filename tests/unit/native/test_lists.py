"""The bulk calls for lists: as one call on the whole list, whatever the rounds in between."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import DecryptionFailed, KeyDisabled
from localvault.model.packed import Packed
from localvault.native import face, lists
from localvault.native.face import XaesKey
from localvault.native.memory import Locked

OLD, NEW = XaesKey(Locked.of(b"o" * 32)), XaesKey(Locked.of(b"n" * 32))
PREFIXES = {b"\x01\x01" + b"o" * 16: OLD, b"\x01\x01" + b"n" * 16: NEW}
OLD_PREFIX, NEW_PREFIX = PREFIXES
KEY_ID = slice(2, 18)
LISTS = st.lists(st.binary(max_size=200) | st.integers(0, 3000).map(bytes), max_size=150)


def keys(key_id: bytes) -> XaesKey:
    """The two keys of these tests."""
    found = PREFIXES.get(b"\x01\x01" + key_id)
    if found is None:
        raise DecryptionFailed("no such key")
    return found


@pytest.fixture(autouse=True)
def _small_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "_ROUND_BYTES", 1 << 12)
    monkeypatch.setattr(lists, "_FIRST_ROUND", 16)  # and put back after a test that sets it


ROUNDS = pytest.mark.parametrize("first", [1, 7, 64])


@ROUNDS
@given(items=LISTS, context=st.binary(max_size=9))
def test_a_list_comes_back(first: int, items: list[bytes], context: bytes) -> None:
    """Sealed, moved and opened: all items in order, with one nonce each."""
    lists._FIRST_ROUND = first
    tokens = lists.seal_list(OLD, OLD_PREFIX, items, context)
    assert [len(token) - 58 for token in tokens] == [len(item) for item in items]
    assert len({token[18:42] for token in tokens}) == len(items)
    moved, failed = lists.rewrap_list(keys, 18, KEY_ID, NEW, NEW_PREFIX, tokens, context)
    assert failed == []
    assert {token[:18] for token in moved} <= {NEW_PREFIX}
    for made in (tokens, moved):
        assert lists.open_list(keys, 18, KEY_ID, made, context) == (items, [])
        plain, failed = face.open_many(keys, 18, KEY_ID, Packed.of(made), context)
        assert (plain.to_list(), failed) == (items, [])


@ROUNDS
@given(items=st.lists(st.binary(max_size=200), min_size=1, max_size=150), data=st.data())
def test_what_fails_is_named_by_its_place_in_the_list(
    first: int, items: list[bytes], data: st.DataObject
) -> None:
    """Whichever round it was in; its item is empty."""
    lists._FIRST_ROUND = first
    tokens = lists.seal_list(OLD, OLD_PREFIX, items, b"")
    bad = sorted(data.draw(st.sets(st.integers(0, len(items) - 1), max_size=5)))
    for index in bad:
        tokens[index] = tokens[index][:-1] + bytes([tokens[index][-1] ^ 1])
    expected = [b"" if index in bad else item for index, item in enumerate(items)]
    assert lists.open_list(keys, 18, KEY_ID, tokens, b"") == (expected, bad)
    moved, failed = lists.rewrap_list(keys, 18, KEY_ID, NEW, NEW_PREFIX, tokens, b"")
    assert failed == bad
    assert [index for index, token in enumerate(moved) if not token] == bad


@given(items=st.lists(st.tuples(st.binary(max_size=200), st.binary(max_size=5)), max_size=30), data=st.data())
def test_each_with_its_own_context(items: list[tuple[bytes, bytes]], data: st.DataObject) -> None:
    """As moved one list a context, with nonces of their own; what has another context, or is no token, fails alone."""
    tokens = [lists.seal_list(OLD, OLD_PREFIX, [item], context)[0] for item, context in items]
    contexts = [context for _, context in items]
    bad = sorted(data.draw(st.sets(st.integers(0, len(items) - 1), max_size=4))) if items else []
    for number, index in enumerate(bad):
        if number % 2:
            contexts[index] += b"?"
        else:
            tokens[index] = tokens[index][: data.draw(st.integers(0, 57))]
    moved, failed = lists.rewrap_each(keys, 18, KEY_ID, NEW, NEW_PREFIX, tokens, contexts)
    assert failed == bad
    assert len({token[18:42] for token in moved if token}) == len(items) - len(bad)
    for index, (item, context) in enumerate(items):
        if index in bad:
            assert moved[index] == b""
        else:
            assert moved[index].startswith(NEW_PREFIX)
            assert lists.open_list(keys, 18, KEY_ID, [moved[index]], context) == ([item], [])


def test_each_key_is_asked_for_once_a_list() -> None:
    """Also one that there is not, and in however many rounds it comes up."""
    asked: list[bytes] = []

    def asking(key_id: bytes) -> XaesKey:
        asked.append(key_id)
        return keys(key_id)

    known = lists.seal_list(OLD, OLD_PREFIX, [b"x" * 100] * 500, b"")
    unknown = [bytes(18) + token[18:] for token in known]
    tokens = [token for pair in zip(known, unknown, strict=True) for token in pair]
    assert lists.open_list(asking, 18, KEY_ID, tokens, b"")[1] == list(range(1, 1000, 2))
    assert sorted(asked) == [bytes(16), OLD_PREFIX[KEY_ID]]


def test_a_call_that_ends_in_the_middle_leaves_no_item(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was opened in earlier rounds is overwritten and let go of, and so is the buffer it went through."""
    wiped: list[list[bytes]] = []
    rooms: list[Any] = []

    def watched(items: list[bytes]) -> None:
        wiped.append(list(items))
        original(items)

    class Room(lists._Room):
        def __init__(self) -> None:
            super().__init__()
            rooms.append(self)

    original = lists.wipe_items
    monkeypatch.setattr(lists, "wipe_items", watched)
    monkeypatch.setattr(lists, "_Room", Room)
    early = lists.seal_list(OLD, OLD_PREFIX, [b"plaintext %d" % number for number in range(200)], b"")
    late = lists.seal_list(NEW, NEW_PREFIX, [b"late"], b"")

    def disabled(key_id: bytes) -> XaesKey:
        if key_id == NEW_PREFIX[KEY_ID]:
            raise KeyDisabled("disabled")
        return keys(key_id)

    with pytest.raises(KeyDisabled):
        lists.open_list(disabled, 18, KEY_ID, early + late, b"")
    assert len(wiped) == 1
    assert len(wiped[0]) > 10
    assert all(not any(item) for item in wiped[0])
    assert rooms[-1].window.nbytes > 0
    assert not any(rooms[-1].window)
