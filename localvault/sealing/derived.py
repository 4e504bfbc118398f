"""A key derived for one purpose, with the memory it stands in.

Relies on `native`. Promises: `wipe` gives up both; whoever still holds the key gets `VaultClosed` then.
"""

from __future__ import annotations

from typing import final

from localvault.model.hidden import Hidden
from localvault.native.face import XaesKey
from localvault.native.memory import Locked


@final
class DerivedKey(Hidden):
    """What seals and opens under 32 derived bytes."""

    __slots__ = ("__weakref__", "key", "memory")

    def __init__(self, memory: Locked) -> None:
        """`memory` is taken over, and kept: what seals may come back to it (see `fallback.XaesKey`)."""
        self.memory = memory
        self.key = XaesKey(memory)

    def wipe(self) -> None:
        """Forget it."""
        self.key.wipe()
        self.memory.wipe()
