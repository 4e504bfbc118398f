"""The bulk calls: each token is what a single call would make, and one bad token spoils no other.

All of it holds for `cryptography` and for the core.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import BadParameter, DecryptionFailed, InvalidSignature, KeyDisabled, VaultClosed
from localvault.model.packed import Packed
from localvault.native import face
from tests.support.natives import NATIVES, Native, both

ITEMS = st.lists(st.binary(max_size=60), max_size=12)
CONTEXTS = st.binary(max_size=20)
OLD_PREFIX = b"\x01\x01" + b"old-version-id.."
NEW_PREFIX = b"\x01\x01" + b"new-version-id.."
PREFIX_LEN = len(OLD_PREFIX)
KEY_ID = slice(2, 18)


class Pair(NamedTuple):
    """An old and a new key of one implementation, and the bulk calls that use them."""

    native: Native
    old: Any
    new: Any

    def key(self, key_id: bytes) -> Any:
        """The two keys of these tests by their id."""
        known = {OLD_PREFIX[KEY_ID]: self.old, NEW_PREFIX[KEY_ID]: self.new}
        if key_id not in known:
            raise DecryptionFailed("no such key")
        return known[key_id]

    def sealed(
        self, items: list[bytes] | Packed, context: bytes = b"", out: memoryview | None = None
    ) -> Packed:
        """Tokens under the old key."""
        packed = items if isinstance(items, Packed) else Packed.of(items)
        tokens = self.native.seal_many(self.old, OLD_PREFIX, packed, context, out)
        assert isinstance(tokens, Packed)
        return tokens

    def opened(
        self, tokens: Packed, context: bytes = b"", out: memoryview | None = None
    ) -> tuple[list[bytes], list[int]]:
        """What `open_many` says, as lists."""
        plain, failed = self.native.open_many(self.key, PREFIX_LEN, KEY_ID, tokens, context, out)
        return plain.to_list(), failed

    def rewrapped(
        self, tokens: Packed, context: bytes = b"", prefix: bytes = NEW_PREFIX, out: memoryview | None = None
    ) -> tuple[Packed, list[int]]:
        """Old tokens under the new key."""
        moved, failed = self.native.rewrap_many(
            self.key, PREFIX_LEN, KEY_ID, self.new, prefix, tokens, context, out
        )
        return moved, failed


PAIRS = {native: Pair(native, native.xaes(b"o" * 32), native.xaes(b"n" * 32)) for native in NATIVES}


@both
@given(ITEMS, CONTEXTS)
def test_what_is_sealed_opens(native: Native, items: list[bytes], context: bytes) -> None:
    """All items in order, none failed; also none at all."""
    pair = PAIRS[native]
    assert pair.opened(pair.sealed(Packed.of(items), context), context) == (items, [])


@both
@given(ITEMS, CONTEXTS)
def test_a_token_is_prefix_nonce_ciphertext_tag(native: Native, items: list[bytes], context: bytes) -> None:
    """And opens by the single call with prefix and context as associated data."""
    pair = PAIRS[native]
    for item, token in zip(items, pair.sealed(Packed.of(items), context).to_list(), strict=True):
        assert token[:PREFIX_LEN] == OLD_PREFIX
        assert len(token) == PREFIX_LEN + 24 + len(item) + 16
        nonce, sealed = token[PREFIX_LEN : PREFIX_LEN + 24], token[PREFIX_LEN + 24 :]
        assert pair.old.open(nonce, sealed, OLD_PREFIX + context) == item


@both
@given(ITEMS, CONTEXTS)
def test_items_may_be_a_slice_of_a_larger_buffer(native: Native, items: list[bytes], context: bytes) -> None:
    """Offsets that do not start at 0."""
    pair = PAIRS[native]
    whole = Packed.of([b"before", *items, b"after"])
    part = Packed(whole.data, whole.offsets[1:-1])
    tokens = pair.sealed(part, context)
    assert pair.opened(tokens, context) == (items, [])
    assert (tokens.offsets[0], tokens.nbytes) == (0, len(tokens.data))


@both
@given(st.lists(st.binary(max_size=60), min_size=1, max_size=12), CONTEXTS, st.data())
def test_a_changed_token_fails_alone(
    native: Native, items: list[bytes], context: bytes, data: st.DataObject
) -> None:
    """One flipped bit anywhere in one token: its index is reported, its output empty, all others open."""
    pair = PAIRS[native]
    tokens = pair.sealed(Packed.of(items), context).to_list()
    index = data.draw(st.integers(0, len(items) - 1))
    changed = bytearray(tokens[index])
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    tokens[index] = bytes(changed)
    expected = [b"" if i == index else item for i, item in enumerate(items)]
    assert pair.opened(Packed.of(tokens), context) == (expected, [index])
    moved, failed = pair.rewrapped(Packed.of(tokens), context)
    assert failed == [index]
    assert bytes(moved[index]) == b""
    del expected[index]
    rest = Packed.of(token for i, token in enumerate(moved) if i != index)
    assert pair.opened(rest, context) == (expected, [])


@both
@given(st.lists(st.binary(max_size=80), max_size=8))
def test_junk_never_opens(native: Native, junk: list[bytes]) -> None:
    """Any bytes of any length, also behind a prefix that names a key, are reported and nothing is raised."""
    pair = PAIRS[native]
    tokens = Packed.of([*junk, *(OLD_PREFIX + item for item in junk)])
    everything = list(range(len(tokens)))
    assert pair.opened(tokens, b"") == ([b""] * len(tokens), everything)
    assert pair.rewrapped(tokens, b"")[1] == everything


@both
@given(ITEMS, CONTEXTS, CONTEXTS)
def test_another_context_does_not_open(
    native: Native, items: list[bytes], context: bytes, other: bytes
) -> None:
    """The context is authenticated."""
    pair = PAIRS[native]
    tokens = pair.sealed(Packed.of(items), context)
    if context != other:
        assert pair.opened(tokens, other)[1] == list(range(len(items)))


@both
@given(ITEMS, CONTEXTS)
def test_rewrapped_tokens_open_under_the_new_key(native: Native, items: list[bytes], context: bytes) -> None:
    """Same plaintexts, the new prefix; moving them again changes nothing but the tokens."""
    pair = PAIRS[native]
    moved, failed = pair.rewrapped(pair.sealed(Packed.of(items), context), context)
    assert failed == []
    assert all(token[:PREFIX_LEN] == NEW_PREFIX for token in moved)
    assert pair.opened(moved, context) == (items, [])
    assert pair.opened(pair.rewrapped(moved, context)[0], context) == (items, [])


@both
@pytest.mark.parametrize("prefix", [b"", b"short", b"a prefix that is longer than the old one"])
def test_a_rewrap_may_change_the_length_of_the_prefix(native: Native, prefix: bytes) -> None:
    """The tokens are laid out for the new one."""
    pair = PAIRS[native]
    items = [b"", b"abc", b"x" * 100]
    moved, _ = pair.rewrapped(pair.sealed(Packed.of(items), b""), b"", prefix)
    at = len(prefix)
    assert [pair.new.open(t[at : at + 24], t[at + 24 :], prefix) for t in moved.to_list()] == items


@both
def test_each_key_is_asked_for_once(native: Native) -> None:
    """However many tokens it has, in whatever order, and also if there is none."""
    pair = PAIRS[native]
    asked: list[bytes] = []

    def asking(key_id: bytes) -> object:
        asked.append(key_id)
        return pair.key(key_id)

    old = pair.sealed(Packed.of([b"a", b"b"]), b"").to_list()
    new = native.seal_many(pair.new, NEW_PREFIX, Packed.of([b"c", b"d"]), b"").to_list()
    unknown = [bytes(18) + token[18:] for token in old]
    tokens = Packed.of([old[0], new[0], unknown[0], old[1], new[1], unknown[1]])
    plain, failed = native.open_many(asking, PREFIX_LEN, KEY_ID, tokens, b"")
    assert (plain.to_list(), failed) == ([b"a", b"c", b"", b"b", b"d", b""], [2, 5])
    assert asked == [OLD_PREFIX[KEY_ID], NEW_PREFIX[KEY_ID], bytes(16)]


@both
def test_another_error_of_the_key_ends_the_call(native: Native) -> None:
    """A disabled key is not a bad token."""
    pair = PAIRS[native]

    def disabled(_key_id: bytes) -> object:
        raise KeyDisabled("disabled")

    tokens = pair.sealed(Packed.of([b"a"]), b"")
    with pytest.raises(KeyDisabled):
        native.open_many(disabled, PREFIX_LEN, KEY_ID, tokens, b"")
    with pytest.raises(KeyDisabled):
        native.rewrap_many(disabled, PREFIX_LEN, KEY_ID, pair.new, NEW_PREFIX, tokens, b"")


@both
def test_a_wiped_key_ends_the_call(native: Native) -> None:
    """It is no bad token either."""
    pair = PAIRS[native]
    gone = native.xaes(bytes(32))
    tokens = native.seal_many(gone, OLD_PREFIX, Packed.of([b"a"]), b"")
    gone.wipe()
    uses: list[Callable[[], object]] = [
        lambda: native.seal_many(gone, OLD_PREFIX, Packed.of([b"a"]), b""),
        lambda: native.open_many(lambda _id: gone, PREFIX_LEN, KEY_ID, tokens, b""),
        lambda: native.rewrap_many(pair.key, PREFIX_LEN, KEY_ID, gone, NEW_PREFIX, tokens, b""),
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
