"""What an object has on the agenda, by its head alone; and how its policy is stored."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from localvault import LifetimeAction, RotationPolicy
from localvault.agenda import EXPIRED, NEAR_EXPIRY, PURGE, ROTATE, Due
from localvault.lifecycle.head import Head
from localvault.lifecycle.schedule import (
    ROTATION,
    after_recovery,
    decode_policy,
    encode_policy,
    is_whole,
    schedule,
    with_policy,
)
from localvault.model.clock import DAY, from_datetime

KEY = b"k" + bytes(range(16))
CREATED = from_datetime(datetime(2026, 1, 1, tzinfo=UTC), "a time") or 0
RETRY = CREATED + 100 * DAY
ROTATE_AFTER = RotationPolicy(None, [LifetimeAction("Rotate", "P90D")])
ROTATE_BEFORE = RotationPolicy("P1Y", [LifetimeAction("Rotate", None, "P60D")])
NOTIFY = RotationPolicy(None, [LifetimeAction("Notify", None, "P10D")])


def head(
    policy: RotationPolicy | None = None, expires: int | None = None, *, retry: int | None = None, **more: Any
) -> Head:
    """A head with a policy, whose current version expires so many days after it was made."""
    settings: dict[str, Any] = {"generator": "another room's"}
    if policy is not None:
        stored = encode_policy(policy, CREATED, None)
        assert stored is not None
        settings[ROTATION] = stored if retry is None else stored | {"retry": retry}
    expires_on = None if expires is None else CREATED + expires * DAY
    attributes = [True, None, expires_on, CREATED, CREATED, None, None]
    return Head("It", bytes(16), attributes, None, settings=settings, **more)


@pytest.mark.parametrize(
    ("found", "entries"),
    [
        (head(), []),
        (head(ROTATE_AFTER), [(90, ROTATE)]),
        (head(ROTATE_AFTER, retry=RETRY), [(100, ROTATE)]),
        (head(ROTATE_AFTER, retry=CREATED), [(90, ROTATE)]),
        (head(ROTATE_AFTER, 50), [(90, ROTATE), (20, NEAR_EXPIRY), (50, EXPIRED)]),
        (head(ROTATE_BEFORE), []),
        (head(ROTATE_BEFORE, 365), [(305, ROTATE), (335, NEAR_EXPIRY), (365, EXPIRED)]),
        (head(NOTIFY, 365), [(355, NEAR_EXPIRY), (365, EXPIRED)]),
        (head(NOTIFY), []),
        (head(None, 365), [(335, NEAR_EXPIRY), (365, EXPIRED)]),
        (head(None, 10), [(-20, NEAR_EXPIRY), (10, EXPIRED)]),
        (head(ROTATE_AFTER, 365, deleted_on=CREATED, purge_on=CREATED + 90 * DAY), [(90, PURGE)]),
    ],
)
def test_a_head_says_what_falls_due(found: Head, entries: list[tuple[int, bytes]]) -> None:
    """Purged if it is deleted; else rotated by its policy, its expiry announced 30 days before or as that says."""
    assert schedule(KEY, found) == tuple(
        Due(CREATED + days * DAY, KEY[:1], KEY[1:], action) for days, action in entries
    )


def test_after_a_recovery_past_notices_are_not_entered() -> None:
    """A rotation is, however late; of notices those that lie after the deletion."""
    entries = schedule(KEY, head(ROTATE_AFTER, 50))
    days = [
        [due.time // DAY - CREATED // DAY for due in after_recovery(entries, CREATED + n * DAY)]
        for n in (19, 20, 50)
    ]
    assert days == [[90, 20, 50], [90, 50], [90]]


@pytest.mark.parametrize("policy", [ROTATE_AFTER, ROTATE_BEFORE, NOTIFY, RotationPolicy("P1Y")])
def test_a_policy_comes_back_from_its_stored_form(policy: RotationPolicy) -> None:
    """With its URL, when it was first set, and when last."""
    stored = encode_policy(policy, CREATED, None)
    later = encode_policy(policy, RETRY, stored)
    told = decode_policy(later, "https://v/keys/It/rotationpolicy")
    assert told == policy
    assert (told.id, told.to_dict()["attributes"]["updated"]) == (
        "https://v/keys/It/rotationpolicy",
        RETRY // 1_000_000,
    )
    assert told.created_on == datetime(2026, 1, 1, tzinfo=UTC)
    assert is_whole(stored)
    assert is_whole(later)


def test_a_policy_that_asks_for_nothing_is_not_stored() -> None:
    """And an object without one has Key Vault's default, which nobody has set."""
    assert encode_policy(RotationPolicy(), CREATED, None) is None
    default = decode_policy(None, "url")
    assert default == RotationPolicy(None, [LifetimeAction("Notify", None, "P30D")])
    assert (default.created_on, default.updated_on) == (None, None)


def test_another_policy_leaves_other_settings_alone() -> None:
    """And a head without any has none."""
    before = head(ROTATE_AFTER)
    assert with_policy(before, None).settings == {"generator": "another room's"}
    bare = Head("It", bytes(16), before.attributes, None, settings={ROTATION: {}})
    assert with_policy(bare, None).settings is None
    assert before.settings is not None
    assert ROTATION in before.settings


STORED: dict[str, Any] = encode_policy(ROTATE_BEFORE, CREATED, None) or {}


@pytest.mark.parametrize(
    "stored",
    [
        *(5, [], "x", {}, {**STORED, "more": 1}, {**STORED, "expires_in": "soon"}, {**STORED, "expires_in": 5}),
        *({**STORED, "created": None}, {**STORED, "updated": "x"}),
        *({**STORED, "retry": 1 << 80}, {**STORED, "retry": True}),
        *({**STORED, "actions": each} for each in (None, [5], [["Rotate"]], [["Rotate", "P90D"]])),
        *({**STORED, "actions": [["rotate", "P90D", None]]}, {**STORED, "actions": [], "expires_in": None}),
        # What would make itself due for ever.
        {**STORED, "actions": [["Rotate", None, "P2Y"]]},
    ],
)  # fmt: skip
def test_what_no_policy_is_stored_as_is_not_whole(stored: Any) -> None:
    """Whoever has a transfer passphrase can put anything into a backup."""
    assert not is_whole(stored)


def test_no_policy_is_whole() -> None:
    """Most objects have none."""
    assert is_whole(None)
