"""Taking versions of a key out of use: what a policy refuses and leaves, in every process; retiring with proof."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import localvault
from localvault import (
    BadParameter,
    Conflict,
    Crypto,
    Damaged,
    KeyDisabled,
    KeyNotFound,
    KeyVersionRetired,
    Packed,
    Vault,
    VersionCounts,
    VersionPolicy,
)
from localvault.lifecycle.minimum import SETTING
from localvault.model.key_access import KEY_ACCESS
from localvault.testing.clock import FixedClock
from tests.support.children import Say, run
from tests.support.refusals import refused, unchanged

KEY = b"k" * 32
LATEST = VersionPolicy(latest_minus=0)


class Old:
    """A key `k`, what its first version made, and a version that came after it."""

    def __init__(self, vault: Vault, folder: Path) -> None:
        self.vault = vault
        self.version = str(vault.keys.create("k", "oct", exportable=True).version)
        self.crypto = vault.crypto("k")
        self.token = self.crypto.seal(b"text")
        self.wrapped = self.crypto.wrap_key("A256KW", KEY).encrypted_key
        self.mac = self.crypto.sign("HS256", b"text").signature
        made = self.crypto.encrypt("A256GCM", b"text")
        self.parts = {
            "ciphertext": made.ciphertext,
            "iv": made.iv,
            "authentication_tag": made.authentication_tag,
        }
        self.file = io.BytesIO()
        self.crypto.seal_file(io.BytesIO(b"text"), self.file)
        self.target = folder / "opened"
        vault.keys.rotate("k")
        self.own = vault.crypto("k", self.version)
        self.fresh = self.crypto.seal(b"text")

    def source(self) -> io.BytesIO:
        """The sealed file, at its beginning."""
        return io.BytesIO(self.file.getvalue())


@pytest.fixture
def old(vault: Vault, tmp_path: Path) -> Old:
    """What there is before a policy retires it."""
    return Old(vault, tmp_path)


# Each verb that uses the old version, and the operation it is.
REFUSED: dict[str, tuple[str, Callable[[Old], object]]] = {
    "open": ("KeyOpen", lambda old: old.crypto.open(old.token)),
    "open_many": ("KeyOpen", lambda old: old.crypto.open_many([old.fresh, old.token])),
    "open_many packed": ("KeyOpen", lambda old: old.crypto.open_many(Packed.of([old.fresh, old.token]))),
    "open_many failed=": ("KeyOpen", lambda old: old.crypto.open_many([old.fresh, old.token], failed=[])),
    "open_file": ("KeyOpen", lambda old: old.crypto.open_file(old.source(), old.target)),
    "rewrap": ("KeyRewrap", lambda old: old.crypto.rewrap(old.token)),
    "rewrap_many": ("KeyRewrap", lambda old: old.crypto.rewrap_many([old.token], failed=[])),
    "decrypt": ("KeyDecrypt", lambda old: old.own.decrypt("A256GCM", **old.parts)),
    "unwrap_key": ("KeyUnwrap", lambda old: old.own.unwrap_key("A256KW", old.wrapped)),
    "unwrap_many": ("KeyUnwrap", lambda old: old.own.unwrap_many("A256KW", [old.wrapped], failed=[])),
    "seal": ("KeySeal", lambda old: old.own.seal(b"text")),
    "seal_many": ("KeySeal", lambda old: old.own.seal_many([b"text"])),
    "encrypt": ("KeyEncrypt", lambda old: old.own.encrypt("A256GCM", b"text")),
    "wrap_key": ("KeyWrap", lambda old: old.own.wrap_key("A256KW", KEY)),
    "sign": ("KeySign", lambda old: old.own.sign("HS256", b"text")),
    "export": ("KeyExport", lambda old: old.vault.keys.export("k", old.version, access=KEY_ACCESS)),
}
LEFT: dict[str, Callable[[Old], object]] = {
    "verify": lambda old: old.own.verify("HS256", b"text", old.mac),
    "verify_many": lambda old: old.own.verify_many("HS256", [b"text"], [old.mac]),
    "get": lambda old: old.vault.keys.get("k", old.version),
    "update": lambda old: old.vault.keys.update("k", old.version, tags={"a": "b"}),
    "open what is fresh": lambda old: old.crypto.open(old.fresh),
    "seal": lambda old: old.crypto.seal(b"text"),
    "backup": lambda old: old.vault.keys.backup("k"),
}


@pytest.mark.parametrize("verb", REFUSED)
def test_what_is_retired_does_nothing_more(old: Old, verb: str) -> None:
    """`KeyVersionRetired`, told in one event, whether one or many were asked for; without the policy it works again."""
    operation, act = REFUSED[verb]
    act(old)
    old.target.unlink(missing_ok=True)
    for policy in (LATEST, VersionPolicy(minimum_open=old.vault.keys.get("k").version)):
        old.vault.keys.set_version_policy("k", policy)
        with refused(old.vault, KeyVersionRetired, operation, target="/keys/k"):
            act(old)
        assert not old.target.exists()
    for policy in (VersionPolicy(latest_minus=1), VersionPolicy(minimum_open=old.version), VersionPolicy()):
        old.vault.keys.set_version_policy("k", policy)
        act(old)
        old.target.unlink(missing_ok=True)


@pytest.mark.parametrize("verb", LEFT)
def test_what_a_retired_version_still_does(old: Old, verb: str) -> None:
    """It verifies, is shown and changed; and the current version goes on."""
    old.vault.keys.set_version_policy("k", LATEST)
    LEFT[verb](old)


def test_the_error_is_one_of_what_is_forbidden(old: Old) -> None:
    """With Key Vault's code, a sentence that names both versions, and a way back."""
    old.vault.keys.set_version_policy("k", LATEST)
    with pytest.raises(localvault.Forbidden, match=f"version {old.version} of key k is retired") as caught:
        old.crypto.open(old.token)
    assert caught.value.code == "Forbidden"
    assert caught.value.hint


def test_disabled_counts_before_retired(old: Old) -> None:
    """Of two states the one that was set by name is told."""
    old.vault.keys.set_version_policy("k", LATEST)
    old.vault.keys.update("k", old.version, enabled=False)
    with pytest.raises(KeyDisabled):
        old.crypto.open(old.token)


def test_nobody_ends_a_call_with_a_made_up_version(old: Old) -> None:
    """An item that names an older version than any there is stays one bad item of many."""
    old.vault.keys.set_version_policy("k", LATEST)
    made_up = old.fresh[:2] + bytes(16) + old.fresh[18:]
    failed: list[int] = []
    assert old.crypto.open_many([made_up, old.fresh], failed=failed) == [b"", b"text"]
    assert failed == [0]


def test_latest_minus_moves_with_every_new_version(vault: Vault, clock: FixedClock) -> None:
    """Rotated, created again or imported: the current one and so many before it open, in a batch too."""
    vault.keys.create("k", "oct")
    vault.keys.set_version_policy("k", VersionPolicy(latest_minus=2))
    makers: list[Callable[[], object]] = [
        lambda: vault.keys.rotate("k"),
        lambda: vault.keys.create("k", "oct"),
        lambda: vault.keys.import_("k", {"kty": "oct", "k": "A" * 43}),
    ]
    tokens = [vault.crypto("k").seal(b"text")]

    def opening() -> list[bool]:
        crypto = vault.crypto("k")
        return [_works(lambda token=token: crypto.open(token)) for token in tokens]  # type: ignore[misc]

    for step in range(6):
        clock.move(seconds=-1)
        makers[step % 3]()
        tokens.append(vault.crypto("k").seal(b"text"))
        assert opening() == [number >= len(tokens) - 3 for number in range(len(tokens))]
    with vault.batch():
        for make in makers:
            make()
            tokens.append(vault.crypto("k").seal(b"text"))
            assert opening() == [number >= len(tokens) - 3 for number in range(len(tokens))]
    assert [each.retired for each in vault.keys.versions("k")] == [True] * 7 + [False] * 3
    assert vault.check() == []


def test_a_policy_is_kept_where_the_key_is(old: Old, vault: Vault) -> None:
    """Through deletion and recovery, backup and restore; a new key of the name has none."""
    policy = VersionPolicy(latest_minus=0, keep=2)
    assert vault.keys.version_policy("k") == VersionPolicy()
    assert vault.keys.set_version_policy("K", policy) == policy
    blob = vault.keys.backup("k")
    vault.keys.delete("k")
    vault.keys.recover("k")
    assert vault.keys.version_policy("k") == policy
    vault.keys.delete("k")
    vault.keys.purge("k")
    vault.keys.create("k", "oct")
    assert vault.keys.version_policy("k") == VersionPolicy()
    vault.keys.delete("k")
    vault.keys.purge("k")
    vault.keys.restore(blob)
    assert vault.keys.version_policy("k") == policy
    with pytest.raises(KeyVersionRetired):
        old.crypto.open(old.token)
    vault.keys.rotate("k")
    with pytest.raises(KeyVersionRetired):
        old.crypto.open(old.fresh)


def test_a_policy_needs_a_key_and_a_version_of_it(vault: Vault) -> None:
    """What is not there is not found, and nothing is changed."""
    vault.keys.create("k", "oct")
    for name, policy in (("none", LATEST), ("k", VersionPolicy(minimum_open="0" * 32))):
        with refused(vault, KeyNotFound, "KeySetVersionPolicy", target=f"/keys/{name}"):
            vault.keys.set_version_policy(name, policy)
    wrong: Any = {"latest_minus": 1}
    with pytest.raises(TypeError), unchanged(vault):
        vault.keys.set_version_policy("k", wrong)


def _patched(vault: Vault, monkeypatch: pytest.MonkeyPatch, change: Callable[[Any], Any]) -> bytes:
    """A backup of `k` whose payload went through `change`."""
    import msgpack

    seal = vault._parts.ground.blobs.seal
    with monkeypatch.context() as patched:
        patched.setattr(
            type(vault._parts.ground.blobs),
            "seal",
            lambda self, payload, passphrase: seal(
                msgpack.packb(change(msgpack.unpackb(payload))), passphrase
            ),
        )
        blob = vault.keys.backup("k")
    vault.keys.delete("k")
    vault.keys.purge("k")
    return blob


def test_an_old_version_put_last_has_no_policy(
    old: Old, vault: Vault, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a restore that made an older version current no policy is taken until the next rotation."""
    blob = _patched(vault, monkeypatch, lambda parts: [*parts[:4], parts[4][::-1]])
    vault.keys.restore(blob)
    assert vault.keys.get("k").version == old.version
    with refused(vault, Conflict, "KeySetVersionPolicy", target="/keys/k"):
        vault.keys.set_version_policy("k", LATEST)
    vault.keys.set_version_policy("k", VersionPolicy())
    clock.move(seconds=1)
    vault.keys.rotate("k")
    vault.keys.set_version_policy("k", LATEST)


def test_a_policy_made_up_in_a_backup_is_refused(
    old: Old, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is not such as this vault makes it would break every use of the key."""
    vault.keys.set_version_policy("k", LATEST)

    def change(parts: Any) -> Any:
        parts[3][SETTING]["lowest"] = b"?"
        return parts

    blob = _patched(vault, monkeypatch, change)
    with pytest.raises(Damaged), unchanged(vault):
        vault.keys.restore(blob)


def test_another_process_sees_it_at_its_next_operation(old: Old, vault: Vault, clock: FixedClock) -> None:
    """What one retires, another with the vault open refuses at once; and opens again when it is brought back."""

    def elsewhere(say: Say) -> None:
        with localvault.open(vault.path, passphrase="unit", allow_weak=True, clock=clock) as other:
            crypto = other.crypto("k")
            assert crypto.open(old.token) == b"text"
            for policy in (LATEST, VersionPolicy()):
                run(partial(_set_policy, vault.path, clock, policy))
                say([_works(lambda: crypto.open(old.token)), _works(lambda: crypto.open(old.fresh))])

    assert run(elsewhere) == [[False, True], [True, True]]


def _set_policy(path: Path, clock: FixedClock, policy: VersionPolicy, say: Say) -> None:
    with localvault.open(path, passphrase="unit", allow_weak=True, clock=clock) as vault:
        vault.keys.set_version_policy("k", policy)


def _works(act: Callable[[], object]) -> bool:
    try:
        act()
    except KeyVersionRetired:
        return False
    return True


def test_a_version_is_retired_with_proof(old: Old, vault: Vault) -> None:
    """Once no counted token names it, it is disabled; the event has the counts."""
    tokens = [old.token, old.fresh, b"no token"]
    counts = old.crypto.count_versions(tokens)
    with refused(vault, Conflict, "KeyRetire", target="/keys/k"):
        vault.keys.retire("k", old.version, counts)
    tokens[0] = old.crypto.rewrap(old.token)
    counts = old.crypto.count_versions(tokens)
    assert vault.keys.retire("k", old.version.upper(), counts).enabled is False
    with pytest.raises(KeyDisabled):
        old.crypto.open(old.token)
    event = next(vault.audit.events(operation="KeyRetire", reverse=True))
    current = vault.keys.get("k").version
    assert (event.version, event.details) == (
        old.version,
        {"proof": {"total": 3, "invalid": 1, "unknown": 0, "counts": {current: 2}}},
    )
    assert [each.enabled for each in vault.keys.versions("k")] == [False, True]


def test_what_proves_nothing_retires_nothing(old: Old, vault: Vault) -> None:
    """The current version, another key's counts, a version that is not there, what is no proof at all."""
    none = old.crypto.count_versions([])
    cases: list[tuple[type[localvault.LocalVaultError], str, str, VersionCounts]] = [
        (Conflict, "k", str(vault.keys.get("k").version), none),
        (BadParameter, "k", old.version, VersionCounts("other", {}, {}, 0)),
        (Conflict, "k", old.version, VersionCounts("k", {}, {old.version: 1}, 0)),
        (KeyNotFound, "k", "0" * 32, none),
        (KeyNotFound, "none", old.version, none),
        (BadParameter, "k", "no version", none),
    ]
    for error, name, version, counts in cases:
        with refused(vault, error, "KeyRetire", target=f"/keys/{name}"):
            vault.keys.retire(name, version, counts)
    wrong: Any = {old.version: 0}
    with pytest.raises(TypeError), unchanged(vault):
        vault.keys.retire("k", old.version, wrong)


def test_a_proof_of_many_versions_fits_an_event(old: Old, vault: Vault) -> None:
    """The event tells some counts, and how many more there were."""
    many = {f"{number:032x}": 1 for number in range(1, 2001)}
    vault.keys.retire("k", old.version, VersionCounts("k", many, {}, 0))
    event = next(vault.audit.events(operation="KeyRetire", reverse=True))
    assert event.details is not None
    assert event.details["proof"]["total"] == 2000
    assert len(event.details["proof"]["counts"]) + event.details["proof"]["more_versions"] == 2000


def test_a_public_key_verifies_what_its_retired_version_signed(vault: Vault) -> None:
    """And signs nothing more."""
    version = vault.keys.create("pair", "EC").version
    crypto = Crypto(vault._parts.ground, vault._loaded, "pair", version)
    signature = crypto.sign("ES256", KEY).signature
    vault.keys.rotate("pair")
    vault.keys.set_version_policy("pair", LATEST)
    crypto.verify("ES256", KEY, signature)
    with pytest.raises(KeyVersionRetired):
        crypto.sign("ES256", KEY)
