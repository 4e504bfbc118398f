"""Data keys made, opened and moved, under keys of every type that can."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault import (
    BadParameter,
    Crypto,
    DecryptionFailed,
    KeyDisabled,
    LocalVaultError,
    NewerFormat,
    Packed,
    Vault,
)
from localvault.model.key_access import KEY_ACCESS
from tests.support.keys import key
from tests.support.told import told

# By key: the algorithms it wraps data keys with, and the suite each is written as; the first unless told otherwise.
ALGORITHMS = {
    "oct-128": {"XAES-256-GCM": 65, "A128KW": 66},
    "oct-192": {"XAES-256-GCM": 65, "A192KW": 66},
    "oct-256": {"XAES-256-GCM": 65, "A256KW": 66},
    "RSA-2048": {"RSA-OAEP-256": 67, "RSA-OAEP": 68},
}
EACH = [(key, algorithm) for key, found in ALGORITHMS.items() for algorithm in found]
each = pytest.mark.parametrize(("name", "algorithm"), EACH)
MAKE = {
    "oct-128": ("oct", 128),
    "oct-192": ("oct", 192),
    "oct-256": ("oct", 256),
    "RSA-2048": ("RSA", 2048),
}


@pytest.fixture
def keys(vault: Vault) -> Vault:
    """A vault with a key of each type."""
    for name, (kty, size) in MAKE.items():
        if kty == "RSA":
            vault.keys.import_(name, key(name).private_pem())  # made once for all tests
        else:
            vault.keys.create(name, kty, size=size)
    vault.keys.create("EC", "EC")
    return vault


def raw(crypto: Crypto, wrapped: bytes, context: bytes = b"") -> bytes:
    """The data key itself."""
    return crypto.open_data_key(wrapped, context).export(access=KEY_ACCESS)


@each
@pytest.mark.parametrize("size", [128, 192, 256])
def test_a_wrapped_data_key_opens_with_its_context_alone(
    keys: Vault, name: str, algorithm: str, size: int
) -> None:
    """It says its suite and version in its first 18 bytes, and no bit of it can be altered."""
    crypto = keys.crypto(name)
    made = crypto.data_key(size=size, context=b"tenant", algorithm=algorithm)
    version = keys.keys.get(name).version
    assert version is not None
    assert made.wrapped[:18] == bytes((1, ALGORITHMS[name][algorithm])) + bytes.fromhex(version)
    assert raw(crypto, made.wrapped, b"tenant") == made.export(access=KEY_ACCESS)
    for context in (b"", b"tenan", b"tenant\0"):
        with pytest.raises(DecryptionFailed):
            crypto.open_data_key(made.wrapped, context)
    step = 1 if name != "RSA-2048" else 37
    for bit in range(0, 8 * len(made.wrapped), step):
        altered = bytearray(made.wrapped)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises((DecryptionFailed, NewerFormat)):
            crypto.open_data_key(bytes(altered), b"tenant")
    for cut in range(0, len(made.wrapped), step):
        with pytest.raises(DecryptionFailed):
            crypto.open_data_key(made.wrapped[:cut], b"tenant")


@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_first_algorithm_is_the_usual_one(keys: Vault, name: str) -> None:
    """Unless told otherwise; and the event says which it was."""
    with told(keys) as events:
        made = keys.crypto(name).data_key()
    usual, suite = next(iter(ALGORITHMS[name].items()))
    assert made.wrapped[1] == suite
    assert [(event.operation, event.details) for event in events] == [
        ("KeyWrap", {"form": "data key", "algorithm": usual})
    ]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("oct-256", {"algorithm": "A128KW"}),
        ("oct-256", {"algorithm": "RSA-OAEP"}),
        ("RSA-2048", {"algorithm": "A256KW"}),
        ("RSA-2048", {"algorithm": "XAES-256-GCM"}),
        ("RSA-2048", {"algorithm": "RSA1_5"}),
        ("oct-256", {"algorithm": "none"}),
        ("oct-256", {"size": 512}),
        ("oct-256", {"size": 0}),
        ("oct-256", {"count": -1}),
    ],
)
def test_what_a_key_cannot_do_is_refused(keys: Vault, name: str, wanted: dict[str, Any]) -> None:
    """Another size's or type's algorithm, one without a sound padding, a size no data key has: `BadParameter`."""
    with pytest.raises(BadParameter):
        keys.crypto(name).data_keys(**{"count": 1} | wanted)


def test_an_ec_key_wraps_nothing(keys: Vault) -> None:
    """It is not permitted to, and says so."""
    with pytest.raises(LocalVaultError, match="wrapKey"):
        keys.crypto("EC").data_key()


@pytest.mark.parametrize(("name", "algorithm"), [row for row in EACH if row[1] != "XAES-256-GCM"])
def test_what_was_wrapped_is_what_the_plain_verbs_wrap(keys: Vault, name: str, algorithm: str) -> None:
    """Between prefix and binding stands what `unwrap_key` unwraps, for other implementations."""
    crypto = keys.crypto(name)
    made = crypto.data_key(algorithm=algorithm)
    assert crypto.unwrap_key(algorithm, made.wrapped[18:-32]).key == made.export(access=KEY_ACCESS)


def test_many_at_once(keys: Vault) -> None:
    """Each is a key of its own, opens again in its place, and is closed for itself."""
    crypto = keys.crypto("oct-256")
    made = crypto.data_keys(300, context=b"c")
    assert len({each.wrapped for each in made}) == len({each.id for each in made}) == 300
    opened = crypto.open_data_keys([each.wrapped for each in made], b"c")
    made[7].close()
    for number in (0, 6, 8, 299):
        assert opened[number].open(made[number].seal(b"text")) == b"text"
    assert crypto.data_keys(0) == crypto.open_data_keys([]) == crypto.rewrap_data_keys([]) == []


def test_a_mixture_opens_and_moves(keys: Vault) -> None:
    """Of algorithms and versions, with bad ones among them: each in its place."""
    crypto = keys.crypto("oct-256")
    wrapped = [crypto.data_key(algorithm=algorithm, size=size).wrapped
               for algorithm in (None, "A256KW") for size in (128, 256)]  # fmt: skip
    keys.keys.rotate("oct-256")
    wrapped += [crypto.data_key(algorithm="A256KW").wrapped, crypto.data_key().wrapped]
    before = [raw(crypto, item) for item in wrapped]
    bad = [*wrapped[:2], wrapped[0][:-1], *wrapped[2:], b""]
    for act in (crypto.open_data_keys, crypto.rewrap_data_keys):
        with pytest.raises(DecryptionFailed, match="2 of 8"):
            act(bad)
    failed: list[int] = []
    opened = crypto.open_data_keys(bad, failed=failed)
    assert failed == [2, 7]
    assert [None if each is None else each.export(access=KEY_ACCESS) for each in opened] == [
        *before[:2], None, *before[2:], None,
    ]  # fmt: skip
    for items in (bad, Packed.of(bad)):
        failed = []
        moved = crypto.rewrap_data_keys(items, failed=failed)
        assert isinstance(moved, Packed) == isinstance(items, Packed)
        listed = [bytes(item) for item in moved]
        assert failed == [2, 7]
        assert listed[2] == listed[7] == b""
        good = [item for item in listed if item]
        version = bytes.fromhex(str(keys.keys.get("oct-256").version))
        assert {item[2:18] for item in good} == {version}
        assert [item[1] for item in good] == [item[1] for item in wrapped]
        assert [raw(crypto, item) for item in good] == before


def test_a_key_of_another_type_takes_over(keys: Vault) -> None:
    """Data keys of an oct version move to an RSA version of the same name by that one's usual algorithm, and back."""
    crypto = keys.crypto("oct-256")
    wrapped = [crypto.data_key(algorithm=name).wrapped for name in ("XAES-256-GCM", "A256KW")]
    before = [raw(crypto, item) for item in wrapped]
    keys.keys.create("oct-256", "RSA", size=2048)
    moved = crypto.rewrap_data_keys(wrapped)
    assert [item[1] for item in moved] == [67, 67]
    keys.keys.create("oct-256", "oct", size=128)
    for items in (crypto.rewrap_data_keys(moved), crypto.rewrap_data_keys(Packed.of(moved)).to_list()):
        assert [item[1] for item in items] == [65, 65]
        assert [raw(crypto, item) for item in items] == before


def test_rewrapped_it_seals_as_before(keys: Vault) -> None:
    """The old version can be disabled once its data keys are moved: what they sealed opens."""
    crypto = keys.crypto("oct-256")
    old = keys.keys.get("oct-256").version
    made = crypto.data_key()
    token = made.seal(b"text")
    keys.keys.rotate("oct-256")
    (moved,) = crypto.rewrap_data_keys([made.wrapped])
    keys.keys.update("oct-256", old, enabled=False)
    assert crypto.open_data_key(moved).open(token) == b"text"
    # The handle that the old version opened stops with it, and so does its wrapped form.
    with pytest.raises(KeyDisabled):
        made.open(token)
    with pytest.raises(KeyDisabled):
        crypto.open_data_keys([moved, made.wrapped], failed=[])


def test_a_newer_form_is_told_of(keys: Vault) -> None:
    """Alone; among others it fails like any."""
    crypto = keys.crypto("oct-256")
    newer = b"\1\x50" + crypto.data_key().wrapped[2:]
    for act in (crypto.open_data_key, lambda item: crypto.rewrap_data_keys([item])):
        with pytest.raises(NewerFormat, match="newer localvault"):
            act(newer)
    failed: list[int] = []
    assert crypto.open_data_keys([newer], failed=failed) == [None]
    assert failed == [0]


def test_wrap_many_is_undone_by_unwrap_many(keys: Vault) -> None:
    """In order, for each type; a key that is too long for it is refused, and nothing is wrapped."""
    secrets = [bytes([number]) * 32 for number in range(20)]
    for name, algorithm in EACH:
        if algorithm != "XAES-256-GCM":
            crypto = keys.crypto(name)
            wrapped = crypto.wrap_many(algorithm, secrets)
            assert crypto.unwrap_many(algorithm, wrapped) == secrets
            assert crypto.unwrap_key(algorithm, wrapped[3]).key == secrets[3]
            with pytest.raises(BadParameter):
                crypto.wrap_many(algorithm, [*secrets, bytes(500 if name.startswith("RSA") else 33)])


@given(data=st.binary(max_size=400), context=st.binary(max_size=8))
def test_hostile_bytes_are_an_error_of_ours(held: Vault, data: bytes, context: bytes) -> None:
    """Whatever is handed in as a wrapped data key, with or without a prefix that looks right."""
    name = "oct-256"
    version = bytes.fromhex(str(held.keys.get(name).version))
    crypto = held.crypto(name)
    for head in (b"", *(bytes((1, suite)) + version for suite in (64, 65, 66, 67, 68, 69, 127))):
        with pytest.raises((DecryptionFailed, NewerFormat)):
            crypto.open_data_key(head + data, context)
        failed: list[int] = []
        assert crypto.rewrap_data_keys([head + data], context, failed=failed) == [b""]
        assert failed == [0]
