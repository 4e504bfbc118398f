"""Which key is meant, by its URL or by its name in a vault: what all integrations ask first.

Relies on `localvault.resolve`. Promises: a name is looked for in the vault that was given and nowhere else.
"""

from __future__ import annotations

import localvault
from localvault import BadParameter, KeyVaultUrl, Resolved, Vault


def find_key(key: str | KeyVaultUrl, vault: Vault | None) -> Resolved:
    """Return what `key`, a URL, or a name in `vault`, leads to.

    Raises:
        BadParameter: neither the URL of a key nor, if there is a vault, a name a key can have.
        NotFound, Conflict: no vault, or more than one, has the URL.
    """
    if isinstance(key, str) and "/" not in key:
        if vault is None:
            raise BadParameter(
                "a key's name alone does not say in which vault", hint="give its URL, or vault=…"
            )
        found = Resolved(vault, KeyVaultUrl.parse(f"{vault.url}/keys/{key}"))
    else:
        url = key if isinstance(key, KeyVaultUrl) else KeyVaultUrl.parse(key)
        # The vault at hand is meant by its own URL, also where another one of that URL is open.
        at_hand = vault is not None and url.vault_url == vault.url
        found = Resolved(vault, url) if vault is not None and at_hand else localvault.resolve(url)
    found.crypto()  # refuses what is not a key's
    return found
