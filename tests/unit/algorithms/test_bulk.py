"""Many at a time: the same results and errors as one by one, whether or not the core serves them."""

from __future__ import annotations

import pytest

from localvault.algorithms import bulk, rsa_lanes
from localvault.algorithms.material import KeyMaterial, import_key
from localvault.algorithms.rsa import RsaKey
from localvault.errors import BadParameter, DecryptionFailed, InvalidSignature, VaultClosed
from localvault.model.packed import Packed
from localvault.native import rsa
from tests.support.keys import key
from tests.support.scalar import Core, core

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]


@pytest.fixture(params=["core", "cryptography"])
def own(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> RsaKey:
    """A key that has not been asked for its lanes yet, on a machine that has them and on one that has none."""
    if request.param == "core":
        core().use(monkeypatch)
    else:
        monkeypatch.setenv("LOCALVAULT_NATIVE", "off")
    return copy_of(key("RSA-2048"))


@pytest.fixture
def lanes(monkeypatch: pytest.MonkeyPatch) -> Core:
    """A machine whose core serves RSA."""
    found = core()
    found.use(monkeypatch)
    return found


def copy_of(material: KeyMaterial) -> RsaKey:
    """The same key as another object."""
    made = import_key(material.private_jwk())
    assert isinstance(made, RsaKey)
    return made


def digests(algorithm: str, count: int) -> Packed:
    """Different digests of the algorithm's length."""
    width = int(algorithm[2:]) // 8
    return Packed.of(bytes((i, *range(width - 1))) for i in range(count))


def test_the_fixture_takes_both_ways(own: RsaKey, request: pytest.FixtureRequest) -> None:
    """Or half of these tests would prove nothing."""
    assert (own.lanes() is not None) == ("core" in request.node.name)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_signatures_are_those_made_one_by_one(own: RsaKey, algorithm: str) -> None:
    """Byte by byte for RS; PS ones are salted afresh, and every one is good for its digest."""
    asked = digests(algorithm, 4)
    made = bulk.sign_many(own, algorithm, asked).to_list()
    for digest, signature in zip(asked, made, strict=True):
        own.verify(algorithm, digest, signature)
    if algorithm.startswith("RS"):
        assert made == [own.sign(algorithm, digest) for digest in asked]
    else:
        assert len({*made, *bulk.sign_many(own, algorithm, asked).to_list()}) == 8


@pytest.mark.parametrize("count", [0, 1, 2, 3, 9])
def test_every_count_is_served(own: RsaKey, count: int) -> None:
    """None, fewer than pay, and more than go side by side."""
    asked = digests("RS256", count)
    made = bulk.sign_many(own, "RS256", asked)
    assert made.to_list() == [own.sign("RS256", digest) for digest in asked]
    assert bulk.verify_many(own, "RS256", asked, made) == []


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_signatures_that_are_not_good_are_found(own: RsaKey, algorithm: str) -> None:
    """Altered anywhere, of another digest, algorithm or length, and numbers beyond the modulus: each alone."""
    asked = digests(algorithm, 14)
    made = bulk.sign_many(own, algorithm, asked).to_list()
    other = ("RS" if algorithm.startswith("PS") else "PS") + algorithm[2:]
    for index, bit in ((1, 0), (2, 1000), (3, 2047)):
        made[index] = (int.from_bytes(made[index], "big") ^ 1 << bit).to_bytes(256, "big")
    made[5] = made[6]
    made[7] = own.sign(other, asked[7])
    made[8], made[9] = made[8][:-1], b"\0" + made[9]
    n = own.public().public_numbers().n
    made[10], made[11], made[12] = n.to_bytes(256, "big"), b"\xff" * 256, b""
    assert bulk.verify_many(own, algorithm, asked, Packed.of(made)) == [1, 2, 3, 5, 7, 8, 9, 10, 11, 12]


def test_a_salt_of_another_length_is_not_good(own: RsaKey) -> None:
    """As for one signature: the salt is as long as the digest."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

    hashed = hashes.SHA256()
    asked = digests("PS256", 3)
    made = [
        own.private().sign(bytes(d), padding.PSS(padding.MGF1(hashed), salt), Prehashed(hashed))
        for d, salt in zip(asked, (31, 32, 33), strict=True)
    ]
    assert bulk.verify_many(own, "PS256", asked, Packed.of(made)) == [0, 2]


def test_a_public_half_verifies_many(own: RsaKey) -> None:
    """And signs nothing."""
    half = RsaKey.of_public(own.public())
    asked = digests("PS256", 3)
    assert bulk.verify_many(half, "PS256", asked, bulk.sign_many(own, "PS256", asked)) == []
    with pytest.raises(BadParameter):
        bulk.sign_many(half, "PS256", asked)


@pytest.mark.parametrize("algorithm", ["RSA-OAEP", "RSA-OAEP-256", "RSA1_5"])
def test_wrapped_keys_come_back(own: RsaKey, algorithm: str) -> None:
    """Those that open, in order; the others by their indexes, as one by one."""
    wanted = [bytes((i,)) * (7 * i) for i in range(10)]
    wrapped = [own.wrap(algorithm, item) for item in wanted]
    wrapped[2], wrapped[4] = wrapped[2][:-1], b"\xff" * 256
    wrapped[6] = bytes((0, *wrapped[6][1:-1], wrapped[6][-1] ^ 1))
    expected, failed = [], []
    for index, item in enumerate(wrapped):
        try:
            expected.append(own.unwrap(algorithm, item, allow_rsa1_5=True))
        except DecryptionFailed:
            expected.append(b"")
            failed.append(index)
    opened, found = bulk.unwrap_many(own, algorithm, Packed.of(wrapped), allow_rsa1_5=True)
    assert (opened.to_list(), found) == (expected, failed)
    assert {2, 4} <= set(failed)


def test_rsa1_5_is_asked_for_here_too(own: RsaKey) -> None:
    """Or refused."""
    wrapped = Packed.of([own.wrap("RSA1_5", b"key")] * 3)
    with pytest.raises(BadParameter):
        bulk.unwrap_many(own, "RSA1_5", wrapped)


def test_arguments_that_do_not_fit_are_refused(own: RsaKey) -> None:
    """With the errors of the single verbs."""
    asked, made = digests("RS256", 3), Packed.of([bytes(256)] * 3)
    for attempt in (
        lambda: bulk.sign_many(own, "RS384", asked),
        lambda: bulk.sign_many(own, "ES256", asked),
        lambda: bulk.verify_many(own, "PS512", asked, made),
        lambda: bulk.verify_many(own, "RS256", asked, Packed.of([bytes(256)] * 2)),
        lambda: bulk.unwrap_many(own, "A256KW", made),
    ):
        with pytest.raises(BadParameter):
            attempt()


def test_a_wiped_key_is_of_no_use(own: RsaKey) -> None:
    """Also if the core had it."""
    asked = digests("RS256", 3)
    made = bulk.sign_many(own, "RS256", asked)
    own.wipe()
    for attempt in (
        lambda: bulk.sign_many(own, "RS256", asked),
        lambda: bulk.verify_many(own, "RS256", asked, made),
        lambda: bulk.unwrap_many(own, "RSA-OAEP", made),
    ):
        with pytest.raises(VaultClosed):
            attempt()


def test_what_the_core_withholds_is_computed_again(lanes: Core) -> None:
    """A fault in the middle of eight operations: all results are right, and the event is counted."""
    own = copy_of(key("RSA-2048"))
    asked = digests("RS256", 3)
    right = bulk.sign_many(own, "RS256", asked).to_list()
    wrapped = Packed.of([own.wrap("RSA-OAEP-256", b"key")] * 3)
    for attempt, expected in (
        (lambda: bulk.sign_many(own, "RS256", asked).to_list(), right),
        (lambda: bulk.unwrap_many(own, "RSA-OAEP-256", wrapped)[0].to_list(), [b"key"] * 3),
    ):
        before = rsa.faults()
        lanes.err_once(after=200_000)
        assert attempt() == expected
        assert rsa.faults() == before + 3


def test_other_keys_go_one_by_one(lanes: Core) -> None:
    """EC keys have no lanes."""
    own = key("EC-P-256")
    asked = Packed.of([bytes(32)] * 3)
    made = bulk.sign_many(own, "ES256", asked)
    assert bulk.verify_many(own, "ES256", asked, made) == []
    with pytest.raises(InvalidSignature):
        own.verify("ES256", bytes(32), bytes(64))


def test_the_encoding_of_the_private_key_is_wiped(lanes: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one copy that Python makes on the way to the core."""
    wiped: list[int] = []
    monkeypatch.setattr(rsa_lanes, "wipe_bytes", lambda data: wiped.append(len(data)))
    assert copy_of(key("RSA-2048")).lanes() is not None
    assert len(wiped) == 1
    assert wiped[0] > 1000
