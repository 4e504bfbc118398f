"""Tokens through a vault: they outlive rotations, open with their context alone, and never half a batch comes out."""

from __future__ import annotations

import traceback
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import localvault
from localvault import BadParameter, DecryptionFailed, KeyDisabled, KeyNotFound, NewerFormat, Packed, Vault
from localvault.sealing.token import OVERHEAD
from localvault.testing.profiles import CHEAPEST
from tests.support.told import told

MARKER = b"plaintext nobody may see"


def packed(items: list[bytes], before: bytes = b"") -> Packed:
    """The items as Arrow has a slice of a column: the offsets do not begin at 0, and there is more behind."""
    offsets = array("q", [len(before)])
    for item in items:
        offsets.append(offsets[-1] + len(item))
    return Packed(before + b"".join(items) + b"behind", offsets)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["oct-128", "oct-192", "oct-256"]),
    st.lists(st.binary(max_size=200), max_size=6),
    st.binary(max_size=30),
    st.binary(max_size=8),
)
def test_what_is_sealed_opens(
    held: Vault, name: str, items: list[bytes], context: bytes, before: bytes
) -> None:
    """In either form, in order, as many as went in: sealed as a list, opened packed, and the other way round."""
    crypto = held.crypto(name)
    tokens = crypto.seal_many(iter(items), context)
    assert [len(token) for token in tokens] == [len(item) + OVERHEAD for item in items]
    opened = crypto.open_many(packed(tokens, before), context)
    assert isinstance(opened, Packed)
    assert opened.to_list() == items
    sealed = crypto.seal_many(packed(items, before), context)
    assert isinstance(sealed, Packed)
    assert crypto.open_many(sealed.to_list(), context) == items
    moved = crypto.rewrap_many(packed(tokens, before), context)
    assert isinstance(moved, Packed)
    assert crypto.open_many(crypto.rewrap_many(moved.to_list(), context), context) == items


def test_one_is_many_of_one(data: Vault) -> None:
    """`seal`, `open` and `rewrap` make and take what their `_many` do."""
    crypto = data.crypto("data")
    token = crypto.seal(MARKER, b"c")
    assert type(token) is bytes
    assert crypto.open_many([token], b"c") == [MARKER]
    assert crypto.open(crypto.seal_many([MARKER], b"c")[0], b"c") == MARKER
    assert crypto.open(crypto.rewrap(token, b"c"), b"c") == MARKER


def test_equal_messages_have_different_tokens(data: Vault) -> None:
    """Within a batch, between batches and after rewrapping: no two tokens share a nonce."""
    crypto = data.crypto("data")
    tokens = crypto.seal_many([b"same"] * 50) + crypto.seal_many([b"same"] * 50)
    tokens += crypto.rewrap_many(tokens[:50])
    assert len({token[18:42] for token in tokens}) == 150


def test_old_tokens_open_and_new_ones_use_the_new_version(data: Vault) -> None:
    """After rotations each token names the version it was sealed with; rewrapping moves it to the current one."""
    crypto, tokens, versions = data.crypto("data"), [], []
    for number in range(4):
        versions.append(data.keys.get("data").version)
        tokens.append(crypto.seal(b"text %d" % number))
        data.keys.rotate("data")
    assert [token[2:18].hex() for token in tokens] == versions
    texts = [b"text 0", b"text 1", b"text 2", b"text 3"]
    assert crypto.open_many(tokens) == texts
    assert data.crypto("data", versions[0]).open_many(tokens) == texts
    moved = crypto.rewrap_many(tokens)
    assert {token[2:18].hex() for token in moved} == {data.keys.get("data").version}
    back = data.crypto("data", versions[1]).rewrap_many(moved)
    assert {token[2:18].hex() for token in back} == {versions[1]}
    assert crypto.open_many(moved) == crypto.open_many(back) == texts


@pytest.mark.parametrize("other", [b"", b"Card", b"card\0", b"car", b"dcar"])
def test_another_context_does_not_open(data: Vault, other: bytes) -> None:
    """Also none where there was one; the token says nothing of it."""
    crypto = data.crypto("data")
    token = crypto.seal(MARKER, b"card")
    assert len(token) == len(crypto.seal(MARKER))
    for attempt in (lambda: crypto.open(token, other), lambda: crypto.rewrap(token, other)):
        with pytest.raises(DecryptionFailed):
            attempt()


def reason(attempt: Callable[[], object]) -> tuple[type[Exception], str, str | None]:
    """How it failed, as the caller sees it."""
    with pytest.raises((DecryptionFailed, NewerFormat)) as failed:
        attempt()
    return type(failed.value), failed.value.message, failed.value.hint


@pytest.mark.parametrize("verb", ["open", "rewrap"])
def test_no_altered_token_opens(data: Vault, verb: str) -> None:
    """Every bit of it, every cut, and bytes too many; all that is not a form of token fails with one sentence."""
    act = getattr(data.crypto("data"), verb)
    token = data.crypto("data").seal(b"text", b"context")
    forms = {(DecryptionFailed, "this is not a token, or not all of it", None)}
    newer = {(NewerFormat, "the token was made by a newer localvault", "update localvault")}
    # Bit 6 of the suite makes a token look like a wrapped data key.
    newer.add(
        (
            DecryptionFailed,
            "this is a wrapped data key, not a token",
            "open_data_key opens it, rewrap_data_keys moves it",
        )
    )
    seen = set()
    for bit in range(len(token) * 8):
        altered = bytearray(token)
        altered[bit // 8] ^= 1 << bit % 8
        why = reason(lambda altered=altered: act(bytes(altered), b"context"))
        # Format and suite are public, so a newer one may have a sentence of its own.
        assert bit >= 16 or why in newer | forms
        if bit >= 16:
            seen.add(why)
    for other in (token + b"\0", token[:-1], token[1:], token[::-1]):
        reason(lambda other=other: act(other, b"context"))
    for cut in range(OVERHEAD):
        assert reason(lambda cut=cut: act(token[:cut], b"context")) in forms
    seen.add(reason(lambda: act(token, b"another context")))
    assert {kind for kind, _, _ in seen} == {DecryptionFailed}
    assert len(seen) == 1


def test_a_token_of_something_else_does_not_open(data: Vault, tmp_path: Path) -> None:
    """Of another key, of another vault, or made to name another version: the same error as an altered one."""
    crypto = data.crypto("data")
    token = crypto.seal(MARKER)
    data.keys.create("other", "oct", size=256)
    data.keys.rotate("data")
    renamed = token[:2] + bytes.fromhex(data.keys.get("data").version or "") + token[18:]
    with localvault.create(
        tmp_path / "w", passphrase="w", name="other", kdf=CHEAPEST, allow_weak=True
    ) as stranger:
        stranger.keys.create("data", "oct", size=256)
        foreign = stranger.crypto("data").seal(MARKER)
        seen = {
            reason(lambda: data.crypto("other").open(token)),
            reason(lambda: stranger.crypto("data").open(token)),
            reason(lambda: crypto.open(foreign)),
            reason(lambda: crypto.open(renamed)),
            reason(lambda: crypto.open(token[:-1] + bytes([token[-1] ^ 1]))),
        }
    assert len(seen) == 1


@pytest.mark.parametrize("newer", [b"\x02\x01", b"\x01\x02", b"\xff\xff"])
def test_a_token_of_a_newer_format_says_so(data: Vault, newer: bytes) -> None:
    """With the advice to update, also where it is one of many."""
    crypto = data.crypto("data")
    token = crypto.seal(b"text")
    for attempt in (
        lambda: crypto.open(newer + token[2:]),
        lambda: crypto.open_many([token, newer + token[2:]]),
        lambda: crypto.rewrap_many([token, newer + token[2:]]),
    ):
        with pytest.raises(NewerFormat, match="newer localvault") as failed:
            attempt()
        assert failed.value.hint == "update localvault"


def test_a_purged_key_takes_its_tokens_along(data: Vault) -> None:
    """`KeyNotFound`; and a new key of that name does not open them."""
    token = data.crypto("data").seal(MARKER)
    data.keys.delete("data")
    data.keys.purge("data")
    with pytest.raises(KeyNotFound):
        data.crypto("data").open(token)
    data.keys.create("data", "oct", size=256)
    with pytest.raises(DecryptionFailed):
        data.crypto("data").open(token)


@pytest.mark.parametrize("verb", ["open_many", "rewrap_many"])
@pytest.mark.parametrize("place", [0, 3, 6])
def test_one_bad_token_spoils_the_batch(data: Vault, verb: str, place: int) -> None:
    """Nothing is given out; the first bad one is named; the event tells of one failed operation on all of them."""
    crypto = data.crypto("data")
    tokens = crypto.seal_many([MARKER] * 6)
    tokens.insert(place, tokens[0][:-1] + bytes([tokens[0][-1] ^ 1]))
    for form in (tokens, packed(tokens)):
        with (
            told(data) as events,
            pytest.raises(DecryptionFailed, match=f"1 of 7 .* the first is number {place}") as failed,
        ):
            getattr(crypto, verb)(form)
        assert MARKER.decode() not in shown(failed.value)
        assert [(event.count, event.result, event.code) for event in events] == [
            (7, "Failure", "DecryptionFailed")
        ]


def shown(error: BaseException) -> str:
    """What a program that reports errors could show of one, with the variables of every frame below the caller's."""
    assert error.__traceback__ is not None
    below = error.__traceback__.tb_next
    report = traceback.TracebackException(type(error), error, below, capture_locals=True)
    text = "".join(report.format())
    assert "crypto = " in text or "given = " in text, "the frames are there"
    return text


def test_a_batch_that_ends_in_the_middle_shows_no_plaintext(data: Vault) -> None:
    """The tokens opened before a disabled version's came up are not in the error, nor in any frame it passed."""
    crypto, old = data.crypto("data"), data.keys.get("data").version
    late = crypto.seal(MARKER)
    data.keys.rotate("data")
    early = crypto.seal(MARKER)
    data.keys.update("data", old, enabled=False)
    with pytest.raises(KeyDisabled) as failed:
        crypto.open_many([early, late])
    assert MARKER.decode() not in shown(failed.value)


def test_an_empty_batch_is_empty(data: Vault) -> None:
    """In the form it came in, and one event that counts none."""
    crypto = data.crypto("data")
    with told(data) as events:
        for verb in (crypto.seal_many, crypto.open_many, crypto.rewrap_many):
            assert verb([]) == []
            none = verb(Packed(b"", [0]))
            assert isinstance(none, Packed)
            assert len(none) == 0
    assert [(event.operation, event.count) for event in events] == [
        (operation, 0) for operation in ("KeySeal", "KeyOpen", "KeyRewrap") for _ in range(2)
    ]


@pytest.mark.parametrize("verb", ["seal_many", "open_many", "rewrap_many"])
def test_an_empty_batch_needs_its_key_all_the_same(data: Vault, verb: str) -> None:
    """A program with a wrong name learns of it before it has data."""
    with pytest.raises(KeyNotFound):
        getattr(data.crypto("none"), verb)([])


def test_only_an_oct_key_seals(held: Vault) -> None:
    """An RSA key may encrypt, and still seals nothing."""
    for attempt in (
        lambda: held.crypto("RSA-2048").seal(b"text"),
        lambda: held.crypto("RSA-2048").rewrap(b"text"),
    ):
        with pytest.raises(BadParameter, match="sealed under an oct key") as failed:
            attempt()
        assert failed.value.hint


@pytest.mark.parametrize("wrong", ["text", ["text"], [1], b"bytes are not a list of messages", [None]])
def test_what_is_no_bytes_is_a_programming_mistake(data: Vault, wrong: Any) -> None:
    """`TypeError`, and no event, since nothing was asked of the vault."""
    crypto = data.crypto("data")
    with told(data) as events:
        for verb in (crypto.seal_many, crypto.open_many, crypto.rewrap_many):
            with pytest.raises(TypeError):
                verb(wrong)
    assert events == []
