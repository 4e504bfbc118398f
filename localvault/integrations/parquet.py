"""Parquet modular encryption, of pyarrow, under keys of a vault.

    properties = encryption_properties("https://app.vault.localhost/keys/orders")
    pyarrow.parquet.write_table(table, path, encryption_properties=properties)
    pyarrow.parquet.read_table(path, decryption_properties=decryption_properties())

pyarrow makes a data key for the footer and for each column, has it wrapped here and keeps the result in the file beside
the key's URL or name. Relies on pyarrow and `localvault.resolve`. Promises: what was wrapped names its version, so
files stay readable after a rotation and new ones use the new version; and every wrap and unwrap is an operation of the
vault, so a key that was disabled or deleted a moment ago opens no file.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from pyarrow.parquet import encryption

from localvault import BadParameter, DecryptionFailed, Resolved, Vault
from localvault.integrations.finding import find_key

DATA_KEY_BITS = 256
_RSA = "RSA-OAEP-256"
_COLON = "%3A"  # how a URL's colons stand where pyarrow would take them for its own
_WRAPPED_MAX = 4096  # characters: an RSA key of 4096 bits makes 684
# Goes into the associated data of every token made here. A reader of Parquet files unwraps whatever a file holds; with
# this it opens no token that was sealed under the same key for anything else.
_PURPOSE = b"localvault parquet data key v1\x00"


class VaultKmsClient(encryption.KmsClient):
    """Wraps and unwraps data keys for pyarrow; a master key identifier is a key's URL, or its name in `vault`.

    Under an oct key a data key becomes a token (XAES-256-GCM, docs/format.md, section 5); under an RSA key it is
    encrypted by RSA-OAEP-256 behind the version's id.
    """

    def __init__(self, vault: Vault | None = None, context: bytes = b"") -> None:
        """`context`, such as a tenant's id, has to be the same when reading; oct keys only."""
        super().__init__()
        self._vault = vault
        self._context = _PURPOSE + context
        self._has_context = bool(context)
        self._found: dict[str, Resolved] = {}

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> str:
        """Return a data key (16, 24 or 32 bytes) wrapped under the current version of a key, as text.

        Raises:
            BadParameter: no such identifier, or not an oct or RSA key, or a `context` with an RSA key.
            NotFound, Conflict: no vault, or more than one, has the key's URL.
            KeyNotFound, KeyDisabled, KeyExpired, KeyNotYetValid, KeyOperationForbidden: the key may not.
        """
        found = self._find(master_key_identifier)
        key = found.key()
        crypto = found.vault.crypto(key.name, key.version)
        if key.properties.kty == "oct":
            return _text(crypto.seal(key_bytes, self._context))
        if self._has_context:
            raise BadParameter("RSA-OAEP binds no context", hint="use an oct key, or leave the context out")
        return f"{key.version}.{_text(crypto.wrap_key(_RSA, key_bytes).encrypted_key)}"

    def unwrap_key(self, wrapped_key: str, master_key_identifier: str) -> bytes:
        """Return the data key that was wrapped; under whichever version it was.

        Raises:
            DecryptionFailed: it does not open: not this key, not this context, or altered.
            BadParameter: no such identifier.
            NotFound, Conflict: no vault, or more than one, has the key's URL.
            KeyNotFound, KeyDisabled, KeyOperationForbidden: the key may not.
        """
        found = self._find(master_key_identifier)
        version, dot, text = wrapped_key[: _WRAPPED_MAX + 1].rpartition(".")
        wrapped = _bytes(text)
        if not dot:
            return found.crypto().open(wrapped, self._context)
        if version != version.lower():
            raise _not_wrapped()  # as `wrap_key` writes it, and in no other way
        under = Resolved(found.vault, replace(found.url, version=version))
        return under.crypto().unwrap_key(_RSA, wrapped).key

    def _find(self, identifier: str) -> Resolved:
        # Remembered, for a file asks for its footer's key and one for every column.
        found = self._found.get(identifier)
        if found is None:
            found = self._found[identifier] = find_key(identifier.replace(_COLON, ":"), self._vault)
        return found


def crypto_factory(vault: Vault | None = None, *, context: bytes = b"") -> encryption.CryptoFactory:
    """Return a factory for whatever takes one, such as `pyarrow.dataset.ParquetEncryptionConfig`.

    Keys are found by their URLs, or by their names in `vault`. `context` is bound into what is wrapped: a reader has to
    give the same.
    """
    return encryption.CryptoFactory(lambda configuration: VaultKmsClient(vault, context))


def encryption_configuration(
    footer_key: str, *, column_keys: Mapping[str, Sequence[str]] | None = None, **options: Any
) -> encryption.EncryptionConfiguration:
    """Say which keys a file is to be under.

    Args:
        footer_key: the URL of a key, or its name; it wraps the footer's data key and, without `column_keys`, that of
            every column.
        column_keys: for the URL or name of each key the columns under it; columns not named stay readable to all.
        options: pyarrow's further ones, such as `plaintext_footer`. What it leaves to you is different here in two
            points: data keys have 256 bits, not 128, and `double_wrapping` is off. It saves calls to a distant service
            by keeping an unwrapped key for minutes, in which disabling that key would have no effect.
    """
    if column_keys is not None:
        # pyarrow writes this mapping into one text with colons between its parts.
        options["column_keys"] = {key.replace(":", _COLON): list(names) for key, names in column_keys.items()}
    else:
        options.setdefault("uniform_encryption", True)
    defaults = {"double_wrapping": False, "data_key_length_bits": DATA_KEY_BITS}
    return encryption.EncryptionConfiguration(footer_key, **defaults | options)


def encryption_properties(
    footer_key: str,
    *,
    column_keys: Mapping[str, Sequence[str]] | None = None,
    vault: Vault | None = None,
    context: bytes = b"",
    **options: Any,
) -> encryption.FileEncryptionProperties:
    """Return what `pyarrow.parquet.write_table` takes as `encryption_properties`; for one file.

    Args:
        footer_key: as for `encryption_configuration`.
        column_keys: as for `encryption_configuration`.
        vault: where keys that are given by name are.
        context: as for `crypto_factory`.
        options: as for `encryption_configuration`.

    Raises:
        BadParameter: a key that is neither a URL nor a name in `vault`, or is of a type that does not wrap.
        NotFound, Conflict: no vault, or more than one, has a key's URL.
        KeyNotFound, KeyDisabled, KeyExpired, KeyNotYetValid, KeyOperationForbidden: a key may not.
    """
    configuration = encryption_configuration(footer_key, column_keys=column_keys, **options)
    factory = crypto_factory(vault, context=context)
    return factory.file_encryption_properties(encryption.KmsConnectionConfig(), configuration)


def decryption_properties(
    *, vault: Vault | None = None, context: bytes = b""
) -> encryption.FileDecryptionProperties:
    """Return what pyarrow's readers take as `decryption_properties`; keys are found as the file names them.

    Keys are unwrapped when a file is read, and it is then that a key may be refused.

    Args:
        vault: where keys are that the file gives by name.
        context: the one the file was written with.
    """
    factory = crypto_factory(vault, context=context)
    configuration = encryption.DecryptionConfiguration(cache_lifetime=timedelta(0))
    return factory.file_decryption_properties(encryption.KmsConnectionConfig(), configuration)


def _text(wrapped: bytes) -> str:
    return base64.urlsafe_b64encode(wrapped).decode("ascii")


def _bytes(text: str) -> bytes:
    try:
        wrapped = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        wrapped = b""
    # What `_text` makes and nothing that merely decodes to the same, such as other bits after the last byte.
    if not wrapped or _text(wrapped) != text:
        raise _not_wrapped()
    return wrapped


def _not_wrapped() -> DecryptionFailed:
    return DecryptionFailed("this is not a wrapped data key, or not all of it")
