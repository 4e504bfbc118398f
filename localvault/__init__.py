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

# What type checkers take for true under this name; the module `typing` would cost more than all the rest.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from localvault.crypto.client import Crypto
    from localvault.crypto.datakey import DataKey
    from localvault.crypto.tokens import TOKEN_OVERHEAD
    from localvault.crypto.versions import file_version, token_version
    from localvault.errors import (
        AccessDenied,
        BadParameter,
        CertificateNotFound,
        Conflict,
        Damaged,
        DecryptionFailed,
        Forbidden,
        GeneratorFailed,
        InsecureFolder,
        InvalidSignature,
        JournalUnavailable,
        KeyDisabled,
        KeyExpired,
        KeyNotExportable,
        KeyNotFound,
        KeyNotYetValid,
        KeyOperationForbidden,
        KeyVersionRetired,
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
    from localvault.lifecycle.key import Key
    from localvault.master_rotation import MasterKeyRotation
    from localvault.model.event import Event, TreeHead
    from localvault.model.generator import Generator
    from localvault.model.notice import Notice
    from localvault.model.packed import Packed
    from localvault.model.policy import LifetimeAction, RotationPolicy
    from localvault.model.problem import Problem
    from localvault.model.properties import KeyProperties, SecretProperties
    from localvault.model.secret import Secret
    from localvault.model.settings import Settings
    from localvault.model.url import KeyVaultUrl
    from localvault.model.version_counts import VersionCounts
    from localvault.model.version_policy import VersionPolicy
    from localvault.native.features import doctor
    from localvault.native.threads import threads
    from localvault.opening import create, open
    from localvault.operations import OPERATIONS
    from localvault.resolving import Resolved, register, resolve, unregister
    from localvault.rewrapping.files import TokenFiles, rewrap_files
    from localvault.rewrapping.sql import SqlTokens
    from localvault.rewrapping.store import Rewrapped, TokenRow, TokenStore
    from localvault.rewrapping.walker import rewrap
    from localvault.sealing.calibrate import calibrate
    from localvault.sealing.profiles import (
        OWASP_MINIMUM,
        RFC_9106_HIGH_MEMORY,
        RFC_9106_LOW_MEMORY,
        KdfProfile,
    )
    from localvault.vault import Vault

__version__ = "0.1.0"

_ERRORS = (
    "AccessDenied BadParameter CertificateNotFound Conflict Damaged DecryptionFailed Forbidden "
    "GeneratorFailed InsecureFolder InvalidSignature JournalUnavailable KeyDisabled KeyExpired "
    "KeyNotExportable KeyNotFound KeyNotYetValid KeyOperationForbidden KeyVersionRetired LocalVaultError "
    "NewerFormat NotAVault NotFound ObjectAlreadyExists ObjectDisabled ObjectIsDeletedButRecoverable "
    "PurgeProtected ReadOnlyVault SecretDisabled SecretNotFound StoreBusy StoreFull Tampered "
    "UnlockFailed VaultClosed VaultError VaultExists VaultForked"
)
_HOMES = dict.fromkeys(_ERRORS.split(), "localvault.errors") | {
    "Crypto": "localvault.crypto.client",
    "DataKey": "localvault.crypto.datakey",
    "Event": "localvault.model.event",
    "Generator": "localvault.model.generator",
    "KdfProfile": "localvault.sealing.profiles",
    "Key": "localvault.lifecycle.key",
    "KeyProperties": "localvault.model.properties",
    "KeyVaultUrl": "localvault.model.url",
    "LifetimeAction": "localvault.model.policy",
    "MasterKeyRotation": "localvault.master_rotation",
    "Notice": "localvault.model.notice",
    "OPERATIONS": "localvault.operations",
    "OWASP_MINIMUM": "localvault.sealing.profiles",
    "Packed": "localvault.model.packed",
    "Problem": "localvault.model.problem",
    "RFC_9106_HIGH_MEMORY": "localvault.sealing.profiles",
    "RFC_9106_LOW_MEMORY": "localvault.sealing.profiles",
    "Resolved": "localvault.resolving",
    "Rewrapped": "localvault.rewrapping.store",
    "RotationPolicy": "localvault.model.policy",
    "Secret": "localvault.model.secret",
    "SecretProperties": "localvault.model.properties",
    "Settings": "localvault.model.settings",
    "SqlTokens": "localvault.rewrapping.sql",
    "TOKEN_OVERHEAD": "localvault.crypto.tokens",
    "TokenFiles": "localvault.rewrapping.files",
    "TokenRow": "localvault.rewrapping.store",
    "TokenStore": "localvault.rewrapping.store",
    "TreeHead": "localvault.model.event",
    "Vault": "localvault.vault",
    "VersionCounts": "localvault.model.version_counts",
    "VersionPolicy": "localvault.model.version_policy",
    "calibrate": "localvault.sealing.calibrate",
    "create": "localvault.opening",
    "doctor": "localvault.native.features",
    "file_version": "localvault.crypto.versions",
    "open": "localvault.opening",
    "register": "localvault.resolving",
    "resolve": "localvault.resolving",
    "rewrap": "localvault.rewrapping.walker",
    "rewrap_files": "localvault.rewrapping.files",
    "threads": "localvault.native.threads",
    "token_version": "localvault.crypto.versions",
    "unregister": "localvault.resolving",
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
    "Crypto",
    "Damaged",
    "DataKey",
    "DecryptionFailed",
    "Event",
    "Forbidden",
    "Generator",
    "GeneratorFailed",
    "InsecureFolder",
    "InvalidSignature",
    "JournalUnavailable",
    "KdfProfile",
    "Key",
    "KeyDisabled",
    "KeyExpired",
    "KeyNotExportable",
    "KeyNotFound",
    "KeyNotYetValid",
    "KeyOperationForbidden",
    "KeyProperties",
    "KeyVaultUrl",
    "KeyVersionRetired",
    "LifetimeAction",
    "LocalVaultError",
    "MasterKeyRotation",
    "NewerFormat",
    "NotAVault",
    "NotFound",
    "Notice",
    "OPERATIONS",
    "OWASP_MINIMUM",
    "ObjectAlreadyExists",
    "ObjectDisabled",
    "ObjectIsDeletedButRecoverable",
    "Packed",
    "Problem",
    "PurgeProtected",
    "RFC_9106_HIGH_MEMORY",
    "RFC_9106_LOW_MEMORY",
    "ReadOnlyVault",
    "Resolved",
    "Rewrapped",
    "RotationPolicy",
    "Secret",
    "SecretDisabled",
    "SecretNotFound",
    "SecretProperties",
    "Settings",
    "SqlTokens",
    "StoreBusy",
    "StoreFull",
    "TOKEN_OVERHEAD",
    "Tampered",
    "TokenFiles",
    "TokenRow",
    "TokenStore",
    "TreeHead",
    "UnlockFailed",
    "Vault",
    "VaultClosed",
    "VaultError",
    "VaultExists",
    "VaultForked",
    "VersionCounts",
    "VersionPolicy",
    "__version__",
    "calibrate",
    "create",
    "doctor",
    "file_version",
    "open",
    "register",
    "resolve",
    "rewrap",
    "rewrap_files",
    "threads",
    "token_version",
    "unregister",
]
