"""The agenda at work: keys get new versions, expiries are told, failures stand in nobody's way, each thing once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import localvault
from localvault import BadParameter, Event, Generator, LifetimeAction, RotationPolicy, Tampered, Vault
from localvault.lifecycle.due import Entry
from localvault.operations import KEY_GET
from localvault.store.layout import Table
from localvault.testing.clock import FixedClock
from tests.support.refusals import events, held, size, unchanged

EVERY_90 = RotationPolicy(None, [LifetimeAction("Rotate", "P90D")])
START = datetime(2026, 1, 1, tzinfo=UTC)
NOTICES = {"near-expiry": "NearExpiryEventGridNotification", "expired": "ExpiredEventGridNotification"}


def key(vault: Vault, name: str, policy: RotationPolicy = EVERY_90, **more: Any) -> str:
    """Make a key with a policy; returns its version."""
    made = vault.keys.create(name, "oct", **more)
    vault.keys.set_rotation_policy(name, policy)
    return str(made.version)


def versions(vault: Vault, name: str) -> list[Any]:
    """The versions of a key, the oldest first."""
    return list(vault.keys.versions(name))


def told(vault: Vault, since: int) -> list[tuple[str, str, str, str | None]]:
    """What the events from `since` on say, without looks at the agenda and its runs."""
    found = [
        event for event in events(vault, since) if not event.operation.startswith(("Agenda", "Key" + "List"))
    ]
    return [(event.operation, event.target, event.result, event.code) for event in found]


def test_a_key_is_rotated_when_its_policy_says(vault: Vault, clock: FixedClock) -> None:
    """Not a microsecond before; with an event of its own that names the new version; and again after as long."""
    first = key(vault, "Orders")
    token = vault.crypto("orders").seal(b"text")
    clock.move(microseconds=timedelta(days=90) // timedelta(microseconds=1) - 1)
    with unchanged(vault):
        assert vault.agenda.run_due() == []
    clock.move(microseconds=1)
    before = size(vault)
    assert vault.agenda.run_due() == [Entry("rotate", "/keys/Orders", START + timedelta(days=90))]
    found = [event for event in events(vault, before) if event.operation == "KeyRotateIfDue"]
    second = vault.keys.get("orders").version
    assert [(event.target, event.version, event.result) for event in found] == [
        ("/keys/Orders", second, "Success")
    ]
    assert [each.version for each in versions(vault, "orders")] == [first, second]
    assert vault.crypto("orders").open(token) == b"text"
    assert [entry.due_on for entry in vault.agenda.upcoming()] == [clock.now + timedelta(days=90)]
    with unchanged(vault):
        assert vault.agenda.run_due() == []
    assert vault.check() == []


@pytest.mark.parametrize("kty", ["RSA", "EC", "oct", "OKP"])
def test_a_key_of_every_type_is_rotated_to_its_like(vault: Vault, clock: FixedClock, kty: str) -> None:
    """Type, operations, tags and exportability stay; the material is new."""
    made = vault.keys.create("a", kty, tags={"a": "b"}, exportable=True)
    vault.keys.set_rotation_policy("a", EVERY_90)
    clock.move(days=90)
    assert len(vault.agenda.run_due()) == 1
    again = vault.keys.get("a")
    same = ("kty", "size", "curve", "operations", "exportable", "tags", "enabled")
    assert [getattr(again.properties, each) for each in same] == [
        getattr(made.properties, each) for each in same
    ]
    if kty != "oct":
        assert again.public_der() != made.public_der()
    assert again.properties.created == clock.now


@pytest.mark.parametrize(
    ("expires_in", "lifetime", "expected"),
    [
        ("P1Y", 200, timedelta(days=365)),
        (None, 200, timedelta(days=200)),
        ("P1Y", None, timedelta(days=365)),
        (None, None, None),
    ],
)
@pytest.mark.parametrize("by", ["hand", "hand in bulk", "agenda"])
def test_a_new_version_lives_as_long_as_the_policy_says(
    vault: Vault,
    clock: FixedClock,
    by: str,
    expires_in: str | None,
    lifetime: int | None,
    expected: timedelta | None,
) -> None:
    """Or, if it does not say, as long as the old one was made to live; the old one keeps its expiry."""
    expires_on = None if lifetime is None else clock.now + timedelta(days=lifetime)
    key(vault, "a", RotationPolicy(expires_in, [LifetimeAction("Rotate", "P90D")]), expires_on=expires_on)
    clock.move(days=90)
    if by == "hand":
        vault.keys.rotate("a")
    elif by == "hand in bulk":
        vault.keys.rotate_many(["a"])
    else:
        assert "rotate" in [entry.action for entry in vault.agenda.run_due()]
    old, new = versions(vault, "a")
    assert old.expires_on == expires_on
    assert new.expires_on == (None if expected is None else clock.now + expected)
    assert vault.keys.rotation_policy("a").expires_in == expires_in
    assert vault.check() == []


def test_a_rotation_before_the_expiry_waits_for_one(vault: Vault, clock: FixedClock) -> None:
    """A key without an expiry is left alone until it gets one; then each new version has its own."""
    key(vault, "a", RotationPolicy("P100D", [LifetimeAction("Rotate", None, "P40D")]))
    clock.move(days=1000)
    assert vault.agenda.run_due() == vault.agenda.upcoming() == []
    vault.keys.update("a", expires_on=clock.now + timedelta(days=10))
    assert [entry.action for entry in vault.agenda.run_due()] == ["rotate"]
    assert vault.keys.get("a").properties.expires_on == clock.now + timedelta(days=100)
    clock.move(days=60)
    assert [entry.action for entry in vault.agenda.run_due()] == ["rotate"]


@pytest.mark.parametrize("room", ["keys", "secrets"])
def test_an_expiry_is_told_before_and_when_it_comes(vault: Vault, clock: FixedClock, room: str) -> None:
    """30 days before, and on the day; each once, as an event of the current version."""
    expires_on = clock.now + timedelta(days=100)
    made: Any = (
        vault.keys.create("It", "oct", expires_on=expires_on)
        if room == "keys"
        else vault.secrets.set("It", "v", expires_on=expires_on)
    )
    noun = {"keys": "Key", "secrets": "Secret"}[room]
    for days, action in ((70, "near-expiry"), (30, "expired")):
        clock.move(days=days)
        before = size(vault)
        assert vault.agenda.run_due() == [Entry(action, f"/{room}/It", clock.now)]
        found: list[Event] = [event for event in events(vault, before) if "EventGrid" in event.operation]
        assert [(event.operation, event.target, event.version) for event in found] == [
            (noun + NOTICES[action], f"/{room}/It", made.version)
        ]
        with unchanged(vault):
            assert vault.agenda.run_due() == []
        assert vault.check() == []
    assert vault.agenda.upcoming() == []


def test_what_has_been_told_is_not_told_again(vault: Vault, clock: FixedClock) -> None:
    """Writing the head again does not bring it back; another expiry does."""
    vault.keys.create("a", "oct", expires_on=clock.now + timedelta(days=20))
    assert [entry.action for entry in vault.agenda.run_due()] == ["near-expiry"]
    vault.keys.update("a", tags={"a": "b"})
    vault.keys.set_rotation_policy("a", EVERY_90)
    assert [entry.action for entry in vault.agenda.run_due()] == []
    vault.keys.update("a", expires_on=clock.now + timedelta(days=10))
    assert [entry.action for entry in vault.agenda.run_due()] == ["near-expiry"]
    vault.keys.set_rotation_policy("a", RotationPolicy(None, [LifetimeAction("Notify", None, "P7D")]))
    clock.move(days=3)
    assert [entry.action for entry in vault.agenda.run_due()] == ["near-expiry"]


def test_only_the_current_version_counts(vault: Vault, clock: FixedClock) -> None:
    """A new version takes the old one's notices off, and a changed old one enters none."""
    old = vault.secrets.set("a", "one", expires_on=clock.now + timedelta(days=100))
    vault.secrets.set("a", "two")
    assert vault.agenda.upcoming() == []
    vault.secrets.update("a", old.version, expires_on=clock.now + timedelta(days=50))
    assert vault.agenda.upcoming() == []
    vault.secrets.set("b", "one", expires_on=clock.now + timedelta(days=100))
    vault.secrets.set_many({"b": "two", "c": "three"})
    assert vault.agenda.upcoming() == []
    assert vault.check() == []


def test_a_rotation_takes_the_old_versions_notices_with_it(vault: Vault, clock: FixedClock) -> None:
    """Also those that fell due while nobody ran the agenda, but after the rotation did."""
    policy = RotationPolicy(
        "P100D", [LifetimeAction("Rotate", "P60D"), LifetimeAction("Notify", None, "P50D")]
    )
    key(vault, "a", policy, expires_on=clock.now + timedelta(days=100))
    clock.move(days=300)
    assert [entry.action for entry in vault.agenda.run_due()] == ["near-expiry", "rotate"]
    assert [entry.due_on - clock.now for entry in vault.agenda.upcoming()] == [
        timedelta(days=n) for n in (50, 60, 100)
    ]
    assert vault.agenda.run_due() == []
    assert vault.check() == []


def test_a_deleted_key_is_not_rotated_and_rotated_when_it_comes_back(vault: Vault, clock: FixedClock) -> None:
    """Its notices from before the deletion are over; those from after it are told."""
    key(vault, "a", expires_on=clock.now + timedelta(days=120))
    clock.move(days=80)
    vault.keys.delete("a")
    clock.move(days=20)
    assert vault.agenda.run_due() == []
    vault.keys.recover("a")
    assert [entry.action for entry in vault.agenda.upcoming()] == ["near-expiry", "rotate", "expired"]
    vault.keys.delete("a")
    clock.move(days=30)
    vault.keys.recover("a")
    assert [entry.action for entry in vault.agenda.upcoming()] == ["rotate", "expired"]
    assert [entry.action for entry in vault.agenda.run_due()] == ["rotate"]
    assert vault.check() == []


FAILS: dict[str, tuple[Callable[[Vault], object], str]] = {
    "disabled": (lambda vault: vault.keys.update("bad", enabled=False), "KeyDisabled"),
    "public": (
        lambda vault: vault.keys.import_("bad", vault.keys.create("whole", "EC").public_pem()),
        "BadParameter",
    ),
}


@pytest.mark.parametrize(("spoil", "code"), FAILS.values(), ids=FAILS)
def test_a_rotation_that_fails_stands_in_nobodys_way(
    vault: Vault, clock: FixedClock, spoil: Callable[[Vault], object], code: str
) -> None:
    """It is told as a failure, changes nothing, is due again an hour later, and is done once it can be."""
    key(vault, "bad")
    key(vault, "good")
    spoil(vault)
    count = len(versions(vault, "bad"))
    clock.move(days=91)
    before = size(vault)
    assert [entry.target for entry in vault.agenda.run_due()] == ["/keys/good"]
    assert ("KeyRotateIfDue", "/keys/bad", "Failure", code) in told(vault, before)
    assert len(versions(vault, "bad")) == count
    again = [
        entry for entry in vault.agenda.upcoming() if entry.target == "/keys/bad" and entry.action == "rotate"
    ]
    assert [entry.due_on for entry in again] == [clock.now + timedelta(hours=1)]
    with unchanged(vault):
        assert vault.agenda.run_due() == []
    clock.move(hours=1)
    assert vault.agenda.run_due() == []
    assert vault.check() == []
    clock.move(hours=1)
    vault.keys.create("bad", "oct")
    vault.keys.update("bad", enabled=True)
    clock.move(days=90)
    assert "/keys/bad" in [entry.target for entry in vault.agenda.run_due()]
    _, head = vault._parts.door.read(
        KEY_GET, "/keys/bad", lambda call, records: vault.keys._objects.find(records, "bad")
    )
    assert "retry" not in (head.settings or {})["rotation"]


def test_a_key_that_is_enabled_again_is_rotated_at_the_next_try(vault: Vault, clock: FixedClock) -> None:
    """Within the hour; its policy has not forgotten it."""
    key(vault, "a")
    vault.keys.update("a", enabled=False)
    clock.move(days=90)
    vault.agenda.run_due()
    vault.keys.update("a", enabled=True)
    clock.move(minutes=60)
    assert [entry.target for entry in vault.agenda.run_due()] == ["/keys/a"]
    assert vault.keys.get("a").properties.enabled


def test_a_secret_is_rotated_by_what_makes_its_values(vault: Vault, clock: FixedClock) -> None:
    """And whatever that raises is a failure of this secret alone; without it no policy rotates a secret."""
    vault.secrets.set("db", "one", content_type="text", tags={"a": "b"})
    vault.secrets.set("odd", "one")
    with unchanged(vault), pytest.raises(BadParameter):
        vault.secrets.set_rotation_policy("db", EVERY_90)

    def make(name: str, properties: object) -> str:
        return "two" if name == "db" else str(1 / 0)

    vault.secrets.register("app", make)
    for name in ("db", "odd"):
        vault.secrets.set_generator(name, Generator.named("app"))
    assert vault.secrets.set_rotation_policies(["db", "odd"], EVERY_90) == 2
    clock.move(days=90)
    before = size(vault)
    assert [entry.target for entry in vault.agenda.run_due()] == ["/secrets/db"]
    found = vault.secrets.get("db")
    assert (found.value, found.properties.content_type, found.properties.tags) == ("two", "text", {"a": "b"})
    assert vault.secrets.get("odd").value == "one"
    assert sorted(each[1:] for each in told(vault, before) if each[0] == "SecretRotateIfDue") == [
        ("/secrets/db", "Success", None),
        ("/secrets/odd", "Failure", "GeneratorFailed"),
    ]
    with unchanged(vault), pytest.raises(BadParameter):
        vault.secrets.set_generator("db", None)
    vault.secrets.register("app", None)
    clock.move(days=90)
    assert vault.agenda.run_due() == []
    assert vault.secrets.get("db").value == "two"


def test_an_object_that_cannot_be_read_is_told_when_all_else_is_done(vault: Vault, clock: FixedClock) -> None:
    """Its entry stays: nobody knows what it says."""
    for name in ("a", "b", "c"):
        key(vault, name)
    place = (Table.OBJECTS, vault.keys._objects.key("b"))
    with vault._parts.store.write() as txn:
        record = txn.get(*place)
        assert record is not None
        txn.put(*place, record[:-1] + bytes([record[-1] ^ 1]))
    clock.move(days=90)
    with pytest.raises(Tampered):
        vault.agenda.run_due()
    assert [len(versions(vault, name)) for name in ("a", "c")] == [2, 2]
    with vault._parts.store.write() as txn:
        txn.put(*place, record)
    assert [entry.target for entry in vault.agenda.run_due()] == ["/keys/b"]


def test_many_are_rotated_in_parts_and_each_is_told(vault: Vault, clock: FixedClock) -> None:
    """More than one transaction takes; each with its version, and each only once."""
    names = [f"k{number}" for number in range(600)]
    with vault.batch():
        for name in names:
            vault.keys.create(name, "oct", size=128)
    assert vault.keys.set_rotation_policies(names, EVERY_90) == 600
    clock.move(days=90)
    before = size(vault)
    assert sorted(entry.target for entry in vault.agenda.run_due()) == sorted(
        f"/keys/{name}" for name in names
    )
    found = [event for event in events(vault, before) if event.operation == "KeyRotateIfDue"]
    current = {f"/keys/{name}": vault.keys.get(name).version for name in names}
    assert {event.target: event.version for event in found} == current
    assert len(found) == 600
    assert vault.audit.verify().size > 0
    assert vault.check() == []


def test_rotated_together_is_as_rotated_one_by_one(vault: Vault, clock: FixedClock) -> None:
    """The agenda's bulk way leaves the same records as `rotate` by hand, but for ids and material."""
    policy = RotationPolicy(
        "P100D", [LifetimeAction("Rotate", "P50D"), LifetimeAction("Notify", None, "P20D")]
    )
    for name in ("by-hand", "by-agenda"):
        key(vault, name, policy, tags={"a": "b"}, expires_on=clock.now + timedelta(days=60))
    clock.move(days=50)
    due = vault.agenda.run_due(clock.now - timedelta(seconds=1))
    assert {entry.action for entry in due} == {"near-expiry"}
    vault.keys.rotate("by-hand")
    assert [entry.target for entry in vault.agenda.run_due()] == ["/keys/by-agenda"]
    hand, run = ([each.to_dict() for each in versions(vault, name)] for name in ("by-hand", "by-agenda"))
    for each in (*hand, *run):
        del each["id"], each["name"], each["version"]
    assert hand == run
    coming = [
        (entry.action, entry.due_on) for entry in vault.agenda.upcoming() if entry.target == "/keys/by-hand"
    ]
    assert coming == [(e.action, e.due_on) for e in vault.agenda.upcoming() if e.target == "/keys/by-agenda"]
    sizes = {len(record) for (table, _), record in held(vault).items() if table == Table.OBJECTS}
    assert sizes == {min(sizes), min(sizes) + len("by-agenda") - len("by-hand")}


def test_a_restored_object_has_its_agenda(vault: Vault, clock: FixedClock, tmp_path: Any) -> None:
    """The policy travels in the backup, into another vault too, and what it says is entered there."""
    policy = RotationPolicy("P1Y", [LifetimeAction("Rotate", "P90D"), LifetimeAction("Notify", None, "P40D")])
    key(vault, "a", policy, expires_on=clock.now + timedelta(days=365))
    vault.secrets.set("s", "v", expires_on=clock.now + timedelta(days=365))
    blobs = [vault.keys.backup("a", passphrase="p"), vault.secrets.backup("s", passphrase="p")]
    expected = vault.agenda.upcoming()
    assert len(expected) == 5
    with localvault.create(tmp_path / "w", passphrase="other", name="other", clock=clock) as other:
        other.keys.restore(blobs[0], passphrase="p")
        other.secrets.restore(blobs[1], passphrase="p")
        assert other.agenda.upcoming() == expected
        assert other.keys.rotation_policy("a") == policy
        clock.move(days=90)
        assert [entry.action for entry in other.agenda.run_due()] == ["rotate"]
        assert other.check() == []


def test_upcoming_by_time_and_by_number(vault: Vault, clock: FixedClock) -> None:
    """What is due by a moment, or the next few, however far off; a wrong limit is refused."""
    for days in (10, 400, 4000):
        vault.secrets.set(f"in-{days}", "v", expires_on=clock.now + timedelta(days=days))
    every = vault.agenda.upcoming()
    assert len(every) == 6
    for limit in range(8):
        assert vault.agenda.upcoming(limit=limit) == every[:limit]
    until = clock.now + timedelta(days=400)
    assert vault.agenda.upcoming(until) == [entry for entry in every if entry.due_on <= until]
    assert vault.agenda.upcoming(until, 1) == every[:1]
    for wrong in ({"limit": -1}, {"until": datetime(2030, 1, 1)}, {"until": "soon"}):
        with pytest.raises(BadParameter):
            vault.agenda.upcoming(**wrong)  # type: ignore[arg-type]


def test_a_long_way_behind_is_caught_up_once(vault: Vault, clock: FixedClock) -> None:
    """Where nothing has been due for long, one write spares the next looks the hours gone by."""
    vault.secrets.set("a", "v", expires_on=clock.now + timedelta(days=1))
    vault.agenda.run_due()
    vault.secrets.set("a", "v")
    clock.move(days=60)
    assert vault.agenda.run_due() == []
    with unchanged(vault):
        assert vault.agenda.run_due() == []
    vault.secrets.set("b", "v", expires_on=clock.now - timedelta(days=50))
    assert [entry.action for entry in vault.agenda.run_due()] == ["near-expiry", "expired"]


def test_inside_a_batch_it_is_part_of_that(vault: Vault, clock: FixedClock) -> None:
    """And undone with it."""
    key(vault, "a")
    clock.move(days=90)

    def undone() -> None:
        with vault.batch():
            assert len(vault.agenda.run_due()) == 1
            assert len(versions(vault, "a")) == 2
            raise ZeroDivisionError

    with unchanged(vault), pytest.raises(ZeroDivisionError):
        undone()
    with vault.batch():
        assert len(vault.agenda.run_due()) == 1
    assert len(versions(vault, "a")) == 2
    assert vault.check() == []


def test_what_takes_long_to_make_is_kept_a_few_at_a_time(vault: Vault, clock: FixedClock) -> None:
    """A kill in the middle of many key pairs undoes a few of them, while symmetric keys go together."""
    for number in range(20):
        vault.keys.create(f"pair-{number}", "EC")
        vault.keys.create(f"same-{number}", "oct")
    names = [f"{kind}-{number}" for number in range(20) for kind in ("pair", "same")]
    vault.keys.set_rotation_policies(names, EVERY_90)
    clock.move(days=90)
    before = size(vault)
    assert len(vault.agenda.run_due()) == 40
    runs = [event.count for event in events(vault, before) if event.operation == "AgendaRun"]
    assert len(runs) == 2
    assert sum(runs) == 40
