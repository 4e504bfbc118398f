"""The table of everything a caller can ask for: one row an operation.

Source: names as Key Vault's audit log has them (category AuditEvent), data actions as its role-based access has them
(without the prefix `Microsoft.KeyVault/vaults/`); what Key Vault has no name for stands under `localvault/`.
Promises: the door runs nothing that has no row here, and a face may build its routes and commands from this table.
"""

from __future__ import annotations

from typing import NamedTuple


class Operation(NamedTuple):
    """One row: its name in the journal, the right it needs, and whether it changes the vault."""

    name: str
    data_action: str
    writes: bool


OPERATIONS: dict[str, Operation] = {}


def _row(name: str, data_action: str, *, writes: bool = False) -> Operation:
    return OPERATIONS.setdefault(name, Operation(name, data_action, writes))


SECRET_SET = _row("SecretSet", "secrets/setSecret/action", writes=True)
SECRET_GET = _row("SecretGet", "secrets/getSecret/action")
SECRET_LIST = _row("SecretList", "secrets/readMetadata/action")
SECRET_LIST_VERSIONS = _row("SecretListVersions", "secrets/readMetadata/action")
SECRET_UPDATE = _row("SecretUpdate", "secrets/update/action", writes=True)
SECRET_DELETE = _row("SecretDelete", "secrets/delete", writes=True)
SECRET_LIST_DELETED = _row("SecretListDeleted", "secrets/readMetadata/action")
SECRET_GET_DELETED = _row("SecretGetDeleted", "secrets/readMetadata/action")
SECRET_RECOVER = _row("SecretRecover", "secrets/recover/action", writes=True)
SECRET_PURGE = _row("SecretPurge", "secrets/purge/action", writes=True)
SECRET_BACKUP = _row("SecretBackup", "secrets/backup/action")
SECRET_RESTORE = _row("SecretRestore", "secrets/restore/action", writes=True)
SECRET_TRIM = _row("SecretTrim", "secrets/purge/action", writes=True)
# Whoever says how a secret's values are made has as good as set them.
SECRET_ROTATE = _row("SecretRotate", "secrets/setSecret/action", writes=True)
SECRET_GENERATOR_GET = _row("SecretGeneratorGet", "secrets/readMetadata/action")
SECRET_GENERATOR_SET = _row("SecretGeneratorSet", "secrets/setSecret/action", writes=True)
SECRET_ROTATION_POLICY_GET = _row("SecretRotationPolicyGet", "localvault/secrets/rotationpolicies/read")
SECRET_ROTATION_POLICY_SET = _row(
    "SecretRotationPolicySet", "localvault/secrets/rotationpolicies/write", writes=True
)

KEY_CREATE = _row("KeyCreate", "keys/create/action", writes=True)
KEY_IMPORT = _row("KeyImport", "keys/import/action", writes=True)
KEY_GET = _row("KeyGet", "keys/read")
KEY_LIST = _row("KeyList", "keys/read")
KEY_LIST_VERSIONS = _row("KeyListVersions", "keys/read")
KEY_UPDATE = _row("KeyUpdate", "keys/update/action", writes=True)
KEY_ROTATE = _row("KeyRotate", "keys/rotate/action", writes=True)
KEY_DELETE = _row("KeyDelete", "keys/delete", writes=True)
KEY_LIST_DELETED = _row("KeyListDeleted", "keys/read")
KEY_GET_DELETED = _row("KeyGetDeleted", "keys/read")
KEY_RECOVER = _row("KeyRecover", "keys/recover/action", writes=True)
KEY_PURGE = _row("KeyPurge", "keys/purge/action", writes=True)
KEY_BACKUP = _row("KeyBackup", "keys/backup/action")
KEY_RESTORE = _row("KeyRestore", "keys/restore/action", writes=True)
KEY_COUNT_VERSIONS = _row("KeyCountVersions", "keys/read")
KEY_GET_VERSION_POLICY = _row("KeyGetVersionPolicy", "keys/read")
KEY_SET_VERSION_POLICY = _row("KeySetVersionPolicy", "keys/update/action", writes=True)
KEY_RETIRE = _row("KeyRetire", "keys/update/action", writes=True)
# What it removes is gone for good, as by a purge.
KEY_TRIM = _row("KeyTrim", "keys/purge/action", writes=True)
KEY_ROTATION_POLICY_GET = _row("KeyRotationPolicyGet", "keyrotationpolicies/read")
KEY_ROTATION_POLICY_SET = _row("KeyRotationPolicySet", "keyrotationpolicies/write", writes=True)
KEY_EXPORT = _row("KeyExport", "localvault/keys/export/action")
KEY_ENCRYPT = _row("KeyEncrypt", "keys/encrypt/action")
KEY_DECRYPT = _row("KeyDecrypt", "keys/decrypt/action")
KEY_WRAP = _row("KeyWrap", "keys/wrap/action")
KEY_UNWRAP = _row("KeyUnwrap", "keys/unwrap/action")
KEY_SIGN = _row("KeySign", "keys/sign/action")
KEY_VERIFY = _row("KeyVerify", "keys/verify/action")
KEY_SEAL = _row("KeySeal", "keys/encrypt/action")
KEY_OPEN = _row("KeyOpen", "keys/decrypt/action")
# Rewrapping opens and seals but shows nobody the plaintext: the right to encrypt and the key's own operations suffice.
KEY_REWRAP = _row("KeyRewrap", "keys/encrypt/action")
# A data key is wrapped and unwrapped by the rows above: who may wrap could draw one and wrap it all the same. Moving
# wrapped ones shows them to nobody, so the right to wrap suffices, as above; handing one out in the clear is a right of
# its own, because data may be used by many of whom none is to carry its keys away.
DATA_KEY_REWRAP = _row("DataKeyRewrap", "keys/wrap/action")
DATA_KEY_EXPORT = _row("DataKeyExport", "localvault/keys/exportDataKey/action")

VAULT_CREATE = _row("VaultCreate", "localvault/vault/write", writes=True)
VAULT_OPEN = _row("VaultOpen", "localvault/vault/read")
VAULT_GET = _row("VaultGet", "localvault/vault/read")
VAULT_UPDATE = _row("VaultUpdate", "localvault/vault/write", writes=True)
VAULT_BATCH = _row("VaultBatch", "localvault/vault/read")
VAULT_BACKUP = _row("VaultBackup", "localvault/vault/backup/action")
VAULT_COMPACT = _row("VaultCompact", "localvault/vault/backup/action")
AGE_REPORT = _row("AgeReport", "localvault/vault/read")
VAULT_CHECK = _row("VaultCheck", "localvault/vault/read")
SLOT_LIST = _row("SlotList", "localvault/slots/read")
SLOT_ADD = _row("SlotAdd", "localvault/slots/write", writes=True)
SLOT_REMOVE = _row("SlotRemove", "localvault/slots/write", writes=True)
MASTER_KEY_ROTATE = _row("MasterKeyRotate", "localvault/vault/rotate/action", writes=True)
PASSPHRASE_CHANGE = _row("PassphraseChange", "localvault/slots/write", writes=True)
AGENDA_LIST = _row("AgendaList", "localvault/agenda/read")
AGENDA_RUN = _row("AgendaRun", "localvault/agenda/run/action", writes=True)
AGENDA_WATCH = _row("AgendaWatch", "localvault/agenda/run/action")
CLOCK_SET_BACK = _row("ClockSetBack", "localvault/agenda/run/action", writes=True)
# What the agenda does to one object: the right to run the agenda is the right to have it done.
KEY_ROTATE_IF_DUE = _row("KeyRotateIfDue", "localvault/agenda/run/action", writes=True)
KEY_NEAR_EXPIRY = _row("KeyNearExpiryEventGridNotification", "localvault/agenda/run/action", writes=True)
KEY_EXPIRED = _row("KeyExpiredEventGridNotification", "localvault/agenda/run/action", writes=True)
SECRET_ROTATE_IF_DUE = _row("SecretRotateIfDue", "localvault/agenda/run/action", writes=True)
SECRET_NEAR_EXPIRY = _row(
    "SecretNearExpiryEventGridNotification", "localvault/agenda/run/action", writes=True
)
SECRET_EXPIRED = _row("SecretExpiredEventGridNotification", "localvault/agenda/run/action", writes=True)
AUDIT_READ = _row("AuditRead", "localvault/journal/read")
AUDIT_VERIFY = _row("AuditVerify", "localvault/journal/read")
