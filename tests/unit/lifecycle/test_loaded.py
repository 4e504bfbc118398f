"""Which state lets a version do what: every cell of the table "States" in docs/model.md, and when a state begins."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import localvault
from localvault import (
    KeyDisabled,
    KeyExpired,
    KeyNotFound,
    KeyNotYetValid,
    KeyOperationForbidden,
    LocalVaultError,
    Vault,
    VaultClosed,
)
from localvault.testing.clock import FixedClock
from tests.support.refusals import refused

MODEL = Path(__file__).parents[3] / "docs" / "model.md"
DIGEST = b"d" * 32
KEY = b"k" * 32


def table() -> dict[str, dict[str, str]]:
    """The table of the documentation: state → verbs → what they do."""
    text = MODEL.read_text()
    rows = re.findall(
        r"^\|(.*)\|$", text[text.index("| | secret: get") : text.index("A secret's dates")], re.M
    )
    cells = [[cell.strip().replace("`", "") for cell in row.split("|")] for row in rows]
    columns = [column.replace(" (public part)", "") for column in cells[0][1:]]
    return {row[0]: dict(zip(columns, row[1:], strict=True)) for row in cells[2:]}


class Subject:
    """A secret and a key called `it`, with what the key made while it could, in the state asked for."""

    def __init__(self, vault: Vault, clock: FixedClock, state: str) -> None:
        self.vault = vault
        vault.secrets.set("it", "value")
        vault.keys.create("it", "oct")
        crypto = vault.crypto("it")
        self.encrypted = crypto.encrypt("A256GCM", b"text")
        self.wrapped = crypto.wrap_key("A256KW", KEY).encrypted_key
        self.signature = crypto.sign("HS256", DIGEST).signature
        self.token = crypto.seal(b"text")
        tomorrow = clock.now + timedelta(days=1)
        for verbs in (vault.secrets, vault.keys):
            if state == "before not_before":
                verbs.update("it", not_before=tomorrow)
            elif state == "after expires_on":
                verbs.update("it", expires_on=tomorrow)
            elif state == "enabled, within its dates":
                verbs.update("it", not_before=clock.now, expires_on=tomorrow)
            elif state == "disabled":
                verbs.update("it", enabled=False)
            elif state == "object deleted":
                verbs.delete("it")
        if state == "operation not permitted":
            vault.keys.update("it", operations=())
        if state == "after expires_on":
            clock.move(days=1)

    def decrypt(self) -> bytes:
        """Decrypt what was encrypted."""
        made = self.encrypted
        return (
            self.vault.crypto("it")
            .decrypt("A256GCM", made.ciphertext, iv=made.iv, authentication_tag=made.authentication_tag)
            .plaintext
        )


Act = Callable[[Subject], object]
ACTS: dict[str, dict[str, Act]] = {
    "secret: get": {"SecretGet": lambda it: it.vault.secrets.get("it").value},
    "key: get": {"KeyGet": lambda it: it.vault.keys.get("it").version},
    "key: encrypt, wrap, sign, seal": {
        "KeyEncrypt": lambda it: it.vault.crypto("it").encrypt("A256GCM", b"text").ciphertext,
        "KeyWrap": lambda it: it.vault.crypto("it").wrap_key("A256KW", KEY).encrypted_key,
        "KeySign": lambda it: it.vault.crypto("it").sign("HS256", DIGEST).signature,
        "KeySeal": lambda it: it.vault.crypto("it").seal(b"text"),
    },
    "key: decrypt, unwrap, verify, open": {
        "KeyDecrypt": Subject.decrypt,
        "KeyUnwrap": lambda it: it.vault.crypto("it").unwrap_key("A256KW", it.wrapped).key,
        "KeyVerify": lambda it: it.vault.crypto("it").verify("HS256", DIGEST, it.signature) or "verified",
        "KeyOpen": lambda it: it.vault.crypto("it").open(it.token),
    },
    "list, versions, update": {
        "SecretListVersions": lambda it: list(it.vault.secrets.versions("it")),
        "SecretUpdate": lambda it: it.vault.secrets.update("it", tags={}).version,
        "KeyListVersions": lambda it: list(it.vault.keys.versions("it")),
        "KeyUpdate": lambda it: it.vault.keys.update("it", tags={}).version,
    },
}
CELLS = [
    pytest.param(state, column, cell, id=f"{column} - {state}")
    for state, row in table().items()
    for column, cell in row.items()
]


def test_the_table_is_all_there() -> None:
    """Six states and the five kinds of verbs that are tried here: a table that moved would be found."""
    assert len(table()) == 6
    assert {tuple(row) for row in table().values()} == {tuple(ACTS)}
    assert sum(map(len, ACTS.values())) == 14


@pytest.mark.parametrize(("state", "column", "cell"), CELLS)
def test_a_state_allows_what_the_documentation_says(
    vault: Vault, clock: FixedClock, state: str, column: str, cell: str
) -> None:
    """Each cell is an outcome of each of its verbs: it works, or is refused with that error, changing nothing."""
    subject = Subject(vault, clock, state)
    for operation, act in ACTS[column].items():
        if cell in ("yes", "–"):  # "–": a secret has no operations, so nothing stops it
            assert act(subject)
            continue
        collection, noun = ("secrets", "Secret") if operation.startswith("Secret") else ("keys", "Key")
        error = getattr(localvault, cell.replace("…", noun))
        with refused(vault, error, operation, target=f"/{collection}/it"):
            act(subject)


@pytest.mark.parametrize("state", table())
def test_a_list_shows_all_that_is_not_deleted(vault: Vault, clock: FixedClock, state: str) -> None:
    """In every other state an object is listed."""
    Subject(vault, clock, state)
    for verbs in (vault.secrets, vault.keys):
        assert [listed.name for listed in verbs.list()] == ([] if state == "object deleted" else ["it"])


MICROSECOND = timedelta(microseconds=1)


def test_dates_hold_to_the_microsecond(vault: Vault, clock: FixedClock) -> None:
    """Valid from `not_before` on, that moment included; expired from `expires_on` on, that moment too."""
    begin = clock.now + timedelta(hours=1)
    end = begin + timedelta(hours=1)
    vault.keys.create("it", "oct", not_before=begin, expires_on=end)
    crypto = vault.crypto("it")

    def at(moment: datetime) -> str:
        clock.move(microseconds=(moment - clock.now) // MICROSECOND)
        try:
            crypto.sign("HS256", DIGEST)
        except LocalVaultError as error:
            return error.code
        return "signs"

    moments = [begin - MICROSECOND, begin, end - MICROSECOND, end, end + timedelta(days=9), begin]
    assert [at(moment) for moment in moments] == [
        "KeyNotYetValid",
        "signs",
        "signs",
        "KeyExpired",
        "KeyExpired",
        "signs",
    ]


PERMITTED: dict[str, Act] = {
    "encrypt": lambda it: it.vault.crypto("it").encrypt("A256GCM", b"text"),
    "decrypt": Subject.decrypt,
    "sign": lambda it: it.vault.crypto("it").sign("HS256", DIGEST),
    "verify": lambda it: it.vault.crypto("it").verify("HS256", DIGEST, it.signature),
    "wrapKey": lambda it: it.vault.crypto("it").wrap_key("A256KW", KEY),
    "unwrapKey": lambda it: it.vault.crypto("it").unwrap_key("A256KW", it.wrapped),
    "encrypt ": lambda it: it.vault.crypto("it").seal(b"text"),
    "decrypt ": lambda it: it.vault.crypto("it").open(it.token),
}


@pytest.mark.parametrize("permitted", ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"])
def test_each_verb_needs_its_own_operation(vault: Vault, clock: FixedClock, permitted: str) -> None:
    """A key permitted one operation does that one (seal and open are encrypting and decrypting) and no other."""
    subject = Subject(vault, clock, "enabled, within its dates")
    vault.keys.update("it", operations=[permitted])
    for needed, act in PERMITTED.items():
        if needed.strip() == permitted:
            act(subject)
        else:
            with pytest.raises(KeyOperationForbidden):
                act(subject)


def test_rewrapping_needs_both(vault: Vault) -> None:
    """It opens under the old version and seals under the current one."""
    old = vault.keys.create("it", "oct", operations=["encrypt", "decrypt"]).version
    token = vault.crypto("it").seal(b"text")
    vault.keys.rotate("it")
    for version, operations in ((None, ["decrypt"]), (old, ["encrypt"])):
        vault.keys.update("it", version, operations=operations)
        with pytest.raises(KeyOperationForbidden):
            vault.crypto("it").rewrap(token)
        vault.keys.update("it", version, operations=["encrypt", "decrypt"])
    assert vault.crypto("it").open(vault.crypto("it").rewrap(token)) == b"text"


def test_a_state_belongs_to_its_version(vault: Vault) -> None:
    """Disabling the old version leaves the new one usable, and only what names the old one is refused."""
    old = vault.keys.create("it", "oct").version
    old_token = vault.crypto("it").seal(b"text")
    vault.keys.rotate("it")
    new_token = vault.crypto("it").seal(b"text")
    vault.keys.update("it", old, enabled=False)
    assert vault.crypto("it").open(new_token) == b"text"
    with pytest.raises(KeyDisabled):
        vault.crypto("it").open(old_token)
    with pytest.raises(KeyDisabled):
        vault.crypto("it").open_many([new_token, old_token])
    with pytest.raises(KeyDisabled):
        vault.crypto("it", old).sign("HS256", DIGEST)
    with pytest.raises(KeyDisabled):
        vault.crypto("it").rewrap(old_token)


CHANGES: dict[str, tuple[Callable[[Vault, FixedClock], object], type[LocalVaultError]]] = {
    "disabled": (lambda vault, clock: vault.keys.update("it", enabled=False), KeyDisabled),
    "not yet valid": (
        lambda vault, clock: vault.keys.update("it", not_before=clock.now + timedelta(days=1)),
        KeyNotYetValid,
    ),
    "expired": (lambda vault, clock: vault.keys.update("it", expires_on=clock.now), KeyExpired),
    "not permitted": (lambda vault, clock: vault.keys.update("it", operations=()), KeyOperationForbidden),
    "deleted": (lambda vault, clock: vault.keys.delete("it"), KeyNotFound),
}


@pytest.mark.parametrize(("change", "error"), CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("whose", ["its own", "another's"])
def test_a_key_in_use_heeds_a_change_at_once(
    vault: Vault,
    clock: FixedClock,
    change: Callable[[Vault, FixedClock], object],
    error: type[LocalVaultError],
    whose: str,
) -> None:
    """Although it was made ready before the change; also if somebody else who has the vault open made it."""
    vault.keys.create("it", "oct")
    crypto = vault.crypto("it")
    crypto.sign("HS256", DIGEST)
    if whose == "its own":
        change(vault, clock)
    else:
        with localvault.open(vault.path, passphrase="unit", allow_weak=True, clock=clock) as other:
            change(other, clock)
    with pytest.raises(error):
        crypto.sign("HS256", DIGEST)


def test_a_face_follows_the_current_version(vault: Vault) -> None:
    """`vault.crypto(name)` looks it up at each call; with a version it stays there, also when purged and restored."""
    first = vault.keys.create("it", "oct")
    current, fixed = vault.crypto("it"), vault.crypto("IT", first.version)
    second = vault.keys.rotate("it")
    assert current.sign("HS256", DIGEST).key_id == second.id
    assert fixed.sign("HS256", DIGEST).key_id == first.id
    assert current.sign("HS256", DIGEST).signature != fixed.sign("HS256", DIGEST).signature
    blob = vault.keys.backup("it")
    vault.keys.delete("it")
    vault.keys.purge("it")
    vault.keys.create("it", "oct")
    with pytest.raises(KeyNotFound):
        fixed.sign("HS256", DIGEST)
    vault.keys.delete("it")
    vault.keys.purge("it")
    vault.keys.restore(blob)
    assert fixed.sign("HS256", DIGEST).key_id == first.id


def test_more_keys_than_are_remembered_stay_usable(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest makes room and is made ready again when it is asked for."""
    monkeypatch.setattr(vault._loaded._memo, "_limit", 2)
    for number in range(4):
        vault.keys.create(f"k{number}", "oct")
    made = {number: vault.crypto(f"k{number}").sign("HS256", DIGEST).signature for number in range(4)}
    for number in (0, 3, 1, 2, 0):
        vault.crypto(f"k{number}").verify("HS256", DIGEST, made[number])
    assert len(set(made.values())) == 4
    assert len(vault._loaded._memo.values()) == 2


def test_closing_gives_every_key_up(vault: Vault) -> None:
    """Also one that somebody still has a face of, and the material that was made ready."""
    vault.keys.create("it", "oct")
    crypto: Any = vault.crypto("it")
    crypto.seal(b"text")
    crypto.seal_file(io.BytesIO(b"text"), io.BytesIO())
    (loaded,) = vault._loaded._memo.values()
    files = loaded.files
    vault.close()
    for gone in (
        loaded._files.memory.view,
        lambda: files.seal(bytes(24), b"", b""),
        lambda: files.open(bytes(24), b"", b""),
    ):
        with pytest.raises(VaultClosed):
            gone()
    with pytest.raises(VaultClosed):
        crypto.seal(b"text")
    with pytest.raises(VaultClosed):
        loaded.material.sign("HS256", DIGEST)
    assert vault._loaded._memo.values() == []
