"""Events, journal heads, problems and the token of export are plain values that cannot be changed."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from localvault.model.event import Event, TreeHead
from localvault.model.key_access import KEY_ACCESS, KeyAccess
from localvault.model.problem import Problem

EVENT = Event(
    sequence=7,
    time_us=1_767_225_600_000_001,
    operation="SecretGet",
    principal="owner",
    target="/secrets/db",
    version="0" * 32,
    result="Failure",
    code="SecretDisabled",
    duration_us=12,
    correlation_id=None,
    process="1@test",
    count=1,
    details={"algorithm": "RS256"},
)


def test_an_event_tells_its_time_in_both_forms() -> None:
    """As microseconds and as an aware datetime."""
    assert EVENT.time == datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC)


def test_an_event_is_json_with_every_field() -> None:
    """Under its own name, the time as text."""
    shown = json.loads(json.dumps(EVENT.to_dict()))
    fields = {field.name: getattr(EVENT, field.name) for field in dataclasses.fields(EVENT)}
    assert fields.pop("time_us")
    assert shown == fields | {"time": "2026-01-01T00:00:00.000001+00:00"}


def test_an_event_cannot_be_changed() -> None:
    """What happened, happened."""
    event: Any = EVENT
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.result = "Success"
    with pytest.raises((AttributeError, TypeError)):
        event.more = 1


def test_a_head_and_a_problem_are_json() -> None:
    """The root in hex."""
    assert TreeHead(3, b"\x01" * 32).to_dict() == {"size": 3, "root": "01" * 32}
    assert Problem("/secrets/db", "it is gone").to_dict() == {
        "place": "/secrets/db",
        "sentence": "it is gone",
    }


def test_the_token_of_export_is_of_its_type_alone() -> None:
    """A type of its own, with nothing in it that could be mistaken for it."""
    assert type(KEY_ACCESS) is KeyAccess
    assert not hasattr(KEY_ACCESS, "__dict__")
