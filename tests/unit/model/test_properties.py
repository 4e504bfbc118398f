"""Properties tell what is known of a version, as it is stored, and can be changed by nobody."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from localvault.model.properties import Deleted, Home, KeyProperties, Properties, SecretProperties

VERSION = bytes(range(16))
NOW = 1_767_225_600_000_001
FULL: list[Any] = [True, NOW + 1, NOW + 2, NOW, NOW + 3, "text/plain", {"a": "b"}]
BARE: list[Any] = [False, None, None, NOW, NOW, None, None]
TRAITS: list[Any] = ["EC", None, "P-256", ["sign", "verify"], True]
HOME = Home("https://app.vault.localhost", 90, False)


def secret(attributes: list[Any], version: bytes | None = VERSION) -> SecretProperties:
    """Properties of a secret `Db`."""
    return SecretProperties(HOME, "Db", version, attributes)


def key(attributes: list[Any], version: bytes | None = VERSION) -> KeyProperties:
    """Properties of a key `Sign`."""
    return KeyProperties(HOME, "Sign", version, attributes, TRAITS)


def test_everything_is_told_in_its_type() -> None:
    """Times as aware datetimes to the microsecond, tags as a dictionary, the version in hex."""
    told = secret(FULL)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    moments = [told.created, told.not_before, told.expires_on, told.updated]
    assert moments == [start + timedelta(microseconds=number) for number in (1, 2, 3, 4)]
    assert (told.name, told.version, told.enabled) == ("Db", VERSION.hex(), True)
    assert (told.content_type, told.tags) == ("text/plain", {"a": "b"})
    assert (told.vault_url, told.recoverable_days) == (HOME.url, 90)


def test_what_is_not_set_is_nothing() -> None:
    """None, and for tags an empty dictionary."""
    told = secret(BARE)
    assert (told.enabled, told.not_before, told.expires_on) == (False, None, None)
    assert (told.content_type, told.tags) == (None, {})


def test_the_id_names_the_version_or_the_object() -> None:
    """By collection; without a version, as lists have it, it names the object."""
    base = "https://app.vault.localhost"
    assert secret(FULL).id == f"{base}/secrets/Db/{VERSION.hex()}"
    assert key(FULL).id == f"{base}/keys/Sign/{VERSION.hex()}"
    assert secret(FULL, None).id == f"{base}/secrets/Db"
    assert secret(FULL, None).version is None


@pytest.mark.parametrize(
    ("days", "protected", "level"),
    [
        (90, False, "Recoverable+Purgeable"),
        (90, True, "Recoverable"),
        (89, False, "CustomizedRecoverable+Purgeable"),
        (7, True, "CustomizedRecoverable"),
    ],
)
def test_the_recovery_level_has_key_vaults_name(days: int, protected: bool, level: str) -> None:
    """By retention and purge protection."""
    home = Home("https://app.vault.localhost", days, protected)
    assert SecretProperties(home, "Db", VERSION, BARE).recovery_level == home.recovery_level == level


@pytest.mark.parametrize("attributes", [FULL, BARE], ids=["full", "bare"])
@pytest.mark.parametrize("make", [secret, key])
def test_a_dictionary_has_every_public_property_for_json(make: Any, attributes: list[Any]) -> None:
    """None is left out but the vault's URL, which the id has; times are ISO 8601 and read back the same."""
    told: Properties = make(attributes)
    shown = json.loads(json.dumps(told.to_dict()))
    public = {name for name in dir(told) if not name.startswith("_")} - {"to_dict", "vault_url"}
    assert set(shown) == public
    for name in public:
        value = getattr(told, name)
        if isinstance(value, datetime):
            assert shown[name].endswith("Z")
            assert datetime.fromisoformat(shown[name]) == value
        else:
            assert shown[name] == (list(value) if isinstance(value, tuple) else value)


def test_a_keys_properties_tell_what_it_is() -> None:
    """Type, size or curve, operations in a tuple, exportability."""
    told = key(FULL)
    assert (told.kty, told.size, told.curve) == ("EC", None, "P-256")
    assert (told.operations, told.exportable) == (("sign", "verify"), True)
    flat = KeyProperties(HOME, "k", None, BARE, ["oct", 256, None, [], False])
    assert (flat.kty, flat.size, flat.curve, flat.operations, flat.exportable) == (
        "oct",
        256,
        None,
        (),
        False,
    )


@pytest.mark.parametrize("told", [secret(FULL), key(FULL)], ids=["secret", "key"])
def test_nobody_can_change_them(told: Any) -> None:
    """No property can be set, nothing can be added, and what is handed out is a copy."""
    for name in ("name", "enabled", "tags", "expires_on", "anything"):
        with pytest.raises(AttributeError):
            setattr(told, name, None)
    told.tags["x"] = "y"
    told.to_dict()["tags"]["x"] = "y"
    assert told.tags == {"a": "b"}


def test_a_repr_tells_which_and_no_tags() -> None:
    """Enough to know the object by."""
    assert repr(secret(FULL)) == f"SecretProperties(id='{secret(FULL).id}', enabled=True)"
    assert repr(key(BARE, None)) == "KeyProperties(id='https://app.vault.localhost/keys/Sign', enabled=False)"


def test_a_deleted_object_tells_its_times() -> None:
    """Beside all that it was."""
    gone = Deleted(key(FULL), NOW, NOW + 86_400_000_000)
    assert gone.name == "Sign"
    assert gone.scheduled_purge_date - gone.deleted_on == timedelta(days=1)
    assert gone.recovery_id == "https://app.vault.localhost/deletedkeys/Sign"
    assert json.loads(json.dumps(gone.to_dict())) == key(FULL).to_dict() | {
        "recovery_id": gone.recovery_id,
        "deleted_on": "2026-01-01T00:00:00.000001Z",
        "scheduled_purge_date": "2026-01-02T00:00:00.000001Z",
    }
    assert repr(gone) == (
        f"Deleted(recovery_id='{gone.recovery_id}', scheduled_purge_date=2026-01-02T00:00:00.000001Z)"
    )
