"""A key wrapped for a slot's public key: opened by the private key it belongs to, and by nothing else."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localvault.errors import Tampered
from localvault.native.memory import Locked
from localvault.sealing.exchange import EXCHANGED_SIZE, private_key, public_key, unwrap_with, wrap_for

SECRET, KEY = Locked.of(b"s" * 32), Locked.of(b"k" * 32)
PRIVATE = private_key(SECRET, b"a slot")
PUBLIC = public_key(PRIVATE)
BINDING = b"generation and slot"
LOW_ORDER = (bytes(32), b"\1" + bytes(31))


def test_what_is_wrapped_for_a_public_key_its_private_key_unwraps() -> None:
    """And each time it looks different."""
    made = [wrap_for(PUBLIC, BINDING, KEY) for _ in range(2)]
    assert {len(exchanged) for exchanged in made} == {EXCHANGED_SIZE}
    assert made[0][:32] != made[1][:32]
    for exchanged in made:
        opened = unwrap_with(PRIVATE, BINDING, exchanged)
        assert opened is not None
        assert opened.equals(KEY)


@pytest.mark.parametrize(
    "other", [SECRET, private_key(SECRET, b"another slot"), private_key(Locked.of(b"t" * 32), b"a slot")]
)
def test_no_other_private_key_unwraps(other: Locked) -> None:
    """Not the secret itself, nor a slot with the same secret."""
    assert unwrap_with(other, BINDING, wrap_for(PUBLIC, BINDING, KEY)) is None


def test_another_binding_does_not_unwrap() -> None:
    """Another generation, slot or vault."""
    assert unwrap_with(PRIVATE, BINDING + b"x", wrap_for(PUBLIC, BINDING, KEY)) is None


@settings(max_examples=60)
@given(st.integers(0, EXCHANGED_SIZE * 8 - 1))
def test_no_altered_bit_unwraps(bit: int) -> None:
    """`Tampered`, or another secret's; the highest bit of a public key, which X25519 ignores, is bound all the same."""
    altered = bytearray(wrap_for(PUBLIC, BINDING, KEY))
    altered[bit // 8] ^= 1 << bit % 8
    with suppress(Tampered):
        assert unwrap_with(PRIVATE, BINDING, bytes(altered)) is None


@pytest.mark.parametrize("point", LOW_ORDER)
def test_a_point_of_low_order_is_refused(point: bytes) -> None:
    """It would give one shared value for every private key, and a body that every secret opens."""
    with pytest.raises(Tampered):
        unwrap_with(PRIVATE, BINDING, point + wrap_for(PUBLIC, BINDING, KEY)[32:])
    with pytest.raises(Tampered):
        wrap_for(point, BINDING, KEY)
