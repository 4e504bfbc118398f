"""The token without which no private key leaves the vault.

Relies on nothing. Promises: nothing imports this by accident; whoever passes `KEY_ACCESS` has named it, so a search for
that name finds every place where key material can leave.
"""

from __future__ import annotations

from typing import Final, final


@final
class KeyAccess:
    """The type of `KEY_ACCESS`."""

    __slots__ = ()


KEY_ACCESS: Final = KeyAccess()
