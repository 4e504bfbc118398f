"""The journal through a vault: every filter gives exactly what fits, and no change behind its back is passed over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localvault import BadParameter, Event, SecretNotFound, Tampered, TreeHead, Vault
from localvault.journal.head import HEAD_KEY, JOURNAL, TREE
from localvault.store.protocol import WriteTxn
from localvault.testing.clock import FixedClock
from tests.support.told import told

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def busy(vault: Vault, clock: FixedClock) -> Vault:
    """A vault in which things were done at different times, some of them in vain."""
    for day in range(4):
        vault.secrets.set("db", f"{day}")
        vault.secrets.set("db-2", f"{day}")
        vault.secrets.get("DB")
        with pytest.raises(SecretNotFound):
            vault.secrets.get("none")
        clock.move(days=1)
    vault.keys.create("db", "oct")
    vault.crypto("db").seal_many([b"1", b"2"])
    return vault


def fits(event: Event, wanted: dict[str, Any]) -> bool:
    """What the documentation of `events` says, in plain words."""
    below = event.target.lower() + "/"
    return (
        wanted.get("operation") in (None, event.operation)
        and wanted.get("principal") in (None, event.principal)
        and wanted.get("result") in (None, event.result)
        and (wanted.get("since") is None or event.time >= wanted["since"])
        and (wanted.get("until") is None or event.time < wanted["until"])
        and (wanted.get("target") is None or below.startswith(wanted["target"].lower().rstrip("/") + "/"))
    )


times = st.none() | st.integers(-1, 5).map(lambda day: START + timedelta(days=day))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "operation": st.sampled_from(["SecretSet", "SecretGet", "KeySeal", "secretget", "None"]),
            "principal": st.sampled_from(["owner", "nobody"]),
            "target": st.sampled_from(
                ["/", "/secrets", "/secrets/", "/secrets/Db", "/keys/db", "/sec", "db"]
            ),
            "result": st.sampled_from(["Success", "Failure", "Denied"]),
            "since": times,
            "until": times,
        },
    ),
    st.none() | st.integers(0, 12),
    st.booleans(),
)
def test_filters_give_what_fits(
    busy: Vault, wanted: dict[str, Any], limit: int | None, reverse: bool
) -> None:
    """Every combination, in the order of the journal or the last first, at most so many; nothing more, nothing less."""
    found = list(busy.audit.events(**wanted, limit=limit, reverse=reverse))
    all_of_them = list(busy.audit.events())[:-1]
    expected = [event for event in all_of_them if fits(event, wanted)]
    assert found == (expected[::-1] if reverse else expected)[:limit]


def test_events_are_in_order_and_whole(busy: Vault) -> None:
    """Numbered from 0 without a gap; each can be shown as JSON, with its time and count."""
    events = list(busy.audit.events())
    assert [event.sequence for event in events] == list(range(len(events)))
    seal = next(event for event in events if event.operation == "KeySeal")
    assert (seal.target, seal.count, seal.time) == ("/keys/db", 2, START + timedelta(days=4))
    shown = seal.to_dict()
    assert shown["time"] == "2026-01-05T00:00:00+00:00"
    assert (shown["operation"], shown["version"]) == ("KeySeal", busy.keys.get("db").version)
    assert events[-1].operation == "AuditRead"


def test_a_name_is_found_however_it_was_spelt(busy: Vault) -> None:
    """Names compare without case, so nobody slips by a filter by asking for `DB`; the event keeps what was asked."""
    read = list(busy.audit.events("SecretGet", target="/secrets/db"))
    assert [event.target for event in read] == ["/secrets/DB"] * 4
    assert [event.target for event in busy.audit.events("KeyCreate", target="/KEYS/DB")] == ["/keys/db"]


def test_a_target_is_no_prefix_of_letters(busy: Vault) -> None:
    """`/secrets/db` is not above `/secrets/db-2`."""
    targets = {event.target for event in busy.audit.events("SecretSet", target="/secrets/db")}
    assert targets == {"/secrets/db"}


@pytest.mark.parametrize("name", ["since", "until"])
def test_a_time_needs_its_zone(vault: Vault, name: str) -> None:
    """`BadParameter` at once, and nothing is told."""
    moment: dict[str, Any] = {name: datetime(2026, 1, 1)}
    with told(vault) as events, pytest.raises(BadParameter, match=f"{name} has no time zone"):
        vault.audit.events(**moment)
    assert events == []


def test_reading_events_is_an_event(vault: Vault) -> None:
    """One for each call, whether it is iterated or not; it is among those it lists."""
    with told(vault) as events:
        vault.audit.events()
        assert next(vault.audit.events(reverse=True)).operation == "AuditRead"
        vault.audit.verify()
    assert [event.operation for event in events] == ["AuditRead", "AuditRead", "AuditVerify"]


def test_a_listing_is_of_the_moment_it_began(vault: Vault) -> None:
    """What is done while it is read is not in it, and does not disturb it."""
    listing = vault.audit.events()
    first = next(listing)
    vault.secrets.set("db", "value")
    rest = list(listing)
    assert [first.sequence, *(event.sequence for event in rest)] == list(range(1 + len(rest)))
    assert "SecretSet" not in [event.operation for event in rest]
    assert "SecretSet" in [event.operation for event in vault.audit.events()]


def test_no_event_holds_a_value(vault: Vault) -> None:
    """Neither a secret's, nor a plaintext, a signature or a token; the sealed journal not even names."""
    vault.secrets.set("hidden-name", "a secret value", tags={"tag": "a tag's value"})
    vault.secrets.get("hidden-name")
    vault.keys.create("data", "oct")
    crypto = vault.crypto("data")
    token = crypto.seal(b"a secret value", b"a secret context")
    crypto.open(token, b"a secret context")
    crypto.sign("HS256", b"a secret value")
    text = repr([event.to_dict() for event in vault.audit.events()])
    assert "hidden-name" in text
    for value in ("a secret", "a tag's", token.hex()):
        assert value not in text
    vault.close()
    for path in vault.path.iterdir():
        content = path.read_bytes()
        assert not any(word in content for word in (b"hidden-name", b"SecretGet", b"owner", b"a secret"))


def test_verify_tells_the_head(vault: Vault) -> None:
    """Its size is that of the journal before this very call, whose own event comes after; it grows."""
    head = vault.audit.verify()
    assert isinstance(head, TreeHead)
    assert (head.size, len(head.root)) == (len(list(vault.audit.events())) - 2, 32)
    after = vault.audit.verify()
    assert after.size == head.size + 2
    assert after.root != head.root


def runs(txn: WriteTxn) -> list[tuple[bytes, bytes]]:
    """The journal's records."""
    return list(txn.scan(JOURNAL))


def flip_event(txn: WriteTxn) -> None:
    """One bit of one record."""
    key, record = runs(txn)[3]
    txn.put(JOURNAL, key, record[:-1] + bytes([record[-1] ^ 1]))


def remove_event(txn: WriteTxn) -> None:
    """One in the middle."""
    txn.delete(JOURNAL, runs(txn)[3][0])


def remove_last(txn: WriteTxn) -> None:
    """The newest."""
    txn.delete(JOURNAL, runs(txn)[-1][0])


def remove_first(txn: WriteTxn) -> None:
    """That the vault was made."""
    txn.delete(JOURNAL, runs(txn)[0][0])


def swap(txn: WriteTxn) -> None:
    """Two change places."""
    (one, first), (two, second) = runs(txn)[2:4]
    txn.put(JOURNAL, one, second)
    txn.put(JOURNAL, two, first)


def beyond(txn: WriteTxn) -> bytes:
    """A place behind the last event, and behind the next few, which would be written over what stands there."""
    return (int.from_bytes(runs(txn)[-1][0]) + 50).to_bytes(8)


def repeat(txn: WriteTxn) -> None:
    """One stands there a second time, beyond the end."""
    txn.put(JOURNAL, beyond(txn), runs(txn)[-1][1])


def add(txn: WriteTxn) -> None:
    """One nobody has sealed."""
    txn.put(JOURNAL, beyond(txn), b"\x01" * 200)


def remove_head(txn: WriteTxn) -> None:
    """The record of how much there is."""
    txn.delete(TREE, HEAD_KEY)


def flip_head(txn: WriteTxn) -> None:
    """One bit of it."""
    record = txn.get(TREE, HEAD_KEY) or b""
    txn.put(TREE, HEAD_KEY, record[:-1] + bytes([record[-1] ^ 1]))


CHANGES = [
    flip_event,
    remove_event,
    remove_last,
    remove_first,
    swap,
    repeat,
    add,
    remove_head,
    flip_head,
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_to_the_journal_is_found(busy: Vault, change: Callable[[WriteTxn], None]) -> None:
    """`verify` raises `Tampered`, `check` names the place; put back as it was, all is well again."""
    store = busy._parts.store
    busy.audit.verify()
    list(busy.audit.events())  # folds everything, so that nothing is added to what was changed
    before = snapshot(busy)
    with store.write() as txn:
        change(txn)
    with pytest.raises(Tampered) as failed:
        busy.audit.verify()
    assert "journal" in failed.value.message or "head" in failed.value.message
    with store.write() as txn:
        for table in (JOURNAL, TREE):
            for key, _ in list(txn.scan(table)):
                txn.delete(table, key)
        for (table, key), record in before.items():
            txn.put(table, key, record)
    busy.audit.verify()
    assert busy.check() == []
    told = [(event.result, event.code) for event in busy.audit.events(operation="AuditVerify")]
    assert told[-2:] == [("Failure", "Tampered"), ("Success", None)]


def snapshot(vault: Vault) -> dict[tuple[int, bytes], bytes]:
    """The journal's tables as they are."""
    with vault._parts.store.read() as txn:
        return {(table, key): record for table in (JOURNAL, TREE) for key, record in txn.scan(table)}


@pytest.mark.parametrize("change", CHANGES)
def test_check_finds_a_change_to_the_journal_too(
    busy: Vault, change: Callable[[WriteTxn], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside whatever else is wrong, as a problem with a place."""
    list(busy.audit.events())
    monkeypatch.setattr(busy._parts.journal, "fold", lambda: None)
    with busy._parts.store.write() as txn:
        change(txn)
    problems = busy.check()
    assert problems
    assert any(problem.place.startswith("journal") for problem in problems)


def test_events_put_back_to_an_older_journal_are_found(busy: Vault) -> None:
    """All of its tables, as they were: the records of the vault are newer than the journal knows, and the note too."""
    list(busy.audit.events())
    before = snapshot(busy)
    busy.secrets.set("db", "newest")
    store = busy._parts.store
    with store.write() as txn:
        for place in snapshot(busy).keys() - before.keys():
            txn.delete(*place)
        for (table, key), record in before.items():
            txn.put(table, key, record)
    places = {problem.place for problem in busy.check()}
    assert "/secrets/db" in places
