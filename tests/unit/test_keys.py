"""Keys: made in every type, found by name and version, updated, rotated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from localvault import (
    BadParameter,
    KeyNotFound,
    LocalVaultError,
    Vault,
)
from localvault.algorithms.material import generate
from localvault.model.key_access import KEY_ACCESS
from localvault.testing.clock import FixedClock
from tests.support import life
from tests.support.keys import KINDS, key
from tests.support.offered import OFFERED, OPERATIONS
from tests.support.refusals import events, refused, size, unchanged

MOMENT = datetime(2030, 1, 1, tzinfo=UTC)
QUICK = [name for name in OFFERED if not name.startswith("RSA")]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """A vault with a key `a`, for tests in which nothing may change."""
    with life.create(tmp_path_factory.mktemp("keys") / "v") as vault:
        vault.keys.create("a", "oct")
        yield vault


@pytest.mark.parametrize("name", OFFERED)
def test_every_type_size_and_curve_can_be_made(vault: Vault, name: str) -> None:
    """With all the operations it can do, not exportable, and a version of its own; `get` tells the same."""
    kty, size_, curve = KINDS[name]
    made = vault.keys.create("Made", kty, size=size_, curve=curve)
    assert made.properties.to_dict() == {
        "id": f"https://unit.vault.localhost/keys/Made/{made.version}",
        "name": "Made",
        "version": made.version,
        "enabled": True,
        "not_before": None,
        "expires_on": None,
        "created": "2026-01-01T00:00:00Z",
        "updated": "2026-01-01T00:00:00Z",
        "tags": {},
        "recovery_level": "Recoverable+Purgeable",
        "recoverable_days": 90,
        "kty": kty,
        "size": size_,
        "curve": curve,
        "operations": list(OPERATIONS[name]),
        "exportable": False,
        "retired": False,
    }
    assert vault.keys.get("made").to_dict() == made.to_dict()


@pytest.mark.parametrize(
    ("kty", "size_", "curve"), [("oct", 256, None), ("EC", None, "P-256"), ("OKP", None, "Ed25519")]
)
def test_each_type_has_a_default(vault: Vault, kty: str, size_: int | None, curve: str | None) -> None:
    """Size and curve need not be named."""
    made = vault.keys.create("a", kty).properties
    assert (made.kty, made.size, made.curve) == (kty, size_, curve)


@pytest.mark.parametrize(
    "wanted",
    [
        {"kty": "RSB"},
        {"kty": "rsa"},
        {"kty": ""},
        {"kty": "RSA", "size": 1024},
        {"kty": "RSA", "size": 2049},
        {"kty": "RSA", "curve": "P-256"},
        {"kty": "oct", "size": 64},
        {"kty": "oct", "size": 0},
        {"kty": "oct", "curve": "P-256"},
        {"kty": "EC", "curve": "P-224"},
        {"kty": "EC", "size": 256},
        {"kty": "EC", "curve": "Ed25519"},
        {"kty": "OKP", "curve": "P-256"},
        {"kty": "OKP", "curve": "Ed448"},
        {"kty": "EC", "operations": ["encrypt"]},
        {"kty": "OKP", "curve": "X25519", "operations": ["sign"]},
        {"kty": "oct", "operations": ["fly"]},
        {"kty": "oct", "operations": "sign"},
        {"kty": "oct", "not_before": datetime(2030, 1, 1)},
        {"kty": "oct", "expires_on": "2030-01-01"},
    ],
    ids=str,
)
def test_what_no_key_can_be_is_refused(kept: Vault, wanted: dict[str, Any]) -> None:
    """With `BadParameter`, and the key there was left alone."""
    with unchanged(kept), pytest.raises(BadParameter):
        kept.keys.create("a", **wanted)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("a_b", {}),
        ("n" * 128, {}),
        ("a", {"tags": {"t" * 257: ""}}),
        ("a", {"tags": {"t": "v" * 257}}),
        ("a", {"tags": {str(n): "" for n in range(16)}}),
        ("a", {"not_before": MOMENT, "expires_on": MOMENT}),
    ],
    ids=["name", "long name", "tag's name", "tag's value", "16 tags", "dates"],
)
def test_properties_out_of_bounds_are_refused(kept: Vault, name: str, more: dict[str, Any]) -> None:
    """By `create` and `import_`, with one event, and the key there was left alone."""
    with refused(kept, BadParameter, "KeyCreate", target=f"/keys/{name}"):
        kept.keys.create(name, "oct", **more)
    with refused(kept, BadParameter, "KeyImport", target=f"/keys/{name}"):
        kept.keys.import_(name, {"kty": "oct", "k": "A" * 22}, **more)


def test_the_limits_themselves_are_accepted(vault: Vault) -> None:
    """15 tags of 256 characters on a name of 127."""
    tags = {f"{n:02}" + "t" * 254: "é" * 256 for n in range(15)}
    vault.keys.create("n" * 127, "oct", tags=tags)
    assert vault.keys.get("n" * 127).properties.tags == tags


def test_operations_come_back_once_each_in_one_order(vault: Vault) -> None:
    """However they were given; none at all is possible too."""
    given = ["verify", "sign", "verify"]
    assert vault.keys.create("a", "oct", operations=iter(given)).properties.operations == ("sign", "verify")
    assert vault.keys.create("a", "oct", operations=()).properties.operations == ()


def test_a_new_version_may_be_of_another_type(vault: Vault) -> None:
    """Each keeps what it is, and its own public part."""
    first = vault.keys.create("a", "EC")
    second = vault.keys.create("A", "OKP", exportable=True)
    assert vault.keys.get("a").properties.kty == "OKP"
    assert vault.keys.get("a", first.version).to_dict() == first.to_dict()
    assert vault.keys.get("a", first.version).public_der() == first.public_der()
    assert [each.exportable for each in vault.keys.versions("a")] == [False, True]
    assert second.name == "a"


BY_NAME: dict[str, Callable[[Vault, str], object]] = {
    "KeyGet": lambda vault, name: vault.keys.get(name),
    "KeyUpdate": lambda vault, name: vault.keys.update(name, enabled=False),
    "KeyListVersions": lambda vault, name: list(vault.keys.versions(name)),
    "KeyExport": lambda vault, name: vault.keys.export(name, access=KEY_ACCESS),
    "KeyDelete": lambda vault, name: vault.keys.delete(name),
    "KeyGetDeleted": lambda vault, name: vault.keys.get_deleted(name),
    "KeyRecover": lambda vault, name: vault.keys.recover(name),
    "KeyPurge": lambda vault, name: vault.keys.purge(name),
    "KeyBackup": lambda vault, name: vault.keys.backup(name),
}


@pytest.mark.parametrize(("name", "error"), [("none", KeyNotFound), ("n_ne", BadParameter)])
@pytest.mark.parametrize(("operation", "act"), BY_NAME.items(), ids=BY_NAME)
def test_what_is_not_there_is_not_found(
    kept: Vault,
    operation: str,
    act: Callable[[Vault, str], object],
    name: str,
    error: type[LocalVaultError],
) -> None:
    """By every verb that names a key; and a name there cannot be is a mistake of the caller's."""
    with refused(kept, error, operation, target=f"/keys/{name}"):
        act(kept, name)


@pytest.mark.parametrize(("name", "error"), [("none", KeyNotFound), ("n_ne", BadParameter)])
def test_what_is_not_there_is_not_rotated(vault: Vault, name: str, error: type[LocalVaultError]) -> None:
    """Nothing is made in its place."""
    with unchanged(vault), pytest.raises(error):
        vault.keys.rotate(name)


FULL: dict[str, Any] = {
    "enabled": False,
    "not_before": MOMENT,
    "expires_on": MOMENT + timedelta(days=1),
    "tags": {"a": "b"},
    "operations": ("sign", "verify"),
}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"enabled": True},
        {"not_before": None},
        {"expires_on": None},
        {"tags": None},
        {"tags": {"x": "y"}},
        {"operations": ("encrypt", "sign")},
        {"operations": ()},
    ],
    ids=str,
)
@pytest.mark.parametrize("current", [True, False], ids=["current", "older"])
def test_update_changes_what_it_is_given(
    vault: Vault, clock: FixedClock, change: dict[str, Any], current: bool
) -> None:
    """None takes away, leaving out leaves; type, creation and the other version stay."""
    made = [vault.keys.create("a", "oct", size=128, **FULL) for _ in range(2)]
    target, other = made[current], made[not current]
    clock.move(seconds=1)
    told = vault.keys.update("a", None if current else target.version, **change)
    wanted = FULL | change
    wanted["tags"] = wanted["tags"] or {}
    for properties in (told, vault.keys.get("a", target.version).properties):
        assert {what: getattr(properties, what) for what in FULL} == wanted
        assert (properties.kty, properties.size, properties.exportable) == ("oct", 128, False)
        assert (properties.created, properties.updated) == (target.properties.created, clock.now)
    assert vault.keys.get("a", other.version).to_dict() == other.to_dict()
    listed = next(iter(vault.keys.list()))
    assert listed.to_dict() | {"id": "", "version": ""} == vault.keys.get("a").properties.to_dict() | {
        "id": "",
        "version": "",
    }


@pytest.mark.parametrize(
    "change",
    [{"operations": ["encrypt"]}, {"operations": "sign"}, {"expires_on": MOMENT}, {"tags": {"": ""}}],
    ids=str,
)
def test_an_update_out_of_bounds_changes_nothing(vault: Vault, change: dict[str, Any]) -> None:
    """An EC key encrypts nothing; a date must not lie before the other."""
    vault.keys.create("a", "EC", not_before=MOMENT)
    with refused(vault, BadParameter, "KeyUpdate", target="/keys/a"):
        vault.keys.update("a", enabled=False, **change)


@pytest.mark.parametrize("name", QUICK)
def test_rotation_makes_new_material_of_the_same_kind(vault: Vault, clock: FixedClock, name: str) -> None:
    """Type, size, curve, operations, tags, exportability and lifetime stay; it is enabled and valid at once."""
    kty, size_, curve = KINDS[name]
    old = vault.keys.create(
        "a",
        kty,
        size=size_,
        curve=curve,
        operations=OPERATIONS[name][:1],
        exportable=True,
        tags={"t": "1"},
        enabled=False,
        not_before=clock.now + timedelta(days=1),
        expires_on=clock.now + timedelta(days=30),
    )
    clock.move(days=10)
    new = vault.keys.rotate("A")
    assert new.properties.to_dict() == old.properties.to_dict() | {
        "id": new.id,
        "version": new.version,
        "enabled": True,
        "not_before": None,
        "expires_on": "2026-02-10T00:00:00Z",
        "created": "2026-01-11T00:00:00Z",
        "updated": "2026-01-11T00:00:00Z",
    }
    exported = [vault.keys.export("a", new.version, access=KEY_ACCESS)]
    vault.keys.update("a", old.version, enabled=True)
    exported.append(vault.keys.export("a", old.version, access=KEY_ACCESS))
    assert exported[0] != exported[1]
    assert [version.version for version in vault.keys.versions("a")] == [old.version, new.version]


def test_rotation_of_an_rsa_key_keeps_its_size(vault: Vault) -> None:
    """Not the default size."""
    old = vault.keys.import_("a", key("RSA-2048").private_jwk())
    new = vault.keys.rotate("a")
    assert new.properties.size == 2048
    assert new.public_der() != old.public_der()


def test_a_key_that_never_expires_does_not_after_rotation(vault: Vault, clock: FixedClock) -> None:
    """Neither one without a date, nor one whose date is the last there is, of which many say "never"."""
    vault.keys.create("a", "oct")
    vault.keys.create("b", "oct", expires_on=datetime.max.replace(tzinfo=UTC))
    clock.move(days=1)
    assert vault.keys.rotate("a").properties.expires_on is None
    assert vault.keys.rotate("b").properties.expires_on == datetime.max.replace(tzinfo=UTC)


def test_a_key_changed_while_it_is_rotated_is_not_rotated(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New material is made before the transaction; if the key is of another type by then, nothing is done."""
    vault.keys.create("a", "EC")
    raced: list[str] = []

    def slowly(kty: str, **shape: Any) -> Any:
        monkeypatch.setattr("localvault.lifecycle.rotation.generate", generate)
        raced.append(str(vault.keys.create("a", "OKP").version))
        return generate(kty, **shape)

    monkeypatch.setattr("localvault.lifecycle.rotation.generate", slowly)
    with pytest.raises(BadParameter):
        vault.keys.rotate("a")
    assert vault.keys.get("a").version == raced[0]
    assert len(list(vault.keys.versions("a"))) == 2


def test_a_public_key_is_not_rotated(vault: Vault) -> None:
    """Its private part is elsewhere, and new material here would make a key that is not its successor."""
    vault.keys.create("whole", "EC")
    vault.keys.import_("public", vault.keys.get("whole").public_pem())
    with refused(vault, BadParameter, "KeyRotate", target="/keys/public"):
        vault.keys.rotate("public")
    assert len(list(vault.keys.versions("public"))) == 1


@pytest.mark.parametrize(
    "change", [{"operations": None}, {"enabled": None}, {"enabled": "false"}, {"enabled": 1}]
)
def test_a_change_that_could_mean_two_things_is_none(vault: Vault, change: dict[str, Any]) -> None:
    """None might take all away or leave all be, and "false" is true."""
    vault.keys.create("a", "oct", operations=["encrypt"])
    with refused(vault, BadParameter, "KeyUpdate", target="/keys/a"):
        vault.keys.update("a", **change)
    assert vault.keys.get("a").properties.operations == ("encrypt",)
    assert vault.keys.get("a").properties.enabled


def test_every_success_is_one_event_of_its_own_name(vault: Vault) -> None:
    """With the key and the version it was done to; also where material is made first."""
    keys = vault.keys
    start = size(vault)
    first = keys.create("a", "oct").version
    second = keys.import_("a", key("oct-128").private_jwk()).version
    keys.get("a", first)
    third = keys.rotate("a").version
    keys.update("a", first, tags={"t": "1"})
    list(keys.list())
    list(keys.versions("a"))
    blob = keys.backup("a")
    keys.delete("a")
    keys.get_deleted("a")
    list(keys.list_deleted())
    keys.recover("a")
    keys.delete("a")
    keys.purge("a")
    keys.restore(blob)
    assert [(event.operation, event.target, event.version) for event in events(vault, start)] == [
        ("KeyCreate", "/keys/a", first),
        ("KeyImport", "/keys/a", second),
        ("KeyGet", "/keys/a", first),
        ("KeyRotate", "/keys/a", third),
        ("KeyUpdate", "/keys/a", first),
        ("KeyList", "/keys", None),
        ("KeyListVersions", "/keys/a", None),
        ("KeyBackup", "/keys/a", None),
        ("KeyDelete", "/keys/a", third),
        ("KeyGetDeleted", "/keys/a", third),
        ("KeyListDeleted", "/keys", None),
        ("KeyRecover", "/keys/a", third),
        ("KeyDelete", "/keys/a", third),
        ("KeyPurge", "/keys/a", None),
        ("KeyRestore", "/keys/a", third),
    ]
