"""The one door: nothing comes out without its event, and a batch is all or nothing, for its own thread alone."""

from __future__ import annotations

import errno
import io
import os
import resource
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from localvault import (
    AccessDenied,
    BadParameter,
    JournalUnavailable,
    LocalVaultError,
    ObjectIsDeletedButRecoverable,
    SecretNotFound,
    StoreBusy,
    StoreFull,
    Vault,
    VaultClosed,
)
from localvault.access.decide import Access
from localvault.calls import Call
from localvault.door import correlation
from localvault.operations import SECRET_GET, SECRET_SET
from localvault.records import OBJECTS, Mutation
from localvault.testing.clock import FixedClock
from tests.support import life
from tests.support.children import Say, run
from tests.support.refusals import unchanged
from tests.support.told import told

# Every verb whose event goes to the spool because it changes no record.
READING: dict[str, Callable[[Vault], object]] = {
    "get": lambda vault: vault.secrets.get("db").value,
    "list": lambda vault: list(vault.secrets.list()),
    "versions": lambda vault: list(vault.secrets.versions("db")),
    "backup of one": lambda vault: vault.secrets.backup("db"),
    "key": lambda vault: vault.keys.get("data"),
    "seal": lambda vault: vault.crypto("data").seal(b"text"),
    "seal a file": lambda vault: vault.crypto("data").seal_file(io.BytesIO(b"text"), io.BytesIO()),
    "sign": lambda vault: vault.crypto("data").sign("HS256", b"text"),
    "slots": lambda vault: vault.slots.list(),
    "events": lambda vault: vault.audit.events(),
    "verify": lambda vault: vault.audit.verify(),
    "upcoming": lambda vault: vault.agenda.upcoming(),
    "settings": lambda vault: vault.settings,
    "status": lambda vault: vault.status(),
    "check": lambda vault: vault.check(),
    "backup": lambda vault: vault.backup(vault.path.parent / "copy"),
    "compact": lambda vault: vault.compact(vault.path.parent / "copy"),
}


@pytest.fixture
def full(vault: Vault) -> Vault:
    """A vault with a secret and a key."""
    vault.secrets.set("db", "value")
    vault.keys.create("data", "oct")
    return vault


@pytest.mark.parametrize("act", READING.values(), ids=READING.keys())
def test_no_result_without_its_event(
    full: Vault, monkeypatch: pytest.MonkeyPatch, act: Callable[[Vault], object]
) -> None:
    """If the spool cannot be written, the result is withheld and nothing is made; when it can again, all is well."""
    files = sorted(full.path.parent.iterdir())

    def no_space(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", no_space)
        with pytest.raises(JournalUnavailable) as refused:
            act(full)
    assert refused.value.hint
    assert "value" not in str(refused.value)
    assert sorted(full.path.parent.iterdir()) == files
    act(full)
    assert full.check() == []


def test_work_apart_is_one_event_told_before_its_result(full: Vault) -> None:
    """Success when it says so, with what it has learnt by then; and what fails after that is told as well."""
    door = full._parts.door
    with told(full) as events:
        with door.apart(SECRET_GET, "/secrets/db") as work:
            assert work.look(lambda call, records: call is work.call)
            work.call.details = {"form": "test"}
            work.tell()
        with suppress(SecretNotFound), door.apart(SECRET_GET, "/secrets/db"):
            raise SecretNotFound("none")
        with suppress(StoreFull), door.apart(SECRET_GET, "/secrets/db") as work:
            work.tell()
            raise StoreFull("no room for the result")
    assert [(event.result, event.code, event.details) for event in events] == [
        ("Success", None, {"form": "test"}),
        ("Failure", "SecretNotFound", None),
        ("Success", None, None),
        ("Failure", "StoreFull", None),
    ]


def test_an_error_stays_itself_where_it_cannot_be_told(full: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed operation has no result to withhold: its own error comes out."""

    def no_space(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", no_space)
    with pytest.raises(SecretNotFound):
        full.secrets.get("none")
    full.secrets.set("db", "a write has its event in its own transaction")


@pytest.mark.parametrize("events_before", [0, 3])
def test_a_torn_event_is_no_event(full: Vault, monkeypatch: pytest.MonkeyPatch, events_before: int) -> None:
    """If only a part of it could be written, the first of a spool or another, the result is withheld; all is sound."""
    for _ in range(events_before):
        full.secrets.get("db")
    real = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda descriptor, data: real(descriptor, data[: len(data) // 2]))
        with pytest.raises(JournalUnavailable):
            full.secrets.get("db")
    with told(full) as events:
        full.secrets.get("db")
    assert [event.operation for event in events] == ["SecretGet"]
    full.audit.verify()
    assert full.check() == []


def test_on_a_full_disk_nothing_is_handed_out(tmp_path: Path) -> None:
    """A process whose files may not grow: reads and writes are refused, and none of the refused is in the vault."""
    with life.create(tmp_path / "v") as vault:
        vault.secrets.set("db", "v" * 4000)

    def act(say: Say) -> None:
        vault = life.reopen(tmp_path / "v")
        vault.secrets.get("db")
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
        outcomes = []
        for attempt in (lambda: vault.secrets.get("db"), lambda: vault.secrets.set("new", "value")):
            try:
                attempt()
                outcomes.append("done")
            except (JournalUnavailable, StoreFull) as refused:
                outcomes.append(type(refused).__name__)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))  # what it says goes to a file, too
        say(outcomes)
        vault.secrets.get("db")
        vault.close()

    assert run(act) == [["JournalUnavailable", "StoreFull"]]
    with life.reopen(tmp_path / "v") as vault:
        told_of = [event.operation for event in vault.audit.events()]
        assert told_of.count("SecretGet") == 2
        assert [secret.name for secret in vault.secrets.list()] == ["db"]
        assert vault.check() == []


def test_a_correlation_ties_events_together(full: Vault) -> None:
    """What a face sets for a request stands in every event of it, of its thread and no other."""
    token = correlation.set("request 1")
    try:
        with told(full) as events:
            full.secrets.get("db")
            full.secrets.set("db", "2")
            with suppress(SecretNotFound):
                full.secrets.get("none")
            with full.batch():
                full.secrets.set("db", "3")
            other = threading.Thread(target=lambda: full.secrets.get("db"))
            other.start()
            other.join()
    finally:
        correlation.reset(token)
    assert [event.correlation_id for event in events] == ["request 1"] * 4 + [None]


def test_the_time_of_an_event_is_the_operations(full: Vault, clock: FixedClock) -> None:
    """The one time it happened at: that of the version it made, too."""
    clock.move(days=3)
    with told(full) as events:
        made = full.secrets.set("db", "2")
    assert events[0].time == made.properties.created == clock.now


def test_each_page_of_a_list_is_an_operation(full: Vault) -> None:
    """With the number of items that were read."""
    for number in range(4):
        full.secrets.set(f"s{number}", "")
    with told(full) as events:
        assert len(list(full.secrets.list(page_size=2))) == 5
    assert [(event.operation, event.count) for event in events] == [
        ("SecretList", 2),
        ("SecretList", 2),
        ("SecretList", 1),
    ]


# Batches


def names(vault: Vault) -> list[str]:
    """The names of all secrets."""
    return sorted(secret.name for secret in vault.secrets.list())


def test_a_batch_is_one_commit_and_as_many_events(full: Vault) -> None:
    """Every operation in it has its event, in order; reads in it see its writes, others only once it has ended."""
    outside: list[list[str]] = []

    def look() -> None:
        outside.append(names(full))

    with told(full) as events:
        with full.batch():
            full.secrets.set("one", "1")
            assert full.secrets.get("one").value == "1"
            assert names(full) == ["db", "one"]
            full.secrets.delete("db")
            with pytest.raises(ObjectIsDeletedButRecoverable):
                full.secrets.set("db", "x")
            thread = threading.Thread(target=look)
            thread.start()
            thread.join()
            full.keys.create("k", "oct")
            token = full.crypto("k").seal(b"text")
        look()
    assert outside == [["db"], ["one"]]
    assert full.crypto("k").open(token) == b"text"
    writes = [event.operation for event in events if event.operation in ("SecretDelete", "KeyCreate")]
    assert writes == ["SecretDelete", "KeyCreate"]
    told_of = sorted((event.operation, event.result) for event in events)
    assert told_of == sorted(
        [("SecretSet", "Success"), ("SecretGet", "Success"), ("SecretDelete", "Success")]
        + [("SecretSet", "Failure"), ("KeyCreate", "Success"), ("KeySeal", "Success")]
        + [("SecretList", "Success")] * 3
    )
    full.audit.verify()
    assert full.check() == []


def test_an_error_undoes_the_whole_batch(full: Vault) -> None:
    """Nothing of it is there, its events neither: one says how many operations were undone, and why."""
    before = full.secrets.get("db").version
    with told(full) as events, suppress(KeyError), full.batch():
        full.secrets.set("db", "other")
        full.secrets.set("new", "other")
        full.keys.rotate("data")
        raise KeyError
    assert names(full) == ["db"]
    assert full.secrets.get("db").version == before
    assert full.secrets.get("db").value == "value"
    assert len(list(full.keys.versions("data"))) == 1
    assert [(event.operation, event.result, event.code, event.count) for event in events] == [
        ("VaultBatch", "Failure", "KeyError", 3),
    ]
    assert full.check() == []


def test_an_operation_that_failed_leaves_the_rest_of_its_batch(full: Vault) -> None:
    """Who catches its error goes on; only what failed is not done."""
    with full.batch():
        full.secrets.set("one", "1")
        with pytest.raises(BadParameter):
            full.secrets.set_many({"two": "2", "no name": "3"})
        full.secrets.set("three", "3")
    assert names(full) == ["db", "one", "three"]


def test_a_batch_is_not_opened_inside_a_batch(full: Vault) -> None:
    """`BadParameter`; who catches it goes on with the one there is, and afterwards there can be another."""
    with full.batch():
        full.secrets.set("one", "1")
        with pytest.raises(BadParameter, match="inside a batch"), full.batch():
            pass
        full.secrets.set("two", "2")
    with full.batch():
        full.secrets.set("three", "3")
    assert names(full) == ["db", "one", "three", "two"]


def test_a_copy_is_not_made_inside_a_batch(full: Vault) -> None:
    """The store refuses it, and the batch goes on."""
    with full.batch():
        full.secrets.set("one", "1")
        with pytest.raises(StoreBusy):
            full.backup(full.path.parent / "copy")
    assert names(full) == ["db", "one"]
    assert not (full.path.parent / "copy").exists()


def test_an_error_of_the_store_ends_the_batch(full: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the caller catches it: half of an operation must not be committed with the rest."""

    def no_space(*_: object) -> None:
        raise StoreFull("no space left")

    def act() -> None:
        with full.batch():
            full.secrets.set("one", "1")
            with monkeypatch.context() as patched:
                for put in ("put", "put_many"):
                    patched.setattr(f"localvault.store.writing.GuardedWriteTxn.{put}", no_space)
                    patched.setattr(f"localvault.store.writing.LmdbWriteTxn.{put}", no_space)
                with pytest.raises(StoreFull):
                    full.secrets.set("two", "2")

    with pytest.raises(StoreFull):
        act()
    assert names(full) == ["db"]
    full.secrets.set("three", "3")
    assert full.check() == []


def test_two_threads_batches_take_turns(full: Vault) -> None:
    """The second begins when the first has ended, and neither is in the other's."""
    order: list[str] = []
    inside, leave = threading.Event(), threading.Event()

    def first() -> None:
        with suppress(KeyError), full.batch():
            full.secrets.set("first", "1")
            inside.set()
            leave.wait(30)
            order.append("first ends")
            raise KeyError

    def second() -> None:
        with full.batch():
            order.append("second begins")
            full.secrets.set("second", "2")

    one = threading.Thread(target=first)
    one.start()
    assert inside.wait(30)
    two = threading.Thread(target=second)
    two.start()
    assert full.secrets.get("db").value == "value", "readers never wait"
    two.join(0.05)
    leave.set()
    one.join(30)
    two.join(30)
    assert order == ["first ends", "second begins"]
    assert names(full) == ["db", "second"]


def test_writers_of_other_threads_are_in_no_batch(full: Vault) -> None:
    """A write that another thread makes meanwhile waits, and stands although the batch is undone."""
    other = threading.Thread(target=lambda: full.secrets.set("other", "1"))
    with suppress(KeyError), full.batch():
        full.secrets.set("mine", "1")
        other.start()
        other.join(0.05)
        assert other.is_alive()
        raise KeyError
    other.join(30)
    assert names(full) == ["db", "other"]


def test_an_empty_batch_does_nothing(full: Vault) -> None:
    """And tells of nothing."""
    with told(full) as events, full.batch():
        pass
    assert events == []


def test_a_large_batch_is_folded_once(full: Vault) -> None:
    """Reads in it that fill the spool fold nothing meanwhile; all events are there afterwards."""
    with told(full) as events, full.batch():
        for number in range(3000):
            full.secrets.get("db")
            if number % 500 == 0:
                full.secrets.set(f"s{number}", "")
    assert len(events) == 3006
    full.audit.verify()


def test_after_close_the_door_is_shut(full: Vault) -> None:
    """For reading, writing, batches and notes."""
    full.close()
    for act in (*READING.values(), lambda vault: vault.secrets.set("db", "2"), _batch):
        with pytest.raises(VaultClosed):
            act(full)


def _batch(vault: Vault) -> None:
    with vault.batch():
        pass


def test_every_error_has_a_code_in_its_event(full: Vault) -> None:
    """The same that the caller gets."""
    with told(full) as events:
        for name in ("none", "no name", ""):
            with suppress(LocalVaultError):
                full.secrets.get(name)
    assert [event.code for event in events] == ["SecretNotFound", "BadParameter", "BadParameter"]


def test_many_in_one_mutation_have_an_event_each(full: Vault) -> None:
    """Each tells of the records that are its own, so that `check` finds every one of them where it should be."""
    door, names = full._parts.door, ["a", "b", "c"]

    def put(calls: list[Call], mutation: Mutation) -> list[list[bytes]]:
        keys = [full.secrets._objects.key(name) for name in names]
        for call, key in zip(calls, keys, strict=True):
            call.version = key[1:]
            mutation.put(OBJECTS, key, full._parts.ground.heads.values()[0].encode())
        return [[bytes((OBJECTS,)) + key] for key in keys]

    full.secrets.get("db")
    with told(full) as events:
        door.write_each(SECRET_SET, [f"/secrets/{name}" for name in names], put)
    assert [(event.operation, event.target, event.result) for event in events] == [
        ("SecretSet", f"/secrets/{name}", "Success") for name in names
    ]
    assert len({event.version for event in events}) == 3
    assert full.check() == []


@pytest.mark.parametrize(
    "error", [SecretNotFound("no such"), StoreFull("no space left"), ZeroDivisionError()]
)
def test_many_of_which_one_fails_are_none(full: Vault, error: Exception) -> None:
    """Nothing is written, and each is told as a failure."""

    def fail(calls: list[Call], mutation: Mutation) -> list[list[bytes]]:
        mutation.put(OBJECTS, full.secrets._objects.key("a"), b"value")
        raise error

    with unchanged(full), told(full) as events, pytest.raises(type(error)):
        full._parts.door.write_each(SECRET_SET, ["/secrets/a", "/secrets/b"], fail)
    failed = [(event.target, event.result) for event in events if event.operation == "SecretSet"]
    assert failed == [("/secrets/a", "Failure"), ("/secrets/b", "Failure")]


def test_many_of_which_one_is_denied_are_none(full: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is done."""
    monkeypatch.setattr(full._parts.door, "_access", Access(()))
    with pytest.raises(AccessDenied):
        full._parts.door.write_each(SECRET_SET, ["/secrets/a"], lambda calls, mutation: [[]])


def test_together_is_a_batch_or_a_part_of_one(full: Vault) -> None:
    """Inside a batch it neither commits nor undoes anything by itself."""
    door = full._parts.door
    with door.together():
        full.secrets.set("a", "1")
    assert full.secrets.get("a").value == "1"

    def undone() -> None:
        with full.batch():
            with door.together():
                full.secrets.set("a", "2")
            with suppress(KeyError), door.together():
                full.secrets.set("a", "3")
                raise KeyError
            assert full.secrets.get("a").value == "3"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        undone()
    assert full.secrets.get("a").value == "1"
