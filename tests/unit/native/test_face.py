"""The bulk calls: each token is what a single call would make, and one bad token spoils no other."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import BadParameter, DecryptionFailed, InvalidSignature, KeyDisabled, VaultClosed
from localvault.model.packed import Packed
from localvault.native import face
from localvault.native.face import XaesKey, open_many, rewrap_many, seal_many
from localvault.native.memory import Locked

ITEMS = st.lists(st.binary(max_size=60), max_size=12)
CONTEXTS = st.binary(max_size=20)
OLD_PREFIX = b"\x01\x01" + b"old-version-id.."
NEW_PREFIX = b"\x01\x01" + b"new-version-id.."
PREFIX_LEN = len(OLD_PREFIX)
KEY_ID = slice(2, 18)
OLD, NEW = XaesKey(Locked.of(b"o" * 32)), XaesKey(Locked.of(b"n" * 32))


def keys(key_id: bytes) -> XaesKey:
    """The two keys of these tests by their id."""
    known = {OLD_PREFIX[KEY_ID]: OLD, NEW_PREFIX[KEY_ID]: NEW}
    if key_id not in known:
        raise DecryptionFailed("no such key")
    return known[key_id]


def opened(tokens: Packed, context: bytes) -> tuple[list[bytes], list[int]]:
    """What `open_many` says, as lists."""
    plain, failed = open_many(keys, PREFIX_LEN, KEY_ID, tokens, context)
    return plain.to_list(), failed


def rewrapped(tokens: Packed, context: bytes, prefix: bytes = NEW_PREFIX) -> tuple[Packed, list[int]]:
    """Old tokens under the new key."""
    return rewrap_many(keys, PREFIX_LEN, KEY_ID, NEW, prefix, tokens, context)


@given(ITEMS, CONTEXTS)
def test_what_is_sealed_opens(items: list[bytes], context: bytes) -> None:
    """All items in order, none failed; also none at all."""
    assert opened(seal_many(OLD, OLD_PREFIX, Packed.of(items), context), context) == (items, [])


@given(ITEMS, CONTEXTS)
def test_a_token_is_prefix_nonce_ciphertext_tag(items: list[bytes], context: bytes) -> None:
    """And opens by the single call with prefix and context as associated data."""
    for item, token in zip(
        items, seal_many(OLD, OLD_PREFIX, Packed.of(items), context).to_list(), strict=True
    ):
        assert token[:PREFIX_LEN] == OLD_PREFIX
        assert len(token) == PREFIX_LEN + 24 + len(item) + 16
        nonce, sealed = token[PREFIX_LEN : PREFIX_LEN + 24], token[PREFIX_LEN + 24 :]
        assert OLD.open(nonce, sealed, OLD_PREFIX + context) == item


@given(ITEMS, CONTEXTS)
def test_items_may_be_a_slice_of_a_larger_buffer(items: list[bytes], context: bytes) -> None:
    """Offsets that do not start at 0."""
    whole = Packed.of([b"before", *items, b"after"])
    part = Packed(whole.data, whole.offsets[1:-1])
    tokens = seal_many(OLD, OLD_PREFIX, part, context)
    assert opened(tokens, context) == (items, [])
    assert (tokens.offsets[0], tokens.nbytes) == (0, len(tokens.data))


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=12), CONTEXTS, st.data())
def test_a_changed_token_fails_alone(items: list[bytes], context: bytes, data: st.DataObject) -> None:
    """One flipped bit anywhere in one token: its index is reported, its output empty, all others open."""
    tokens = seal_many(OLD, OLD_PREFIX, Packed.of(items), context).to_list()
    index = data.draw(st.integers(0, len(items) - 1))
    changed = bytearray(tokens[index])
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    tokens[index] = bytes(changed)
    expected = [b"" if i == index else item for i, item in enumerate(items)]
    assert opened(Packed.of(tokens), context) == (expected, [index])
    moved, failed = rewrapped(Packed.of(tokens), context)
    assert failed == [index]
    assert bytes(moved[index]) == b""
    del expected[index]
    rest = Packed.of(token for i, token in enumerate(moved) if i != index)
    assert opened(rest, context) == (expected, [])


@given(st.lists(st.binary(max_size=80), max_size=8))
def test_junk_never_opens(junk: list[bytes]) -> None:
    """Any bytes of any length, also behind a prefix that names a key, are reported and nothing is raised."""
    tokens = Packed.of([*junk, *(OLD_PREFIX + item for item in junk)])
    everything = list(range(len(tokens)))
    assert opened(tokens, b"") == ([b""] * len(tokens), everything)
    assert rewrapped(tokens, b"")[1] == everything


@given(ITEMS, CONTEXTS, CONTEXTS)
def test_another_context_does_not_open(items: list[bytes], context: bytes, other: bytes) -> None:
    """The context is authenticated."""
    tokens = seal_many(OLD, OLD_PREFIX, Packed.of(items), context)
    if context != other:
        assert opened(tokens, other)[1] == list(range(len(items)))


@given(ITEMS, CONTEXTS)
def test_rewrapped_tokens_open_under_the_new_key(items: list[bytes], context: bytes) -> None:
    """Same plaintexts, the new prefix; moving them again changes nothing but the tokens."""
    moved, failed = rewrapped(seal_many(OLD, OLD_PREFIX, Packed.of(items), context), context)
    assert failed == []
    assert all(token[:PREFIX_LEN] == NEW_PREFIX for token in moved)
    assert opened(moved, context) == (items, [])
    assert opened(rewrapped(moved, context)[0], context) == (items, [])


@pytest.mark.parametrize("prefix", [b"", b"short", b"a prefix that is longer than the old one"])
def test_a_rewrap_may_change_the_length_of_the_prefix(prefix: bytes) -> None:
    """The tokens are laid out for the new one."""
    items = [b"", b"abc", b"x" * 100]
    moved, _ = rewrapped(seal_many(OLD, OLD_PREFIX, Packed.of(items), b""), b"", prefix)
    at = len(prefix)
    assert [NEW.open(t[at : at + 24], t[at + 24 :], prefix) for t in moved.to_list()] == items


def test_rewrap_wipes_the_plaintext(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one buffer the plaintext was in is locked memory, and zero afterwards."""
    made: list[memoryview] = []

    class Watched:
        @staticmethod
        def zero(size: int) -> Locked:
            locked = Locked.zero(size)
            made.append(locked.view())
            return locked

    monkeypatch.setattr(face, "Locked", Watched)
    rewrapped(seal_many(OLD, OLD_PREFIX, Packed.of([b"a" * 500, b"b" * 20]), b""), b"")
    assert [bytes(window) for window in made] == [bytes(500)]


def test_each_key_is_asked_for_once() -> None:
    """However many tokens it has, in whatever order, and also if there is none."""
    asked: list[bytes] = []

    def asking(key_id: bytes) -> XaesKey:
        asked.append(key_id)
        return keys(key_id)

    old = seal_many(OLD, OLD_PREFIX, Packed.of([b"a", b"b"]), b"").to_list()
    new = seal_many(NEW, NEW_PREFIX, Packed.of([b"c", b"d"]), b"").to_list()
    unknown = [bytes(18) + token[18:] for token in old]
    tokens = Packed.of([old[0], new[0], unknown[0], old[1], new[1], unknown[1]])
    plain, failed = open_many(asking, PREFIX_LEN, KEY_ID, tokens, b"")
    assert (plain.to_list(), failed) == ([b"a", b"c", b"", b"b", b"d", b""], [2, 5])
    assert asked == [OLD_PREFIX[KEY_ID], NEW_PREFIX[KEY_ID], bytes(16)]


def test_another_error_of_the_key_ends_the_call() -> None:
    """A disabled key is not a bad token."""

    def disabled(_key_id: bytes) -> XaesKey:
        raise KeyDisabled("disabled")

    tokens = seal_many(OLD, OLD_PREFIX, Packed.of([b"a"]), b"")
    with pytest.raises(KeyDisabled):
        open_many(disabled, PREFIX_LEN, KEY_ID, tokens, b"")
    with pytest.raises(KeyDisabled):
        rewrap_many(disabled, PREFIX_LEN, KEY_ID, NEW, NEW_PREFIX, tokens, b"")


def test_a_wiped_key_ends_the_call() -> None:
    """It is no bad token either."""
    gone = XaesKey(Locked.zero(32))
    tokens = seal_many(gone, OLD_PREFIX, Packed.of([b"a"]), b"")
    gone.wipe()
    uses: list[Callable[[], object]] = [
        lambda: seal_many(gone, OLD_PREFIX, Packed.of([b"a"]), b""),
        lambda: open_many(lambda _id: gone, PREFIX_LEN, KEY_ID, tokens, b""),
        lambda: rewrap_many(keys, PREFIX_LEN, KEY_ID, gone, NEW_PREFIX, tokens, b""),
    ]
    for use in uses:
        with pytest.raises(VaultClosed):
            use()


@given(ITEMS)
def test_sign_verify_and_unwrap_go_item_by_item(items: list[bytes]) -> None:
    """In order, with the indexes of those that failed."""

    def verify(digest: memoryview, signature: memoryview) -> None:
        if bytes(signature) != b"signed " + digest:
            raise InvalidSignature("no")

    def unwrap(item: memoryview) -> bytes:
        if len(item) % 2:
            raise DecryptionFailed("no")
        return bytes(item[::-1])

    packed = Packed.of(items)
    signatures = face.sign_many(lambda digest: b"signed " + digest, packed)
    assert signatures.to_list() == [b"signed " + item for item in items]
    assert face.verify_many(verify, packed, signatures) == []
    assert face.verify_many(verify, packed, packed) == list(range(len(items)))
    unwrapped, failed = face.unwrap_many(unwrap, packed)
    assert failed == [i for i, item in enumerate(items) if len(item) % 2]
    assert unwrapped.to_list() == [b"" if len(item) % 2 else item[::-1] for item in items]


def test_signatures_must_pair_up() -> None:
    """A missing one is an error, not a shorter answer."""
    with pytest.raises(BadParameter):
        face.verify_many(lambda _d, _s: None, Packed.of([b"a"]), Packed.of([]))
