"""EC keys: signatures of fixed width that fit one digest and one key, and points that are on the curve."""

from __future__ import annotations

from itertools import pairwise

import pytest
from cryptography import exceptions
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from localvault.algorithms.ec import EcKey
from localvault.algorithms.jwk import decode, encode, encode_integer
from localvault.algorithms.material import import_key
from localvault.errors import BadParameter, InvalidSignature
from tests.support.keys import key

CURVES = {
    "P-256": ("ES256", 32, 32, ec.SECP256R1(), hashes.SHA256()),
    "P-384": ("ES384", 48, 48, ec.SECP384R1(), hashes.SHA384()),
    "P-521": ("ES512", 64, 66, ec.SECP521R1(), hashes.SHA512()),
    "P-256K": ("ES256K", 32, 32, ec.SECP256K1(), hashes.SHA256()),
}
curves = pytest.mark.parametrize("curve", CURVES)


@curves
@settings(max_examples=20)
@given(seed=st.binary(min_size=64, max_size=64))
def test_signatures_are_r_and_s_of_fixed_width(curve: str, seed: bytes) -> None:
    """An independent verifier takes them as the two numbers they are."""
    algorithm, digest_bytes, width, _, hashing = CURVES[curve]
    own, digest = key(f"EC-{curve}"), seed[:digest_bytes]
    signature = own.sign(algorithm, digest)
    assert len(signature) == 2 * width
    own.verify(algorithm, digest, signature)
    der = encode_dss_signature(
        *(int.from_bytes(half, "big") for half in (signature[:width], signature[width:]))
    )
    assert isinstance(own, EcKey)
    own.public().verify(der, digest, ec.ECDSA(Prehashed(hashing)))


@curves
def test_numbers_out_of_range_are_no_signature(curve: str) -> None:
    """r and s are from 1 to the order less 1: zero, the order itself and r + order do not pass, nor another width."""
    algorithm, digest_bytes, width, group, _ = CURVES[curve]
    own, digest, order = key(f"EC-{curve}"), bytes(digest_bytes), group.group_order
    good = own.sign(algorithm, digest)
    r, s = good[:width], good[width:]
    zero, one, above = bytes(width), (1).to_bytes(width, "big"), order.to_bytes(width, "big")
    wrong = [zero + zero, zero + s, r + zero, above + s, r + above, zero + one, b"\xff" * 2 * width]
    wrong += [b"", r, good[:-1], good + b"\0", b"\0" + good, b"\0" + r + b"\0" + s]
    if int.from_bytes(r, "big") + order < 1 << 8 * width:
        wrong.append((int.from_bytes(r, "big") + order).to_bytes(width, "big") + s)
    assert isinstance(own, EcKey)
    for signature in wrong:
        with pytest.raises(InvalidSignature):
            own.verify(algorithm, digest, signature)
        with pytest.raises(exceptions.InvalidSignature):  # by this room, before OpenSSL sees it
            own._to_der(signature)


@curves
@settings(max_examples=20)
@given(position=st.integers(0, 2000))
def test_an_altered_bit_is_noticed(curve: str, position: int) -> None:
    """In the signature or in the digest."""
    algorithm, digest_bytes, _, _, _ = CURVES[curve]
    own, digest = key(f"EC-{curve}"), bytes(digest_bytes)
    signature = bytearray(own.sign(algorithm, digest))
    signature[position % len(signature)] ^= 1 << position % 8
    with pytest.raises(InvalidSignature):
        own.verify(algorithm, digest, signature)


@curves
def test_only_the_curves_own_algorithm_and_digest_are_taken(curve: str) -> None:
    """P-256 and P-256K are not mixed up, and no digest is cut."""
    algorithm, digest_bytes, width, _, _ = CURVES[curve]
    own = key(f"EC-{curve}")
    for name in ("ES256", "ES384", "ES512", "ES256K", "RS256", "HS256", ""):
        if name != algorithm:
            with pytest.raises(BadParameter):
                own.sign(name, bytes(digest_bytes))
            with pytest.raises(BadParameter):
                own.verify(name, bytes(digest_bytes), bytes(2 * width))
    for length in (0, digest_bytes - 1, digest_bytes + 1):
        with pytest.raises(BadParameter):
            own.sign(algorithm, bytes(length))


def test_an_ec_key_neither_encrypts_nor_wraps() -> None:
    """Key Vault has it so."""
    own = key("EC-P-256")
    for attempt in (
        lambda: own.encrypt("RSA-OAEP", b""),
        lambda: own.decrypt("RSA-OAEP", b""),
        lambda: own.wrap("A256KW", b""),
        lambda: own.unwrap("A256KW", b""),
    ):
        with pytest.raises(BadParameter, match="cannot"):
            attempt()


@curves
def test_a_point_off_the_curve_is_refused(curve: str) -> None:
    """As a public key and as part of a private one."""
    members = key(f"EC-{curve}").private_jwk()
    _, _, width, _, _ = CURVES[curve]
    off = members | {"y": encode_integer(1, width)}
    with pytest.raises(BadParameter):
        import_key(off)
    del off["d"]
    with pytest.raises(BadParameter):
        import_key(off)


@curves
def test_a_scalar_that_is_not_the_points_own_is_refused(curve: str) -> None:
    """Zero, the order, another number, and a whole other key's."""
    members = key(f"EC-{curve}").private_jwk()
    _, _, width, group, _ = CURVES[curve]
    for wrong in (0, 1, group.group_order - 1, group.group_order, (1 << group.key_size) - 1):
        with pytest.raises(BadParameter):
            import_key(members | {"d": encode_integer(wrong, width)})


@curves
@pytest.mark.parametrize("name", ["x", "y", "d"])
def test_members_have_the_curves_width(curve: str, name: str) -> None:
    """RFC 7518, 6.2.1.2: leading zeros are neither dropped nor added."""
    members = key(f"EC-{curve}").private_jwk()
    number = decode(members[name], name)
    for wrong in (number[1:], b"\0" + number):
        with pytest.raises(BadParameter, match=f"member {name} "):
            import_key(members | {name: encode(wrong)})


def test_secp256k1_is_read_under_both_of_its_names() -> None:
    """RFC 8812's, and Key Vault's, which is written."""
    members = key("EC-P-256K").private_jwk()
    assert members["crv"] == "P-256K"
    assert import_key(members | {"crv": "secp256k1"}).encode() == key("EC-P-256K").encode()


def test_no_curve_is_taken_for_another() -> None:
    """A point keeps its curve through every form, and a wrong name for it is refused."""
    names = list(CURVES)
    for own, other in [*pairwise(names), ("P-256K", "P-256")]:
        with pytest.raises(BadParameter):
            import_key(key(f"EC-{own}").private_jwk() | {"crv": other})
