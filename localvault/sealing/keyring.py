"""What outlives a master key, in one record sealed under the newest: the keyring.

Relies on locked memory. Promises: none of the keys becomes a Python object of its own here; what parses prints back
byte for byte. docs/format.md, section 3.4.

    keyring = index key (32) | transfer keys (2) | transfer key (32) … | former master keys (1) | master key (32) …
            | spools (4) | spool id (16), spool key (32) …

The index key stays for good: blind names are the store's keys, and other ones would move every record. Transfer keys of
former master keys open backups of objects that were made then. The former master key itself is here only while records
sealed below it are still to be found, at most one. Spool keys are those of files that a process had begun before the
rotation ended: the key of each, and not what they are derived from, so that a former master key makes no others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, final

from localvault.errors import Damaged
from localvault.model.hidden import Hidden
from localvault.native.memory import Locked
from localvault.sealing.hkdf import KEY_SIZE

KEYRING_KEY: Final = b"keyring"  # in the table `vault`
TRANSFERS_MAX: Final = 0xFFFF
_SPOOL_ID = 16


@final
class Keyring(Hidden):
    """The keys that a vault whose master key has been rotated needs besides it."""

    __slots__ = ("former", "index", "spools", "transfers")

    def __init__(
        self,
        index: Locked,
        transfers: tuple[Locked, ...] = (),
        former: Locked | None = None,
        spools: dict[bytes, Locked] | None = None,
    ) -> None:
        """`transfers`: the newest last; `spools`: by spool id (16 bytes). All keys have 32 bytes."""
        self.index = index
        self.transfers = transfers
        self.former = former
        self.spools = dict(spools or {})

    def encode(self) -> Locked:
        """The record's plaintext."""
        former = () if self.former is None else (self.former,)
        transfers = self.transfers[-TRANSFERS_MAX:]
        parts: list[memoryview | bytes] = [self.index.view(), len(transfers).to_bytes(2)]
        parts += [key.view() for key in transfers]
        parts += [len(former).to_bytes(1), *(key.view() for key in former), len(self.spools).to_bytes(4)]
        for spool_id, key in self.spools.items():
            parts += [spool_id, key.view()]
        plaintext = Locked.zero(sum(map(len, parts)))
        window, at = plaintext.view(), 0
        for part in parts:
            window[at : at + len(part)] = part
            at += len(part)
        return plaintext

    @classmethod
    def decode(cls, plaintext: Locked) -> Keyring:
        """The keyring that `encode` made; `plaintext` stays the caller's to wipe.

        Raises:
            Damaged: it is none.
        """
        window, at = plaintext.view(), 0

        def take(size: int) -> memoryview:
            nonlocal at
            at += size
            if at > len(window):
                raise Damaged("the vault's keyring ends too early")
            return window[at - size : at]

        def keys(width: int) -> Iterator[Locked]:
            for _ in range(int.from_bytes(take(width))):
                yield Locked.of(take(KEY_SIZE))

        index = Locked.of(take(KEY_SIZE))
        transfers, former = tuple(keys(2)), tuple(keys(1))
        spools = {bytes(take(_SPOOL_ID)): Locked.of(take(KEY_SIZE)) for _ in range(int.from_bytes(take(4)))}
        if at != len(window) or len(former) > 1:
            raise Damaged("the vault's keyring is not in the form this localvault knows")
        return cls(index, transfers, former[0] if former else None, spools)

    def wipe(self) -> None:
        """Forget all keys."""
        for key in (self.index, *self.transfers, *self.spools.values()):
            key.wipe()
        if self.former is not None:
            self.former.wipe()
