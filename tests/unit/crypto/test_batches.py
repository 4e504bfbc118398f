"""Bulk calls with a buffer of the caller's and a list for what fails: nothing half done stays in either."""

from __future__ import annotations

from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import localvault
from localvault import (
    BadParameter,
    DecryptionFailed,
    InvalidSignature,
    JournalUnavailable,
    KeyDisabled,
    NewerFormat,
    Packed,
    Vault,
)
from localvault.journal.journal import Journal
from localvault.native import face
from tests.support.told import told

ITEMS = [b"first", b"", b"third" * 40, b"f"]
MOVING = pytest.mark.parametrize("verb", ["open_many", "rewrap_many"])


@pytest.fixture
def data(vault: Vault) -> Vault:
    """A vault with an oct key `data`."""
    vault.keys.create("data", "oct", size=256)
    return vault


def spoilt(token: bytes) -> bytes:
    """A token whose last bit is another."""
    return token[:-1] + bytes([token[-1] ^ 1])


# With a buffer


@given(st.lists(st.binary(max_size=90), max_size=9), st.binary(max_size=9), st.integers(0, 20))
def test_results_stand_in_the_callers_buffer(
    held: Vault, items: list[bytes], context: bytes, more: int
) -> None:
    """For all three verbs, with the sizes that are documented and no byte behind them touched."""
    crypto, packed = held.crypto("oct-256"), Packed.of(items)
    size = packed.nbytes + len(packed) * localvault.TOKEN_OVERHEAD
    buffers = [bytearray(b"\xee" * (size + more)) for _ in range(3)]
    tokens = crypto.seal_many(packed, context, out=buffers[0])
    moved = crypto.rewrap_many(tokens, context, out=buffers[1])
    opened = crypto.open_many(moved, context, out=buffers[2])
    assert opened.to_list() == items
    for made, buffer in zip((tokens, moved, opened), buffers, strict=True):
        assert made.data.obj is buffer
        assert buffer[size:] == b"\xee" * more
    assert crypto.open_many(tokens.to_list(), context) == items


def test_the_size_that_is_needed_is_told(data: Vault) -> None:
    """A byte less is refused with the number; nothing is written and nothing journalled."""
    crypto = data.crypto("data")
    packed = Packed.of(ITEMS)
    needed = packed.nbytes + 4 * localvault.TOKEN_OVERHEAD
    tokens = crypto.seal_many(packed)
    assert tokens.nbytes == needed
    with told(data) as events:
        for verb, items in (
            (crypto.seal_many, packed),
            (crypto.open_many, tokens),
            (crypto.rewrap_many, tokens),
        ):
            short = bytearray(b"\xee" * (needed - 1))
            with pytest.raises(BadParameter, match=f"needs {needed} bytes and has {needed - 1}"):
                verb(items, out=short)
            assert short == b"\xee" * (needed - 1)
    assert events == []


@pytest.mark.parametrize("wrong", [bytes(400), memoryview(bytearray(800))[::2], "text", 5])
def test_a_buffer_that_cannot_be_written_is_refused(data: Vault, wrong: Any) -> None:
    """Read-only, with gaps, or none at all: `BadParameter`."""
    with pytest.raises(BadParameter, match="the output must be"):
        data.crypto("data").seal_many(Packed.of([b"a"]), out=wrong)


def test_a_buffer_of_the_input_is_refused(data: Vault) -> None:
    """All of it or a byte: tokens are longer than what they hold, so what is still to be read would be overwritten."""
    crypto = data.crypto("data")
    memory = bytearray(400)
    packed = Packed(memory, [100, 120])
    for out in (memoryview(memory)[100:], memoryview(memory)[119:], memoryview(memory)[23:]):
        with pytest.raises(BadParameter, match="in common"):
            crypto.seal_many(packed, out=out)
    assert crypto.seal_many(packed, out=memory).data.obj is memory  # which ends before the input begins
    beside = crypto.seal_many(packed, out=memoryview(memory)[120:])
    assert crypto.open_many(beside, out=memoryview(memory)[:100]).to_list() == [bytes(20)]


@pytest.mark.parametrize("verb", ["seal_many", "open_many", "rewrap_many"])
def test_a_list_has_no_buffer(data: Vault, verb: str) -> None:
    """Its items are objects of their own."""
    with pytest.raises(BadParameter, match="only the items of a Packed"):
        getattr(data.crypto("data"), verb)([b"a"], out=bytearray(100))


@MOVING
def test_a_failed_call_leaves_nothing_in_the_buffer(data: Vault, verb: str) -> None:
    """A bad token, a disabled version in the middle: what was written is zeros, and what lies behind as it was."""
    crypto, old = data.crypto("data"), data.keys.get("data").version
    late = crypto.seal_many([b"late" * 20] * 3)
    data.keys.rotate("data")
    early = crypto.seal_many([b"early" * 20] * 3)
    packed = [Packed.of([*early, spoilt(early[0])]), Packed.of([*early, *late])]
    data.keys.update("data", old, enabled=False)
    for tokens, error in zip(packed, (DecryptionFailed, KeyDisabled), strict=True):
        buffer = bytearray(b"\xee" * (tokens.nbytes + 10))
        with pytest.raises(error):
            getattr(crypto, verb)(tokens, out=buffer)
        assert buffer == bytes(tokens.nbytes) + b"\xee" * 10


@MOVING
def test_a_failed_call_wipes_a_buffer_of_its_own_too(
    data: Vault, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the good tokens of a refused batch gave is not left to whoever gets that memory next."""
    crypto = data.crypto("data")
    tokens = Packed.of([*crypto.seal_many([b"text" * 20] * 3), b"no token"])
    made: list[Packed] = []
    work = getattr(face, verb)

    def watched(*arguments: Any) -> tuple[Packed, list[int]]:
        result: tuple[Packed, list[int]] = work(*arguments)
        assert any(result[0].data)
        made.append(result[0])
        return result

    monkeypatch.setattr(face, verb, watched)
    with pytest.raises(DecryptionFailed):
        getattr(crypto, verb)(tokens)
    assert made[0].nbytes > 200
    assert not any(made[0].data)


@pytest.mark.parametrize("verb", ["seal_many", "open_many", "rewrap_many"])
def test_what_is_not_journalled_is_not_in_the_buffer(
    data: Vault, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The result is withheld there too, and the caller's list of failures is as it was."""
    crypto = data.crypto("data")
    tokens = Packed.of([*crypto.seal_many(ITEMS), b"no token"])
    buffer, failed = bytearray(b"\xee" * (tokens.nbytes + 400)), [-1]

    def unavailable(*_fields: object) -> None:
        raise JournalUnavailable("no space for the event")

    more = {} if verb == "seal_many" else {"failed": failed}
    size = tokens.nbytes + (5 * localvault.TOKEN_OVERHEAD if verb == "seal_many" else 0)
    monkeypatch.setattr(Journal, "note", unavailable)
    with pytest.raises(JournalUnavailable):
        getattr(crypto, verb)(tokens, out=buffer, **more)
    monkeypatch.undo()
    assert not any(buffer[:size])
    assert set(buffer[size:]) <= {0xEE}
    assert failed == [-1]


# With a list for what fails


@MOVING
@pytest.mark.parametrize("packing", [list, Packed.of])
@pytest.mark.parametrize("bad", [[], [0], [1, 3], [0, 1, 2, 3]])
def test_the_others_are_delivered(data: Vault, verb: str, packing: Any, bad: list[int]) -> None:
    """An empty item for each that failed, its index in the list, and a success whose details say how many."""
    crypto = data.crypto("data")
    tokens = crypto.seal_many(ITEMS)
    for index in bad:
        tokens[index] = spoilt(tokens[index])
    failed: list[int] = []
    with told(data) as events:
        made = getattr(crypto, verb)(packing(tokens), failed=failed)
    assert failed == bad
    results = made.to_list() if isinstance(made, Packed) else made
    good = [index for index in range(4) if index not in bad]
    assert [len(results[index]) for index in bad] == [0] * len(bad)
    plain = results if verb == "open_many" else crypto.open_many(results, failed=[])
    assert [plain[index] for index in good] == [ITEMS[index] for index in good]
    (event,) = events
    assert (event.count, event.result, event.code) == (4, "Success", None)
    assert event.details == ({"failed": len(bad)} if bad else None)


@MOVING
def test_every_kind_of_bad_token_is_one_of_them(data: Vault, verb: str) -> None:
    """Too short, of another key, of a version there is not, of a newer format; the list keeps what it had."""
    crypto = data.crypto("data")
    data.keys.create("other", "oct")
    token = crypto.seal(b"text")
    tokens = [
        b"",
        token[:57],
        data.crypto("other").seal(b"x"),
        token,
        token[:2] + bytes(16) + token[18:],
        b"\2" + token[1:],
    ]
    failed = [99]
    made = getattr(crypto, verb)(tokens, failed=failed)
    assert failed == [99, 0, 1, 2, 4, 5]
    assert [len(item) > 0 for item in made] == [False, False, False, True, False, False]
    with pytest.raises(NewerFormat):
        getattr(crypto, verb)([token, tokens[-1]])


@MOVING
def test_a_failed_items_plaintext_is_nowhere_in_the_buffer(data: Vault, verb: str) -> None:
    """Only what is authentic is there, side by side, and zeros behind it."""
    crypto = data.crypto("data")
    texts = [b"A" * 100, b"B" * 100, b"C" * 100]
    tokens = crypto.seal_many(texts)
    tokens[1] = spoilt(tokens[1])
    packed = Packed.of(tokens)
    buffer = bytearray(packed.nbytes)
    made = getattr(crypto, verb)(packed, out=buffer, failed=[])
    assert made.nbytes == sum(map(len, made.to_list()))
    assert b"BBBB" not in buffer
    assert not any(buffer[made.nbytes :])
    if verb == "open_many":
        assert buffer[:200] == b"A" * 100 + b"C" * 100


@MOVING
def test_a_version_that_may_not_ends_the_call_all_the_same(data: Vault, verb: str) -> None:
    """A disabled version is no bad token; the list is as it was."""
    crypto, old = data.crypto("data"), data.keys.get("data").version
    tokens = [crypto.seal(b"text"), b"no token"]
    data.keys.rotate("data")
    data.keys.update("data", old, enabled=False)
    failed: list[int] = []
    for form in (tokens, Packed.of(tokens)):
        with pytest.raises(KeyDisabled):
            getattr(crypto, verb)(form, failed=failed)
    assert failed == []


@MOVING
def test_the_event_of_a_refused_batch_says_how_many_failed(data: Vault, verb: str) -> None:
    """Without a list it is a failure, with the same detail."""
    crypto = data.crypto("data")
    tokens = crypto.seal_many([b"a"] * 5)
    tokens[1], tokens[4] = spoilt(tokens[1]), b"no token"
    with told(data) as events, pytest.raises(DecryptionFailed, match="2 of 5"):
        getattr(crypto, verb)(tokens)
    (event,) = events
    assert (event.result, event.code, event.details) == ("Failure", "DecryptionFailed", {"failed": 2})


def test_lists_of_any_byte_strings_are_taken(data: Vault) -> None:
    """Not only of `bytes`, in any iterable."""
    crypto = data.crypto("data")
    items = [bytearray(b"ab"), memoryview(b"cd"), b"ef", array("H", [1])]
    expected = [b"ab", b"cd", b"ef", array("H", [1]).tobytes()]
    assert crypto.open_many(crypto.seal_many(iter(items))) == expected  # type: ignore[arg-type]
    tokens = crypto.seal_many([b"x"])
    assert crypto.open_many([bytearray(tokens[0])]) == [b"x"]  # type: ignore[list-item]


def test_a_long_list_is_one_operation(data: Vault) -> None:
    """In however many rounds it is worked on, with failures counted over all of them."""
    crypto = data.crypto("data")
    items = [bytes([number % 256]) * (number % 900) for number in range(3000)]
    with told(data) as events:
        tokens = crypto.seal_many(items)
        tokens[2500] = spoilt(tokens[2500])
        failed: list[int] = []
        opened = crypto.open_many(tokens, failed=failed)
    assert failed == [2500]
    items[2500] = b""
    assert opened == items
    assert [(event.operation, event.count) for event in events] == [("KeySeal", 3000), ("KeyOpen", 3000)]


# The other verbs on many


def test_signatures_that_are_not_good_are_told_apart(held: Vault) -> None:
    """Their indexes go into the list, and the event is a success with details; without it, an error."""
    crypto = held.crypto("EC-P-256")
    digests = [bytes([number]) * 32 for number in range(4)]
    signatures = crypto.sign_many("ES256", digests)
    signatures[1], signatures[3] = signatures[3], signatures[1]
    failed: list[int] = []
    with told(held) as events:
        assert crypto.verify_many("ES256", digests, signatures, failed=failed) is None
    assert failed == [1, 3]
    (event,) = events
    assert (event.result, event.count, event.details) == ("Success", 4, {"algorithm": "ES256", "failed": 2})
    with told(held) as events, pytest.raises(InvalidSignature, match="2 of 4"):
        crypto.verify_many("ES256", digests, signatures)
    assert events[0].details == {"algorithm": "ES256", "failed": 2}
    good: list[int] = []
    crypto.verify_many("ES256", digests[:1], signatures[:1], failed=good)
    assert good == []


def test_wrapped_keys_that_do_not_open_are_told_apart(held: Vault) -> None:
    """An empty item for each, the others delivered."""
    crypto = held.crypto("oct-256")
    wrapped = [crypto.wrap_key("A256KW", bytes([number]) * 32).encrypted_key for number in range(3)]
    wrapped[1] = spoilt(wrapped[1])
    failed: list[int] = []
    with told(held) as events:
        keys = crypto.unwrap_many("A256KW", wrapped, failed=failed)
    assert keys == [bytes(32), b"", b"\2" * 32]
    assert failed == [1]
    assert events[0].details == {"algorithm": "A256KW", "failed": 1}
    with pytest.raises(DecryptionFailed, match="1 of 3"):
        crypto.unwrap_many("A256KW", wrapped)


def test_signatures_still_have_to_pair_up(held: Vault) -> None:
    """A missing one is a mistake, not a bad signature."""
    failed: list[int] = []
    with pytest.raises(BadParameter):
        held.crypto("EC-P-256").verify_many("ES256", [bytes(32)], [], failed=failed)
    assert failed == []
