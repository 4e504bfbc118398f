"""Seals backups of single objects, and opens them again here or in another vault.

Relies on `sealing.transfer` and on the master keys, which no room of objects gets to hold. Promises: what `seal` makes
opens with this vault, with its recovery keys and with the passphrase given, and with nothing else.
"""

from __future__ import annotations

from localvault.masters import Masters
from localvault.sealing import credentials
from localvault.sealing.credentials import Credential
from localvault.sealing.header import Header
from localvault.sealing.profiles import DEFAULT, KdfProfile
from localvault.sealing.transfer import open_blob, seal_blob
from localvault.slots import read_header
from localvault.store.protocol import Store


class SealedBlobs:
    """Implements `lifecycle.ground.Blobs` for one open vault."""

    def __init__(
        self, store: Store, masters: Masters, *, allow_weak: bool, kdf: KdfProfile = DEFAULT
    ) -> None:
        self._store = store
        self._masters = masters
        self._allow_weak = allow_weak
        self._kdf = kdf

    def seal(self, payload: bytes, passphrase: str | bytes | None) -> bytes:
        """Seal a payload for this vault, its recovery keys and, if there is one, the passphrase."""
        credential = None if passphrase is None else credentials.passphrase(passphrase)
        try:
            return seal_blob(
                payload,
                header=self._header(),
                master=self._masters.master,
                passphrase=credential,
                kdf=self._kdf,
                allow_weak=self._allow_weak,
            )
        finally:
            _wipe(credential)

    def open(self, blob: bytes, passphrase: str | bytes | None, recovery_key: str | None) -> bytes:
        """Return the payload of what `seal` made, here or in the vault the secret given belongs to."""
        by_passphrase = None if passphrase is None else credentials.passphrase(passphrase)
        by_recovery = None if recovery_key is None else credentials.recovery_key(recovery_key)
        try:
            return open_blob(
                blob,
                header=self._header(),
                own=self._masters.transfers,
                passphrase=by_passphrase,
                recovery_key=by_recovery,
                allow_weak=self._allow_weak,
            )
        finally:
            _wipe(by_passphrase)
            _wipe(by_recovery)

    def _header(self) -> Header:
        """Return the header, with the masters gone on to the master key that it is of."""
        with self._store.read() as txn:
            self._masters.check(txn)
            return read_header(txn)


def _wipe(credential: Credential | None) -> None:
    if credential is not None:
        credential.wipe()
