"""RSA's bare operations, many at a time: right or withheld, and refused where the core has nothing for them.

Where the processor has no AVX512-IFMA the core of these tests computes in plain C (tests/support/scalar.py).
"""

from __future__ import annotations

import hashlib
import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest

from localvault.native import rsa
from localvault.native.features import cpu_features
from localvault.native.memory import Locked
from localvault.native.rsa import LaneKey, Unserved, open_oaep
from tests.native.rsa_cases import Key, keys
from tests.support.forking import in_child
from tests.support.scalar import Core, core


@pytest.fixture
def scalar(monkeypatch: pytest.MonkeyPatch) -> Core:
    """A core that computes on any processor."""
    found = core()
    found.use(monkeypatch)
    return found


def parts(key: Key, **changed: int) -> Locked:
    """The private numbers of a key as `LaneKey` takes them, some replaced."""
    half = key.size // 16
    dp, dq = key.exponents
    numbers = {"p": key.p, "q": key.q, "dp": dp, "dq": dq, "qinv": pow(key.q, -1, key.p)} | changed
    return Locked.of(b"".join(number.to_bytes(half, "big") for number in numbers.values()))


def lane_key(key: Key, **changed: int) -> LaneKey:
    """A key ready for use."""
    return LaneKey(key.n.to_bytes(key.size // 8, "big"), key.e, parts(key, **changed))


def joined(key: Key, *numbers: int) -> bytes:
    """Numbers side by side."""
    return b"".join(number.to_bytes(key.size // 8, "big") for number in numbers)


def test_the_packages_own_core_serves_where_the_processor_can() -> None:
    """And nowhere else; whether it does is asked without harm."""
    assert rsa.serves(256) == ("avx512ifma" in cpu_features())
    assert not rsa.serves(128)


@pytest.mark.parametrize(
    ("wanted", "served"), [("off", False), ("avx2", False), ("avx512", True), ("", True)]
)
def test_another_level_may_be_asked_for(
    scalar: Core, monkeypatch: pytest.MonkeyPatch, wanted: str, served: bool
) -> None:
    """LOCALVAULT_NATIVE switches these kernels off like the others."""
    monkeypatch.setenv("LOCALVAULT_NATIVE", wanted)
    assert rsa.serves(256) == served


@pytest.mark.parametrize("size", [2048, 3072])
def test_results_are_those_of_plain_arithmetic(scalar: Core, size: int) -> None:
    """For more numbers than go side by side, and back again with the public half alone."""
    key = keys(size)[1]
    numbers = [pow(3, 1000 + i, key.n) for i in range(9)]
    out = bytearray(9 * size // 8)
    assert lane_key(key).private(joined(key, *numbers), out) == []
    assert bytes(out) == joined(key, *map(key.private, numbers))
    back = bytearray(len(out))
    assert LaneKey(key.n.to_bytes(size // 8, "big"), key.e).public(out, back) == []
    assert bytes(back) == joined(key, *numbers)


def test_numbers_out_of_range_are_withheld_and_no_fault(scalar: Core) -> None:
    """The modulus itself and what lies above; the others come out."""
    key = keys(2048)[0]
    lanes, before, out = lane_key(key), rsa.faults(), bytearray(4 * 256)
    numbers = joined(key, 5, key.n, (1 << 2048) - 1, key.n - 1)
    assert [lanes.takes(numbers[i : i + 256]) for i in range(0, 1024, 256)] == [True, False, False, True]
    assert not lanes.takes(bytes(255))
    assert not lanes.takes(bytes(257))
    assert lanes.private(numbers, out) == [1, 2]
    assert bytes(out) == joined(key, key.private(5), 0, 0, key.n - 1)
    assert rsa.faults() == before


def test_a_result_that_does_not_verify_is_withheld_and_counted(scalar: Core) -> None:
    """Here because one private number is wrong: nothing of it comes out."""
    key = keys(2048)[0]
    before, out = rsa.faults(), bytearray(b"x" * 512)
    assert lane_key(key, dp=key.exponents[0] ^ 2).private(joined(key, 5, 6), out) == [0, 1]
    assert not any(out)
    assert rsa.faults() == before + 2


def test_what_the_core_has_nothing_for_is_refused() -> None:
    """Other sizes, exponents and shapes, before anything is computed."""
    key = keys(2048)[0]
    n = key.n.to_bytes(256, "big")
    for modulus, e, private in (
        (n[:128], 3, None),
        (n, 65536, None),
        (n, 1, None),
        (n, 1 << 64 | 1, None),
        (b"\0" + n[1:], 3, None),
        (n, 65537, Locked.zero(640)),
        (n, 65537, Locked.zero(641)),
        (n, 65537, parts(key, dp=key.p)),
    ):
        with pytest.raises(Unserved):
            LaneKey(modulus, e, private)


def test_a_public_half_and_another_processor_do_nothing_private(
    scalar: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both say so, and whoever asked uses other code."""
    key = keys(2048)[0]
    public = LaneKey(key.n.to_bytes(256, "big"), key.e)
    with pytest.raises(Unserved):
        public.private(bytes(256), bytearray(256))
    monkeypatch.undo()
    if not rsa.serves(256):
        with pytest.raises(Unserved):
            lane_key(key).private(bytes(256), bytearray(256))


def test_numbers_and_results_have_one_length(scalar: Core) -> None:
    """A programming mistake, and nothing is written outside."""
    lanes = lane_key(keys(2048)[0])
    for numbers, out in (
        (bytes(255), bytearray(255)),
        (bytes(256), bytearray(512)),
        (bytes(512), bytearray(256)),
    ):
        with pytest.raises(ValueError, match="256 bytes"):
            lanes.private(numbers, out)


def test_a_child_computes_elsewhere(scalar: Core) -> None:
    """What it inherited is zeros."""
    lanes = lane_key(keys(2048)[0])

    def attempt() -> None:
        with pytest.raises(Unserved):
            lanes.private(bytes(256), bytearray(256))

    in_child(attempt)


def test_several_threads_may_use_one_key(scalar: Core) -> None:
    """More of them than workspaces are kept; each gets its own results."""
    key = keys(2048)[0]
    lanes = lane_key(key)

    def work(first: int) -> bool:
        numbers, out = [first, first + 1], bytearray(2 * 256)
        return lanes.private(joined(key, *numbers), out) == [] and bytes(out) == joined(
            key, *map(key.private, numbers)
        )

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(2, 18, 2)))


def test_a_key_is_not_shown() -> None:
    """By nothing Python has for it."""
    lanes = lane_key(keys(2048)[0])
    assert repr(lanes) == "<LaneKey: not shown>"
    with pytest.raises(TypeError):
        pickle.dumps(lanes)


HASHES = {20: hashlib.sha1, 32: hashlib.sha256}


def mask(seed: bytes, size: int, digest: int) -> int:
    """MGF1 of RFC 8017, appendix B.2.1, as a number."""
    hashed = b"".join(HASHES[digest](seed + i.to_bytes(4, "big")).digest() for i in range(size // digest + 1))
    return int.from_bytes(hashed[:size], "big")


def encoded(block: bytes, digest: int, first: int = 0) -> bytearray:
    """An OAEP encoding around a block of label hash, zeros, 1 and message."""
    seed, size = os.urandom(digest), len(block)
    masked = (int.from_bytes(block, "big") ^ mask(seed, size, digest)).to_bytes(size, "big")
    hidden = (int.from_bytes(seed, "big") ^ mask(masked, digest, digest)).to_bytes(digest, "big")
    return bytearray(bytes((first,)) + hidden + masked)


def block_of(message: bytes, size: int, digest: int) -> bytes:
    """A sound block for an encoding of `size` bytes."""
    label = HASHES[digest]().digest()
    return label + bytes(size - 2 - 2 * digest - len(message)) + b"\1" + message


@pytest.mark.parametrize("digest", [20, 32])
@pytest.mark.parametrize("size", [256, 384, 512])
def test_a_message_comes_out_of_its_padding(size: int, digest: int) -> None:
    """Of every length up to the longest, also when it is made of ones and zeros; the buffer is wiped."""
    for length in (0, 1, 2, size - 2 * digest - 3, size - 2 * digest - 2):
        for message in (os.urandom(length), bytes(length), b"\1" * length):
            buffer = encoded(block_of(message, size, digest), digest)
            assert open_oaep(memoryview(buffer), digest) == message
            assert not any(buffer)


@pytest.mark.parametrize("digest", [20, 32])
def test_every_wrong_padding_is_refused_alike(digest: int) -> None:
    """A first byte, any byte of the label's hash or of the zeros, a missing 1; the buffer is wiped."""
    sound, size = block_of(b"message", 256, digest), 256
    wrong = [encoded(sound, digest, first) for first in (1, 2, 128, 255)]
    separator = sound.index(1, digest)
    for place in range(separator):
        for flip in (2, 0x80) if place < digest else (2, 3, 0xFF):
            wrong.append(encoded(sound[:place] + bytes((sound[place] ^ flip,)) + sound[place + 1 :], digest))
    wrong.append(encoded(sound[:separator] + bytes(size - 1 - digest - separator), digest))
    wrong.append(encoded(sound[:separator] + b"\2" + sound[separator + 1 :], digest))
    wrong.append(encoded(block_of(b"message", size, 52 - digest), 52 - digest))  # with the other hash
    for buffer in wrong:
        assert open_oaep(memoryview(buffer), digest) is None
        assert not any(buffer)


@pytest.mark.parametrize(("size", "digest"), [(65, 32), (513, 32), (256, 48), (256, 0), (0, 20)])
def test_sizes_that_cannot_be_are_refused(size: int, digest: int) -> None:
    """Before anything is read."""
    assert open_oaep(memoryview(bytearray(size)), digest) is None
