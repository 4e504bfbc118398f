"""Client-side encryption of azure-storage-blob under a key of a vault.

    key = KeyEncryptionKey("https://app.vault.localhost/keys/storage")
    BlobServiceClient(…, require_encryption=True, encryption_version="2.0",
                      key_encryption_key=key, key_resolver_function=key_resolver_function)

The library makes a key for each blob, has it wrapped here and keeps the result in the blob's metadata, beside the URL
of the version that wrapped it. Relies on `localvault.resolve`; does not import the library, whose interface is four
methods. Promises: the URL in the metadata is that of the version which did the wrapping, whatever is rotated meanwhile
and by whom; every wrap and unwrap is an operation of the vault, so a key that was disabled a moment ago refuses.

`encryption_version="2.0"` matters: the library's default, 1.0, is AES-CBC without authentication.
"""

from __future__ import annotations

import threading
from dataclasses import replace

from localvault import BadParameter, Key, KeyVaultUrl, Vault
from localvault.integrations.finding import find_key

_RSA = "RSA-OAEP-256"


class KeyEncryptionKey:
    """What azure-storage-blob wraps and unwraps the keys of blobs with; threads may share it."""

    def __init__(self, key: str | KeyVaultUrl, *, vault: Vault | None = None) -> None:
        """Take the URL of a key or of a version of it, or its name in `vault`.

        Without a version the current one wraps: once the key has been rotated, the next blob is under the new version.
        The key is an oct key (`A128KW`, `A192KW` or `A256KW` by its size) or an RSA key (`RSA-OAEP-256`).

        Raises:
            BadParameter, NotFound, Conflict: no vault has such a key's URL, as `localvault.resolve` says it.
        """
        self._key = find_key(key, vault).url
        self._vault = vault
        # The library asks for the URL and the algorithm in two further calls. Between them and the wrapping another
        # thread may wrap under a newer version, so what was used is remembered by thread; a wrong URL would make the
        # blob unreadable. (Holding on to one version instead would be safe too, but then rotating a key would do
        # nothing until the application starts again.)
        self._used = threading.local()

    def wrap_key(self, key: bytes) -> bytes:
        """Return `key` (the library's: 32 bytes, or 40 with its version) wrapped under the version to use now.

        Raises:
            BadParameter: not an oct or RSA key.
            NotFound, Conflict: no vault, or more than one, has the key's URL.
            KeyNotFound, KeyDisabled, KeyExpired, KeyNotYetValid, KeyOperationForbidden: the key may not.
        """
        found = find_key(self._key, self._vault)
        used = found.key()
        algorithm = _algorithm(used)
        wrapped = found.vault.crypto(used.name, used.version).wrap_key(algorithm, key)
        self._used.url = replace(self._key, version=used.version)
        self._used.algorithm = algorithm
        return wrapped.encrypted_key

    def unwrap_key(self, key: bytes, algorithm: str) -> bytes:
        """Return what was wrapped as `key` under the version that `get_kid` names.

        Args:
            key: what `wrap_key` returned, here or in another library.
            algorithm: the one the blob's metadata name. `RSA1_5` is refused: whoever can write metadata could otherwise
                use a reader of blobs as a padding oracle (Bleichenbacher).

        Raises:
            DecryptionFailed: it does not open.
            BadParameter: the algorithm does not fit the key.
            NotFound, Conflict: no vault, or more than one, has the key's URL.
            KeyNotFound, KeyDisabled, KeyOperationForbidden: the key may not.
        """
        url = KeyVaultUrl.parse(self.get_kid())
        return find_key(url, self._vault).crypto().unwrap_key(algorithm, key).key

    def get_kid(self) -> str:
        """Return the URL of the version this thread wrapped with last; before that, of the one it would wrap with.

        Raises:
            NotFound, Conflict: no vault, or more than one, has the key's URL.
            KeyNotFound: there is no such key.
        """
        url: KeyVaultUrl | None = getattr(self._used, "url", None)
        if url is None:
            url = self._key
            if url.version is None:
                url = replace(url, version=find_key(url, self._vault).key().version)
        return str(url)

    def get_key_wrap_algorithm(self) -> str:
        """Return the algorithm this thread wrapped with last; before that, the one it would wrap with.

        Raises:
            BadParameter: not an oct or RSA key.
            NotFound, Conflict: no vault, or more than one, has the key's URL.
            KeyNotFound: there is no such key.
        """
        algorithm: str | None = getattr(self._used, "algorithm", None)
        return algorithm or _algorithm(find_key(self._key, self._vault).key())

    def __repr__(self) -> str:
        return f"KeyEncryptionKey({str(self._key)!r})"


def key_resolver_function(kid: str) -> KeyEncryptionKey:
    """Return the key that a blob's metadata name: for blobs written under older versions, or under several keys.

    Whoever can write metadata chooses the URL, but only among keys of vaults that are open or registered in this
    process, and whether one of them fits the wrapped key is proved by unwrapping it.

    Raises:
        BadParameter: not the URL of a key's version.
        NotFound, Conflict: no vault, or more than one, has the URL.
    """
    key = KeyEncryptionKey(kid)
    if key.get_kid() != kid:
        # The library compares letter by letter.
        raise BadParameter(
            "the blob names a key, but not which version of it in the form this library writes"
        )
    return key


def _algorithm(key: Key) -> str:
    properties = key.properties
    if properties.kty == "oct":
        return f"A{properties.size}KW"
    if properties.kty == "RSA":
        return _RSA
    raise BadParameter(
        f"an {properties.kty} key cannot wrap the keys of blobs", hint="use an oct or RSA key for that"
    )
