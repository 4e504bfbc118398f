"""What objects, versions and vaults may be called, and the URLs they have.

Source: Key Vault's naming rules (object names `^[0-9a-zA-Z-]{1,127}$`, compared without case; versions are 32 hex
digits). Promises: every function either returns a checked value or raises `BadParameter` and says what would do.
"""

from __future__ import annotations

import re

from localvault.errors import BadParameter

NAME_MAX = 127
VAULT_NAME_MIN, VAULT_NAME_MAX = 3, 24
# `.localhost` is reserved for the local machine (RFC 6761, section 6.3), so the URLs of a vault that was given no
# suffix can never point at somebody else's server.
DEFAULT_SUFFIX = "vault.localhost"

_OBJECT_NAME = re.compile(r"[0-9A-Za-z-]{1,127}")
_VAULT_NAME = re.compile(r"[A-Za-z](?:[0-9A-Za-z]|-(?=[0-9A-Za-z]))*")
_VERSION = re.compile(r"[0-9a-f]{32}")
_SUFFIX = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,200}[a-z0-9])?(?::(?P<port>[1-9][0-9]{0,4}))?")
_PORT_MAX = 65_535


def check_name(name: str) -> str:
    """Return `name` if it can name a key, secret or certificate: 1 to 127 of `0-9 A-Z a-z -`.

    Raises:
        BadParameter: any other name.
    """
    if _OBJECT_NAME.fullmatch(name) is None:
        raise BadParameter(
            f"{_shown(name)} is not a name an object can have",
            hint=f"use 1 to {NAME_MAX} of the letters A-Z and a-z, the digits and the hyphen",
        )
    return name


def check_vault_name(name: str) -> str:
    """Return `name` if it can name a vault: 3 to 24 letters, digits and single hyphens, a letter first.

    Raises:
        BadParameter: any other name.
    """
    if not VAULT_NAME_MIN <= len(name) <= VAULT_NAME_MAX or _VAULT_NAME.fullmatch(name) is None:
        raise BadParameter(
            f"{_shown(name)} is not a name a vault can have",
            hint=f"use {VAULT_NAME_MIN} to {VAULT_NAME_MAX} letters, digits and single hyphens, a letter first",
        )
    return name


def check_suffix(suffix: str) -> str:
    """Return `suffix` if it can end a vault's host name (lower-case DNS name, optional port).

    Raises:
        BadParameter: any other text.
    """
    found = _SUFFIX.fullmatch(suffix)
    if found is None or int(found["port"] or 1) > _PORT_MAX:
        raise BadParameter(
            f"{_shown(suffix)} cannot end a vault's host name", hint="use a DNS name in lower case"
        )
    return suffix


def version_bytes(version: str) -> bytes:
    """Return the 16 bytes of a version id of 32 hex digits (upper case accepted).

    Raises:
        BadParameter: anything else.
    """
    given: object = version  # whatever a caller without types handed in
    if not isinstance(given, str):
        raise BadParameter(
            f"a version is text, not {type(given).__name__}", hint="a version is 32 hex digits"
        )
    lowered = version.lower()
    if _VERSION.fullmatch(lowered) is None:
        raise BadParameter(f"{_shown(version)} is not a version", hint="a version is 32 hex digits")
    return bytes.fromhex(lowered)


def base_url(vault_name: str, suffix: str) -> str:
    """Return `https://{vault}.{suffix}`, the prefix of every identifier in the vault."""
    return f"https://{vault_name.lower()}.{suffix.removesuffix(':443')}"  # https has that port anyway


def _shown(text: str) -> str:
    """Quote hostile text for a message: escaped, and cut to 60 characters."""
    return repr(text if len(text) <= 60 else text[:60] + "…")
