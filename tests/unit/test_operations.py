"""Every public verb is an authorised, journalled operation of the table: each is called here, its events are known.

The events' exact fields are what audits are searched for, so they are spelt out verb by verb.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import localvault
from localvault import (
    OPERATIONS,
    AccessDenied,
    Event,
    Generator,
    LifetimeAction,
    LocalVaultError,
    RotationPolicy,
    Vault,
    VersionCounts,
    VersionPolicy,
)
from localvault.access.decide import Access
from localvault.model.key_access import KEY_ACCESS
from localvault.testing.clock import FixedClock
from localvault.testing.profiles import CHEAPEST
from tests.support.told import told

KEY_MATERIAL = {"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAA"}
DIGEST = bytes(32)
NOTIFY = RotationPolicy("P1Y", [LifetimeAction("Notify", None, "P30D")])


class World:
    """A vault with something of everything, and what was made of it before."""

    def __init__(self, vault: Vault, folder: Path, clock: FixedClock) -> None:
        self.vault, self.folder, self.clock = vault, folder, clock
        vault.secrets.set("db", "one")
        vault.secrets.set("db", "two")
        vault.secrets.set("gone", "value")
        vault.keys.create("data", "oct", size=256, exportable=True)
        vault.keys.create("pair", "EC")
        vault.keys.create("gone", "oct")
        self.blob = vault.secrets.backup("gone")
        self.key_blob = vault.keys.backup("gone")
        self.crypto = vault.crypto("data")
        self.token = self.crypto.seal(b"text")
        self.sealed = io.BytesIO()
        self.crypto.seal_file(io.BytesIO(b"text"), self.sealed)
        (folder / "kept").write_bytes(self.sealed.getvalue())
        self.encrypted = self.crypto.encrypt("A256GCM", b"text")
        self.wrapped = self.crypto.wrap_key("A256KW", bytes(16)).encrypted_key
        self.data_key = self.crypto.data_key()
        self.sealed_file = folder / "sealed file"
        self.sealed_file.write_bytes(self.sealed.getvalue())
        self.mac = self.crypto.sign("HS256", b"text").signature
        self.slot = vault.slots.list()[0].id
        self.versions = {
            "secrets/db": vault.secrets.get("db").version,
            "secrets/gone": vault.secrets.get("gone").version,
            "keys/data": vault.keys.get("data").version,
            "keys/pair": vault.keys.get("pair").version,
            "keys/gone": vault.keys.get("gone").version,
        }
        vault.secrets.delete("gone")
        vault.keys.delete("gone")

    def free(self) -> None:
        """Purge what is deleted, so that it can be restored."""
        self.vault.secrets.purge("gone")
        self.vault.keys.purge("gone")

    def retire_pairs(self) -> None:
        """Have two versions of `pair` that can be trimmed."""
        for _ in range(2):
            self.vault.keys.rotate("pair")
        self.vault.keys.set_version_policy("pair", VersionPolicy(latest_minus=0))

    def rewound(self) -> io.BytesIO:
        """A sealed file, at its beginning."""
        self.sealed.seek(0)
        return self.sealed

    def decrypt(self) -> object:
        """Open what was encrypted."""
        return self.crypto.decrypt(
            "A256GCM",
            self.encrypted.ciphertext,
            iv=self.encrypted.iv,
            authentication_tag=self.encrypted.authentication_tag,
        )


@pytest.fixture
def world(vault: Vault, tmp_path: Path, clock: FixedClock) -> World:
    """A world around the test's own vault."""
    return World(vault, tmp_path, clock)


class Told(NamedTuple):
    """What an event is to tell; `version` is an object's path for its version before, or "made" for the result's."""

    operation: str
    target: str
    version: str | None = None
    count: int = 1


class Case(NamedTuple):
    """One verb: what is done first, the call, and its events, the first of which says so if it was denied."""

    act: Callable[[World], Any]
    events: list[Told]
    before: Callable[[World], object] = lambda world: None


def _of_objects(room: str, noun: str, name: str) -> dict[str, Case]:
    """The verbs that secrets and keys share."""

    def verbs(world: World) -> Any:
        return getattr(world.vault, room)

    def blob(world: World) -> bytes:
        return world.blob if room == "secrets" else world.key_blob

    path, gone = f"{room}/{name}", f"{room}/gone"
    several = 2 if room == "secrets" else 1  # versions of the one, objects of the kind
    there = 1 if room == "secrets" else 2
    return {
        "get": Case(lambda w: verbs(w).get(name), [Told(f"{noun}Get", f"/{path}", path)]),
        "list": Case(lambda w: list(verbs(w).list()), [Told(f"{noun}List", f"/{room}", None, there)]),
        "versions": Case(
            lambda w: list(verbs(w).versions(name)), [Told(f"{noun}ListVersions", f"/{path}", None, several)]
        ),
        "update": Case(
            lambda w: verbs(w).update(name, tags={"a": "b"}), [Told(f"{noun}Update", f"/{path}", path)]
        ),
        "delete": Case(lambda w: verbs(w).delete(name), [Told(f"{noun}Delete", f"/{path}", path)]),
        "rotation_policy": Case(
            lambda w: verbs(w).rotation_policy(name), [Told(f"{noun}RotationPolicyGet", f"/{path}")]
        ),
        "set_rotation_policy": Case(
            lambda w: verbs(w).set_rotation_policy(name, NOTIFY),
            [Told(f"{noun}RotationPolicySet", f"/{path}")],
        ),
        "set_rotation_policies": Case(
            lambda w: verbs(w).set_rotation_policies([name], NOTIFY),
            [Told(f"{noun}RotationPolicySet", f"/{room}")],
        ),
        "list_deleted": Case(
            lambda w: list(verbs(w).list_deleted()), [Told(f"{noun}ListDeleted", f"/{room}")]
        ),
        "get_deleted": Case(
            lambda w: verbs(w).get_deleted("gone"), [Told(f"{noun}GetDeleted", f"/{gone}", gone)]
        ),
        "recover": Case(lambda w: verbs(w).recover("gone"), [Told(f"{noun}Recover", f"/{gone}", gone)]),
        "purge": Case(lambda w: verbs(w).purge("gone"), [Told(f"{noun}Purge", f"/{gone}")]),
        "backup": Case(lambda w: verbs(w).backup(name), [Told(f"{noun}Backup", f"/{path}", None, several)]),
        "restore": Case(
            lambda w: verbs(w).restore(blob(w)), [Told(f"{noun}Restore", f"/{gone}", gone)], World.free
        ),
    }


def _crypto(operation: str, act: Callable[[World], object], count: int = 1) -> Case:
    return Case(act, [Told(operation, "/keys/data", "keys/data", count)])


CASES: dict[str, Case] = {
    **{f"secrets.{verb}": case for verb, case in _of_objects("secrets", "Secret", "db").items()},
    "secrets.set": Case(
        lambda w: w.vault.secrets.set("New", "v"), [Told("SecretSet", "/secrets/New", "made")]
    ),
    "secrets.set_many": Case(
        lambda w: w.vault.secrets.set_many({"a": "1", "b": "2"}), [Told("SecretSet", "/secrets", None, 2)]
    ),
    "secrets.generate": Case(
        lambda w: w.vault.secrets.generate("new", Generator.hex(16)),
        [Told("SecretSet", "/secrets/new", "made")],
    ),
    "secrets.rotate_many": Case(
        lambda w: w.vault.secrets.rotate_many(["db"]),
        [Told("SecretRotate", "/secrets/db", "made")],
        lambda w: w.vault.secrets.set_generator("db", Generator.hex(16)),
    ),
    "secrets.rotate": Case(
        lambda w: w.vault.secrets.rotate("db"),
        [Told("SecretRotate", "/secrets/db", "made")],
        lambda w: w.vault.secrets.set_generator("db", Generator.hex(16)),
    ),
    "secrets.generator": Case(
        lambda w: w.vault.secrets.generator("db"), [Told("SecretGeneratorGet", "/secrets/db", "secrets/db")]
    ),
    "secrets.set_generator": Case(
        lambda w: w.vault.secrets.set_generator("db", Generator.hex(16)),
        [Told("SecretGeneratorSet", "/secrets/db", "secrets/db")],
    ),
    **{f"keys.{verb}": case for verb, case in _of_objects("keys", "Key", "pair").items()},
    "keys.create": Case(
        lambda w: w.vault.keys.create("new", "oct"), [Told("KeyCreate", "/keys/new", "made")]
    ),
    "keys.import_": Case(
        lambda w: w.vault.keys.import_("new", KEY_MATERIAL), [Told("KeyImport", "/keys/new", "made")]
    ),
    "keys.rotate": Case(
        lambda w: w.vault.keys.rotate("pair"),
        [Told("KeyRotate", "/keys/pair", "made")],
    ),
    "keys.rotate_many": Case(
        lambda w: w.vault.keys.rotate_many(["pair"]),
        [Told("KeyRotate", "/keys/pair", "made")],
    ),
    "keys.report": Case(lambda w: w.vault.keys.report(), [Told("AgeReport", "/", None, 3)]),
    "keys.export": Case(
        lambda w: w.vault.keys.export("data", access=KEY_ACCESS),
        [Told("KeyExport", "/keys/data", "keys/data")],
    ),
    "keys.version_policy": Case(
        lambda w: w.vault.keys.version_policy("pair"), [Told("KeyGetVersionPolicy", "/keys/pair")]
    ),
    "keys.set_version_policy": Case(
        lambda w: w.vault.keys.set_version_policy("pair", VersionPolicy(latest_minus=1)),
        [Told("KeySetVersionPolicy", "/keys/pair")],
    ),
    "keys.retire": Case(
        lambda w: w.vault.keys.retire("pair", str(w.versions["keys/pair"]), VersionCounts("pair", {}, {}, 0)),
        [Told("KeyRetire", "/keys/pair", "keys/pair")],
        lambda w: w.vault.keys.rotate("pair"),
    ),
    "keys.trim": Case(
        lambda w: w.vault.keys.trim("pair"), [Told("KeyTrim", "/keys/pair", None, 2)], World.retire_pairs
    ),
    "secrets.trim": Case(
        lambda w: w.vault.secrets.trim("db", keep=1), [Told("SecretTrim", "/secrets/db", None, 1)]
    ),
    "crypto.count_versions": Case(
        lambda w: w.crypto.count_versions([w.token] * 3),
        [Told("KeyCountVersions", "/keys/data", None, 3)],
    ),
    "crypto.count_file_versions": Case(
        lambda w: w.crypto.count_file_versions([w.folder / "kept"] * 2),
        [Told("KeyCountVersions", "/keys/data", None, 2)],
    ),
    "crypto.encrypt": _crypto("KeyEncrypt", lambda w: w.crypto.encrypt("A256GCM", b"text")),
    "crypto.decrypt": _crypto("KeyDecrypt", World.decrypt),
    "crypto.wrap_key": _crypto("KeyWrap", lambda w: w.crypto.wrap_key("A256KW", bytes(16))),
    "crypto.unwrap_key": _crypto("KeyUnwrap", lambda w: w.crypto.unwrap_key("A256KW", w.wrapped)),
    "crypto.unwrap_many": _crypto("KeyUnwrap", lambda w: w.crypto.unwrap_many("A256KW", [w.wrapped] * 2), 2),
    "crypto.wrap_many": _crypto("KeyWrap", lambda w: w.crypto.wrap_many("A256KW", [bytes(16)] * 2), 2),
    "crypto.data_key": _crypto("KeyWrap", lambda w: w.crypto.data_key()),
    "crypto.data_keys": _crypto("KeyWrap", lambda w: w.crypto.data_keys(3), 3),
    # A wrapped data key names its own version, as a token does.
    "crypto.open_data_key": Case(
        lambda w: w.crypto.open_data_key(w.data_key.wrapped), [Told("KeyUnwrap", "/keys/data")]
    ),
    "crypto.open_data_keys": Case(
        lambda w: w.crypto.open_data_keys([w.data_key.wrapped] * 2),
        [Told("KeyUnwrap", "/keys/data", None, 2)],
    ),
    "crypto.rewrap_data_keys": _crypto(
        "DataKeyRewrap", lambda w: w.crypto.rewrap_data_keys([w.data_key.wrapped] * 2), 2
    ),
    "data_key.export": _crypto("DataKeyExport", lambda w: w.data_key.export(access=KEY_ACCESS)),
    "crypto.rewrap_file": _crypto("KeyRewrap", lambda w: w.crypto.rewrap_file(w.sealed_file)),
    "crypto.sign": _crypto("KeySign", lambda w: w.crypto.sign("HS256", DIGEST)),
    "crypto.sign_many": _crypto("KeySign", lambda w: w.crypto.sign_many("HS256", [DIGEST] * 3), 3),
    "crypto.verify": _crypto("KeyVerify", lambda w: w.crypto.verify("HS256", b"text", w.mac)),
    "crypto.verify_many": _crypto(
        "KeyVerify", lambda w: w.crypto.verify_many("HS256", [b"text"] * 2, [w.mac] * 2), 2
    ),
    "crypto.seal": _crypto("KeySeal", lambda w: w.crypto.seal(b"text")),
    "crypto.seal_many": _crypto("KeySeal", lambda w: w.crypto.seal_many([b"1", b"2"]), 2),
    # A token names its own version, and a batch may have several: the event names none.
    "crypto.open": Case(lambda w: w.crypto.open(w.token), [Told("KeyOpen", "/keys/data")]),
    "crypto.open_many": Case(
        lambda w: w.crypto.open_many([w.token] * 2), [Told("KeyOpen", "/keys/data", None, 2)]
    ),
    "crypto.seal_file": _crypto(
        "KeySeal", lambda w: w.crypto.seal_file(io.BytesIO(b"text"), w.folder / "sealed")
    ),
    # A sealed file names one version.
    "crypto.open_file": _crypto("KeyOpen", lambda w: w.crypto.open_file(w.rewound(), w.folder / "opened")),
    "crypto.rewrap": _crypto("KeyRewrap", lambda w: w.crypto.rewrap(w.token)),
    "crypto.rewrap_many": _crypto("KeyRewrap", lambda w: w.crypto.rewrap_many([w.token] * 2), 2),
    "slots.list": Case(lambda w: w.vault.slots.list(), [Told("SlotList", "/")]),
    "slots.add_passphrase": Case(
        lambda w: w.vault.slots.add_passphrase("another", kdf=CHEAPEST),
        [Told("SlotAdd", "/")],
    ),
    "slots.add_keyfile": Case(
        lambda w: w.vault.slots.add_keyfile(w.folder / "k"),
        [Told("SlotAdd", "/")],
    ),
    "slots.add_recovery_key": Case(
        lambda w: w.vault.slots.add_recovery_key(),
        [Told("SlotAdd", "/")],
    ),
    "slots.remove": Case(
        lambda w: w.vault.slots.remove(w.slot),
        [Told("SlotRemove", "/")],
        lambda w: w.vault.slots.add_recovery_key(),
    ),
    "slots.change_passphrase": Case(
        lambda w: w.vault.slots.change_passphrase("unit", "new"),
        [Told("PassphraseChange", "/")],
    ),
    "audit.events": Case(lambda w: list(w.vault.audit.events(limit=1)), [Told("AuditRead", "/journal")]),
    "audit.verify": Case(lambda w: w.vault.audit.verify(), [Told("AuditVerify", "/journal")]),
    "agenda.upcoming": Case(lambda w: w.vault.agenda.upcoming(), [Told("AgendaList", "/", None, 2)]),
    "agenda.run_due": Case(
        lambda w: w.vault.agenda.run_due(),
        [Told("AgendaList", "/", None, 2), Told("AgendaRun", "/", None, 2)],
        lambda w: w.clock.move(days=91),
    ),
    # Its first round looks at the agenda like any run; waiting is over at once.
    "agenda.start": Case(
        lambda w: w.vault.agenda.start(wait=lambda seconds: True).stop(),
        [Told("AgendaWatch", "/"), Told("AgendaList", "/", None, 0)],
    ),
    "agenda.watch": Case(
        lambda w: list(w.vault.agenda.watch(wait=lambda seconds: True)),
        [Told("AgendaWatch", "/"), Told("AgendaList", "/", None, 0)],
    ),
    "vault.name": Case(lambda w: w.vault.name, [Told("VaultGet", "/")]),
    "vault.url": Case(lambda w: w.vault.url, [Told("VaultGet", "/")]),
    "vault.settings": Case(lambda w: w.vault.settings, [Told("VaultGet", "/")]),
    "vault.status": Case(lambda w: w.vault.status(), [Told("VaultGet", "/")]),
    "vault.configure": Case(lambda w: w.vault.configure(retention_days=8), [Told("VaultUpdate", "/")]),
    "vault.check": Case(lambda w: w.vault.check(), [Told("VaultCheck", "/", None, 17)]),
    "vault.backup": Case(lambda w: w.vault.backup(w.folder / "copy"), [Told("VaultBackup", "/")]),
    "vault.compact": Case(lambda w: w.vault.compact(w.folder / "copy"), [Told("VaultCompact", "/")]),
    "vault.rotate_master_key": Case(
        lambda w: w.vault.rotate_master_key(),
        [Told("MasterKeyRotate", "/"), Told("MasterKeyRotate", "/", None, 31), Told("MasterKeyRotate", "/")],
    ),
}
# What asks nothing of the vault: where it is, which rooms it has, how it ends. A batch is made of other operations.
# What a data key does with data is no operation of the vault's: its making was (see test_datakey.py).
NO_OPERATIONS = {
    *("vault.path", "vault.id", "vault.close", "vault.batch", "secrets.close", "keys.close"),
    *("data_key.seal", "data_key.seal_many", "data_key.open", "data_key.open_many", "data_key.close"),
    *("data_key.seal_file", "data_key.open_file", "data_key.id", "data_key.size", "data_key.wrapped"),
    # Whom in this process to tell of what this process does, and whom to ask for values; how a background runner ends.
    *("vault.on", "secrets.register", "agenda.close"),
    *("vault.secrets", "vault.keys", "vault.crypto", "vault.slots", "vault.audit", "vault.agenda"),
}
# See the tests below, test_door.py, lifecycle/test_clockwatch.py and lifecycle/test_running.py.
ELSEWHERE = {"VaultCreate", "VaultOpen", "VaultBatch", "ClockSetBack"} | {
    noun + operation
    for noun in ("Key", "Secret")
    for operation in ("RotateIfDue", "NearExpiryEventGridNotification", "ExpiredEventGridNotification")
}
cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def rooms(vault: Vault) -> dict[str, object]:
    """Where verbs are."""
    return {
        "vault": vault,
        "secrets": vault.secrets,
        "keys": vault.keys,
        "crypto": vault.crypto("data"),
        "data_key": vault.crypto("data").data_key(),
        "slots": vault.slots,
        "audit": vault.audit,
        "agenda": vault.agenda,
    }


def test_no_verb_is_left_out(vault: Vault) -> None:
    """Every public name of every room stands in `CASES`, or among those that ask nothing of the vault."""
    vault.keys.create("data", "oct")
    public = {
        f"{room}.{name}"
        for room, found in rooms(vault).items()
        for name in [*dir(type(found)), *getattr(found, "__dict__", ())]
        if not name.startswith("_")
    }
    assert public == set(CASES) | NO_OPERATIONS


def test_no_operation_is_left_out() -> None:
    """Every row of the table is the operation of some verb, and says what it is called and what right it needs."""
    assert {event.operation for case in CASES.values() for event in case.events} | ELSEWHERE == set(
        OPERATIONS
    )
    for name, row in OPERATIONS.items():
        assert row.name == name
        assert re.fullmatch(r"(localvault/)?[a-z]+(/[a-zA-Z]+)*(/action)?", row.data_action)


@cases
def test_a_verb_is_told_as_it_should(world: World, case: Case) -> None:
    """These events in order, each with its target, version, count and time; only a row that writes changes records."""
    case.before(world)
    before, result = records(world.vault), None
    with told(world.vault) as events:
        result = case.act(world)
    writes = any(OPERATIONS[want.operation].writes for want in case.events)
    assert (records(world.vault) != before) == writes
    assert [(event.operation, event.target, event.version, event.count) for event in events] == [
        (want.operation, want.target, _version(world, want, result), want.count) for want in case.events
    ]
    for event in events:
        assert (event.result, event.code, event.principal) == ("Success", None, "owner")
        assert event.time == world.clock.now
        assert event.correlation_id is None
        assert 0 <= event.duration_us < 60_000_000


def test_what_would_be_trimmed_is_a_list(world: World) -> None:
    """A dry run is told as listing versions, needs no more right than that, and changes nothing."""
    world.retire_pairs()
    before = records(world.vault)
    with told(world.vault) as events:
        assert len(world.vault.keys.trim("pair", dry_run=True)) == 2
        assert len(world.vault.secrets.trim("db", keep=1, dry_run=True)) == 1
    assert [(event.operation, event.count, (event.details or {})["would"]) for event in events] == [
        ("KeyListVersions", 2, "trim"),
        ("SecretListVersions", 1, "trim"),
    ]
    assert records(world.vault) == before


def _version(world: World, want: Told, result: Any) -> str | None:
    if want.version is None:
        return None
    if want.version == "made":
        return str((result[0] if isinstance(result, list) else result).version)
    return world.versions[want.version]


def records(vault: Vault) -> dict[tuple[int, bytes], bytes]:
    """All there is but the journal."""
    with vault._parts.store.read() as txn:
        return {(table, key): value for table in (1, 2, 3, 4, 7) for key, value in txn.scan(table)}


@cases
def test_nobody_without_the_right_gets_anything(
    world: World, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`AccessDenied`, an event that says so, and nothing changed or made."""
    case.before(world)
    before, files = records(world.vault), sorted(world.folder.iterdir())
    with told(world.vault) as events, monkeypatch.context() as patched:
        patched.setattr(world.vault._parts.door, "_access", Access(()))
        with pytest.raises(AccessDenied) as denied:
            case.act(world)
    assert denied.value.code == "ForbiddenByRbac"
    assert [(event.operation, event.result, event.code) for event in events] == [
        (case.events[0].operation, "Denied", "ForbiddenByRbac")
    ]
    assert records(world.vault) == before
    assert sorted(world.folder.iterdir()) == files


FAILING: dict[str, tuple[Callable[[Vault], object], str, str, str]] = {
    "secrets.get": (lambda v: v.secrets.get("no"), "SecretGet", "/secrets/no", "SecretNotFound"),
    "secrets.set": (lambda v: v.secrets.set("a b", ""), "SecretSet", "/secrets/a b", "BadParameter"),
    "secrets.set held": (
        lambda v: v.secrets.set("gone", ""),
        "SecretSet",
        "/secrets/gone",
        "ObjectIsDeletedButRecoverable",
    ),
    "secrets.set_many": (
        lambda v: v.secrets.set_many({"x": "1", "a b": "2"}),
        "SecretSet",
        "/secrets",
        "BadParameter",
    ),
    "secrets.list": (
        lambda v: list(v.secrets.versions("no")),
        "SecretListVersions",
        "/secrets/no",
        "SecretNotFound",
    ),
    "secrets.recover": (lambda v: v.secrets.recover("db"), "SecretRecover", "/secrets/db", "SecretNotFound"),
    "secrets.rotate": (lambda v: v.secrets.rotate("db"), "SecretRotate", "/secrets/db", "BadParameter"),
    "secrets.rotate nothing": (
        lambda v: v.secrets.rotate("no"),
        "SecretRotate",
        "/secrets/no",
        "SecretNotFound",
    ),
    "a generator nobody registered": (
        lambda v: v.secrets.generate("new", Generator.named("app")),
        "SecretSet",
        "/secrets/new",
        "GeneratorFailed",
    ),
    "secrets.restore": (lambda v: v.secrets.restore(b"?"), "SecretRestore", "/secrets", "BadParameter"),
    "keys.get": (lambda v: v.keys.get("no"), "KeyGet", "/keys/no", "KeyNotFound"),
    "keys.rotate": (lambda v: v.keys.rotate("no"), "KeyRotate", "/keys/no", "KeyNotFound"),
    # What is refused before there is anything to do is told as well.
    "keys.create": (lambda v: v.keys.create("x", "RSB"), "KeyCreate", "/keys/x", "BadParameter"),
    "keys.import_": (lambda v: v.keys.import_("x", b"?"), "KeyImport", "/keys/x", "BadParameter"),
    "a date without a zone": (
        lambda v: v.secrets.set("x", "", expires_on=datetime(2100, 1, 1)),
        "SecretSet",
        "/secrets/x",
        "BadParameter",
    ),
    "a changed date without a zone": (
        lambda v: v.keys.update("data", expires_on=datetime(2100, 1, 1)),
        "KeyUpdate",
        "/keys/data",
        "BadParameter",
    ),
    "a moment without a zone": (
        lambda v: v.agenda.run_due(datetime(2100, 1, 1)),
        "AgendaList",
        "/",
        "BadParameter",
    ),
    "an empty transfer passphrase": (
        lambda v: v.secrets.backup("db", passphrase=""),
        "SecretBackup",
        "/secrets/db",
        "BadParameter",
    ),
    "an empty passphrase": (lambda v: v.slots.add_passphrase(""), "SlotAdd", "/", "BadParameter"),
    "a key file with the vault": (
        lambda v: v.slots.add_keyfile(v.path / "key"),
        "SlotAdd",
        "/",
        "BadParameter",
    ),
    "keys.export": (
        lambda v: v.keys.export("pair", access=KEY_ACCESS),
        "KeyExport",
        "/keys/pair",
        "KeyNotExportable",
    ),
    "crypto.verify": (
        lambda v: v.crypto("data").verify("HS256", b"text", b"no"),
        "KeyVerify",
        "/keys/data",
        "InvalidSignature",
    ),
    "crypto.open": (
        lambda v: v.crypto("data").open(bytes(80)),
        "KeyOpen",
        "/keys/data",
        "DecryptionFailed",
    ),
    "crypto.seal_file": (
        lambda v: v.crypto("data").seal_file(v.path, v.path.parent / "sealed"),
        "KeySeal",
        "/keys/data",
        "BadParameter",
    ),
    "crypto.open_file": (
        lambda v: v.crypto("data").open_file(io.BytesIO(bytes(80)), v.path.parent / "opened"),
        "KeyOpen",
        "/keys/data",
        "DecryptionFailed",
    ),
    "crypto.sign": (
        lambda v: v.crypto("data").sign("ES256", DIGEST),
        "KeySign",
        "/keys/data",
        "BadParameter",
    ),
    "a long name": (
        lambda v: v.secrets.get("n" * 5000),
        "SecretGet",
        "/secrets/" + "n" * 200,
        "BadParameter",
    ),
    "slots.remove": (lambda v: v.slots.remove("no"), "SlotRemove", "/", "BadParameter"),
    "the last slot": (lambda v: v.slots.remove(v.slots.list()[0].id), "SlotRemove", "/", "Conflict"),
    "a wrong passphrase": (
        lambda v: v.slots.change_passphrase("wrong", "new"),
        "PassphraseChange",
        "/",
        "UnlockFailed",
    ),
    "slots.add": (
        lambda v: v.slots.add_passphrase("x", label="l" * 101, kdf=CHEAPEST),
        "SlotAdd",
        "/",
        "BadParameter",
    ),
    "vault.backup": (lambda v: v.backup(v.path), "VaultBackup", "/", "VaultExists"),
    "vault.compact": (lambda v: v.compact(v.path), "VaultCompact", "/", "VaultExists"),
    "a copy nowhere": (lambda v: v.backup("no/folder"), "VaultBackup", "/", "BadParameter"),
    "vault.configure": (lambda v: v.configure(retention_days=1), "VaultUpdate", "/", "BadParameter"),
}


@pytest.mark.parametrize(("act", "operation", "target", "code"), FAILING.values(), ids=FAILING.keys())
def test_a_failure_is_told_too(
    world: World, act: Callable[[Vault], object], operation: str, target: str, code: str
) -> None:
    """With the error's code; and nothing is changed."""
    before = records(world.vault)
    with told(world.vault) as events, pytest.raises(LocalVaultError) as failed:
        act(world.vault)
    last: Event = events[-1]
    assert (last.operation, last.target, last.result, last.code) == (operation, target, "Failure", code)
    assert failed.value.code == code
    assert [event.result for event in events[:-1]] in ([], ["Success"])
    assert records(world.vault) == before


def test_an_error_of_the_program_is_told_by_its_name(world: World) -> None:
    """What is not the vault's own error passes through, and its event names its class."""
    mistake: Any = "text is no message"
    with told(world.vault) as events, pytest.raises(TypeError):
        world.crypto.sign("HS256", mistake)
    assert [(event.operation, event.result, event.code) for event in events] == [
        ("KeySign", "Failure", "TypeError")
    ]


def test_making_and_opening_are_told(vault: Vault, clock: FixedClock) -> None:
    """The first event is that the vault was made; each opening says by which kind of slot."""
    recovery, path = vault.slots.add_recovery_key(), vault.path
    vault.close()
    for unlocking in ({"passphrase": "unit"}, {"recovery_key": recovery}):
        localvault.open(path, allow_weak=True, clock=clock, **unlocking).close()
    with localvault.open(path, passphrase="unit", allow_weak=True, clock=clock) as again:
        first, *rest = again.audit.events()
    assert (first.sequence, first.operation, first.target, first.result) == (0, "VaultCreate", "/", "Success")
    assert first.time == clock.now
    opened = [event for event in rest if event.operation == "VaultOpen"]
    assert [event.details for event in opened] == [
        {"slot": "passphrase"},
        {"slot": "recovery"},
        {"slot": "passphrase"},
    ]
