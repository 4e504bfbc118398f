"""What a busy process does with a vault, as data; and a plain model that says what must come of it.

An operation is a list `[verb, argument, …]` that JSON can carry. `perform` does it with a vault and returns its
outcome, `Model.apply` says which outcomes are right and what the vault must hold afterwards, `seen` reads what it
holds. Names, values and tokens are the model's own, so that the two can be compared after any number of reopenings.
"""

from __future__ import annotations

import base64
import copy
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import localvault
from localvault import Generator, LifetimeAction, LocalVaultError, RotationPolicy, Vault, VersionPolicy
from localvault.testing.profiles import CHEAPEST

Op = list[Any]
PASSPHRASE = "a passphrase of tests"
SECRETS = ["db", "api-key", "Mail-Password", "x", "a" * 127]
KEYS = ["orders", "archive"]
# Days: when a policy rotates a key, and when the agenda is run, which is before any purge is due.
ROTATED_AFTER, LATER = 50, 60
MADE = "made by the application"  # by the generator that `generate` gives a secret
KEY_TYPES = {"oct": {"size": 256}, "EC": {"curve": "P-256"}, "OKP": {"curve": "Ed25519"}}


def create(path: Path, passphrase: str = PASSPHRASE, **options: Any) -> Vault:
    """A new vault whose passphrase costs nothing to stretch."""
    return localvault.create(
        path, passphrase=passphrase, name="life", kdf=CHEAPEST, allow_weak=True, **options
    )


def reopen(path: Path, passphrase: str = PASSPHRASE, **options: Any) -> Vault:
    """The vault at `path`, opened again."""
    return localvault.open(path, passphrase=passphrase, allow_weak=True, **options)


def value_of(text: str) -> str | bytes:
    """The value a text stands for: what begins with `bytes ` is kept as bytes, `long N` has N characters."""
    if text.startswith("long "):
        return "v" * int(text[5:])
    return text.encode() if text.startswith("bytes ") else text


def unarmoured(text: str) -> bytes:
    """The bytes of a token or backup that was kept as text."""
    return base64.b64decode(text)


def choose(dice: random.Random, blobs: dict[str, str], copies: Path) -> Op:
    """An operation such as a busy process does; `copies` is where copies of the vault go."""
    if dice.random() < 0.1:
        inner = [_choose_one(dice, blobs, copies) for _ in range(12)]
        return ["batch", [op for op in inner if op[0] in _IN_BATCH]]
    return _choose_one(dice, blobs, copies)


def _choose_one(dice: random.Random, blobs: dict[str, str], copies: Path) -> Op:
    name, key = dice.choice(SECRETS), dice.choice(KEYS)
    number = dice.randrange(1 << 30)
    value = _some_value(dice)
    pick = dice.random()
    if pick < 0.25:
        return ["set", name, value]
    if pick < 0.4:
        return ["get", name]
    if pick < 0.5:
        return ["set_many", [[each, _some_value(dice)] for each in dice.sample(SECRETS, 3)]]
    rare: list[Op] = [
        ["update", name, f"tag {number}"],
        ["delete", name],
        ["delete", name],
        ["recover", name],
        ["purge", name],
        ["backup", name],
        *([["restore", name]] * 3 if name in blobs else []),
        ["key", key, dice.choice(list(KEY_TYPES))],
        ["rotate", key],
        ["seal", key, value],
        ["list"],
        ["settings", dice.randrange(1, 16)],
        ["reopen"],
        ["gets", name, 60],
        ["slot", f"slot {number}"],
        ["unslot"],
        ["passphrase", f"{PASSPHRASE} {number}"],
        [dice.choice(["copy", "compact"]), str(copies / f"{number}.vault")],
    ]
    return dice.choice(rare)


def _some_value(dice: random.Random) -> str:
    number = dice.randrange(1 << 30)
    return dice.choice([f"value {number}", f"bytes {number}", f"long {number % 8000}"])


_IN_BATCH = {"set", "get", "update", "delete", "recover", "purge", "key", "seal", "settings"}


class Hand:
    """Does operations with a vault, as the process that has it open."""

    def __init__(self, path: Path, passphrase: str) -> None:
        self.path = path
        self.passphrase = passphrase
        self.blobs: dict[str, str] = {}
        self.slots: list[str] = []
        self.vault = self._opened()

    def _opened(self) -> Vault:
        vault = reopen(self.path, self.passphrase)
        vault.secrets.register("maker", lambda name, properties: MADE)
        return vault

    def perform(self, op: Op) -> Any:
        """Do it; returns its outcome, `["error", code]` for an error of the vault's that is no failure of the vault."""
        try:
            return getattr(self, "_" + op[0])(*op[1:])
        except localvault.VaultError:
            raise
        except LocalVaultError as error:
            return ["error", error.code]

    def _set(self, name: str, value: str) -> Any:
        return self.vault.secrets.set(name, value_of(value)).version

    def _get(self, name: str) -> Any:
        return self.vault.secrets.get(name).version

    def _gets(self, name: str, times: int) -> Any:
        return [self.perform(["get", name]) for _ in range(times)][-1]

    def _set_many(self, pairs: list[list[str]]) -> Any:
        made = self.vault.secrets.set_many([(name, value_of(value)) for name, value in pairs])
        return [each.version for each in made]

    def _batch(self, ops: list[Op]) -> Any:
        with self.vault.batch():
            return [self.perform(op) for op in ops]

    def _update(self, name: str, tag: str) -> Any:
        return self.vault.secrets.update(name, tags={"tag": tag}).version

    def _delete(self, name: str) -> Any:
        return self.vault.secrets.delete(name).name

    def _recover(self, name: str) -> Any:
        return self.vault.secrets.recover(name).version

    def _purge(self, name: str) -> Any:
        return self.vault.secrets.purge(name)

    def _backup(self, name: str) -> Any:
        self.blobs[name] = base64.b64encode(self.vault.secrets.backup(name)).decode()
        return None

    def _restore(self, name: str) -> Any:
        return self.vault.secrets.restore(unarmoured(self.blobs[name])).version

    def _key(self, name: str, kty: str) -> Any:
        return self.vault.keys.create(name, kty, **KEY_TYPES[kty]).version  # type: ignore[arg-type]

    def _rotate(self, name: str) -> Any:
        return self.vault.keys.rotate(name).version

    def _rotation_policy(self, name: str) -> Any:
        policy = RotationPolicy(None, [LifetimeAction("Rotate", f"P{ROTATED_AFTER}D")])
        self.vault.keys.set_rotation_policy(name, policy)

    def _agenda(self) -> Any:
        done = self.vault.agenda.run_due(datetime.now(UTC) + timedelta(days=LATER))
        return sorted([each.action, each.target, self._current(each.target)] for each in done)

    def _current(self, target: str) -> str | None:
        return self.vault.keys.get(target.rpartition("/")[2]).version

    def _version_policy(self, name: str, minus: int) -> Any:
        return self.vault.keys.set_version_policy(name, VersionPolicy(latest_minus=minus)).latest_minus

    def _trim(self, name: str) -> Any:
        return len(self.vault.keys.trim(name))

    def _generate(self, name: str) -> Any:
        return self.vault.secrets.generate(name, Generator.named("maker")).version

    def _rotate_secret(self, name: str) -> Any:
        return self.vault.secrets.rotate(name).version

    def _master(self) -> Any:
        parts: list[int] = []
        generation = self.vault.rotate_master_key(lambda done, total: parts.append(done)).generation
        return [generation, len(parts)]

    def _seal(self, name: str, text: str) -> Any:
        return base64.b64encode(self.vault.crypto(name).seal(text.encode())).decode()

    def _list(self) -> Any:
        return sorted(each.name for each in self.vault.secrets.list())

    def _settings(self, number: int) -> Any:
        return self.vault.configure(retention_days=7 + number).retention_days

    def _reopen(self) -> Any:
        self.vault.close()
        self.vault = self._opened()

    def _slot(self, label: str) -> Any:
        self.vault.slots.add_recovery_key(label=label)

    def _unslot(self) -> Any:
        slots = [slot for slot in self.vault.slots.list() if slot.kind == "recovery"]
        if slots:
            self.vault.slots.remove(slots[0].id)
        return len(slots)

    def _passphrase(self, new: str) -> Any:
        self.vault.slots.change_passphrase(self.passphrase, new)
        self.passphrase = new

    def _copy(self, target: str) -> Any:
        self.vault.backup(target)

    def _compact(self, target: str) -> Any:
        self.vault.compact(target)


MISSING = ["error", "SecretNotFound"]
NO_KEY = ["error", "KeyNotFound"]
HELD = ["error", "ObjectIsDeletedButRecoverable"]
ANY = "some version"  # the id of one that was made when nobody was there to hear of it
Versions = list[list[Any]]  # [version id or ANY, value as text, tag] each


class Model:
    """What a vault must hold."""

    def __init__(self) -> None:
        self.secrets: dict[str, Versions] = {}
        self.deleted: dict[str, Versions] = {}
        self.keys: dict[str, list[list[Any]]] = {}  # [version id, type]
        self.scheduled: list[str] = []  # keys with a rotation policy
        self.minus: dict[str, int] = {}  # of keys with a version policy
        self.generated: list[str] = []  # secrets with a generator
        self.generation = 0  # of the master key
        self.tokens: list[tuple[str, str, str]] = []
        self.blobs: dict[str, Versions] = {}
        self.slots: list[str] = []
        self.passphrase = PASSPHRASE
        self.retention = 90

    def copy(self) -> Model:
        """A model that goes its own way from here."""
        return copy.deepcopy(self)

    def apply(self, op: Op, outcome: Any = None, *, known: bool = True) -> None:
        """Do what `op` does to the model; with `known`, `outcome` must be a right one."""
        getattr(self, "_" + op[0])(*op[1:], outcome=outcome if known else _UNKNOWN)

    def _set(self, name: str, value: str, *, outcome: Any) -> None:
        if name in self.deleted:
            return _expect(outcome, HELD)
        self.secrets.setdefault(name, []).append([_identifier(outcome), value, None])
        return None

    def _get(self, name: str, *, outcome: Any) -> None:
        _expect(outcome, self.secrets[name][-1][0] if name in self.secrets else MISSING)

    def _gets(self, name: str, times: int, *, outcome: Any) -> None:
        self._get(name, outcome=outcome)

    def _set_many(self, pairs: list[list[str]], *, outcome: Any) -> None:
        if any(name in self.deleted for name, _ in pairs):
            return _expect(outcome, HELD)
        for index, (name, value) in enumerate(pairs):
            self._set(name, value, outcome=outcome if outcome is _UNKNOWN else outcome[index])
        return None

    def _batch(self, ops: list[Op], *, outcome: Any) -> None:
        for index, op in enumerate(ops):
            self.apply(op, None if outcome is _UNKNOWN else outcome[index], known=outcome is not _UNKNOWN)

    def _update(self, name: str, tag: str, *, outcome: Any) -> None:
        self._get(name, outcome=outcome)
        if name in self.secrets:
            self.secrets[name][-1][2] = tag

    def _delete(self, name: str, *, outcome: Any) -> None:
        _expect(outcome, name if name in self.secrets else MISSING)
        if name in self.secrets:
            self.deleted[name] = self.secrets.pop(name)

    def _recover(self, name: str, *, outcome: Any) -> None:
        if name in self.deleted:
            self.secrets[name] = self.deleted.pop(name)
            return _expect(outcome, self.secrets[name][-1][0])
        return _expect(outcome, MISSING)

    def _purge(self, name: str, *, outcome: Any) -> None:
        _expect(outcome, None if name in self.deleted else MISSING)
        self.deleted.pop(name, None)

    def _backup(self, name: str, *, outcome: Any) -> None:
        _expect(outcome, None if name in self.secrets else MISSING)
        if name in self.secrets:
            self.blobs[name] = copy.deepcopy(self.secrets[name])

    def _restore(self, name: str, *, outcome: Any) -> None:
        if name in self.deleted:
            return _expect(outcome, HELD)
        if name in self.secrets:
            return _expect(outcome, ["error", "Conflict"])  # the code of ObjectAlreadyExists
        self.secrets[name] = copy.deepcopy(self.blobs[name])
        return _expect(outcome, self.secrets[name][-1][0])

    def _key(self, name: str, kty: str, *, outcome: Any) -> None:
        self.keys.setdefault(name, []).append([_identifier(outcome), kty])

    def _rotate(self, name: str, *, outcome: Any) -> None:
        if name not in self.keys:
            return _expect(outcome, NO_KEY)
        self.keys[name].append([_identifier(outcome), self.keys[name][-1][1]])
        return None

    def _rotation_policy(self, name: str, *, outcome: Any) -> None:
        self.scheduled = sorted({*self.scheduled, name})

    def _agenda(self, *, outcome: Any) -> None:
        done = [ANY] * len(self.scheduled) if outcome is _UNKNOWN else [version for *_, version in outcome]
        for name, version in zip(self.scheduled, done, strict=True):
            self.keys[name].append([version, self.keys[name][-1][1]])
        if outcome is not _UNKNOWN:
            assert [each[:2] for each in outcome] == [["rotate", f"/keys/{name}"] for name in self.scheduled]

    def _version_policy(self, name: str, minus: int, *, outcome: Any) -> None:
        self.minus[name] = minus
        _expect(outcome, minus)

    def _trim(self, name: str, *, outcome: Any) -> None:
        kept = self._in_use(name)
        _expect(outcome, len(self.keys[name]) - len(kept))
        self.keys[name] = kept

    def _in_use(self, name: str) -> list[list[Any]]:
        """The versions of a key that its version policy has not retired."""
        return self.keys[name][-1 - self.minus[name] :] if name in self.minus else self.keys[name]

    def opening(self) -> list[tuple[str, bytes, bytes]]:
        """The key, the token and the text of what was sealed last, and still opens."""
        found = []
        for name, armoured, text in self.tokens[-5:]:
            token = unarmoured(armoured)
            if localvault.token_version(token) in [version for version, _ in self._in_use(name)]:
                found.append((name, token, text.encode()))
        return found

    def _generate(self, name: str, *, outcome: Any) -> None:
        self._set(name, MADE, outcome=outcome)
        self.generated = sorted({*self.generated, name})

    def _rotate_secret(self, name: str, *, outcome: Any) -> None:
        self.secrets[name].append([_identifier(outcome), MADE, self.secrets[name][-1][2]])

    def _master(self, *, outcome: Any) -> None:
        self.generation += 1
        assert outcome is _UNKNOWN or outcome[0] == self.generation

    def _seal(self, name: str, text: str, *, outcome: Any) -> None:
        if name not in self.keys:
            return _expect(outcome, NO_KEY)
        if self.keys[name][-1][1] != "oct":
            return _expect(outcome, ["error", "KeyOperationForbidden"])
        if outcome is not _UNKNOWN:
            self.tokens.append((name, outcome, text))
        return None

    def _list(self, *, outcome: Any) -> None:
        _expect(outcome, sorted(self.secrets))

    def _settings(self, number: int, *, outcome: Any) -> None:
        self.retention = 7 + number
        _expect(outcome, self.retention)

    def _slot(self, label: str, *, outcome: Any) -> None:
        self.slots.append(label)

    def _unslot(self, *, outcome: Any) -> None:
        _expect(outcome, len(self.slots))
        del self.slots[:1]

    def _passphrase(self, new: str, *, outcome: Any) -> None:
        self.passphrase = new

    def _reopen(self, *, outcome: Any) -> None:
        pass

    def _copy(self, target: str, *, outcome: Any) -> None:
        pass

    _compact = _copy


class _Unknown:
    """The outcome of an operation nobody heard the end of."""


_UNKNOWN = _Unknown()


def _identifier(outcome: Any) -> str:
    if outcome is _UNKNOWN:
        return ANY
    assert isinstance(outcome, str), f"it should have succeeded, and gave {outcome}"
    return outcome


def _expect(outcome: Any, *right: Any) -> None:
    assert outcome is _UNKNOWN or outcome in right or ANY in right, f"it gave {outcome}, not {right}"


def events_of(op: Op, outcome: Any = None) -> int:
    """How many events an operation that ended with `outcome` leaves."""
    if op[0] == "batch":
        return sum(events_of(each, outcome[index]) for index, each in enumerate(op[1]))
    if op[0] == "gets":
        return int(op[2])
    if op[0] == "unslot":
        return 2 if outcome else 1
    if op[0] == "agenda":
        # What is due is looked for, each thing done, the run told; then each new version is read.
        return 2 + 2 * len(outcome)
    if op[0] == "master":
        return 3 + outcome[1]  # the beginning, each part of the walk, its end, the finish
    return 1


def seen(vault: Vault) -> Model:
    """What the vault holds, read version by version."""
    found = Model()
    for each in vault.secrets.list():
        found.secrets[each.name] = [
            [version.version, _text(vault.secrets.get(each.name, version.version).value), _tag(version.tags)]
            for version in vault.secrets.versions(each.name)
        ]
    for gone in vault.secrets.list_deleted():
        found.deleted[gone.name] = []
    for key in vault.keys.list():
        found.keys[key.name] = [[version.version, version.kty] for version in vault.keys.versions(key.name)]
        if vault.keys.rotation_policy(key.name).action("Rotate"):
            found.scheduled.append(key.name)
        minus = vault.keys.version_policy(key.name).latest_minus
        if minus is not None:
            found.minus[key.name] = minus
    found.generated = [name for name in sorted(found.secrets) if vault.secrets.generator(name)]
    found.generation = vault.status()["master_key"]["generation"]
    found.slots = [slot.label or "" for slot in vault.slots.list() if slot.kind == "recovery"]
    found.retention = vault.settings.retention_days
    return found


def differences(found: Model, model: Model) -> list[str]:
    """What of `found`, a vault as it was seen, is not as the model has it."""
    pairs = [
        ("secrets", _without_ids(found.secrets, model.secrets), model.secrets),
        ("deleted", sorted(found.deleted), sorted(model.deleted)),
        ("keys", _without_ids(found.keys, model.keys), model.keys),
        ("rotation policies", sorted(found.scheduled), model.scheduled),
        ("version policies", found.minus, model.minus),
        ("generators", found.generated, model.generated),
        ("master keys", found.generation, model.generation),
        ("slots", found.slots, model.slots),
        ("retention", found.retention, model.retention),
    ]
    return [f"{what}: there is {there}, not {right}" for what, there, right in pairs if there != right]


def adopt(found: Model, model: Model) -> None:
    """Take over the version ids nobody was told of."""
    model.secrets = found.secrets
    model.keys = found.keys


def _without_ids(found: dict[str, Versions], model: dict[str, Versions]) -> dict[str, Versions]:
    """`found` with the ids left out that the model does not know."""
    shown = copy.deepcopy(found)
    for name, versions in model.items():
        for index, version in enumerate(versions):
            if version[0] == ANY and index < len(shown.get(name, [])):
                shown[name][index][0] = ANY
    return shown


def _text(value: str | bytes) -> str:
    if isinstance(value, bytes):
        return value.decode()
    return f"long {len(value)}" if value == "v" * len(value) else value


def _tag(tags: Any) -> str | None:
    return tags.get("tag") if tags else None
