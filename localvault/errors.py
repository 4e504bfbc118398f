"""Every exception of localvault, in one tree.

Relies on nothing. Promises: whatever a caller hands in, what comes back as an error is one of these (or a
`TypeError`/`ValueError` for a programming mistake), it carries a sentence for people, `.code` for programs (the
Azure Key Vault error code where one exists) and, where something can be done about it, `.hint`. No message holds a
secret.

    LocalVaultError
    ├── BadParameter                        a name, size, algorithm, date or input that cannot be accepted
    ├── NotFound
    │   ├── SecretNotFound
    │   ├── KeyNotFound
    │   └── CertificateNotFound
    ├── Conflict
    │   ├── ObjectIsDeletedButRecoverable   the name is held by a deleted object: recover or purge it first
    │   └── ObjectAlreadyExists             restoring onto a name in use
    ├── Forbidden
    │   ├── AccessDenied                    the caller has no role that allows the operation
    │   ├── ObjectDisabled
    │   │   ├── SecretDisabled
    │   │   └── KeyDisabled
    │   ├── KeyExpired
    │   ├── KeyNotYetValid
    │   ├── KeyOperationForbidden           not among the key's permitted operations
    │   ├── KeyNotExportable
    │   ├── KeyVersionRetired               older than the oldest version that its key lets open
    │   └── PurgeProtected
    ├── InvalidSignature                    the signature does not fit
    ├── DecryptionFailed                    a ciphertext or token does not open under the key
    ├── GeneratorFailed                     a generator did not make a value
    └── VaultError                          the vault itself, not an object in it
        ├── NotAVault
        ├── VaultExists
        ├── NewerFormat                     written by a later localvault
        ├── UnlockFailed                    wrong passphrase, key file or recovery key
        ├── VaultClosed
        ├── VaultForked                     a vault inherited through fork: open it again in the child
        ├── InsecureFolder                  others could write to the folder
        ├── ReadOnlyVault
        ├── StoreFull                       no space left; nothing was written
        ├── StoreBusy
        ├── Damaged                         truncated or unreadable
        ├── Tampered                        readable, but not what was written
        └── JournalUnavailable              the event could not be written, so the operation was refused
"""

from __future__ import annotations


class LocalVaultError(Exception):
    """The root of the tree: catches everything localvault raises on purpose."""

    code = "LocalVaultError"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint

    @property
    def message(self) -> str:
        """The sentence, without the hint."""
        return str(self.args[0])


class BadParameter(LocalVaultError, ValueError):
    """A name, size, algorithm, date or input that cannot be accepted; nothing was changed."""

    code = "BadParameter"


class NotFound(LocalVaultError):
    """No such object or version; a deleted object counts as not found (`get_deleted` finds it)."""

    code = "NotFound"


class SecretNotFound(NotFound):
    """No secret, or no such version of it."""

    code = "SecretNotFound"


class KeyNotFound(NotFound):
    """No key, or no such version of it."""

    code = "KeyNotFound"


class CertificateNotFound(NotFound):
    """No certificate, or no such version of it."""

    code = "CertificateNotFound"


class Conflict(LocalVaultError):
    """The object's state does not allow the operation."""

    code = "Conflict"


class ObjectIsDeletedButRecoverable(Conflict):
    """A deleted object holds the name until it is recovered or purged."""

    code = "ObjectIsDeletedButRecoverable"


class ObjectAlreadyExists(Conflict):
    """A backup cannot be restored over an object that exists."""


class Forbidden(LocalVaultError):
    """The operation is understood and refused."""

    code = "Forbidden"


class AccessDenied(Forbidden):
    """The principal holds no role that allows the operation on this scope."""

    code = "ForbiddenByRbac"


class ObjectDisabled(Forbidden):
    """The version is disabled."""


class SecretDisabled(ObjectDisabled):
    """The secret's version is disabled."""

    code = "SecretDisabled"


class KeyDisabled(ObjectDisabled):
    """The key's version is disabled."""

    code = "KeyDisabled"


class KeyExpired(Forbidden):
    """Past `expires_on`, a key no longer encrypts, wraps or signs; it still decrypts, unwraps and verifies."""

    code = "KeyExpired"


class KeyNotYetValid(Forbidden):
    """Before `not_before`, a key does not encrypt, wrap or sign."""

    code = "KeyNotYetValid"


class KeyOperationForbidden(Forbidden):
    """The operation is not among the key's permitted operations."""

    code = "KeyOperationForbidden"


class KeyNotExportable(Forbidden):
    """The key was not created exportable, so its private part stays in the vault."""

    code = "KeyNotExportable"


class KeyVersionRetired(Forbidden):
    """The version is older than its key's version policy lets open; the code is Key Vault's for what is refused."""


class PurgeProtected(Forbidden):
    """Purge protection keeps deleted objects, and versions taken out of use, until their retention ends."""

    code = "PurgeProtected"


class InvalidSignature(LocalVaultError):
    """The signature does not belong to this digest and key."""

    code = "InvalidSignature"


class DecryptionFailed(LocalVaultError):
    """A ciphertext, wrapped key or token does not open: wrong key, wrong context or altered bytes.

    One error for every cause on purpose: telling them apart would make a padding oracle.
    """

    code = "DecryptionFailed"


class GeneratorFailed(LocalVaultError):
    """A secret's generator did not make a value; the secret is as it was, and may be rotated again later."""

    code = "GeneratorFailed"


class VaultError(LocalVaultError):
    """Something about the vault itself."""

    code = "VaultError"


class NotAVault(VaultError):
    """There is no vault at this path."""

    code = "NotAVault"


class VaultExists(VaultError):
    """There is a vault (or something else) at the path where one was to be made."""

    code = "VaultExists"


class NewerFormat(VaultError):
    """Written by a later localvault whose format this one does not know."""

    code = "NewerFormat"


class UnlockFailed(VaultError):
    """No slot opens with this passphrase, key file or recovery key."""

    code = "UnlockFailed"


class VaultClosed(VaultError):
    """The vault (or a key of it) was used after `close()`."""

    code = "VaultClosed"


class VaultForked(VaultError):
    """The process forked after opening the vault; the child must open it again."""

    code = "VaultForked"


class InsecureFolder(VaultError):
    """Others could write to the vault's folder or files."""

    code = "InsecureFolder"


class ReadOnlyVault(VaultError):
    """The vault was opened read-only."""

    code = "ReadOnlyVault"


class StoreFull(VaultError):
    """No space left on the device (or a file-size limit); nothing was written."""

    code = "StoreFull"


class StoreBusy(VaultError):
    """Another process kept changing the store; try again."""

    code = "StoreBusy"


class Damaged(VaultError):
    """A file of the vault is truncated or unreadable."""

    code = "Damaged"


class Tampered(VaultError):
    """A record, the slot list or the journal is not what the vault wrote."""

    code = "Tampered"


class JournalUnavailable(VaultError):
    """The event could not be written, so the operation's result is withheld (fail closed)."""

    code = "JournalUnavailable"
