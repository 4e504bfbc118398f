"""The URLs that name vaults, objects and versions: `https://{vault}.{suffix}/{collection}/{name}/{version}`.

Source: Key Vault's object identifiers. Relies on `names`. Promises: whatever text comes in (a URL may have been read
from a file that somebody else wrote) is either one of these URLs, with nothing beside it, or `BadParameter`; what was
parsed prints in one canonical way; and no error shows the text, which may carry a credential.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from localvault.errors import BadParameter
from localvault.model.names import base_url, check_suffix, check_vault_name

LENGTH_MAX = 512  # characters; the longest there can be has about 430
# One pattern for the whole of it: what it does not name (user, query, fragment, `..`, `%2F`, `\`) cannot be there.
_URL = re.compile(
    r"(?P<scheme>[a-z]+)://(?P<vault>[^./:]+)\.(?P<suffix>[^/]+)"
    r"(?:/(?P<collection>keys|secrets|certificates)/(?P<name>[0-9a-z-]{1,127})(?:/(?P<version>[0-9a-f]{32}))?"
    r"|/(?P<deleted>deleted(?:keys|secrets|certificates))/(?P<deleted_name>[0-9a-z-]{1,127}))?/?",
    re.IGNORECASE | re.ASCII,
)
# What people and attackers put into URLs, and what is said of it; looked for in this order.
_UNWANTED = (
    ("\\", "it has a backslash"),
    ("@", "it names a user"),
    ("?", "it has a query"),
    ("#", "it has a fragment"),
    ("%", "it has percent-encoded characters"),
    ("/./", "it has a segment of dots"),
    ("/../", "it has a segment of dots"),
)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class KeyVaultUrl:
    """What a Key Vault URL says; made by `KeyVaultUrl.parse`, and printed in its canonical form by `str`.

    Two are equal if they name the same thing: names of objects compare without case, though they keep it.
    """

    vault: str
    """The vault's name, in lower case."""
    suffix: str
    """What follows it in the host name, such as `vault.azure.net`, with the port unless that is 443."""
    collection: str | None = None
    """`keys`, `secrets` or `certificates`, or one of them after `deleted`; None for the URL of a vault."""
    name: str | None = None
    """The object's name as it was written; None for the URL of a vault."""
    version: str | None = None
    """The version's 32 hex digits in lower case; None where the URL means the current one."""

    @staticmethod
    def parse(url: str) -> KeyVaultUrl:
        """Take apart the URL of a vault, an object, a version or a deleted object, in any case, `/` last or not.

        Any suffix will do: Key Vault's own (`vault.azure.net`, `managedhsm.azure.net`, `vault.usgovcloudapi.net`,
        `vault.azure.cn`) and a vault's here.

        Raises:
            BadParameter: it is no such URL, is not `https`, or has anything else in it: a user, a query, a fragment,
                percent-encoding, dot segments, empty segments, control characters, letters outside ASCII.
        """
        found = _URL.fullmatch(_checked(url))
        if found is None:
            raise _bad("it is not made like one")
        if found["scheme"].lower() != "https":
            raise _bad("it is not https")
        try:
            vault = check_vault_name(found["vault"].lower())
            suffix = check_suffix(found["suffix"].lower())
        except BadParameter:
            raise _bad(
                "its host is none a vault can have"
            ) from None  # not theirs: they show what was handed in
        collection = found["collection"] or found["deleted"]
        return KeyVaultUrl(
            vault,
            suffix.removesuffix(":443"),
            collection and collection.lower(),
            found["name"] or found["deleted_name"],
            found["version"] and found["version"].lower(),
        )

    @property
    def vault_url(self) -> str:
        """The vault's base URL, `https://{vault}.{suffix}`."""
        return base_url(self.vault, self.suffix)

    def __str__(self) -> str:
        parts = (self.vault_url, self.collection, self.name, self.version)
        return "/".join(part for part in parts if part is not None)

    def __repr__(self) -> str:
        return f"KeyVaultUrl({str(self)!r})"

    def __eq__(self, other: Any) -> bool:
        if not isinstance(other, KeyVaultUrl):
            return NotImplemented
        return str(self).lower() == str(other).lower()

    def __hash__(self) -> int:
        return hash(str(self).lower())


def _checked(url: object) -> str:
    """Return `url` if it is text that is worth a look."""
    if not isinstance(url, str):
        raise BadParameter(f"a URL is text, not {type(url).__name__}")
    if len(url) > LENGTH_MAX:
        raise _bad(f"it has more than {LENGTH_MAX} characters")
    # Letters outside ASCII would make host names that look alike; control characters are dropped by some parsers.
    if not (url.isascii() and url.isprintable()):
        raise _bad("it has characters other than those of plain ASCII")
    for part, reason in _UNWANTED:
        if part in url + "/":
            raise _bad(reason)
    return url


def _bad(reason: str) -> BadParameter:
    return BadParameter(
        f"this is not a Key Vault URL: {reason}",
        hint="https://{vault}.{suffix}/{keys, secrets or certificates}/{name}, and /{version} if one is meant",
    )
