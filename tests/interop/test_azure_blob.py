"""azure-storage-blob's own client-side encryption under a key of a vault, against a server."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobServiceClient, ContainerClient

import localvault
from localvault import KeyDisabled, KeyNotFound, Vault
from localvault.integrations.azure_blob import KeyEncryptionKey, key_resolver_function
from tests.support import blobserver

Connect = Callable[..., ContainerClient]
KEYS: dict[str, tuple[str, dict[str, Any], str]] = {
    "oct": ("oct", {"size": 256}, "A256KW"),
    "RSA": ("RSA", {"size": 2048}, "RSA-OAEP-256"),
}


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library tries three times to read what does not open, and sleeps a second before each."""
    monkeypatch.setattr("azure.storage.blob._download.time", SimpleNamespace(sleep=lambda seconds: None))


@pytest.fixture(scope="module", params=["small", "azurite"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server's URL."""
    if request.param == "azurite" and blobserver.AZURITE is None:
        pytest.skip("azurite-blob is not on the PATH")
    folder = tmp_path_factory.mktemp("server")
    with blobserver.small() if request.param == "small" else blobserver.azurite(folder) as url:
        yield url


@pytest.fixture
def connect(server: str) -> Iterator[Connect]:
    """Returns clients for one new container, with the options of the library's encryption as given."""
    clients: list[BlobServiceClient] = []
    credential = {"account_name": blobserver.ACCOUNT, "account_key": blobserver.ACCOUNT_KEY}
    container = f"data-{os.urandom(4).hex()}"

    def connect(**options: Any) -> ContainerClient:
        clients.append(BlobServiceClient(server, credential=credential, retry_total=0, **options))
        return clients[-1].get_container_client(container)

    connect().create_container()
    yield connect
    for client in clients:
        client.close()


def encrypted(connect: Connect, key: str, **more: Any) -> ContainerClient:
    """A client that encrypts under `key` and reads what is under any key it can find."""
    return connect(
        require_encryption=True,
        encryption_version="2.0",
        key_encryption_key=KeyEncryptionKey(key, **more),
        key_resolver_function=key_resolver_function,
    )


def wrapped(container: ContainerClient, blob: str) -> dict[str, str]:
    """What stands in a blob's metadata of the key it is under."""
    metadata = container.get_blob_client(blob).get_blob_properties().metadata
    found: dict[str, str] = json.loads(metadata["encryptiondata"])["WrappedContentKey"]
    return found


@pytest.mark.parametrize("kind", KEYS)
def test_blobs_follow_the_life_of_a_key(connect: Connect, vault: Vault, kind: str) -> None:
    """Written, rotated, read, written under the new version; disabled and deleted unreadable, and readable again."""
    kty, shape, algorithm = KEYS[kind]
    first = vault.keys.create("storage", kty, **shape)
    container = encrypted(connect, f"{vault.url}/keys/storage")
    old, new = os.urandom(100_000), os.urandom(70_000)
    container.upload_blob("old", old)
    assert connect().download_blob("old").readall() != old, "the server has it in the clear"

    second = vault.keys.rotate("storage")
    container.upload_blob("new", new)
    for blob, version in (("old", first), ("new", second)):
        found = wrapped(container, blob)
        assert (found["KeyId"], found["Algorithm"]) == (version.id, algorithm)
    assert container.download_blob("old").readall() == old
    assert container.download_blob("new").readall() == new

    vault.keys.update("storage", first.version, enabled=False)
    assert refused(container, "old") == KeyDisabled
    assert container.download_blob("new").readall() == new
    vault.keys.update("storage", first.version, enabled=True)
    assert container.download_blob("old").readall() == old

    vault.keys.delete("storage")
    assert refused(container, "new") == KeyNotFound
    with pytest.raises(KeyNotFound):
        container.upload_blob("more", new)
    vault.keys.recover("storage")
    assert container.download_blob("new").readall() == new


def refused(container: ContainerClient, blob: str) -> type[BaseException]:
    """The kind of error at the bottom of the library's own."""
    with pytest.raises(HttpResponseError, match="Decryption failed") as raised:
        container.download_blob(blob).readall()
    error: BaseException = raised.value
    while error.__cause__ is not None:
        error = error.__cause__
    return type(error)


def test_a_blob_of_many_regions_is_read_in_parts(connect: Connect, vault: Vault) -> None:
    """The library encrypts in regions of 4 MiB; each range that is read unwraps, and opens."""
    vault.keys.create("storage", "oct")
    container = encrypted(connect, f"{vault.url}/keys/storage")
    content = os.urandom(9 << 20)
    container.upload_blob("large", content)
    assert container.download_blob("large").readall() == content
    part = container.download_blob("large", offset=5 << 20, length=1000).readall()
    assert part == content[5 << 20 :][:1000]


def test_a_platforms_own_url_leads_to_a_vault_here(connect: Connect, vault: Vault) -> None:
    """Configured with a URL of Key Vault, it writes and reads that URL, and needs nothing but the registration."""
    vault.keys.create("storage", "oct")
    localvault.register(vault, urls=["https://interop.vault.azure.net"])
    try:
        container = encrypted(connect, "https://interop.vault.azure.net/keys/storage")
        container.upload_blob("a", b"text")
        key_id = wrapped(container, "a")["KeyId"]
        assert key_id.startswith("https://interop.vault.azure.net/keys/storage/")
        assert container.download_blob("a").readall() == b"text"
    finally:
        localvault.unregister(vault)


def test_one_key_object_reads_what_it_wrote(connect: Connect, vault: Vault) -> None:
    """Without a resolver, a key given by name in a vault reads the blobs of its current version."""
    vault.keys.create("storage", "oct")
    key = KeyEncryptionKey("storage", vault=vault)
    options = {"require_encryption": True, "encryption_version": "2.0"}
    container = connect(key_encryption_key=key, **options)
    container.upload_blob("a", b"text")
    assert container.download_blob("a").readall() == b"text"
    elsewhere = connect(key_encryption_key=KeyEncryptionKey("storage", vault=vault), **options)
    assert elsewhere.download_blob("a").readall() == b"text"
    vault.keys.rotate("storage")
    elsewhere = connect(key_encryption_key=KeyEncryptionKey("storage", vault=vault), **options)
    with pytest.raises(HttpResponseError, match="Decryption failed"):
        elsewhere.download_blob("a").readall()


def test_every_wrap_and_unwrap_is_an_event(connect: Connect, vault: Vault) -> None:
    """The journal tells which version was used; a blob that is read again unwraps again."""
    key = vault.keys.create("storage", "oct")
    container = encrypted(connect, key.id)
    container.upload_blob("a", b"text")
    for _ in range(2):
        container.download_blob("a").readall()
    told = [
        (event.operation, event.version)
        for event in vault.audit.events()
        if event.operation in ("KeyWrap", "KeyUnwrap")
    ]
    assert told[0] == ("KeyWrap", key.version)
    assert set(told[1:]) == {("KeyUnwrap", key.version)}
    assert len(told) >= 3
