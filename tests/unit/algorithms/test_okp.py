"""OKP keys: Ed25519 signs messages, X25519 is kept only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.algorithms.material import import_key
from localvault.errors import BadParameter, InvalidSignature
from tests.support.keys import fresh, key


@given(st.binary(max_size=200), st.integers(0, 511))
def test_a_signature_is_good_for_its_message_alone(message: bytes, bit: int) -> None:
    """It is deterministic, 64 bytes long, and one altered bit or more message spoils it."""
    own = key("OKP-Ed25519")
    signature = bytearray(own.sign("EdDSA", message))
    assert len(signature) == 64
    assert own.sign("EdDSA", message) == signature
    own.verify("EdDSA", message, signature)
    with pytest.raises(InvalidSignature):
        own.verify("EdDSA", message + b"\0", signature)
    signature[bit // 8] ^= 1 << bit % 8
    with pytest.raises(InvalidSignature):
        own.verify("EdDSA", message, signature)


@given(st.binary(max_size=100))
def test_what_was_not_signed_does_not_verify(signature: bytes) -> None:
    """Whatever its length."""
    with pytest.raises(InvalidSignature):
        key("OKP-Ed25519").verify("EdDSA", b"message", signature)


@pytest.mark.parametrize("algorithm", ["ES256", "Ed25519", "HS256", ""])
def test_ed25519_knows_eddsa_alone(algorithm: str) -> None:
    """Other names are refused."""
    with pytest.raises(BadParameter):
        key("OKP-Ed25519").sign(algorithm, b"message")
    with pytest.raises(BadParameter):
        key("OKP-Ed25519").verify(algorithm, b"message", bytes(64))


def test_x25519_has_no_verbs() -> None:
    """It says that key agreement is what it would be for."""
    own = key("OKP-X25519")
    with pytest.raises(BadParameter, match="key agreement"):
        own.sign("EdDSA", b"message")
    with pytest.raises(BadParameter, match="key agreement"):
        own.verify("EdDSA", b"message", bytes(64))
    with pytest.raises(BadParameter):
        own.encrypt("RSA-OAEP", b"message")
    with pytest.raises(BadParameter):
        own.wrap("A256KW", bytes(32))


@pytest.mark.parametrize("curve", ["Ed25519", "X25519"])
def test_x_and_d_belong_together(curve: str) -> None:
    """A public part of another key would give the private one away when signing."""
    own, other = key(f"OKP-{curve}").private_jwk(), fresh(f"OKP-{curve}").private_jwk()
    with pytest.raises(BadParameter):
        import_key(own | {"x": other["x"]})
    with pytest.raises(BadParameter):
        import_key(own | {"d": other["d"]})
    for name in ("x", "d"):
        with pytest.raises(BadParameter, match=f"member {name} "):
            import_key(own | {name: own[name][:-4]})
    with pytest.raises(BadParameter):
        import_key(own | {"crv": "Ed448"})
