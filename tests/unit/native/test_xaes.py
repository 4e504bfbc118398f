"""XAES-256-GCM: as published, as another construction has it, and what a key refuses.

Everything holds for `cryptography` and for the core, but for what is said of one of them.
"""

from __future__ import annotations

import copy
import hashlib
import mmap
import os
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import BadParameter, DecryptionFailed, VaultClosed, VaultForked
from localvault.model.packed import Packed
from localvault.native.fallback import CACHED_KEYS
from localvault.native.memory import Locked
from tests.support.forking import in_child
from tests.support.natives import NATIVES, Native, both

MAPPING = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
KEYS = st.binary(min_size=32, max_size=32)
NONCES = st.binary(min_size=24, max_size=24)
BYTES = st.binary(max_size=300)


def oracle(key: bytes, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """The specification in its other words: NIST SP 800-108 in counter mode over CMAC, then AES-GCM."""
    derived = b""
    for counter in (1, 2):
        mac = CMAC(AES(key))
        mac.update(counter.to_bytes(2) + b"X\0" + nonce[:12])
        derived += mac.finalize()
    return AESGCM(derived).encrypt(nonce[12:], plaintext, aad)


@both
@given(KEYS, NONCES, BYTES, BYTES)
def test_it_agrees_with_cmac_and_gcm(
    native: Native, key: bytes, nonce: bytes, plaintext: bytes, aad: bytes
) -> None:
    """For any input, both ways."""
    sealed = oracle(key, nonce, plaintext, aad)
    assert native.xaes(key).seal(nonce, plaintext, aad) == sealed
    assert native.xaes(key).open(nonce, sealed, aad) == plaintext


def accumulated(native: Native, iterations: int) -> str:
    """The accumulated randomised test of c2sp.org/XAES-256-GCM."""
    stream = random_bytes()
    digest = hashlib.shake_128()

    def read(size: int) -> bytes:
        return bytes(next(stream) for _ in range(size))

    for _ in range(iterations):
        key, nonce = native.xaes(read(32)), read(24)
        plaintext = read(next(stream))
        aad = read(next(stream))
        sealed = key.seal(nonce, plaintext, aad)
        assert key.open(nonce, sealed, aad) == plaintext
        digest.update(sealed)
    return digest.hexdigest(32)


def random_bytes() -> Iterator[int]:
    """SHAKE-128 of nothing, without end; hashlib gives a prefix at a time, so ask for ever longer ones."""
    done, size = 0, 1 << 22
    while True:
        yield from hashlib.shake_128().digest(size)[done:]
        done, size = size, size * 4


@both
def test_the_published_accumulated_vector_of_10_000(native: Native) -> None:
    """The hash of 10,000 random cases is the one in the specification."""
    assert accumulated(native, 10_000) == "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939"


@both
@pytest.mark.soak
def test_the_published_accumulated_vector_of_1_000_000(native: Native) -> None:
    """The hash of 1,000,000 random cases is the one in the specification."""
    assert (
        accumulated(native, 1_000_000) == "2163ae1445985a30b60585ee67daa55674df06901b890593e824b8a7c885ab15"
    )


@both
@given(KEYS, NONCES, BYTES, BYTES, st.data())
def test_any_changed_bit_is_found(
    native: Native, key: bytes, nonce: bytes, plaintext: bytes, aad: bytes, data: st.DataObject
) -> None:
    """In the ciphertext, the tag, the nonce or the associated data."""
    sealed = native.xaes(key).seal(nonce, plaintext, aad)
    parts = {"nonce": nonce, "sealed": sealed, "aad": aad}
    name = data.draw(st.sampled_from([name for name, part in parts.items() if part]))
    changed = bytearray(parts[name])
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    parts[name] = bytes(changed)
    with pytest.raises(DecryptionFailed):
        native.xaes(key).open(**parts)


@both
@pytest.mark.parametrize("size", range(17))
def test_what_is_too_short_or_cut_does_not_open(native: Native, size: int) -> None:
    """Also less than a tag."""
    key, nonce = native.xaes(bytes(32)), bytes(24)
    sealed = key.seal(nonce, b"x", b"")
    with pytest.raises(DecryptionFailed):
        key.open(nonce, sealed[:size] if size < 17 else b"", b"")


@both
@pytest.mark.parametrize("size", [0, 12, 23, 25, 48])
def test_a_nonce_has_24_bytes(native: Native, size: int) -> None:
    """Any other length is refused, sealing and opening."""
    key, nonce = native.xaes(bytes(32)), bytes(size)
    for use in (key.seal, key.open):
        with pytest.raises(BadParameter):
            use(nonce, bytes(40), b"")
    with pytest.raises(BadParameter):
        key.open_into(nonce, bytes(40), b"", memoryview(bytearray(24)))
    with pytest.raises(BadParameter):
        key.seal_into(nonce, bytes(24), b"", memoryview(bytearray(40)))


@both
@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_key_has_32_bytes(native: Native, size: int) -> None:
    """XAES-256-GCM has no other size."""
    with pytest.raises(BadParameter):
        native.XaesKey(Locked.zero(size))


@both
def test_a_plaintext_beyond_the_limit_is_refused(native: Native) -> None:
    """With `BadParameter`, not an error of what is below; nothing of it is read, since there is none."""
    key = native.xaes(bytes(32))
    with mmap.mmap(-1, native.limit + 1, flags=MAPPING, prot=mmap.PROT_READ) as space:
        huge = memoryview(space)
        uses: list[Callable[[], object]] = [
            lambda: key.seal(bytes(24), huge, b""),
            lambda: key.seal_into(bytes(24), huge, b"", memoryview(bytearray(40))),
            lambda: key.batch().seal(huge, b""),
        ]
        if native.limit < 1 << 32:
            uses.append(lambda: key.batch().seal_into(huge, b"", memoryview(bytearray(40))))
        for refused in uses:
            with pytest.raises((BadParameter, MemoryError)) as error:
                refused()
            assert error.type is BadParameter
        huge.release()


@both
def test_remembered_keys_are_the_right_ones(native: Native) -> None:
    """Records under many more derived keys than are remembered open in any order."""
    material = os.urandom(32)
    key = native.xaes(material)
    nonces = [os.urandom(24) for _ in range(3 * CACHED_KEYS)]
    sealed = {nonce: key.seal(nonce, nonce[:5], b"aad") for nonce in nonces}
    for nonce in [*nonces, *reversed(nonces), *(nonces[:3] * 5)]:
        assert sealed[nonce] == oracle(material, nonce, nonce[:5], b"aad")
        assert key.open(nonce, sealed[nonce], b"aad") == nonce[:5]
    assert len(getattr(key, "_derived", ())) <= CACHED_KEYS


@both
def test_threads_never_use_each_others_derived_keys(native: Native) -> None:
    """One key, eight threads, switched as often as Python can: every result is the oracle's."""
    material = os.urandom(32)
    key = native.xaes(material)
    wrong: list[bytes] = []

    def work() -> None:
        for _ in range(400):
            nonce = os.urandom(24)
            if key.seal(nonce, b"plaintext", b"") != oracle(material, nonce, b"plaintext", b""):
                wrong.append(nonce)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert wrong == []


@both
def test_a_batch_counts_under_one_derived_key(native: Native) -> None:
    """Its nonces share the first 20 bytes and never repeat, and what it seals opens like any other."""
    key = native.xaes(os.urandom(32))
    batch = key.batch()
    sealed = [batch.seal(str(i).encode(), b"aad") for i in range(1000)]
    assert {nonce[:20] for nonce, _ in sealed} == {batch.head}
    assert [int.from_bytes(nonce[20:]) for nonce, _ in sealed] == list(range(1000))
    assert [key.open(nonce, ct, b"aad") for nonce, ct in sealed] == [str(i).encode() for i in range(1000)]


@both
def test_batches_of_one_key_differ(native: Native, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each draws 64 bits of its own; so many share a derived key, and no more."""
    monkeypatch.setattr(sys.modules[native.XaesKey.__module__], "BATCHES_A_KEY", 50)
    key = native.xaes(os.urandom(32))
    heads = [key.batch().head for _ in range(500)]
    assert len({head[12:] for head in heads}) == 500
    assert [len({head[:12] for head in heads[at : at + 50]}) for at in range(0, 500, 50)] == [1] * 10
    assert len({head[:12] for head in heads}) == 10


@both
def test_batches_of_two_keys_have_nothing_in_common(native: Native) -> None:
    """Not even the bits that derive."""
    first, second = native.xaes(os.urandom(32)), native.xaes(os.urandom(32))
    assert first.batch().head[:12] != second.batch().head[:12]


@both
def test_a_batch_does_not_count_round(native: Native) -> None:
    """After its last number it refuses, and repeats none."""
    batch = native.xaes(os.urandom(32)).batch()
    batch._next = iter([(1 << 32) - 1, 1 << 32]).__next__
    batch.seal(b"", b"")
    with pytest.raises(OverflowError):
        batch.seal(b"", b"")


@both
@given(KEYS, NONCES, BYTES, BYTES)
def test_sealing_into_a_buffer_makes_the_same(
    native: Native, key: bytes, nonce: bytes, plaintext: bytes, aad: bytes
) -> None:
    """As `seal`, in the caller's memory."""
    out = bytearray(len(plaintext) + 16)
    native.xaes(key).seal_into(nonce, plaintext, aad, memoryview(out))
    assert out == oracle(key, nonce, plaintext, aad)


@both
def test_a_failed_open_into_leaves_zeros(native: Native) -> None:
    """What was deciphered before the tag proved wrong is not left in the buffer."""
    key, nonce = native.xaes(os.urandom(32)), os.urandom(24)
    sealed = bytearray(key.seal(nonce, b"plaintext" * 100, b""))
    out = bytearray(len(sealed) - 16)
    key.open_into(nonce, sealed, b"", memoryview(out))
    assert out == b"plaintext" * 100
    sealed[-1] ^= 1
    with pytest.raises(DecryptionFailed):
        key.open_into(nonce, sealed, b"", memoryview(out))
    assert out == bytes(len(out))


USES: dict[str, Callable[[Any, Any], object]] = {
    "seal": lambda key, _batch: key.seal(bytes(24), b"", b""),
    "seal into": lambda key, _batch: key.seal_into(bytes(24), b"", b"", memoryview(bytearray(16))),
    "open": lambda key, _batch: key.open(bytes(24), bytes(16), b""),
    "open a longer one": lambda key, _batch: key.open(bytes(24), bytes(100), b""),
    "open into": lambda key, _batch: key.open_into(bytes(24), bytes(16), b"", memoryview(bytearray())),
    "make a batch": lambda key, _batch: key.batch(),
    "seal in a batch": lambda _key, batch: batch.seal(b"", b""),
    "seal many": lambda key, _batch: NATIVE_OF[type(key)].seal_many(key, b"prefix..", Packed.of([b"a"]), b""),
}
NATIVE_OF = {native.XaesKey: native for native in NATIVES}
uses = pytest.mark.parametrize("use", USES.values(), ids=USES)


@both
@uses
def test_a_wiped_key_is_refused(native: Native, use: Callable[[Any, Any], object]) -> None:
    """`VaultClosed` for every use, also for a nonce whose key was remembered."""
    key = native.xaes(bytes(32))
    batch = key.batch()
    key.seal(bytes(24), b"", b"")
    key.wipe()
    batch.wipe()
    with pytest.raises(VaultClosed):
        use(key, batch)


@both
@uses
def test_a_child_is_refused_the_parents_key(native: Native, use: Callable[[Any, Any], object]) -> None:
    """`VaultForked` for every use that could seal or open: above all a batch, where parent and child count on alike."""
    key = native.xaes(bytes(32))
    batch = key.batch()
    key.seal(bytes(24), b"", b"")

    def act() -> object:
        made = use(key, batch)
        # The core learns of the fork when it is to work: a batch may be made, and does nothing.
        return made.seal(b"", b"") if isinstance(made, native.XaesBatch) else made

    assert in_child(act) == VaultForked.__name__
    key.seal(bytes(24), b"", b"")
    batch.seal(b"", b"")


def test_a_batch_seals_into_a_buffer_no_more_once_it_is_wiped() -> None:
    """What only the bulk calls of `cryptography` use is refused after a wipe, and in a child."""
    batch = NATIVES[0].xaes(bytes(32)).batch()

    def use() -> object:
        return batch.seal_into(b"", b"", memoryview(bytearray(40)))

    assert in_child(use) == VaultForked.__name__
    batch.wipe()
    with pytest.raises(VaultClosed):
        use()


@both
def test_a_child_of_a_child_makes_its_own(native: Native) -> None:
    """What a child makes works in it and is refused again in its own child."""

    def child() -> str:
        own = native.xaes(bytes(32))
        own.seal(bytes(24), b"", b"")
        return in_child(lambda: own.seal(bytes(24), b"", b""))

    assert in_child(child) == repr(VaultForked.__name__)


@both
@pytest.mark.parametrize("escape", [pickle.dumps, copy.copy, copy.deepcopy, hash, vars])
@pytest.mark.parametrize("make", [lambda key: key, lambda key: key.batch()])
def test_neither_leaves_by_a_side_door(
    native: Native, make: Callable[[Any], object], escape: Callable[[object], object]
) -> None:
    """No pickle, no copy, no dictionary; nothing in the `repr`."""
    made = make(native.xaes(b"marker-of-a-secret-value-in-test"))
    assert "marker" not in repr(made)
    with pytest.raises(TypeError):
        escape(made)


@both
def test_the_callers_key_stays_the_callers(native: Native) -> None:
    """Wiping an `XaesKey` leaves the `Locked` it was made from alone, and the other way round."""
    material = Locked.random(32)
    first, second = native.XaesKey(material), native.XaesKey(material)
    first.wipe()
    sealed = second.seal(bytes(24), b"x", b"")
    assert native.XaesKey(material).open(bytes(24), sealed, b"") == b"x"
    material.wipe()
    assert second.open(bytes(24), sealed, b"") == b"x"
