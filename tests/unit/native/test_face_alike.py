"""The two implementations of the face are one to their callers: the same calls, the same answers, the same errors."""

from __future__ import annotations

import inspect
from array import array
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import BadParameter, DecryptionFailed, VaultClosed, VaultForked
from localvault.model.packed import Packed
from localvault.native import face
from localvault.native.memory import Locked
from tests.support.forking import in_child
from tests.support.natives import NATIVES, Native, both

# What only the bulk calls of one implementation use; callers see neither.
INNER = {"GcmKey.check", "XaesKey.check", "XaesBatch.beside", "XaesBatch.seal_into", "XaesBatch.whole"}
BULK = ("seal_many", "open_many", "rewrap_many")
CLASSES = ("XaesKey", "XaesBatch", "GcmKey")


def calls(cls: type[Any]) -> dict[str, inspect.Signature]:
    """The public methods of a class and the constructor, with what they take and give."""
    return {
        name: inspect.signature(value)
        for name, value in inspect.getmembers(cls, inspect.isfunction)
        if (not name.startswith("_") or name == "__init__") and f"{cls.__name__}.{name}" not in INNER
    }


@pytest.mark.parametrize("name", CLASSES)
def test_classes_have_the_same_calls(name: str) -> None:
    """Every public method is in both, with the same arguments in the same order and the same defaults."""
    first, *others = (calls(getattr(native, name)) for native in NATIVES)
    assert {"wipe", "__init__"} <= set(first)
    assert len(first) > 2
    for other in others:
        assert other == first


@pytest.mark.parametrize("name", BULK)
def test_bulk_calls_take_the_same(name: str) -> None:
    """Arguments and their types, with defaults."""
    signatures = {str(inspect.signature(getattr(native, name))) for native in NATIVES}
    assert len(signatures) == 1
    assert "out: 'memoryview | None' = None" in signatures.pop()


def test_the_face_hands_out_one_of_the_two_whole() -> None:
    """Never a class of one with a bulk call of the other."""
    chosen = [tuple(getattr(native, name) for name in (*CLASSES, *BULK)) for native in NATIVES]
    assert tuple(getattr(face, name) for name in (*CLASSES, *BULK)) == chosen[-1]


@both
def test_records_are_sealed_for_a_key_each(native: Native) -> None:
    """More keys than plaintexts, or fewer, are refused before anything is read."""
    batch = native.XaesKey(Locked.of(bytes(32))).batch()
    for keys, plaintexts in (([b"a", b"b"], [b"1"]), ([b"a"], [b"1", b"2"])):
        with pytest.raises(ValueError):
            batch.seal_keyed(b"header", b"start", keys, plaintexts)


KEYS = st.binary(min_size=32, max_size=32)


@given(KEYS, st.binary(min_size=24, max_size=24), st.binary(max_size=300), st.binary(max_size=80))
def test_they_make_the_same_bytes(key: bytes, nonce: bytes, plaintext: bytes, aad: bytes) -> None:
    """XAES-256-GCM and AES-GCM with each size of key; each opens what the other made, as any kind of buffer."""
    for size in (16, 24, 32):
        assert len({native.gcm(key[:size]).seal(nonce[:12], plaintext, aad) for native in NATIVES}) == 1
    made = {native.xaes(key).seal(nonce, plaintext, aad) for native in NATIVES}
    assert len(made) == 1
    (sealed,) = made
    for native in NATIVES:
        for form in (bytes, bytearray, memoryview):
            assert native.xaes(key).open(nonce, form(sealed), aad) == plaintext


@given(KEYS, st.lists(st.binary(max_size=90), max_size=20), st.binary(max_size=20))
def test_bulk_calls_agree_token_by_token(key: bytes, items: list[bytes], context: bytes) -> None:
    """What one seals in bulk the other opens and moves in bulk, in any pairing."""
    prefix, at = b"\x01\x01" + bytes(16), slice(2, 18)
    for sealing in NATIVES:
        tokens = sealing.seal_many(sealing.xaes(key), prefix, Packed.of(items), context)
        for native in NATIVES:
            own = native.xaes(key)
            for made in (
                tokens,
                native.rewrap_many(lambda _id, own=own: own, 18, at, own, prefix, tokens, context)[0],
            ):
                plain, failed = native.open_many(lambda _id, own=own: own, 18, at, made, context)
                assert (plain.to_list(), failed) == (items, [])


ODD: dict[str, Any] = {
    "a bytearray": bytearray(b"abcdefgh" * 4),
    "a memoryview": memoryview(b"abcdefgh" * 4),
    "text": "text",
    "a number": 5,
    "nothing": None,
    "bytes with gaps": memoryview(b"abcdefgh" * 4)[::2],
    "wider elements": memoryview(array("i", range(8))),
    "two dimensions": memoryview(b"abcdefgh" * 4).cast("B", (4, 8)),
}


def outcome(use: Callable[[], Any]) -> object:
    """What a call gives, or the class of its error."""
    try:
        return use()
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_what_is_odd_is_taken_alike(odd: Any) -> None:
    """A plaintext is sealed whole or refused with `TypeError` or `BufferError`; never a part of it."""
    whole = memoryview(odd).nbytes if isinstance(odd, bytearray | memoryview) else 0
    for native in NATIVES:
        for made in (
            outcome(lambda native=native: native.xaes(bytes(32)).seal(bytes(24), odd, b"")),
            outcome(lambda native=native: native.gcm(bytes(32)).seal(bytes(12), odd)),
            outcome(lambda native=native: native.xaes(bytes(32)).batch().seal(odd, b"")[1]),
        ):
            assert made in (TypeError, BufferError) or len(made) == whole + 16  # type: ignore[arg-type]


@both
@pytest.mark.parametrize("size", [0, 15, 17, 31, 33])
def test_an_aes_gcm_key_has_16_24_or_32_bytes(native: Native, size: int) -> None:
    """Any other length is refused."""
    with pytest.raises(BadParameter):
        native.GcmKey(Locked.zero(size))


@both
@pytest.mark.parametrize("size", [0, 11, 13, 24])
def test_an_aes_gcm_nonce_has_12_bytes(native: Native, size: int) -> None:
    """Sealing and opening."""
    key = native.gcm(bytes(16))
    for use in (key.seal, key.open):
        with pytest.raises(BadParameter):
            use(bytes(size), bytes(40))


@both
@pytest.mark.parametrize("size", range(34))
def test_an_aes_gcm_ciphertext_that_is_cut_does_not_open(native: Native, size: int) -> None:
    """Of any length below its own, none included."""
    key = native.gcm(bytes(16))
    sealed = key.seal(bytes(12), b"eighteen bytes now", b"aad")
    assert key.open(bytes(12), sealed, b"aad") == b"eighteen bytes now"
    with pytest.raises(DecryptionFailed):
        key.open(bytes(12), sealed[:size], b"aad")


@both
@pytest.mark.parametrize("size", [0, 1, 2, 100])
def test_an_aes_gcm_key_that_is_gone_says_so(native: Native, size: int) -> None:
    """`VaultForked` in a child, `VaultClosed` after a wipe, for both directions and every length."""
    key = native.gcm(bytes(32))
    uses: list[Callable[[], object]] = [
        lambda: key.seal(bytes(12), bytes(size)),
        lambda: key.open(bytes(12), bytes(size + 16)),
    ]
    for use in uses:
        assert in_child(use) == VaultForked.__name__
    key.wipe()
    for use in uses:
        with pytest.raises(VaultClosed):
            use()


@both
def test_keys_made_from_what_is_gone_are_refused(native: Native) -> None:
    """A wiped `Locked` makes neither."""
    gone = Locked.zero(32)
    gone.wipe()
    for make in (native.XaesKey, native.GcmKey):
        with pytest.raises(VaultClosed):
            make(gone)
