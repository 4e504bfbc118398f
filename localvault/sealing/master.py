"""The master key, every purpose it may be used for, and the blind names made under it.

Relies on HKDF (hkdf.py) and SHA-256. Promises: the master key itself encrypts and authenticates nothing; each purpose
has a key of its own, so a weakness of one use says nothing about another. docs/format.md, section 3.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, final

from localvault.errors import BadParameter, VaultClosed
from localvault.model.hidden import Hidden
from localvault.native.mac import hmac_many
from localvault.native.memory import Locked, wipe
from localvault.sealing.hkdf import KEY_SIZE, expand

INDEX: Final = "index"
JOURNAL_SIGNING: Final = "journal signing"
SCOPE_ROOT: Final = "scope root"
SLOTS: Final = "slots"
SLOT_ATTRIBUTES: Final = "slot attributes"
SUCCESSION: Final = "succession"
TRANSFER: Final = "transfer"

NAME_ID_SIZE = 16
_REMEMBERED = 16_384  # blind names kept, some 200 bytes each
_BLOCK = 64  # of SHA-256, which HMAC fills up to


@final
class MasterKey(Hidden):
    """32 random bytes, the root of all sealing; the only thing slots protect."""

    __slots__ = ("_key",)

    def __init__(self, key: Locked) -> None:
        """Takes `key` over: it is wiped with the master key.

        Raises:
            BadParameter: not 32 bytes.
        """
        if len(key) != KEY_SIZE:
            raise BadParameter(f"a master key has {KEY_SIZE} bytes, not {len(key)}")
        self._key = key

    @classmethod
    def generate(cls) -> MasterKey:
        """A new one, from the operating system's randomness."""
        return cls(Locked.random(KEY_SIZE))

    @property
    def key(self) -> Locked:
        """The bytes, for wrapping under a slot and nothing else."""
        return self._key

    def derive(self, label: str, length: int = KEY_SIZE) -> Locked:
        """`length` bytes (1 to 8160) for the purpose `label`, one of the constants of this module.

        Raises:
            VaultClosed, VaultForked: the master key is gone.
        """
        return expand(self._key, b"localvault/master/v1 " + label.encode(), length)

    def wipe(self) -> None:
        """Forgets the key; what was derived from it stays usable until wiped itself."""
        self._key.wipe()


@final
class NameIndex(Hidden):
    """Blind names: what stands in the store's keys instead of names.

    HMAC-SHA256 (RFC 2104) cut to 128 bits: without the index key nobody can confirm a guessed name, and two names
    meet with a chance of 2^-64 only after 2^32 of them. What remains: equal names have equal ids, so a copy of
    the folder shows which object changed between two copies, though not which it is.
    """

    __slots__ = ("_blind", "_inner", "_key", "_outer")

    def __init__(self, index_key: Locked) -> None:
        """Takes the key of purpose INDEX, which may be wiped afterwards."""
        self._key = Locked.of(index_key.view())
        self._inner = _keyed(index_key, 0x36)
        self._outer = _keyed(index_key, 0x5C)
        self._blind = lru_cache(_REMEMBERED)(self._compute)

    def blind(self, kind: bytes, name: str) -> bytes:
        """16 bytes for the object of `kind` (1 byte) named `name`, the same for upper and lower case.

        Raises:
            VaultClosed: after `wipe`.
        """
        return self._blind(kind, name)

    def blind_many(self, kind: bytes, names: Sequence[str]) -> list[bytes]:
        """As `blind` for many names, none of which is remembered.

        Raises:
            VaultClosed: after `wipe`.
        """
        return hmac_many(self._key, [kind + name.lower().encode() for name in names], NAME_ID_SIZE)

    def _compute(self, kind: bytes, name: str) -> bytes:
        # One byte of kind keeps the message unambiguous: no other kind and name join to the same bytes.
        if len(kind) != 1:
            raise ValueError("a kind is one byte")
        if self._inner is None or self._outer is None:
            raise VaultClosed("the name index has been wiped")
        # HMAC with its two keyed blocks hashed once and copied: half the price of hmac.digest for short names.
        inner = self._inner.copy()
        inner.update(kind + name.lower().encode())
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()[:NAME_ID_SIZE]

    def clear(self) -> None:
        """Forgets the names asked for, which are remembered in the clear."""
        self._blind.cache_clear()

    def wipe(self) -> None:
        """Forgets names and keyed states; OpenSSL wipes the states when it frees them."""
        self._inner = self._outer = None
        self._key.wipe()
        self.clear()


def _keyed(key: Locked, pad: int) -> hashlib._Hash | None:
    block = bytearray(bytes([pad]) * _BLOCK)
    for position, byte in enumerate(key.view()):
        block[position] ^= byte
    state = hashlib.sha256(block)
    wipe(block)
    return state
