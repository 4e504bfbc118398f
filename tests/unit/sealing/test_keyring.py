"""The keyring: what it holds comes back, and nothing else passes for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import Damaged
from localvault.native.memory import Locked
from localvault.sealing.keyring import Keyring

keys = st.binary(min_size=32, max_size=32).map(Locked.of)
keyrings = st.builds(
    Keyring,
    keys,
    st.lists(keys, max_size=3).map(tuple),
    st.none() | keys,
    st.dictionaries(st.binary(min_size=16, max_size=16), keys, max_size=3),
)
FULL = Keyring(
    Locked.of(b"i" * 32), (Locked.of(b"t" * 32),), Locked.of(b"f" * 32), {b"s" * 16: Locked.of(b"k" * 32)}
)


@given(keyrings)
def test_what_is_encoded_decodes(keyring: Keyring) -> None:
    """To the same keys, and prints back byte for byte."""
    encoded = keyring.encode()
    decoded = Keyring.decode(encoded)
    assert decoded.index.equals(keyring.index)
    assert (decoded.former is None) == (keyring.former is None)
    assert list(decoded.spools) == list(keyring.spools)
    assert len(decoded.transfers) == len(keyring.transfers)
    assert decoded.encode().equals(encoded)


def test_the_layout_is_the_formats() -> None:
    """As docs/format.md section 3.4 has it, written once more."""
    expected = b"i" * 32 + b"\0\1" + b"t" * 32 + b"\1" + b"f" * 32 + b"\0\0\0\1" + b"s" * 16 + b"k" * 32
    assert FULL.encode().equals(expected)


@pytest.mark.parametrize("cut", [0, 31, 33, 40, 66, 90, 102, 110, 130, -1])
def test_what_is_cut_or_too_long_is_damaged(cut: int) -> None:
    """No length in it is trusted."""
    encoded = bytes(FULL.encode().view())
    for data in (encoded[:cut], encoded + b"\0"):
        with pytest.raises(Damaged):
            Keyring.decode(Locked.of(data))


def test_two_former_master_keys_are_damage() -> None:
    """A rotation is finished before the next begins."""
    data = b"i" * 32 + b"\0\0" + b"\2" + b"f" * 64 + bytes(4)
    with pytest.raises(Damaged):
        Keyring.decode(Locked.of(data))
