"""The master key's purposes are apart, and names are blind."""

from __future__ import annotations

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import BadParameter, VaultClosed, VaultForked
from localvault.native.memory import Locked
from localvault.sealing import master
from localvault.sealing.master import MasterKey, NameIndex
from tests.support.forking import in_child

LABELS = [
    master.INDEX,
    master.JOURNAL_SIGNING,
    master.SCOPE_ROOT,
    master.SLOTS,
    master.SLOT_ATTRIBUTES,
    master.TRANSFER,
]
NAMES = st.from_regex(r"[0-9A-Za-z-]{1,127}", fullmatch=True)
KINDS = st.binary(min_size=1, max_size=1)


def test_every_purpose_has_its_own_key() -> None:
    """No two alike, none the master key, and the same ones next time."""
    key = MasterKey(Locked.of(b"m" * 32))
    derived = [bytes(key.derive(label).view()) for label in LABELS]
    assert len({*derived, b"m" * 32}) == len(LABELS) + 1
    assert derived == [bytes(MasterKey(Locked.of(b"m" * 32)).derive(label).view()) for label in LABELS]


def test_another_master_key_has_other_keys() -> None:
    """Two vaults share nothing."""
    first, second = MasterKey.generate(), MasterKey.generate()
    assert not first.derive(master.INDEX).equals(second.derive(master.INDEX))


def test_a_length_can_be_asked_for() -> None:
    """More than 32 bytes begin with the same 32."""
    key = MasterKey.generate()
    longer = key.derive(master.INDEX, 64)
    assert len(longer) == 64
    assert key.derive(master.INDEX).equals(longer.view()[:32])


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_master_key_has_32_bytes(size: int) -> None:
    """Nothing else is taken for one."""
    with pytest.raises(BadParameter):
        MasterKey(Locked.zero(size))


def test_after_a_wipe_or_a_fork_it_derives_nothing() -> None:
    """`VaultClosed`, `VaultForked`."""
    key = MasterKey.generate()
    assert in_child(lambda: key.derive(master.INDEX)) == VaultForked.__name__
    key.wipe()
    with pytest.raises(VaultClosed):
        key.derive(master.INDEX)


@given(st.binary(min_size=32, max_size=32), KINDS, NAMES)
def test_a_blind_name_is_an_hmac(key: bytes, kind: bytes, name: str) -> None:
    """HMAC-SHA256 over kind and lower-cased name, its first 16 bytes."""
    expected = hmac.digest(key, kind + name.lower().encode(), "sha256")[:16]
    index = NameIndex(Locked.of(key))
    assert index.blind(kind, name) == expected
    assert index.blind(kind, name) == expected


@given(NAMES, NAMES)
def test_names_are_compared_without_case(one: str, other: str) -> None:
    """The same name in any case has one id; another name, or another kind, has another."""
    index = NameIndex(Locked.of(bytes(32)))
    assert index.blind(b"s", one.upper()) == index.blind(b"s", one.lower())
    assert (index.blind(b"s", one) == index.blind(b"s", other)) == (one.lower() == other.lower())
    assert index.blind(b"s", one) != index.blind(b"k", one)


def test_a_kind_is_one_byte() -> None:
    """Otherwise kind and name could be cut in two ways."""
    index = NameIndex(Locked.of(bytes(32)))
    for kind in (b"", b"ss"):
        with pytest.raises(ValueError, match="one byte"):
            index.blind(kind, "name")


def test_after_a_wipe_nothing_is_blinded() -> None:
    """Not even a name asked for before."""
    index = NameIndex(Locked.of(bytes(32)))
    index.blind(b"s", "name")
    index.wipe()
    with pytest.raises(VaultClosed):
        index.blind(b"s", "name")


def test_the_index_key_may_be_wiped_afterwards() -> None:
    """The index keeps what it needs."""
    key = Locked.of(bytes(32))
    index = NameIndex(key)
    key.wipe()
    assert index.blind(b"s", "name") == NameIndex(Locked.of(bytes(32))).blind(b"s", "name")


def test_clear_forgets_names_and_no_key() -> None:
    """What a closed vault was asked for is not kept."""
    index = NameIndex(Locked.of(bytes(32)))
    before = index.blind(b"s", "name")
    index.clear()
    assert index.blind(b"s", "name") == before
