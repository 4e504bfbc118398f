"""The Argon2id parameters of tests protect nothing, so nothing takes them by accident."""

from __future__ import annotations

from pathlib import Path

import pytest

import localvault
from localvault import BadParameter
from localvault.sealing.profiles import NAMED, is_weak
from localvault.testing.profiles import CHEAPEST


def test_the_cheapest_profile_is_weak_and_says_so(tmp_path: Path) -> None:
    """It is none of the profiles on offer, no vault is made or opened with it unasked, and it is the least there is."""
    assert is_weak(CHEAPEST)
    assert CHEAPEST.name == "CHEAPEST"
    assert CHEAPEST not in NAMED
    assert not hasattr(localvault, "CHEAPEST")
    with pytest.raises(BadParameter):
        localvault.create(tmp_path / "v", passphrase="x", name="unit", kdf=CHEAPEST)
    localvault.create(tmp_path / "v", passphrase="x", name="unit", kdf=CHEAPEST, allow_weak=True).close()
    with pytest.raises(BadParameter):
        localvault.open(tmp_path / "v", passphrase="x")
    for field in ("time_cost", "memory_kib", "parallelism"):
        less = CHEAPEST._replace(**{field: getattr(CHEAPEST, field) - 1})
        with pytest.raises(BadParameter):
            localvault.create(tmp_path / "w", passphrase="x", name="unit", kdf=less, allow_weak=True)
