"""The object that azure-storage-blob asks for a key, called as the library calls it."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

import localvault
from localvault import (
    BadParameter,
    DecryptionFailed,
    KeyDisabled,
    KeyNotFound,
    KeyVaultUrl,
    NotFound,
    Vault,
    VaultClosed,
)
from localvault.integrations.azure_blob import KeyEncryptionKey, key_resolver_function

BLOB_KEY = bytes(range(40))


@pytest.mark.parametrize(
    ("kty", "shape", "algorithm"),
    [
        ("oct", {"size": 128}, "A128KW"),
        ("oct", {"size": 192}, "A192KW"),
        ("oct", {"size": 256}, "A256KW"),
        ("RSA", {"size": 2048}, "RSA-OAEP-256"),
    ],
)
def test_what_was_wrapped_unwraps_by_what_is_told_of_it(
    vault: Vault, kty: str, shape: dict[str, int], algorithm: str
) -> None:
    """The URL and the algorithm after a wrap are those that open it, for another object too."""
    made = vault.keys.create("storage", kty, **shape)  # type: ignore[arg-type]
    key = KeyEncryptionKey(f"{vault.url}/keys/storage")
    assert key.get_key_wrap_algorithm() == algorithm
    wrapped = key.wrap_key(BLOB_KEY)
    kid = key.get_kid()
    assert (kid, key.get_key_wrap_algorithm()) == (made.id, algorithm)
    assert key_resolver_function(kid).unwrap_key(wrapped, algorithm) == BLOB_KEY
    assert KeyEncryptionKey(KeyVaultUrl.parse(kid)).unwrap_key(wrapped, algorithm) == BLOB_KEY


def test_a_thread_is_told_of_its_own_wrap(vault: Vault) -> None:
    """The key is rotated and another thread wraps, all between a wrap and the question which version did it."""
    first = vault.keys.create("storage", "oct")
    key = KeyEncryptionKey(f"{vault.url}/keys/storage")
    wrapped = key.wrap_key(BLOB_KEY)
    second = vault.keys.create("storage", "RSA", size=2048)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(key.wrap_key, BLOB_KEY).result()
        assert pool.submit(key.get_kid).result() == second.id
        assert pool.submit(key.get_key_wrap_algorithm).result() == "RSA-OAEP-256"
    assert (key.get_kid(), key.get_key_wrap_algorithm()) == (first.id, "A256KW")
    assert key.unwrap_key(wrapped, "A256KW") == BLOB_KEY
    key.wrap_key(BLOB_KEY)
    assert key.get_kid() == second.id


def test_a_pinned_version_stays_in_use(vault: Vault) -> None:
    """The URL of a version wraps under that version, also after a rotation."""
    first = vault.keys.create("storage", "oct")
    vault.keys.rotate("storage")
    key = KeyEncryptionKey(first.id)
    wrapped = key.wrap_key(BLOB_KEY)
    assert key.get_kid() == first.id
    assert vault.crypto("storage", first.version).unwrap_key("A256KW", wrapped).key == BLOB_KEY
    assert repr(key) == f"KeyEncryptionKey('{first.id}')"


def test_a_refusal_leaves_what_was_told_before(vault: Vault) -> None:
    """A wrap that is refused does not change which version the next unwrap uses."""
    first = vault.keys.create("storage", "oct")
    key = KeyEncryptionKey("storage", vault=vault)
    wrapped = key.wrap_key(BLOB_KEY)
    vault.keys.create("storage", "EC")
    with pytest.raises(BadParameter, match="an EC key cannot wrap"):
        key.wrap_key(BLOB_KEY)
    assert key.get_kid() == first.id
    assert key.unwrap_key(wrapped, "A256KW") == BLOB_KEY
    vault.keys.update("storage", first.version, enabled=False)
    with pytest.raises(KeyDisabled):
        key.unwrap_key(wrapped, "A256KW")


def test_altered_metadata_opens_nothing(vault: Vault) -> None:
    """Another wrapped key, another version, another key, RSA1_5, and an algorithm of another size are all refused."""
    key = KeyEncryptionKey(vault.keys.create("storage", "oct").id)
    other = vault.keys.create("other", "oct")
    vault.keys.create("rsa", "RSA", size=2048)
    wrapped = key.wrap_key(BLOB_KEY)
    with pytest.raises(DecryptionFailed):
        key.unwrap_key(os.urandom(len(wrapped)), "A256KW")
    with pytest.raises(DecryptionFailed):
        key_resolver_function(other.id).unwrap_key(wrapped, "A256KW")
    for algorithm in ("A128KW", "dir", ""):
        with pytest.raises(BadParameter):
            key.unwrap_key(wrapped, algorithm)
    with pytest.raises(BadParameter, match="RSA1_5"):
        KeyEncryptionKey("rsa", vault=vault).unwrap_key(bytes(256), "RSA1_5")


@pytest.mark.parametrize(
    ("kid", "error"),
    [
        ("https://elsewhere.vault.azure.net/keys/storage/0123456789abcdef0123456789abcdef", NotFound),
        ("https://unit.vault.localhost/keys/none/0123456789abcdef0123456789abcdef", None),
        ("https://unit.vault.localhost/keys/storage", BadParameter),
        ("https://unit.vault.localhost/secrets/storage", BadParameter),
        ("https://unit.vault.localhost", BadParameter),
        ("storage", BadParameter),
        ("", BadParameter),
    ],
)
def test_a_url_out_of_metadata_leads_to_known_vaults_alone(
    vault: Vault, kid: str, error: type[Exception] | None
) -> None:
    """Whoever writes metadata reaches no vault the application did not open, and nothing but versions of keys."""
    vault.keys.create("storage", "oct")
    if error is None:
        with pytest.raises(KeyNotFound):
            key_resolver_function(kid).unwrap_key(bytes(48), "A256KW")
        return
    with pytest.raises(error):
        key_resolver_function(kid)


def test_a_key_by_name_needs_its_vault(vault: Vault) -> None:
    """And is looked for there alone, even where another vault of the same URL is open."""
    with pytest.raises(BadParameter, match="does not say in which vault"):
        KeyEncryptionKey("storage")
    for name in ("", "a b", "a?b", "..", "a%2fb"):
        with pytest.raises(BadParameter):
            KeyEncryptionKey(name, vault=vault)
    with localvault.create(
        vault.path.parent / "w", keyfile=vault.path.parent / "w.key", name="unit"
    ) as other:
        made = other.keys.create("storage", "oct")
        for key in ("storage", made.id):
            assert KeyEncryptionKey(key, vault=other).get_kid() == made.id
        with pytest.raises(localvault.Conflict):
            KeyEncryptionKey(made.id)


def test_a_closed_vault_wraps_nothing(vault: Vault) -> None:
    """The object does not keep it open."""
    vault.keys.create("storage", "oct")
    by_url, by_name = KeyEncryptionKey(f"{vault.url}/keys/storage"), KeyEncryptionKey("storage", vault=vault)
    vault.close()
    with pytest.raises(NotFound):
        by_url.wrap_key(BLOB_KEY)
    with pytest.raises(VaultClosed):
        by_name.wrap_key(BLOB_KEY)
