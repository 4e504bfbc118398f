"""pyarrow's Parquet encryption under keys of a vault, on real files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from pyarrow.parquet import encryption

import localvault
from localvault import (
    BadParameter,
    DecryptionFailed,
    KeyDisabled,
    KeyExpired,
    KeyNotFound,
    KeyOperationForbidden,
    LocalVaultError,
    NotFound,
    Vault,
)
from localvault.integrations.parquet import (
    crypto_factory,
    decryption_properties,
    encryption_configuration,
    encryption_properties,
)
from localvault.testing.clock import FixedClock
from localvault.testing.profiles import CHEAPEST
from tests.support.processes import start_python

MARKER = "card-4711-0815"
TABLE = pa.table({"id": range(1000), "card": [MARKER] * 1000, "city": ["Ulm"] * 1000})


def write(path: Path, footer_key: str, **more: Any) -> Path:
    """Write the table under a key, uncompressed, so that what is in the clear is seen."""
    properties = encryption_properties(footer_key, **more)
    pq.write_table(TABLE, path, encryption_properties=properties, compression="none", use_dictionary=False)
    return path


def read(path: Path, columns: list[str] | None = None, **more: Any) -> pa.Table:
    """Read it."""
    with pq.ParquetFile(path, decryption_properties=decryption_properties(**more)) as file:
        return file.read(columns)


@pytest.fixture
def url(vault: Vault) -> str:
    """The URL of a new key."""
    vault.keys.create("orders", "oct")
    return f"{vault.url}/keys/orders"


def operations(vault: Vault, *names: str) -> list[tuple[str, str | None]]:
    """What the journal tells of: operations and versions."""
    return [(event.operation, event.version) for event in vault.audit.events() if event.operation in names]


@pytest.mark.parametrize("kind", ["oct", "RSA"])
@pytest.mark.parametrize("double_wrapping", [False, True])
def test_files_follow_the_life_of_a_key(
    vault: Vault, tmp_path: Path, kind: str, double_wrapping: bool
) -> None:
    """Written, rotated, read, written under the new version; disabled and deleted unreadable, and readable again."""
    first = vault.keys.create("orders", kind)
    url = f"{vault.url}/keys/orders"
    old = write(tmp_path / "old.parquet", url, double_wrapping=double_wrapping)
    assert MARKER.encode() not in old.read_bytes()
    second = vault.keys.rotate("orders")
    new = write(tmp_path / "new.parquet", url, double_wrapping=double_wrapping)
    assert read(old) == TABLE
    assert read(new) == TABLE
    sealed = operations(vault, "KeySeal", "KeyWrap")
    assert {version for _, version in sealed} == {first.version, second.version}

    vault.keys.update("orders", first.version, enabled=False)
    with pytest.raises(KeyDisabled):
        read(old)
    assert read(new) == TABLE
    vault.keys.update("orders", first.version, enabled=True)
    assert read(old) == TABLE

    vault.keys.delete("orders")
    with pytest.raises(KeyNotFound):
        read(new)
    with pytest.raises(KeyNotFound):
        write(tmp_path / "more.parquet", url)
    vault.keys.recover("orders")
    assert read(new) == TABLE
    vault.keys.delete("orders")
    vault.keys.purge("orders")
    with pytest.raises(KeyNotFound):
        read(old)


def test_switching_a_key_off_holds_for_open_readers(vault: Vault, url: str, tmp_path: Path) -> None:
    """Properties that have read the file once do not read it again once the key is disabled."""
    path = write(tmp_path / "a.parquet", url)
    properties = decryption_properties()
    assert pq.ParquetFile(path, decryption_properties=properties).read() == TABLE
    version = vault.keys.get("orders").version
    vault.keys.update("orders", version, enabled=False)
    with pytest.raises(KeyDisabled):
        pq.ParquetFile(path, decryption_properties=properties).read()


READER = """
import sys, localvault, pyarrow.parquet as pq
from localvault.integrations.parquet import decryption_properties
with localvault.open(sys.argv[1], passphrase="interop", allow_weak=True) as vault:
    properties = decryption_properties()
    for line in sys.stdin:
        try:
            print(pq.ParquetFile(sys.argv[2], decryption_properties=properties).read().num_rows, flush=True)
        except localvault.LocalVaultError as error:
            print(error.code, flush=True)
"""


def test_switching_a_key_off_holds_in_every_process(vault: Vault, url: str, tmp_path: Path) -> None:
    """Another process that reads a file over and over is refused at its next read, and let in again."""
    path = write(tmp_path / "a.parquet", url)
    version = vault.keys.get("orders").version
    with start_python(READER, vault.path, path) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None

        def reads() -> str:
            print("next", file=reader.stdin, flush=True)
            return reader.stdout.readline().strip()

        assert reads() == "1000"
        vault.keys.update("orders", version, enabled=False)
        assert reads() == "KeyDisabled"
        vault.keys.update("orders", version, enabled=True)
        assert reads() == "1000"
        vault.keys.delete("orders")
        assert reads() == "KeyNotFound"
        vault.keys.recover("orders")
        assert reads() == "1000"
        reader.stdin.close()


def test_columns_have_keys_of_their_own(vault: Vault, url: str, tmp_path: Path) -> None:
    """A reader without the key of a column reads the others; a column under no key is not encrypted."""
    vault.configure(suffix="vault.localhost:8443")  # a URL with a further colon
    url = f"{vault.url}/keys/orders"
    vault.keys.create("cards", "oct")
    path = write(tmp_path / "a.parquet", url, column_keys={f"{vault.url}/keys/cards": ["card"]})
    assert read(path) == TABLE
    assert MARKER.encode() not in path.read_bytes()
    assert b"Ulm" in path.read_bytes()
    vault.keys.delete("cards")
    assert read(path, ["id", "city"]) == TABLE.select(["id", "city"])
    with pytest.raises(KeyNotFound):
        read(path, ["card"])


def test_keys_may_be_named_in_a_vault(vault: Vault, url: str, tmp_path: Path) -> None:
    """Names need the vault again when reading, and are looked for in it alone."""
    vault.keys.create("cards", "oct")
    path = write(tmp_path / "a.parquet", "orders", vault=vault, column_keys={"cards": ["card", "city"]})
    assert read(path, vault=vault) == TABLE
    with pytest.raises(BadParameter, match="does not say in which vault"):
        read(path)


def test_a_context_is_part_of_the_key(vault: Vault, url: str, tmp_path: Path) -> None:
    """A file of one tenant opens with that tenant's context; RSA keys, which bind none, refuse one."""
    path = write(tmp_path / "a.parquet", url, context=b"tenant 1")
    assert read(path, context=b"tenant 1") == TABLE
    for context in (b"", b"tenant 2", b"tenant 1\0"):
        with pytest.raises(DecryptionFailed):
            read(path, context=context)
    vault.keys.create("rsa", "RSA")
    with pytest.raises(BadParameter, match="binds no context"):
        write(tmp_path / "b.parquet", f"{vault.url}/keys/rsa", context=b"tenant 1")


def test_a_platforms_own_url_leads_to_a_vault_here(vault: Vault, url: str, tmp_path: Path) -> None:
    """Configured with a URL of Key Vault, files are written and read offline, and only while it is registered."""
    localvault.register(vault, urls=["https://interop.vault.azure.net"])
    path = write(tmp_path / "a.parquet", "https://interop.vault.azure.net/keys/orders")
    assert read(path) == TABLE
    localvault.unregister(vault)
    with pytest.raises(NotFound):
        read(path)


def test_a_file_read_elsewhere_needs_the_vault(vault: Vault, url: str, tmp_path: Path) -> None:
    """A copy of the vault opens it too; another vault of the same name, with a key of the same name, does not."""
    path = write(tmp_path / "a.parquet", url)
    vault.backup(tmp_path / "copy")
    vault.close()
    with pytest.raises(NotFound):
        read(path)
    with localvault.open(tmp_path / "copy", passphrase="interop", allow_weak=True):
        assert read(path) == TABLE
    other = localvault.create(
        tmp_path / "w", passphrase="other", name="interop", kdf=CHEAPEST, allow_weak=True
    )
    with other:
        other.keys.create("orders", "oct")
        with pytest.raises(DecryptionFailed):
            read(path)


@pytest.mark.parametrize(
    ("footer", "error"),
    [
        ("https://elsewhere.vault.azure.net/keys/orders", NotFound),
        ("https://interop.vault.localhost/keys/none", KeyNotFound),
        ("https://interop.vault.localhost/keys/ec", KeyOperationForbidden),
        ("https://interop.vault.localhost/secrets/orders", BadParameter),
        ("orders", BadParameter),
    ],
)
def test_a_key_that_cannot_be_used_makes_no_file(
    vault: Vault, url: str, tmp_path: Path, footer: str, error: type[LocalVaultError]
) -> None:
    """Whatever is wrong with it is said before anything is written, by the error it is anywhere else."""
    vault.keys.create("ec", "EC")
    with pytest.raises(error):
        write(tmp_path / "a.parquet", footer)
    assert not (tmp_path / "a.parquet").exists()


def test_an_expired_key_reads_and_does_not_write(tmp_path: Path) -> None:
    """As everywhere: dates end what is new, not what is there."""
    clock = FixedClock()
    with localvault.create(
        tmp_path / "v", passphrase="p", name="interop", kdf=CHEAPEST, allow_weak=True, clock=clock
    ) as vault:
        vault.keys.create("orders", "oct", expires_on=clock.now.replace(year=2027))
        path = write(tmp_path / "a.parquet", "orders", vault=vault)
        clock.move(days=400)
        assert read(path, vault=vault) == TABLE
        with pytest.raises(KeyExpired):
            write(tmp_path / "b.parquet", "orders", vault=vault)


def test_a_dataset_is_written_and_read(vault: Vault, url: str, tmp_path: Path) -> None:
    """Through pyarrow.dataset, which makes the properties of each file itself."""
    factory, connection = crypto_factory(), encryption.KmsConnectionConfig()
    form = ds.ParquetFileFormat()
    config = ds.ParquetEncryptionConfig(factory, connection, encryption_configuration(url))
    options = form.make_write_options(encryption_config=config)
    ds.write_dataset(
        TABLE, tmp_path / "set", format=form, file_options=options, max_rows_per_file=250, max_rows_per_group=250
    )  # fmt: skip
    assert len(list((tmp_path / "set").iterdir())) == 4
    scan = ds.ParquetFragmentScanOptions(
        decryption_config=ds.ParquetDecryptionConfig(
            factory, connection, encryption.DecryptionConfiguration()
        )
    )
    form = ds.ParquetFileFormat(default_fragment_scan_options=scan)
    back = ds.dataset(tmp_path / "set", format=form).to_table()
    assert back.sort_by("id") == TABLE
    vault.keys.rotate("orders")
    assert ds.dataset(tmp_path / "set", format=form).to_table().num_rows == 1000


def test_every_byte_of_the_key_material_counts(vault: Vault, url: str, tmp_path: Path) -> None:
    """A file in which what was wrapped is altered is not read, and the error is one of ours or pyarrow's."""
    path = write(tmp_path / "a.parquet", url)
    content = path.read_bytes()
    at = content.index(b'"wrappedDEK":"') + len(b'"wrappedDEK":"')
    end = content.index(b'"', at)
    for place in range(at, end, 7):
        changed = bytearray(content)
        changed[place] = ord("B") if changed[place] == ord("A") else ord("A")
        path.write_bytes(changed)
        with pytest.raises((DecryptionFailed, localvault.NewerFormat)):
            read(path)
    path.write_bytes(content)
    assert read(path) == TABLE


def test_a_file_costs_one_event_for_each_data_key_and_use(vault: Vault, url: str, tmp_path: Path) -> None:
    """The journal tells of the wrapping, with the version, and of the unwrapping."""
    key = vault.keys.get("orders")
    read(write(tmp_path / "a.parquet", url))
    assert operations(vault, "KeySeal", "KeyOpen") == [("KeySeal", key.version), ("KeyOpen", None)]
