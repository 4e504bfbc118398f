"""Subscribers are told of what was committed: all of it, nothing else, in order, and whatever other subscribers do."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import localvault
from localvault import BadParameter, Generator, Notice, Vault, VaultClosed, VaultForked
from localvault.model.notice import TYPES
from localvault.store.faults import Restart
from localvault.testing.clock import FixedClock
from tests.support.children import run


class Told:
    """A subscriber that remembers."""

    def __init__(self, vault: Vault, type_: str = "*") -> None:
        self.notices: list[Notice] = []
        self.subscription = vault.on(type_, self.notices.append)

    @property
    def short(self) -> list[tuple[str, str]]:
        """Types and subjects."""
        return [(notice.type, notice.subject) for notice in self.notices]


def furnish(vault: Vault) -> None:
    """Put a secret and a key there, and a deleted one of each."""
    for name in ("live", "gone"):
        vault.secrets.set(name, "v")
        vault.keys.create(name, "oct")
    vault.secrets.delete("gone")
    vault.keys.delete("gone")
    vault.secrets.set_generator("live", Generator.hex(16))


DOINGS: dict[str, tuple[Callable[[Vault], object], list[tuple[str, str]]]] = {
    "set": (lambda v: v.secrets.set("New", "v"), [("SecretNewVersionCreated", "New")]),
    "set again": (lambda v: v.secrets.set("LIVE", "v"), [("SecretNewVersionCreated", "live")]),
    "set_many": (
        lambda v: v.secrets.set_many({"a": "1", "live": "2"}),
        [("SecretNewVersionCreated", "a"), ("SecretNewVersionCreated", "live")],
    ),
    "generate": (
        lambda v: v.secrets.generate("n", Generator.hex(16)),
        [("SecretNewVersionCreated", "n")],
    ),
    "secrets.rotate": (
        lambda v: v.secrets.rotate("live"),
        [("SecretNewVersionCreated", "live"), ("SecretRotated", "live")],
    ),
    "secrets.delete": (lambda v: v.secrets.delete("live"), [("SecretDeleted", "live")]),
    "secrets.recover": (lambda v: v.secrets.recover("gone"), [("SecretRecovered", "gone")]),
    "secrets.purge": (lambda v: v.secrets.purge("gone"), [("SecretPurged", "gone")]),
    "create": (lambda v: v.keys.create("n", "oct"), [("KeyNewVersionCreated", "n")]),
    "import": (
        lambda v: v.keys.import_("n", {"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAA"}),
        [("KeyNewVersionCreated", "n")],
    ),
    "keys.rotate": (
        lambda v: v.keys.rotate("live"),
        [("KeyNewVersionCreated", "live"), ("KeyRotated", "live")],
    ),
    "keys.delete": (lambda v: v.keys.delete("live"), [("KeyDeleted", "live")]),
    "keys.recover": (lambda v: v.keys.recover("gone"), [("KeyRecovered", "gone")]),
    "keys.purge": (lambda v: v.keys.purge("gone"), [("KeyPurged", "gone")]),
    "purge when due": (
        lambda v: v.agenda.run_due(datetime.now(UTC) + timedelta(days=365 * 300)),
        [("KeyPurged", "gone"), ("SecretPurged", "gone")],
    ),
    "reading": (lambda v: (v.secrets.get("live"), list(v.keys.list()), v.agenda.upcoming()), []),
    "update": (lambda v: v.secrets.update("live", tags={"a": "b"}), []),
    "set_generator": (lambda v: v.secrets.set_generator("live", None), []),
}
doings = pytest.mark.parametrize(("act", "expected"), DOINGS.values(), ids=DOINGS.keys())


@doings
def test_what_is_done_is_told(
    vault: Vault, act: Callable[[Vault], object], expected: list[tuple[str, str]]
) -> None:
    """By type and name, to who subscribed to all and to who subscribed to that type; to nobody else."""
    furnish(vault)
    everything, apart = Told(vault), {type_: Told(vault, type_) for type_ in TYPES}
    act(vault)
    assert everything.short == expected
    for type_, told in apart.items():
        assert told.short == [each for each in expected if each[0] == type_]
    assert len({notice.id for notice in everything.notices}) == len(expected)


def test_a_notice_tells_which_version_and_when(vault: Vault, clock: FixedClock) -> None:
    """Event Grid's fields are the version's own."""
    told = Told(vault)
    made = vault.secrets.set("Db", "v", not_before=clock.now, expires_on=clock.now + timedelta(seconds=90))
    (notice,) = told.notices
    assert (notice.time, notice.subject, notice.source) == (clock.now, "Db", vault.url)
    assert notice.data == {
        "Id": made.id,
        "VaultName": "unit",
        "ObjectType": "Secret",
        "ObjectName": "Db",
        "Version": made.version,
        "NBF": int(clock.now.timestamp()),
        "EXP": int(clock.now.timestamp()) + 90,
    }


@doings
def test_what_fails_is_not_told(
    vault: Vault, monkeypatch: pytest.MonkeyPatch, act: Callable[[Vault], object], expected: Any
) -> None:
    """The body has run, and the transaction is not committed."""
    furnish(vault)
    told = Told(vault)

    def full(*arguments: Any) -> Any:
        raise localvault.StoreFull("no space left")

    monkeypatch.setattr(vault._parts.journal, "append", full)
    if expected:
        with pytest.raises(localvault.StoreFull):
            act(vault)
    assert told.short == []


@doings
def test_what_is_run_again_is_told_once(
    vault: Vault, monkeypatch: pytest.MonkeyPatch, act: Callable[[Vault], object], expected: Any
) -> None:
    """The store may run a body twice; what the first attempt had to say is gone with it."""
    furnish(vault)
    told = Told(vault)
    append, failed = vault._parts.journal.append, []

    def restart(*arguments: Any) -> None:
        append(*arguments)
        if not failed:
            failed.append(True)
            raise Restart("again")

    monkeypatch.setattr(vault._parts.journal, "append", restart)
    act(vault)
    assert told.short == expected
    assert bool(failed) == bool(expected) or not expected


@doings
def test_a_batch_tells_when_it_is_committed(
    vault: Vault, act: Callable[[Vault], object], expected: list[tuple[str, str]]
) -> None:
    """Nothing in the block, everything after it, in order; and nothing at all if it is undone."""
    furnish(vault)
    told = Told(vault)

    def undone() -> None:
        with vault.batch():
            act(vault)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        undone()
    assert told.short == []
    with vault.batch():
        vault.secrets.set("first", "v")
        act(vault)
        with pytest.raises(localvault.SecretNotFound):
            vault.secrets.delete("nobody")
        vault.secrets.set("last", "v")
        assert told.short == []
    one, other = ("SecretNewVersionCreated", "first"), ("SecretNewVersionCreated", "last")
    assert told.short == [one, *expected, other]


def test_a_batch_that_cannot_be_committed_tells_nothing(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the store breaks it, even if the block goes on."""
    told = Told(vault)
    append = vault._parts.journal.append

    def full(*arguments: Any) -> Any:
        raise localvault.StoreFull("no space left")

    def broken() -> None:
        with vault.batch():
            vault.secrets.set("a", "v")
            monkeypatch.setattr(vault._parts.journal, "append", full)
            with pytest.raises(localvault.StoreFull):
                vault.secrets.set("b", "v")
            monkeypatch.setattr(vault._parts.journal, "append", append)

    with pytest.raises(localvault.StoreFull):
        broken()
    assert told.short == []


def test_it_is_committed_when_it_is_told(vault: Vault) -> None:
    """Another thread, which sees what is committed and nothing else, sees it."""
    seen: list[Any] = []

    def look(notice: Notice) -> None:
        thread = threading.Thread(target=lambda: seen.append(vault.secrets.get("a").value))
        thread.start()
        thread.join()

    vault.on("SecretNewVersionCreated", look)
    vault.secrets.set("a", "v")
    with vault.batch():
        vault.secrets.set("a", "w")
    assert seen == ["v", "w"]


def test_a_subscriber_is_called_in_the_thread_that_did_it(vault: Vault) -> None:
    """So it needs no lock for what that thread uses."""
    threads: list[int] = []
    vault.on("*", lambda notice: threads.append(threading.get_ident()))
    worker = threading.Thread(target=lambda: vault.secrets.set("a", "v"))
    worker.start()
    worker.join()
    vault.secrets.set("a", "v")
    assert threads == [worker.ident, threading.get_ident()]


def test_a_subscriber_that_raises_harms_nobody(vault: Vault, caplog: pytest.LogCaptureFixture) -> None:
    """What was done stands, the others are told; the log tells the class of what was raised, and not its text."""
    marker = "a secret in a message"

    def fail(notice: Notice) -> None:
        raise RuntimeError(marker)

    vault.on("*", fail)
    vault.on("SecretNewVersionCreated", fail)
    told = Told(vault)
    with caplog.at_level(logging.DEBUG):
        vault.secrets.set("a", "v")
    assert vault.secrets.get("a").value == "v"
    assert told.short == [("SecretNewVersionCreated", "a")]
    assert [record.name for record in caplog.records] == ["localvault", "localvault"]
    assert "SecretNewVersionCreated: RuntimeError" in caplog.text
    assert marker not in caplog.text
    assert all(record.exc_info is None for record in caplog.records)


def test_a_subscriber_cannot_change_what_others_are_told(vault: Vault) -> None:
    """Each has data of its own."""
    vault.on("*", lambda notice: notice.data.clear())
    told = Told(vault)
    vault.secrets.set("a", "v")
    assert told.notices[0].data["ObjectName"] == "a"


def test_a_log_that_raises_harms_nobody(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler or filter of the application's may be as bad as its subscriber."""

    def fail(*arguments: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(logging.getLogger("localvault"), "error", fail)
    vault.on("*", fail)
    told = Told(vault)
    vault.secrets.set("a", "v")
    assert len(told.notices) == 1


@pytest.mark.parametrize("in_batch", [False, True])
def test_a_subscriber_may_wait_for_who_writes(vault: Vault, in_batch: bool) -> None:
    """It takes a lock held by a thread that is writing to the vault just then: no lock of the vault is in the way."""
    lock, holding = threading.Lock(), threading.Event()

    def write_holding_it() -> None:
        with lock:
            holding.set()
            vault.secrets.set("theirs", "v")

    writer = threading.Thread(target=write_holding_it)
    got: list[bool] = []

    def take(notice: Notice) -> None:
        if notice.subject == "ours":
            writer.start()
            holding.wait()
            got.append(lock.acquire(timeout=30))
            lock.release()

    vault.on("*", take)
    if in_batch:
        with vault.batch():
            vault.secrets.set("ours", "v")
    else:
        vault.secrets.set("ours", "v")
    writer.join()
    assert got == [True]


def test_what_a_subscriber_does_is_told_after_what_it_was_told(vault: Vault) -> None:
    """All subscribers hear of everything in the order of the commits, those before and after the one that acts."""
    before = Told(vault)

    def answer(notice: Notice) -> None:
        if notice.subject == "a":
            with vault.batch():
                vault.secrets.set("b", "v")
                vault.secrets.set("c", "v")
            vault.keys.create("d", "oct")

    vault.on("SecretNewVersionCreated", answer)
    after = Told(vault)
    vault.secrets.set_many({"a": "v", "e": "v"})
    assert (
        [name for _, name in before.short] == [name for _, name in after.short] == ["a", "e", "b", "c", "d"]
    )


def test_a_subscription_ends(vault: Vault) -> None:
    """By `cancel`, by its `with` block, and at once: also for what waits to be told."""
    told = Told(vault)
    late: list[Notice] = []
    vault.on("*", lambda notice: subscription.cancel())
    subscription = vault.on("*", late.append)
    with told.subscription as same:
        assert same.active
        vault.secrets.set_many({"a": "v", "b": "v"})
    assert len(told.notices) == 2
    assert late == []
    vault.secrets.set("c", "v")
    assert len(told.notices) == 2
    told.subscription.cancel()
    assert not told.subscription.active
    assert "*" in vault._parts.ground.notices.subscribed


def test_nothing_is_kept_of_who_has_gone(vault: Vault) -> None:
    """With the last subscriber, telling costs nothing again."""
    for subscription in [vault.on(type_, print) for type_ in ("*", "KeyRotated", "*")]:
        subscription.cancel()
    assert vault._parts.ground.notices.subscribed == {}


def test_who_subscribes_later_is_told_of_what_comes(vault: Vault) -> None:
    """Nothing is kept for somebody who may come."""
    vault.secrets.set("a", "v")
    late: list[Told] = []
    vault.on("*", lambda notice: late.append(Told(vault, "SecretDeleted")))
    vault.secrets.set("b", "v")
    assert late[0].short == []
    vault.secrets.delete("b")
    assert late[0].short == [("SecretDeleted", "b")]


@pytest.mark.parametrize(
    "type_", ["KeyNearExpired", "", "keyrotated", "Microsoft.KeyVault.KeyExpired", None, 5]
)
def test_a_type_there_is_not_is_refused(vault: Vault, type_: Any) -> None:
    """With a hint that has them all: a subscriber that is never called would be noticed too late."""
    with pytest.raises(BadParameter) as refused:
        vault.on(type_, print)
    assert refused.value.hint is not None
    assert all(known in refused.value.hint for known in TYPES)


def test_what_cannot_be_called_is_refused(vault: Vault) -> None:
    """Before there is anything to tell it."""
    subscriber: Any = "print"
    with pytest.raises(BadParameter):
        vault.on("*", subscriber)


def test_a_closed_vault_tells_nothing(vault: Vault) -> None:
    """Nobody can subscribe any more; and a subscriber may close the vault."""
    told: list[Notice] = []
    vault.on("*", lambda notice: vault.close())
    vault.on("*", told.append)
    vault.secrets.set("a", "v")
    assert told == []
    with pytest.raises(VaultClosed):
        vault.on("*", print)


def test_a_forked_child_tells_nothing(vault: Vault) -> None:
    """It has committed nothing, even if a subscriber forked it off in the middle of telling."""
    told: list[str] = []
    heard: list[Any] = []

    def child(say: Any) -> None:
        heard.append("no further fork")
        vault._parts.ground.notices._tell(Notice(*vault_notice, {}))
        with pytest.raises(VaultForked):
            vault.on("*", print)
        say(told)

    def fork(notice: Notice) -> None:
        if not heard:
            heard.append(run(child))

    vault.on("*", fork)
    vault.on("*", lambda notice: told.append(notice.subject))
    vault_notice = ("SecretPurged", "id", datetime.now(UTC), "child", vault.url)
    vault.secrets.set("a", "v")
    assert heard == [[[]]]
    assert told == ["a"]
