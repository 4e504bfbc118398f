"""A notice is what Event Grid says of a Key Vault, in either envelope: held against the clients that read them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridEvent, SystemEventNames

from localvault.model.notice import EVENT_GRID_TYPES, TYPES, Notice, fields

TIME = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
URL = "https://app.vault.localhost"
VERSION = "019b76daa80070009dc35eefd6de6c0f"
DATA = fields(
    URL, "Secret", "db", path=f"/secrets/db/{VERSION}", version=VERSION, not_before=1, expires_on=2_000_001
)


def notice(type_: str = "SecretNearExpiry") -> Notice:
    """A notice of that type."""
    return Notice(type_, "00000000-0000-7000-8000-000000000001", TIME, "db", URL, DATA)


def test_the_data_are_event_grids_fields() -> None:
    """Names as documented, times in whole seconds since 1970, and None where there are none."""
    assert {
        "Id": f"{URL}/secrets/db/{VERSION}",
        "VaultName": "app",
        "ObjectType": "Secret",
        "ObjectName": "db",
        "Version": VERSION,
        "NBF": 0,
        "EXP": 2,
    } == DATA
    assert fields(URL, "Key", "k")["NBF"] is fields(URL, "Key", "k")["EXP"] is None


def test_the_types_are_those_event_grid_has() -> None:
    """What is said to be Event Grid's is in its client's own list; all that this has of keys and secrets is here."""
    listed = {name.value.removeprefix("Microsoft.KeyVault.") for name in SystemEventNames
              if name.value.startswith(("Microsoft.KeyVault.Key", "Microsoft.KeyVault.Secret"))}  # fmt: skip
    assert listed == EVENT_GRID_TYPES
    assert set(TYPES) > EVENT_GRID_TYPES
    assert len(set(TYPES)) == len(TYPES)


@pytest.mark.parametrize("type_", TYPES)
def test_only_types_of_event_grid_have_its_prefix(type_: str) -> None:
    """Ours have one of our own, in both envelopes."""
    prefix = "Microsoft.KeyVault." if type_ in EVENT_GRID_TYPES else "LocalVault."
    assert (
        notice(type_).to_event_grid()["eventType"] == notice(type_).to_cloudevent()["type"] == prefix + type_
    )


def test_azures_client_reads_the_cloudevent() -> None:
    """As `CloudEvent.from_dict` gives it back, from JSON."""
    read: Any = CloudEvent.from_dict(json.loads(json.dumps(notice().to_cloudevent())))
    assert (read.id, read.source, read.subject) == (notice().id, URL, "db")
    assert (read.type, read.time, read.specversion) == ("Microsoft.KeyVault.SecretNearExpiry", TIME, "1.0")
    assert read.data == DATA
    assert not read.extensions


def test_azures_client_reads_the_event_grid_event() -> None:
    """As `EventGridEvent.from_dict` gives it back, from JSON."""
    read: Any = EventGridEvent.from_dict(json.loads(json.dumps(notice().to_event_grid())))
    assert (read.id, read.topic, read.subject) == (notice().id, URL, "db")
    assert (read.event_type, read.event_time) == ("Microsoft.KeyVault.SecretNearExpiry", TIME)
    assert (read.data_version, read.metadata_version) == ("1", "1")
    assert read.data == DATA


def test_an_envelope_is_the_callers_own() -> None:
    """Changing it changes neither the notice nor what the next subscriber gets."""
    notice().to_cloudevent()["data"]["Id"] = notice().to_event_grid()["data"]["Id"] = "other"
    assert DATA["Id"] == f"{URL}/secrets/db/{VERSION}"
