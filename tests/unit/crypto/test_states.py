"""What each verb may do with a key in each state: the table of docs/model.md, verb by verb."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from localvault import (
    BadParameter,
    Crypto,
    DataKey,
    KeyDisabled,
    KeyExpired,
    KeyNotFound,
    KeyNotYetValid,
    KeyOperationForbidden,
    KeyVersionRetired,
    Vault,
    VersionPolicy,
)
from localvault.algorithms.table import OPERATIONS
from localvault.model.key_access import KEY_ACCESS
from localvault.testing.clock import FixedClock

OTHER_KEY = bytes(range(32))


class Verb(NamedTuple):
    """What it needs to be permitted, whether it protects something new, and how it is called."""

    needs: tuple[str, ...]
    protects: bool
    call: Callable[[Crypto, dict[str, Any]], object]


# One oct key can do every verb there is.
VERBS = {
    "encrypt": Verb(("encrypt",), True, lambda crypto, made: crypto.encrypt("A256GCM", b"text")),
    "decrypt": Verb(("decrypt",), False, lambda crypto, made: crypto.decrypt("A256GCM", **made["parts"])),
    "wrap_key": Verb(("wrapKey",), True, lambda crypto, made: crypto.wrap_key("A256KW", OTHER_KEY)),
    "unwrap_key": Verb(
        ("unwrapKey",), False, lambda crypto, made: crypto.unwrap_key("A256KW", made["wrapped"])
    ),
    "unwrap_many": Verb(
        ("unwrapKey",), False, lambda crypto, made: crypto.unwrap_many("A256KW", [made["wrapped"]])
    ),
    "wrap_many": Verb(("wrapKey",), True, lambda crypto, made: crypto.wrap_many("A256KW", [OTHER_KEY])),
    "data_key": Verb(("wrapKey",), True, lambda crypto, made: crypto.data_key()),
    "data_keys": Verb(("wrapKey",), True, lambda crypto, made: crypto.data_keys(2)),
    "open_data_key": Verb(
        ("unwrapKey",), False, lambda crypto, made: crypto.open_data_key(made["data key"].wrapped)
    ),
    "open_data_keys": Verb(
        ("unwrapKey",), False, lambda crypto, made: crypto.open_data_keys([made["data key"].wrapped])
    ),
    "rewrap_data_keys": Verb(
        ("wrapKey", "unwrapKey"),
        True,
        lambda crypto, made: crypto.rewrap_data_keys([made["data key"].wrapped]),
    ),
    "sign": Verb(("sign",), True, lambda crypto, made: crypto.sign("HS256", b"text")),
    "sign_many": Verb(("sign",), True, lambda crypto, made: crypto.sign_many("HS256", [b"text"])),
    "verify": Verb(("verify",), False, lambda crypto, made: crypto.verify("HS256", b"text", made["mac"])),
    "verify_many": Verb(
        ("verify",), False, lambda crypto, made: crypto.verify_many("HS256", [b"text"], [made["mac"]])
    ),
    "seal": Verb(("encrypt",), True, lambda crypto, made: crypto.seal(b"text")),
    "seal_many": Verb(("encrypt",), True, lambda crypto, made: crypto.seal_many([b"text"])),
    "open": Verb(("decrypt",), False, lambda crypto, made: crypto.open(made["token"])),
    "open_many": Verb(("decrypt",), False, lambda crypto, made: crypto.open_many([made["token"]])),
    "seal_file": Verb(
        ("encrypt",), True, lambda crypto, made: crypto.seal_file(io.BytesIO(b"text"), io.BytesIO())
    ),
    "open_file": Verb(
        ("decrypt",),
        False,
        lambda crypto, made: crypto.open_file(io.BytesIO(made["file"]), made["target"], replace=True),
    ),
    "rewrap_file": Verb(
        ("encrypt", "decrypt"), True, lambda crypto, made: crypto.rewrap_file(made["sealed file"])
    ),
    "rewrap": Verb(("encrypt", "decrypt"), True, lambda crypto, made: crypto.rewrap(made["token"])),
    "rewrap_many": Verb(
        ("encrypt", "decrypt"), True, lambda crypto, made: crypto.rewrap_many([made["token"]])
    ),
}
# What asks which versions are named, and uses none: a key in any state is asked.
ASKING: dict[str, Callable[[Crypto, dict[str, Any]], object]] = {
    "count_versions": lambda crypto, made: crypto.count_versions([made["token"]]),
    "count_file_versions": lambda crypto, made: crypto.count_file_versions([made["sealed file"]]),
}
# What a data key does that is in somebody's hands already, as far as the key that wrapped it has a say in it.
HANDLES = {
    "seal": Verb(("wrapKey",), True, lambda crypto, made: made["data key"].seal(b"text")),
    "seal_many": Verb(("wrapKey",), True, lambda crypto, made: made["data key"].seal_many([b"text"])),
    "open": Verb(("unwrapKey",), False, lambda crypto, made: made["data key"].open(made["its token"])),
    "open_many": Verb(
        ("unwrapKey",), False, lambda crypto, made: made["data key"].open_many([made["its token"]])
    ),
    "seal_file": Verb(
        ("wrapKey",), True, lambda crypto, made: made["data key"].seal_file(io.BytesIO(b"text"), io.BytesIO())
    ),
    "open_file": Verb(
        ("unwrapKey",),
        False,
        lambda crypto, made: made["data key"].open_file(
            io.BytesIO(made["its file"]), made["target"], replace=True
        ),
    ),
    "export": Verb(("unwrapKey",), False, lambda crypto, made: made["data key"].export(access=KEY_ACCESS)),
}
EVERYTHING = VERBS | {f"data key: {name}": verb for name, verb in HANDLES.items()}
verbs = pytest.mark.parametrize("verb", EVERYTHING.values(), ids=EVERYTHING.keys())


def public_verbs() -> set[str]:
    """Everything a caller can ask of a key."""
    return {name for name in dir(Crypto) if not name.startswith("_")}


def test_no_verb_is_left_out() -> None:
    """The tables above have every public verb, and all that a data key does with its bytes."""
    assert set(VERBS) | set(ASKING) == public_verbs()
    quiet = {"id", "size", "wrapped", "close"}
    assert set(HANDLES) == {name for name in dir(DataKey) if not name.startswith("_")} - quiet


@pytest.fixture
def made(vault: Vault, tmp_path: Path) -> dict[str, Any]:
    """A key `k` that is in use already, and what it has made."""
    vault.keys.create("k", "oct", size=256)
    crypto = vault.crypto("k")
    encrypted = crypto.encrypt("A256GCM", b"text")
    parts = {
        "ciphertext": encrypted.ciphertext,
        "iv": encrypted.iv,
        "authentication_tag": encrypted.authentication_tag,
    }
    file = io.BytesIO()
    crypto.seal_file(io.BytesIO(b"text"), file)
    sealed_file = tmp_path / "sealed"
    sealed_file.write_bytes(file.getvalue())
    data_key, its_file = crypto.data_key(), io.BytesIO()
    data_key.seal_file(io.BytesIO(b"text"), its_file)
    made = {
        "data key": data_key,
        "its token": data_key.seal(b"text"),
        "its file": its_file.getvalue(),
        "sealed file": sealed_file,
        "parts": parts,
        "file": file.getvalue(),
        "target": tmp_path / "opened",
        "wrapped": crypto.wrap_key("A256KW", OTHER_KEY).encrypted_key,
        "mac": crypto.sign("HS256", b"text").signature,
        "token": crypto.seal(b"text"),
    }
    for verb in EVERYTHING.values():
        verb.call(crypto, made)
    return made


@verbs
def test_a_disabled_key_does_nothing(vault: Vault, made: dict[str, Any], verb: Verb) -> None:
    """`KeyDisabled`, and all is well again once it is enabled."""
    vault.keys.update("k", enabled=False)
    with pytest.raises(KeyDisabled):
        verb.call(vault.crypto("k"), made)
    vault.keys.update("k", enabled=True)
    verb.call(vault.crypto("k"), made)


@verbs
def test_outside_its_dates_a_key_only_opens(
    vault: Vault, clock: FixedClock, made: dict[str, Any], verb: Verb
) -> None:
    """From `not_before` until just before `expires_on` it does all; before and after, it protects nothing new."""
    start, end = clock.now + timedelta(days=1), clock.now + timedelta(days=2)
    vault.keys.update("k", not_before=start, expires_on=end)
    tick = timedelta(microseconds=1)
    for moment, error in (
        (start - tick, KeyNotYetValid),
        (start, None),
        (end - tick, None),
        (end, KeyExpired),
    ):
        clock.move(seconds=(moment - clock.now).total_seconds())
        assert clock.now == moment
        if error is not None and verb.protects:
            with pytest.raises(error):
                verb.call(vault.crypto("k"), made)
        else:
            verb.call(vault.crypto("k"), made)


@verbs
def test_a_key_does_what_it_is_permitted_and_no_more(vault: Vault, made: dict[str, Any], verb: Verb) -> None:
    """With what the verb needs it works, without any one of that it does not, whatever else is permitted."""
    vault.keys.update("k", operations=verb.needs)
    verb.call(vault.crypto("k"), made)
    for needed in verb.needs:
        vault.keys.update("k", operations=[other for other in OPERATIONS if other != needed])
        with pytest.raises(KeyOperationForbidden, match=needed):
            verb.call(vault.crypto("k"), made)


@verbs
def test_a_key_that_is_not_there_is_not_found(vault: Vault, made: dict[str, Any], verb: Verb) -> None:
    """Deleted, purged, never made: `KeyNotFound`; recovered, it works as before."""
    if verb in VERBS.values():
        with pytest.raises(KeyNotFound):
            verb.call(vault.crypto("never"), made)
    vault.keys.delete("k")
    with pytest.raises(KeyNotFound):
        verb.call(vault.crypto("k"), made)
    vault.keys.recover("k")
    verb.call(vault.crypto("k"), made)
    vault.keys.delete("k")
    vault.keys.purge("k")
    with pytest.raises(KeyNotFound):
        verb.call(vault.crypto("k"), made)


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS.keys())
def test_a_name_no_key_can_have_is_refused(vault: Vault, made: dict[str, Any], verb: Verb) -> None:
    """`BadParameter`, before anything is looked for."""
    for name in ("", "a b", "ä", "x" * 128, "../k"):
        with pytest.raises(BadParameter):
            verb.call(vault.crypto(name), made)


@pytest.mark.parametrize("ask", ASKING.values(), ids=ASKING.keys())
def test_a_key_in_any_state_is_asked(
    vault: Vault, clock: FixedClock, made: dict[str, Any], ask: Callable[[Crypto, dict[str, Any]], object]
) -> None:
    """Disabled, expired, permitted nothing, retired: while the key is there, it is told which versions are named."""
    expected = ask(vault.crypto("k"), made)
    vault.keys.update("k", enabled=False, operations=[], expires_on=clock.now)
    vault.keys.rotate("k")
    vault.keys.set_version_policy("k", VersionPolicy(latest_minus=0))
    assert ask(vault.crypto("k"), made) == expected
    vault.keys.delete("k")
    for name, error in (("k", KeyNotFound), ("never", KeyNotFound), ("a b", BadParameter)):
        with pytest.raises(error):
            ask(vault.crypto(name), made)


@verbs
def test_a_retired_version_only_verifies(vault: Vault, made: dict[str, Any], verb: Verb) -> None:
    """`KeyVersionRetired` for whatever else it is asked for by name; lifted, all is well again."""
    version = vault.keys.get("k").version
    vault.keys.rotate("k")
    old, policy = vault.crypto("k", version), VersionPolicy(latest_minus=0)
    vault.keys.set_version_policy("k", policy)
    if verb.needs == ("verify",):
        verb.call(old, made)
    else:
        with pytest.raises(KeyVersionRetired):
            verb.call(old, made)
    vault.keys.set_version_policy("k", VersionPolicy())
    verb.call(old, made)


def test_a_version_has_a_state_of_its_own(vault: Vault, made: dict[str, Any]) -> None:
    """A disabled old version opens no token of its own; the current one goes on, and needs it not to rewrap its own."""
    old = vault.keys.get("k").version
    vault.keys.rotate("k")
    crypto = vault.crypto("k")
    fresh = crypto.seal(b"text")
    vault.keys.update("k", old, enabled=False)
    assert crypto.open(fresh) == b"text"
    crypto.rewrap(fresh)
    for attempt in (
        lambda: crypto.open(made["token"]),
        lambda: crypto.rewrap(made["token"]),
        lambda: crypto.open_many([fresh, made["token"]]),
        lambda: vault.crypto("k", old).seal(b"text"),
    ):
        with pytest.raises(KeyDisabled):
            attempt()
    vault.keys.update("k", old, enabled=True, operations=["encrypt"])
    with pytest.raises(KeyOperationForbidden, match="decrypt"):
        crypto.rewrap(made["token"])
