"""Rotation policies: Key Vault's rules as data, its JSON form, and objects that do not change."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from localvault import BadParameter, LifetimeAction, RotationPolicy
from localvault.model.policy import check

DEFAULTS = {"rotation_minimum_days": 7, "expiry_minimum_days": 28}
RULES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "rotation_rules.json").read_text(encoding="utf-8")
)["rules"]


def cases(which: str) -> list[Any]:
    """The policies of the data file, each with its rule's settings."""
    found = [
        pytest.param(policy, rule.get("settings", DEFAULTS), id=f"{rule['rule']} {number}")
        for rule in RULES
        for number, policy in enumerate(rule[which])
    ]
    assert len(found) > 20, "the data file is nearly empty"
    return found


@pytest.mark.parametrize(("document", "settings"), cases("accepted"))
def test_a_policy_that_keeps_the_rules_is_accepted(document: Any, settings: dict[str, int]) -> None:
    """And comes back from the JSON form as it went there, its durations as they were written."""
    policy = RotationPolicy.from_dict(document)
    check(policy, **settings)
    again = RotationPolicy.from_dict(json.loads(json.dumps(policy.to_dict())))
    assert (again, again.to_dict()) == (policy, policy.to_dict())
    told = json.dumps(policy.to_dict())
    for text in _durations(document):
        assert f'"{text}"' in told


@pytest.mark.parametrize(("document", "settings"), cases("refused"))
def test_a_policy_that_breaks_a_rule_is_refused(document: Any, settings: dict[str, int]) -> None:
    """When it is read, or when it is held against the vault's minimum intervals."""
    with pytest.raises(BadParameter):
        check(RotationPolicy.from_dict(document), **settings)


def test_every_rule_has_a_source_and_an_example() -> None:
    """The data file tells where each rule is from."""
    assert all(rule["rule"] and rule["source"] and rule["accepted"] for rule in RULES)


def _durations(document: Any) -> list[str]:
    if isinstance(document, dict):
        return [text for value in document.values() for text in _durations(value)]
    if isinstance(document, list):
        return [text for value in document for text in _durations(value)]
    return [document] if isinstance(document, str) and document.startswith("P") else []


def test_a_policy_is_made_with_the_names_of_the_azure_sdk() -> None:
    """Durations as text or timedelta; each part can be read back."""
    rotate = LifetimeAction("rotate", time_after_create=timedelta(days=90))
    notify = LifetimeAction("Notify", time_before_expiry="P30D")
    policy = RotationPolicy(expires_in="P2Y", lifetime_actions=[rotate, notify])
    assert (policy.expires_in, policy.lifetime_actions) == ("P2Y", (rotate, notify))
    assert (rotate.action, rotate.time_after_create, rotate.time_before_expiry) == ("Rotate", "P90D", None)
    assert (notify.action, notify.time_after_create, notify.time_before_expiry) == ("Notify", None, "P30D")
    assert (policy.id, policy.created_on, policy.updated_on, policy.is_empty) == (None, None, None, False)
    assert policy.action("Rotate") is rotate
    assert RotationPolicy().action("Rotate") is None
    assert RotationPolicy().is_empty
    assert not RotationPolicy("P90D").is_empty


def test_a_policy_is_told_in_key_vaults_form() -> None:
    """Times in seconds since 1970, what is not there left out."""
    policy = RotationPolicy("P90D", [LifetimeAction("Rotate", "P30D")])
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    assert policy.told(
        "https://v/keys/k/rotationpolicy", moment, moment + timedelta(seconds=1)
    ).to_dict() == {
        "id": "https://v/keys/k/rotationpolicy",
        "lifetimeActions": [{"trigger": {"timeAfterCreate": "P30D"}, "action": {"type": "Rotate"}}],
        "attributes": {"expiryTime": "P90D", "created": 1767225600, "updated": 1767225601},
    }
    assert RotationPolicy().to_dict() == {"lifetimeActions": [], "attributes": {}}


def test_policies_that_ask_for_the_same_are_equal() -> None:
    """Whatever their order, and whenever they were set; and they have one hash."""
    rotate, notify = LifetimeAction("Rotate", "P90D"), LifetimeAction("Notify", None, "P30D")
    first, second = RotationPolicy("P1Y", [rotate, notify]), RotationPolicy("P1Y", [notify, rotate])
    told = first.told("https://v/keys/k/rotationpolicy", datetime.now(UTC), None)
    assert first == second == told
    assert hash(first) == hash(second) == hash(told)
    others: list[object] = [
        RotationPolicy("P2Y", [rotate, notify]),
        RotationPolicy("P1Y", [rotate]),
        None,
        "P1Y",
    ]
    assert all(first != other for other in others)
    assert rotate != LifetimeAction("Rotate", "P91D")
    assert len({rotate, LifetimeAction("Rotate", "P90D"), notify}) == 2


@pytest.mark.parametrize("name", ["expires_in", "lifetime_actions", "id", "created_on", "updated_on"])
def test_a_policy_does_not_change(name: str) -> None:
    """Nor has it room for anything else."""
    policy: Any = RotationPolicy("P1Y")
    action: Any = LifetimeAction("Rotate", "P90D")
    with pytest.raises(AttributeError):
        setattr(policy, name, None)
    with pytest.raises(AttributeError):
        policy.other = 1
    with pytest.raises(AttributeError):
        action.action = "Notify"


def test_repr_says_how_to_make_it_again() -> None:
    """There is nothing to hide in a policy."""
    policy = RotationPolicy("P1Y", [LifetimeAction("Rotate", "P90D"), LifetimeAction("Notify", None, "P30D")])
    assert eval(repr(policy)) == policy  # noqa: S307  what it evaluates was made above


@pytest.mark.parametrize(
    "actions", [5, "Rotate", ["Rotate"], [None], LifetimeAction("Rotate", "P90D"), {"a": 1}]
)
def test_what_are_no_actions_is_refused(actions: Any) -> None:
    """With an error that says what they are."""
    with pytest.raises(BadParameter, match="lifetime_actions"):
        RotationPolicy(None, actions)


@pytest.mark.parametrize("action", [None, 5, b"Rotate", "", "Rotate "])
def test_what_is_no_action_is_refused(action: Any) -> None:
    """Also what is not text."""
    with pytest.raises(BadParameter, match="Rotate"):
        LifetimeAction(action, "P90D")
