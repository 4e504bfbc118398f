"""Secrets: set and read back, limits, names, updates, and many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localvault import (
    BadParameter,
    LocalVaultError,
    SecretDisabled,
    SecretNotFound,
    Vault,
)
from localvault.testing.clock import FixedClock
from tests.support import life
from tests.support.refusals import events, refused, size, unchanged

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
MOMENT = datetime(2030, 5, 6, 7, 8, 9, 123_456, tzinfo=UTC)
NO_SUCH_VERSION = "0" * 32
in_one_vault = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(value=st.one_of(TEXT, st.binary(max_size=60)))
@in_one_vault
def test_a_value_comes_back_as_it_was_set(vault: Vault, value: str | bytes) -> None:
    """Text as the same text, bytes as the same bytes, from `set` and from `get`."""
    made = vault.secrets.set("any", value)
    read = vault.secrets.get("any", made.version)
    for secret in (made, read):
        assert (secret.value, type(secret.value)) == (value, type(value))


def test_set_tells_what_it_made(vault: Vault, clock: FixedClock) -> None:
    """Name, version, URL and every property, the same as `get` tells afterwards."""
    clock.move(seconds=1.5)
    made = vault.secrets.set(
        "Db",
        "v",
        content_type="text/plain",
        tags={"a": "b"},
        not_before=MOMENT,
        expires_on=MOMENT + timedelta(microseconds=1),
    )
    assert made.properties.to_dict() == {
        "id": f"https://unit.vault.localhost/secrets/Db/{made.version}",
        "name": "Db",
        "version": made.version,
        "enabled": True,
        "not_before": "2030-05-06T07:08:09.123456Z",
        "expires_on": "2030-05-06T07:08:09.123457Z",
        "created": "2026-01-01T00:00:01.500000Z",
        "updated": "2026-01-01T00:00:01.500000Z",
        "tags": {"a": "b"},
        "recovery_level": "Recoverable+Purgeable",
        "recoverable_days": 90,
        "content_type": "text/plain",
    }
    assert vault.secrets.get("Db").properties.to_dict() == made.properties.to_dict()


def test_a_new_version_takes_nothing_over_from_the_old_one(vault: Vault) -> None:
    """Tags, dates, content type and being disabled belong to a version; the old one keeps its own."""
    old = vault.secrets.set(
        "a", "1", tags={"t": "1"}, content_type="c", enabled=False, not_before=MOMENT, expires_on=None
    )
    new = vault.secrets.set("a", "2").properties
    assert (new.tags, new.content_type, new.enabled, new.not_before) == ({}, None, True, None)
    kept = next(iter(vault.secrets.versions("a")))
    assert kept.to_dict() == old.properties.to_dict()


AT_THE_LIMIT: dict[str, tuple[str, str | bytes, dict[str, Any]]] = {
    "an empty text": ("n", "", {}),
    "empty bytes": ("n", b"", {}),
    "blanks": ("n", " \n\0", {}),
    "25 KiB of letters": ("n", "x" * 25_600, {}),
    "25 KiB of bytes": ("n", b"\xff" * 25_600, {}),
    "25 KiB in UTF-8": ("n", "é" * 12_800, {}),
    "a name of 127": ("n" * 127, "", {}),
    "15 tags of 512": ("n", "", {"tags": {f"{n:02}" + "t" * 510: "é" * 512 for n in range(15)}}),
    "a content type of 255": ("n", "", {"content_type": "é" * 255}),
    "an hour of validity": ("n", "", {"not_before": MOMENT, "expires_on": MOMENT + timedelta(hours=1)}),
    "dates of the far past and future": (
        "n",
        "",
        {"not_before": datetime.min.replace(tzinfo=UTC), "expires_on": datetime.max.replace(tzinfo=UTC)},
    ),
}


@pytest.mark.parametrize(("name", "value", "more"), AT_THE_LIMIT.values(), ids=AT_THE_LIMIT)
def test_what_just_fits_is_kept(vault: Vault, name: str, value: str | bytes, more: dict[str, Any]) -> None:
    """The limits of the documentation are the last that is accepted, and all of it is read back."""
    vault.secrets.set(name, value, **more)
    read = vault.secrets.get(name)
    assert read.value == value
    for what, wanted in more.items():
        assert getattr(read.properties, what) == wanted


BEYOND: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "a letter over 25 KiB": ("n", "x" * 25_601, {}),
    "a byte over 25 KiB": ("n", b"x" * 25_601, {}),
    "over 25 KiB in UTF-8": ("n", "é" * 12_800 + "x", {}),
    "half a surrogate pair": ("n", "\ud800", {}),
    "a number": ("n", 5, {}),
    "nothing": ("n", None, {}),
    "a bytearray": ("n", bytearray(b"x"), {}),
    "no name": ("", "", {}),
    "a name of 128": ("n" * 128, "", {}),
    "a name with a slash": ("a/b", "", {}),
    "a name with a newline": ("a\n", "", {}),
    "a name with half a surrogate pair": ("\ud800", "", {}),
    "16 tags": ("n", "", {"tags": {str(n): "" for n in range(16)}}),
    "a tag's name of 513": ("n", "", {"tags": {"t" * 513: ""}}),
    "a tag's value of 513": ("n", "", {"tags": {"t": "v" * 513}}),
    "tags in a list": ("n", "", {"tags": [("a", "b")]}),
    "a content type of 256": ("n", "", {"content_type": "c" * 256}),
    "an expiry at the start": ("n", "", {"not_before": MOMENT, "expires_on": MOMENT}),
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """A vault with a secret `n`, for tests in which nothing may change."""
    with life.create(tmp_path_factory.mktemp("secrets") / "v") as vault:
        vault.secrets.set("n", "before")
        yield vault


@pytest.mark.parametrize(("name", "value", "more"), BEYOND.values(), ids=BEYOND)
def test_what_does_not_fit_is_refused(kept: Vault, name: str, value: Any, more: dict[str, Any]) -> None:
    """With `BadParameter`, one event, and the version there was left alone."""
    target = f"/secrets/{name}".encode(errors="backslashreplace").decode()
    with refused(kept, BadParameter, "SecretSet", target=target):
        kept.secrets.set(name, value, **more)


@pytest.mark.parametrize("moment", [datetime(2030, 1, 1), "2030-01-01", 5])
@pytest.mark.parametrize("what", ["not_before", "expires_on"])
def test_a_date_without_a_zone_is_refused(kept: Vault, what: str, moment: Any) -> None:
    """Likewise what is no `datetime`; by `set` and by `update`."""
    with unchanged(kept):
        with pytest.raises(BadParameter):
            kept.secrets.set("n", "", **{what: moment})
        with pytest.raises(BadParameter):
            kept.secrets.update("n", **{what: moment})


def test_settings_raise_the_limits(vault: Vault) -> None:
    """`max_value_bytes` and `max_tags` hold from the next call on, and lowering them leaves what is there readable."""
    vault.configure(max_value_bytes=25_601, max_tags=16)
    tags = {str(n): "" for n in range(16)}
    vault.secrets.set("n", "x" * 25_601, tags=tags)
    vault.configure(max_value_bytes=1, max_tags=0)
    assert len(vault.secrets.get("n").value) == 25_601
    assert vault.secrets.get("n").properties.tags == tags
    with pytest.raises(BadParameter):
        vault.secrets.set("n", "xx")
    with pytest.raises(BadParameter):
        vault.secrets.set("n", "", tags={"a": "b"})


def test_names_compare_without_case_and_keep_the_case_they_came_with(vault: Vault) -> None:
    """Every verb takes any spelling; every answer has the first one."""
    secrets = vault.secrets
    first = secrets.set("Db-Password", "1")
    second = secrets.set("DB-PASSWORD", "2")
    told = [
        second.name,
        secrets.get("db-password").name,
        secrets.get("dB-pASSWORD", first.version).name,
        secrets.update("db-PASSWORD", tags={}).name,
        secrets.set_many({"db-password": "3"})[0].name,
        *[version.name for version in secrets.versions("DB-password")],
        *[listed.name for listed in secrets.list()],
        secrets.delete("db-password").name,
        secrets.get_deleted("DB-PASSWORD").name,
        *[gone.name for gone in secrets.list_deleted()],
        secrets.recover("db-Password").name,
    ]
    assert set(told) == {"Db-Password"}
    blob = secrets.backup("DB-password")
    secrets.delete("db-password")
    secrets.purge("DB-PASSWORD")
    assert secrets.restore(blob).name == "Db-Password"


def test_a_secret_and_a_key_may_have_the_same_name(vault: Vault) -> None:
    """They are two objects: deleting one leaves the other."""
    vault.secrets.set("same", "v")
    vault.keys.create("same", "oct", size=128)
    vault.secrets.delete("same")
    assert vault.keys.get("same").name == "same"
    with pytest.raises(SecretNotFound):
        vault.secrets.get("same")


BY_NAME: dict[str, Callable[[Vault, str], object]] = {
    "SecretGet": lambda vault, name: vault.secrets.get(name),
    "SecretUpdate": lambda vault, name: vault.secrets.update(name, enabled=False),
    "SecretListVersions": lambda vault, name: list(vault.secrets.versions(name)),
    "SecretDelete": lambda vault, name: vault.secrets.delete(name),
    "SecretGetDeleted": lambda vault, name: vault.secrets.get_deleted(name),
    "SecretRecover": lambda vault, name: vault.secrets.recover(name),
    "SecretPurge": lambda vault, name: vault.secrets.purge(name),
    "SecretBackup": lambda vault, name: vault.secrets.backup(name),
}


@pytest.mark.parametrize(("name", "error"), [("none", SecretNotFound), ("n_ne", BadParameter)])
@pytest.mark.parametrize(("operation", "act"), BY_NAME.items(), ids=BY_NAME)
def test_what_is_not_there_is_not_found(
    kept: Vault,
    operation: str,
    act: Callable[[Vault, str], object],
    name: str,
    error: type[LocalVaultError],
) -> None:
    """By every verb that names a secret; and a name there cannot be is a mistake of the caller's."""
    with refused(kept, error, operation, target=f"/secrets/{name}"):
        act(kept, name)


@pytest.mark.parametrize(
    ("version", "error"),
    [(NO_SUCH_VERSION, SecretNotFound), ("1", BadParameter), ("", BadParameter), (5, BadParameter)],
)
def test_a_version_that_is_not_there(kept: Vault, version: Any, error: type[LocalVaultError]) -> None:
    """Is not found if there could be one, and a bad parameter if not."""
    with refused(kept, error, "SecretGet", target="/secrets/n"):
        kept.secrets.get("n", version)
    with refused(kept, error, "SecretUpdate", target="/secrets/n"):
        kept.secrets.update("n", version, enabled=False)


def test_a_version_of_another_secret_is_not_found(vault: Vault) -> None:
    """A version belongs to its secret."""
    version = vault.secrets.set("a", "v").version
    vault.secrets.set("b", "v")
    with pytest.raises(SecretNotFound):
        vault.secrets.get("b", version)


def test_a_disabled_version_is_refused_and_the_others_are_not(vault: Vault) -> None:
    """Until it is enabled again."""
    old, new = vault.secrets.set("a", "1"), vault.secrets.set("a", "2")
    vault.secrets.update("a", enabled=False)
    with refused(vault, SecretDisabled, "SecretGet", target="/secrets/a"):
        vault.secrets.get("a")
    with refused(vault, SecretDisabled, "SecretGet", target="/secrets/a"):
        vault.secrets.get("a", new.version)
    assert vault.secrets.get("a", old.version).value == "1"
    vault.secrets.update("a", enabled=True)
    assert vault.secrets.get("a").value == "2"


FULL: dict[str, Any] = {
    "enabled": False,
    "not_before": MOMENT,
    "expires_on": MOMENT + timedelta(days=1),
    "tags": {"a": "b"},
    "content_type": "c",
}
CHANGES: list[dict[str, Any]] = [
    {},
    {"enabled": True},
    {"not_before": None},
    {"not_before": MOMENT - timedelta(days=1)},
    {"expires_on": None},
    {"tags": None},
    {"tags": {}},
    {"tags": {"x": "y"}},
    {"content_type": None},
    {"content_type": ""},
    {"not_before": None, "expires_on": None, "tags": None, "content_type": None},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
@pytest.mark.parametrize("current", [True, False], ids=["current", "older"])
def test_update_changes_what_it_is_given(
    vault: Vault, clock: FixedClock, change: dict[str, Any], current: bool
) -> None:
    """None takes away, leaving out leaves; value, creation and the other version stay."""
    made = [vault.secrets.set("a", str(n), **FULL) for n in range(2)]
    target, other = made[current], made[not current]
    clock.move(seconds=1)
    told = vault.secrets.update("a", None if current else target.version, **change)
    wanted = FULL | change
    wanted["tags"] = wanted["tags"] or {}
    found = {properties.version: properties for properties in vault.secrets.versions("a")}
    for properties in (told, found[target.version]):
        assert {what: getattr(properties, what) for what in FULL} == wanted
        assert properties.created == target.properties.created
        assert properties.updated == clock.now
    assert found[other.version].to_dict() == other.properties.to_dict()
    listed = next(iter(vault.secrets.list()))
    assert listed.updated == found[made[1].version].updated
    vault.secrets.update("a", target.version, enabled=True)
    assert vault.secrets.get("a", target.version).value == str(int(current))


@pytest.mark.parametrize(
    "change",
    [
        {"tags": {str(n): "" for n in range(16)}},
        {"content_type": "c" * 256},
        {"expires_on": MOMENT},
        {"not_before": MOMENT + timedelta(days=2)},
    ],
    ids=["tags", "content type", "expiry at the start", "start after the expiry"],
)
def test_an_update_out_of_bounds_changes_nothing(vault: Vault, change: dict[str, Any]) -> None:
    """Also when the date out of order is one that was there before."""
    vault.secrets.set("a", "v", **FULL)
    with refused(vault, BadParameter, "SecretUpdate", target="/secrets/a"):
        vault.secrets.update("a", enabled=True, **change)


def test_every_success_is_one_event_of_its_own_name(vault: Vault) -> None:
    """With the secret and the version it was done to."""
    secrets = vault.secrets
    start = size(vault)
    version = secrets.set("a", "v").version
    secrets.get("a")
    secrets.update("a", tags={"t": "1"})
    list(secrets.list())
    list(secrets.versions("a"))
    blob = secrets.backup("a")
    secrets.delete("a")
    secrets.get_deleted("a")
    list(secrets.list_deleted())
    secrets.recover("a")
    secrets.delete("a")
    secrets.purge("a")
    secrets.restore(blob)
    told = [(event.operation, event.target, event.version) for event in events(vault, start)]
    one, all_, of = "/secrets/a", "/secrets", version
    assert told == [
        ("SecretSet", one, of),
        ("SecretGet", one, of),
        ("SecretUpdate", one, of),
        ("SecretList", all_, None),
        ("SecretListVersions", one, None),
        ("SecretBackup", one, None),
        ("SecretDelete", one, of),
        ("SecretGetDeleted", one, of),
        ("SecretListDeleted", all_, None),
        ("SecretRecover", one, of),
        ("SecretDelete", one, of),
        ("SecretPurge", one, None),
        ("SecretRestore", one, of),
    ]
    assert {event.result for event in events(vault, start)} == {"Success"}
