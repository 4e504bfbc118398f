"""Records sealed again in bulk: as if each were opened and sealed by itself, at every level and by `cryptography`."""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import VaultClosed, VaultForked
from localvault.native import face, fallback, reseal_loop
from localvault.native.levels import CHOSEN, levels
from localvault.native.memory import Locked
from localvault.native.threads import threads
from tests.support.forking import in_child

CONTEXT = b"lvrec1" + b"v" * 16
OLD_HEADER, NEW_HEADER = b"\x01\x02\x00\x01\x00\x00\x00\x05", b"\x01\x02\x00\x01\x00\x00\x00\x06"
OLD, NEW = CONTEXT + OLD_HEADER + b"\x03", CONTEXT + NEW_HEADER + b"\x03"
OLD_KEY, NEW_KEY = b"o" * 32, b"n" * 32
# `cryptography` in a process without kernels, and everywhere else, too: what is sealed one by one.
OLD_ONE, NEW_ONE = fallback.XaesKey(Locked.of(OLD_KEY)), fallback.XaesKey(Locked.of(NEW_KEY))


class Way(NamedTuple):
    """One way to do it: a level of the core, or None for `cryptography`."""

    name: str
    number: int | None

    @property
    def reseal_many(self) -> Callable[..., tuple[list[bytes], list[bytes], list[int]]]:
        """The bulk call."""
        if self.number is None:
            return reseal_loop.reseal_many
        from localvault.native import reseal

        return reseal.reseal_many

    def key(self, material: bytes) -> Any:
        """A key of this way from bytes that are no secret."""
        if self.number is None:
            return fallback.XaesKey(Locked.of(material))
        from localvault.native import xaes

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(xaes, "_LEVEL", self.number)
            return xaes.XaesKey(Locked.of(material))


BY_CRYPTOGRAPHY = Way("cryptography", None)
BY_LEVEL = [Way(level.name, level.number) for level in levels() if level.usable and CHOSEN is not None]
each_way = pytest.mark.parametrize("way", [BY_CRYPTOGRAPHY, *BY_LEVEL], ids=lambda way: way.name)


@pytest.fixture(autouse=True)
def _as_many_threads_as_before() -> Iterator[None]:
    before = threads()
    yield
    threads(before)


def with_schema(start: bytes, schema: int) -> bytes:
    """What the associated data of a record of this schema begin with."""
    return start[:24] + schema.to_bytes(2) + start[26:]


def record(key: bytes, plaintext: bytes, schema: int = 1, nonce: bytes | None = None) -> bytes:
    """A record under the old key, sealed by itself."""
    start, nonce = with_schema(OLD, schema), nonce or os.urandom(24)
    return start[22:30] + nonce + OLD_ONE.seal(nonce, plaintext, start + key)


def check(made: list[bytes], digests: list[bytes], places: list[tuple[bytes, bytes, int]]) -> None:
    """Each is what sealing the plaintext by itself under that nonce makes; the nonces count on from one beginning."""
    assert len(made) == len(digests) == len(places)
    for again, digest, (key, plaintext, schema) in zip(made, digests, places, strict=True):
        if not again:
            assert digest == b""
            continue
        start, nonce = with_schema(NEW, schema), again[8:32]
        assert again == start[22:30] + nonce + NEW_ONE.seal(nonce, plaintext, start + key)
        assert digest == hashlib.sha256(again).digest()[:16]
    nonces = [again[8:32] for again in made if again]
    assert len({nonce[:20] for nonce in nonces}) <= 1
    assert sorted(nonces) == nonces
    assert len({*nonces}) == len(nonces)


PLACES = st.lists(
    st.tuples(st.binary(max_size=200), st.binary(max_size=150), st.integers(0, 3) | st.integers(0, 0xFFFF)),
    max_size=40,
)


@each_way
@given(places=PLACES, alike=st.booleans())
def test_each_is_opened_and_sealed_as_by_itself(
    way: Way, places: list[tuple[bytes, bytes, int]], alike: bool
) -> None:
    """Any key of up to 200 bytes, any plaintext and schema; written singly or in one batch."""
    half = os.urandom(20)
    records = [
        record(key, plaintext, schema, half + index.to_bytes(4) if alike else None)
        for index, (key, plaintext, schema) in enumerate(places)
    ]
    batch = way.key(NEW_KEY).batch()
    made, digests, failed = way.reseal_many(
        way.key(OLD_KEY), batch, OLD, NEW, [key for key, *_ in places], records
    )
    assert failed == []
    check(made, digests, places)


@each_way
def test_every_length_around_the_edges_of_blocks_is_sealed_again(way: Way) -> None:
    """Plaintexts of 0 to 600 bytes, and some larger than what one thread has room for."""
    places = [(b"key %d" % size, os.urandom(size), 1) for size in (*range(600), 4095, 16_128, 16_385, 70_001)]
    records = [record(*place) for place in places]
    made, digests, failed = way.reseal_many(
        way.key(OLD_KEY), way.key(NEW_KEY).batch(), OLD, NEW, [key for key, *_ in places], records
    )
    assert failed == []
    check(made, digests, places)


@each_way
def test_a_changed_bit_anywhere_is_named_by_its_place(way: Way) -> None:
    """Header, nonce, ciphertext, tag; nothing stands where one failed, and the others are as they should be."""
    key, plaintext = b"key", b"plaintext of a record"
    places = [(key, plaintext, 1)] * (8 * (48 + len(plaintext)) + 1)
    records = [record(*place) for place in places]
    for bit in range(len(places) - 1):
        changed = bytearray(records[bit])
        changed[bit // 8] ^= 1 << bit % 8
        records[bit] = bytes(changed)
    records += records[-1:]
    made, digests, failed = way.reseal_many(
        way.key(OLD_KEY), way.key(NEW_KEY).batch(), OLD, NEW, [key] * len(records), records
    )
    assert failed == list(range(len(places) - 1))
    assert made[:-2] == digests[:-2] == [b""] * len(failed)
    check(made[-2:], digests[-2:], places[-2:])


@each_way
def test_what_is_moved_cut_or_lengthened_fails(way: Way) -> None:
    """Another key, another table, any shorter length down to none, a byte more."""
    whole = record(b"key", b"value")
    cases = [(b"key", whole[:size]) for size in range(len(whole))]
    cases += [(b"yek", whole), (b"key\0", whole), (b"", whole), (b"key", whole + b"\0")]
    keys, records = [key for key, _ in cases], [each for _, each in cases]
    old, new = way.key(OLD_KEY), way.key(NEW_KEY)
    assert way.reseal_many(old, new.batch(), OLD, NEW, keys, records)[2] == list(range(len(cases)))
    table = OLD[:-1] + b"\x04"
    assert way.reseal_many(old, new.batch(), table, NEW, [b"key"], [whole]) == ([b""], [b""], [0])


@pytest.mark.skipif(not BY_LEVEL, reason="the core has no level here")
@pytest.mark.parametrize("round_bytes", [1, 300, 1000, 5000])
def test_rounds_make_no_difference(monkeypatch: pytest.MonkeyPatch, round_bytes: int) -> None:
    """Places of failures are those in the whole list, and nonces count on from one round to the next."""
    from localvault.native import reseal

    monkeypatch.setattr(reseal, "_ROUND_BYTES", round_bytes)
    places = [(b"k%d" % number, os.urandom(number * 7 % 400), 1) for number in range(200)]
    records = [record(*place) for place in places]
    bad = [0, 17, 18, 99, 199]
    for index in bad:
        records[index] = records[index][:-1] + bytes([records[index][-1] ^ 1])
    way = BY_LEVEL[0]
    made, digests, failed = way.reseal_many(
        way.key(OLD_KEY), way.key(NEW_KEY).batch(), OLD, NEW, [key for key, *_ in places], records
    )
    assert failed == bad
    assert [index for index, again in enumerate(made) if not again] == bad
    check(made, digests, places)


@each_way
def test_no_two_calls_share_a_nonce(way: Way) -> None:
    """Also with one batch object, and with what else that batch seals."""
    batch, old = way.key(NEW_KEY).batch(), way.key(OLD_KEY)
    given = [record(b"key", b"value")] * 5
    nonces = [
        again[8:32]
        for _ in range(4)
        for again in way.reseal_many(old, batch, OLD, NEW, [b"key"] * 5, given)[0]
    ]
    nonces += [batch.seal(b"value", b"")[0] for _ in range(5)]
    assert len({*nonces}) == 25
    assert record(b"key", b"value")[8:32] not in nonces


def test_the_face_hands_out_one_of_the_two() -> None:
    """The one of this process, and both take the same."""
    chosen = BY_CRYPTOGRAPHY if CHOSEN is None else Way(CHOSEN.name, CHOSEN.number)
    assert face.reseal_many is chosen.reseal_many
    assert inspect.signature(face.reseal_many) == inspect.signature(reseal_loop.reseal_many)


@each_way
def test_nothing_makes_nothing(way: Way) -> None:
    """An empty list is no error."""
    assert way.reseal_many(way.key(OLD_KEY), way.key(NEW_KEY).batch(), OLD, NEW, [], []) == ([], [], [])


@each_way
def test_what_does_not_pair_up_is_the_callers_mistake(way: Way) -> None:
    """Fewer keys than records or more, and beginnings of two lengths or too short for a header."""
    old, batch = way.key(OLD_KEY), way.key(NEW_KEY).batch()
    given = [record(b"key", b"value")]
    for start, new_start, keys in (
        (OLD, NEW, []),
        (OLD, NEW, [b"key"] * 2),
        (OLD, NEW[1:], [b"key"]),
        (b"", b"", [b"key"]),
    ):
        with pytest.raises(ValueError, match=r"pair up|associated data"):
            way.reseal_many(old, batch, start, new_start, keys, given)


@each_way
def test_a_key_that_is_gone_says_so(way: Way) -> None:
    """The old one or the new one, wiped or inherited; a child's own does not hide that the other is the parent's."""
    given = [record(b"key", b"value")]

    def use(old: Any, batch: Any) -> object:
        return way.reseal_many(old, batch, OLD, NEW, [b"key"], given)

    old, batch = way.key(OLD_KEY), way.key(NEW_KEY).batch()
    assert in_child(lambda: use(old, batch)) == VaultForked.__name__
    assert in_child(lambda: use(way.key(OLD_KEY), batch)) == VaultForked.__name__
    assert in_child(lambda: use(old, way.key(NEW_KEY).batch())) == VaultForked.__name__
    assert use(old, batch)
    batch.wipe()
    with pytest.raises(VaultClosed):
        use(old, batch)
    old.wipe()
    with pytest.raises(VaultClosed):
        use(old, way.key(NEW_KEY).batch())


@each_way
def test_threads_may_reseal_with_one_key(way: Way) -> None:
    """Four at once, each call spread over three: every one has what it should."""
    threads(3)
    places = [
        (b"k%d" % number, os.urandom(200), 1) for number in range(1500 if way.number is not None else 100)
    ]
    records = [record(*place) for place in places]
    keys = [key for key, *_ in places]
    old, batch = way.key(OLD_KEY), way.key(NEW_KEY).batch()
    results: list[tuple[list[bytes], list[bytes], list[int]]] = []

    def work() -> None:
        results.append(way.reseal_many(old, batch, OLD, NEW, keys, records))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        running = [threading.Thread(target=work) for _ in range(4)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert len(results) == 4
    for made, digests, failed in results:
        assert failed == []
        assert digests == [hashlib.sha256(again).digest()[:16] for again in made]
        for again, (key, plaintext, _) in zip(made, places, strict=True):
            assert NEW_ONE.open(again[8:32], again[32:], NEW + key) == plaintext
    nonces = [again[8:32] for made, *_ in results for again in made]
    assert len({*nonces}) == len(nonces)


@pytest.mark.skipif(not BY_LEVEL, reason="the core has no level here")
def test_a_record_longer_than_a_round_is_neither_joined_nor_cut_out() -> None:
    """It goes to the core as it is, and what the core writes is what is handed out."""
    from localvault.native import reseal

    small, large = [b"s" * 100] * 3, b"l" * (reseal._ROUND_BYTES + 1)
    records = [*small, large, *small]
    assert list(reseal._rounds(records)) == [(0, 3), (3, 4), (4, 7)]
    assert b"".join(records[3:4]) is large
