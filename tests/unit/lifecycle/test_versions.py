"""Versions: their ids, their order and which one is current, whatever the clock does; one added like many."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localvault import BadParameter, KeyNotFound, SecretNotFound, Vault
from localvault.model.names import version_bytes
from localvault.testing.clock import FixedClock
from tests.support import life

Make = Callable[[Vault, str], str]


def _set(vault: Vault, name: str) -> str:
    return str(vault.secrets.set(name, "v").version)


def _set_many(vault: Vault, name: str) -> str:
    return str(vault.secrets.set_many([(name, "v")])[0].version)


def _create(vault: Vault, name: str) -> str:
    return str(vault.keys.create(name, "OKP").version)


def _import(vault: Vault, name: str) -> str:
    return str(vault.keys.import_(name, {"kty": "oct", "k": "A" * 22}).version)


def _rotate(vault: Vault, name: str) -> str:
    try:
        return str(vault.keys.rotate(name).version)
    except KeyNotFound:
        return _create(vault, name)


MAKERS: dict[str, tuple[str, Make]] = {
    "set": ("secrets", _set),
    "set_many": ("secrets", _set_many),
    "create": ("keys", _create),
    "import_": ("keys", _import),
    "rotate": ("keys", _rotate),
}
every_way = pytest.mark.parametrize(("collection", "make"), MAKERS.values(), ids=MAKERS)


@every_way
def test_a_version_is_a_uuid_of_its_moment(
    vault: Vault, clock: FixedClock, collection: str, make: Make
) -> None:
    """32 lower-case hex digits, UUID version 7 (RFC 9562), the milliseconds of the vault's clock in front."""
    clock.move(milliseconds=12_345)
    version = make(vault, "a")
    made = uuid.UUID(hex=version)
    assert version == made.hex
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == clock() // 1000


@every_way
@pytest.mark.parametrize("step", [0, 1, -86_400], ids=["clock stands", "clock goes", "clock runs back"])
def test_versions_sort_in_the_order_they_were_made(
    vault: Vault, clock: FixedClock, collection: str, make: Make, step: int
) -> None:
    """Also within one microsecond and on a clock that is set back; the last made is current."""
    made = []
    for _ in range(6):
        made.append(make(vault, "a"))
        clock.move(seconds=step)
    verbs = getattr(vault, collection)
    assert made == sorted(set(made))
    assert [version.version for version in verbs.versions("a")] == made
    assert verbs.get("a").version == made[-1]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Vault, FixedClock]]:
    """One vault for all examples, which need no empty one, and its clock."""
    clock = FixedClock()
    with life.create(tmp_path_factory.mktemp("versions") / "v", clock=clock) as vault:
        yield vault, clock


@given(
    steps=st.lists(
        st.tuples(st.integers(-5000, 5000), st.lists(st.sampled_from(["a", "A", "b"]), max_size=4)),
        max_size=6,
    )
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_by_one_and_many_at_once_make_the_same(
    shared: tuple[Vault, FixedClock], steps: list[tuple[int, list[str]]]
) -> None:
    """`set_many` adds exactly what as many `set` would: names, values, order and current versions."""
    vault, clock = shared
    for name in ("one-a", "one-b", "many-a", "many-b"):
        if name in {listed.name.lower() for listed in vault.secrets.list()}:
            vault.secrets.delete(name)
            vault.secrets.purge(name)
    number = 0
    for step, names in steps:
        clock.move(milliseconds=step)
        pairs = [(name, str(number + place)) for place, name in enumerate(names)]
        number += len(names)
        for name, value in pairs:
            vault.secrets.set(f"one-{name}", value)
        vault.secrets.set_many((f"many-{name}", value) for name, value in pairs)
    assert _told(vault, "many-") == _told(vault, "one-")
    assert vault.check() == []


def _told(vault: Vault, prefix: str) -> dict[str, list[object]]:
    """Everything but the ids of secrets that begin with `prefix`, by their names without it."""
    told: dict[str, list[object]] = {}
    for listed in vault.secrets.list():
        if not listed.name.startswith(prefix):
            continue
        versions = list(vault.secrets.versions(listed.name))
        current = vault.secrets.get(listed.name)
        told[listed.name.removeprefix(prefix)] = [
            [vault.secrets.get(listed.name, version.version).value for version in versions],
            [(version.created, version.tags, version.enabled) for version in versions],
            current.value,
            current.version == versions[-1].version,
            listed.updated,
        ]
    return told


def test_a_version_may_be_named_in_upper_case(vault: Vault) -> None:
    """The same 16 bytes; the answer is in lower case."""
    version = _set(vault, "a")
    assert vault.secrets.get("a", version.upper()).version == version
    assert version_bytes(version.upper()).hex() == version


def test_an_older_version_changed_does_not_become_current(vault: Vault, clock: FixedClock) -> None:
    """`update` of an older version moves neither `get` nor `list` to it."""
    old, new = _set(vault, "a"), _set(vault, "a")
    clock.move(days=1)
    vault.secrets.update("a", old, tags={"t": "old"})
    assert vault.secrets.get("a").version == new
    assert next(iter(vault.secrets.list())).tags == {}


def test_after_a_restore_new_versions_still_sort_last(vault: Vault, clock: FixedClock) -> None:
    """Even if the clock has been set back to before the versions restored."""
    made = [_set(vault, "a") for _ in range(3)]
    blob = vault.secrets.backup("a")
    vault.secrets.delete("a")
    vault.secrets.purge("a")
    clock.move(days=-400)
    assert vault.secrets.restore(blob).version == made[-1]
    made.append(_set(vault, "a"))
    assert [version.version for version in vault.secrets.versions("a")] == made == sorted(made)
    assert vault.secrets.get("a").version == made[-1]


def test_every_version_goes_with_its_object(vault: Vault) -> None:
    """A purged name begins anew: no old version is found by its id."""
    old = [_set(vault, "a") for _ in range(3)]
    vault.secrets.delete("a")
    vault.secrets.purge("a")
    new = _set(vault, "a")
    assert [version.version for version in vault.secrets.versions("a")] == [new]
    for version in old:
        with pytest.raises(SecretNotFound):
            vault.secrets.get("a", version)


@pytest.mark.parametrize("version", ["", "0", "g" * 32, "0" * 33, " " + "0" * 31, 7])
def test_what_is_no_version_is_refused_for_keys_too(vault: Vault, version: Any) -> None:
    """With `BadParameter`, by `get`, `update` and the crypto verbs."""
    _create(vault, "a")
    for act in (
        lambda: vault.keys.get("a", version),
        lambda: vault.keys.update("a", version, enabled=False),
        lambda: vault.crypto("a", version).sign("EdDSA", b""),
    ):
        with pytest.raises(BadParameter):
            act()
