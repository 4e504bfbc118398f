"""HKDF-SHA256 against the vectors of RFC 5869, appendix A."""

from __future__ import annotations

import pytest

from localvault.errors import VaultClosed, VaultForked
from localvault.native.memory import Locked
from localvault.sealing.hkdf import expand, extract_and_expand
from tests.support.forking import in_child

PRK_1 = "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"
OKM_1 = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
OKM_3 = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"


def test_expand_is_rfc_5869s() -> None:
    """Test case 1, the expand step alone, of 42 bytes."""
    derived = expand(Locked.of(bytes.fromhex(PRK_1)), bytes.fromhex("f0f1f2f3f4f5f6f7f8f9"), 42)
    assert bytes(derived.view()).hex() == OKM_1


def test_extract_and_expand_is_rfc_5869s_without_salt() -> None:
    """Test case 3: no salt, no info; the first 32 of its 42 bytes."""
    assert bytes(extract_and_expand(Locked.of(b"\x0b" * 22).view(), b"").view()).hex() == OKM_3


def test_a_key_that_is_gone_derives_nothing() -> None:
    """`VaultClosed` after a wipe, `VaultForked` in a forked child."""
    key = Locked.random(32)
    assert in_child(lambda: expand(key, b"x")) == VaultForked.__name__
    key.wipe()
    with pytest.raises(VaultClosed):
        expand(key, b"x")
