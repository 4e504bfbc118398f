"""What pyarrow asks to wrap and unwrap data keys, handed what a file may hold."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow.parquet import encryption

from localvault import BadParameter, DecryptionFailed, KeyNotFound, KeyOperationForbidden, NewerFormat, Vault
from localvault.integrations.parquet import VaultKmsClient, encryption_configuration

DATA_KEY = bytes(range(32))
REFUSED = (DecryptionFailed, NewerFormat, BadParameter, KeyNotFound)
# The client is the same for all examples, and no example changes it.
shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def client(vault: Vault) -> VaultKmsClient:
    """What pyarrow is given, for a vault with an oct key, an RSA key and one that cannot wrap."""
    vault.keys.create("orders", "oct")
    vault.keys.create("rsa", "RSA", size=2048)
    vault.keys.create("ec", "EC")
    return VaultKmsClient(vault)


@pytest.mark.parametrize("key", ["orders", "ORDERS", "rsa", "URL", "column"])
@pytest.mark.parametrize("size", [16, 24, 32])
def test_a_data_key_comes_back(client: VaultKmsClient, vault: Vault, key: str, size: int) -> None:
    """By name in any case, by URL, and by URL as the configuration of columns has it; also after a rotation."""
    url = f"{vault.url}/keys/orders"
    identifier = {"URL": url, "column": url.replace(":", "%3A")}.get(key, key)
    wrapped = client.wrap_key(DATA_KEY[:size], identifier)
    vault.keys.rotate("rsa" if key == "rsa" else "orders")
    assert client.unwrap_key(wrapped, identifier) == DATA_KEY[:size]
    assert wrapped.isascii()
    assert wrapped != client.wrap_key(DATA_KEY[:size], identifier)


@pytest.mark.parametrize(
    "wrapped", ["", ".", "AAAA", "é", "A" * 10_000_000, "x.AAAA", "a.b.c", "=", " AAAA", "\0", "AA AA", "AAA"]
)
@pytest.mark.parametrize("key", ["orders", "rsa"])
def test_what_was_never_wrapped_is_refused(client: VaultKmsClient, key: str, wrapped: str) -> None:
    """Whatever a file holds in the place of a wrapped key."""
    with pytest.raises(REFUSED):
        client.unwrap_key(wrapped, key)


@shared
@given(st.binary(max_size=100), st.text(max_size=60), st.text(max_size=40))
def test_whatever_a_file_holds_is_refused(
    client: VaultKmsClient, wrapped: bytes, text: str, identifier: str
) -> None:
    """Any bytes or text as a wrapped key, and any text as an identifier, end in an error of the tree."""
    encoded = base64.urlsafe_b64encode(wrapped).decode()
    for held, under in (
        (encoded, "orders"),
        (text, "orders"),
        (f"{text}.{encoded}", "rsa"),
        (text, identifier),
    ):
        with pytest.raises(REFUSED):
            client.unwrap_key(held, under)


@pytest.mark.parametrize("key", ["orders", "rsa"])
def test_an_altered_wrapped_key_is_refused(client: VaultKmsClient, key: str) -> None:
    """Whichever character of it is changed, or left out."""
    wrapped = client.wrap_key(DATA_KEY, key)
    for at in range(0, len(wrapped), 5):
        for other in ("", "B" if wrapped[at] == "A" else "A", wrapped[at].swapcase()):
            changed = wrapped[:at] + other + wrapped[at + 1 :]
            if changed == wrapped:
                continue  # a digit has no other case
            with pytest.raises(REFUSED):
                client.unwrap_key(changed, key)


def test_tokens_of_other_uses_are_not_opened(client: VaultKmsClient, vault: Vault) -> None:
    """A file cannot be made to open what the application sealed under the same key, nor the other way round."""
    token = vault.crypto("orders").seal(DATA_KEY)
    with pytest.raises(DecryptionFailed):
        client.unwrap_key(base64.urlsafe_b64encode(token).decode(), "orders")
    wrapped = client.wrap_key(DATA_KEY, "orders")
    with pytest.raises(DecryptionFailed):
        vault.crypto("orders").open(base64.urlsafe_b64decode(wrapped))
    assert client.unwrap_key(wrapped, "orders") == DATA_KEY


def test_a_key_that_wraps_nothing_is_refused(client: VaultKmsClient) -> None:
    """By the operations it is permitted."""
    with pytest.raises(KeyOperationForbidden):
        client.wrap_key(DATA_KEY, "ec")


def test_the_configuration_differs_from_pyarrows_in_what_is_told() -> None:
    """Data keys of 256 bits, no double wrapping, one key for all unless columns are named; the rest goes through."""
    url = "https://app.vault.localhost:8443/keys/orders"
    plain = encryption_configuration(url)
    assert (plain.footer_key, plain.data_key_length_bits) == (url, 256)
    assert (plain.double_wrapping, plain.uniform_encryption) == (False, True)
    chosen = encryption_configuration(
        "a", column_keys={url: ["b", "c"]}, data_key_length_bits=128, cache_lifetime=timedelta(1)
    )
    assert not chosen.uniform_encryption
    assert chosen.column_keys == {url.replace(":", "%3A"): ["b", "c"]}
    assert (chosen.data_key_length_bits, chosen.cache_lifetime) == (128, timedelta(1))
    assert isinstance(chosen, encryption.EncryptionConfiguration)
