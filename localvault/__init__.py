"""A key vault you import: keys and secrets in one folder, sealed, versioned, recoverable and audited, offline.

Three calls to begin with:

    vault = localvault.create("app.vault", passphrase="…")   # makes the folder; `open` afterwards
    vault.secrets.set("db-password", "…")                    # → Secret, on disk when it returns
    vault.crypto("orders").seal(b"…")                        # → a token that opens under any version of the key

Do not use it where an attacker runs code in your process or is root on your machine: nothing in process can help there
(SECURITY.md says what is promised). For one secret on one desktop, the system's own keyring is simpler.

Importing this package loads none of its parts: each is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localvault.errors import (
        AccessDenied,
        BadParameter,
        CertificateNotFound,
        Conflict,
        Damaged,
        DecryptionFailed,
        Forbidden,
        InsecureFolder,
        InvalidSignature,
        JournalUnavailable,
        KeyDisabled,
        KeyExpired,
        KeyNotExportable,
        KeyNotFound,
        KeyNotYetValid,
        KeyOperationForbidden,
        LocalVaultError,
        NewerFormat,
        NotAVault,
        NotFound,
        ObjectAlreadyExists,
        ObjectDisabled,
        ObjectIsDeletedButRecoverable,
        PurgeProtected,
        ReadOnlyVault,
        SecretDisabled,
        SecretNotFound,
        StoreBusy,
        StoreFull,
        Tampered,
        UnlockFailed,
        VaultClosed,
        VaultError,
        VaultExists,
        VaultForked,
    )
    from localvault.model.packed import Packed
    from localvault.opening import create, open
    from localvault.operations import OPERATIONS
    from localvault.vault import Vault

__version__ = "0.1.0"

_ERRORS = (
    "AccessDenied BadParameter CertificateNotFound Conflict Damaged DecryptionFailed Forbidden InsecureFolder "
    "InvalidSignature JournalUnavailable KeyDisabled KeyExpired KeyNotExportable KeyNotFound KeyNotYetValid "
    "KeyOperationForbidden LocalVaultError NewerFormat NotAVault NotFound ObjectAlreadyExists ObjectDisabled "
    "ObjectIsDeletedButRecoverable PurgeProtected ReadOnlyVault SecretDisabled SecretNotFound StoreBusy StoreFull "
    "Tampered UnlockFailed VaultClosed VaultError VaultExists VaultForked"
)
_HOMES = dict.fromkeys(_ERRORS.split(), "localvault.errors") | {
    "OPERATIONS": "localvault.operations",
    "Packed": "localvault.model.packed",
    "Vault": "localvault.vault",
    "create": "localvault.opening",
    "open": "localvault.opening",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'localvault' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "AccessDenied",
    "BadParameter",
    "CertificateNotFound",
    "Conflict",
    "Damaged",
    "DecryptionFailed",
    "Forbidden",
    "InsecureFolder",
    "InvalidSignature",
    "JournalUnavailable",
    "KeyDisabled",
    "KeyExpired",
    "KeyNotExportable",
    "KeyNotFound",
    "KeyNotYetValid",
    "KeyOperationForbidden",
    "LocalVaultError",
    "NewerFormat",
    "NotAVault",
    "NotFound",
    "OPERATIONS",
    "ObjectAlreadyExists",
    "ObjectDisabled",
    "ObjectIsDeletedButRecoverable",
    "Packed",
    "PurgeProtected",
    "ReadOnlyVault",
    "SecretDisabled",
    "SecretNotFound",
    "StoreBusy",
    "StoreFull",
    "Tampered",
    "UnlockFailed",
    "Vault",
    "VaultClosed",
    "VaultError",
    "VaultExists",
    "VaultForked",
    "__version__",
    "create",
    "open",
]
