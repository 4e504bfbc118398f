"""Every vector test runs twice, directly and through a vault, on a sample; `make soak` runs it on everything."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.vectors.sources import Cases
from tests.vectors.verbs import RoomVerbs, VaultVerbs, Verbs


@pytest.fixture(scope="session", params=["room", "vault"])
def verbs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Verbs]:
    """The calls a vector is driven through."""
    if request.param == "room":
        yield RoomVerbs()
        return
    vault = VaultVerbs(tmp_path_factory.mktemp("vectors"))
    yield vault
    vault.close()


@pytest.fixture(params=["sample", pytest.param("all", marks=pytest.mark.soak)])
def chosen(request: pytest.FixtureRequest, verbs: Verbs) -> Cases:
    """How many cases of a file to take."""
    return Cases(verbs.sample if request.param == "sample" else None)
