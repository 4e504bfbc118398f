"""What every room of objects stands on in one open vault.

Relies on the door, the name index and the settings record. Promises: `close` forgets everything it remembered.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import msgpack

from localvault.agenda import Agenda
from localvault.door import Door
from localvault.journal.journal import Journal
from localvault.lifecycle.head import Head, decode_head
from localvault.lifecycle.notices import Notices
from localvault.model.generator import Maker
from localvault.model.properties import Home
from localvault.model.settings import Settings
from localvault.records import VAULT, Memo, Records
from localvault.sealing.master import NameIndex

SETTINGS_KEY = b"settings"
_HEADS_REMEMBERED = 16_384  # about 1 KB each: opening a head again costs more than looking it up


class Blobs(Protocol):
    """Seals and opens backups of single objects, so that no room of objects holds the master key."""

    def seal(self, payload: bytes, passphrase: str | bytes | None) -> bytes:
        """Seal a payload for this vault, its recovery keys and, if there is one, the passphrase."""

    def open(self, blob: bytes, passphrase: str | bytes | None, recovery_key: str | None) -> bytes:
        """Return the payload of what `seal` made, here or in the vault the secret given belongs to."""


class Ground:
    """The door, the name index and what is remembered of heads and settings, shared by all rooms of one vault."""

    __slots__ = (
        "_settings", "agenda", "blobs", "door", "folder", "generators", "heads", "home", "index", "journal", "notices",
        "settings_memo",
    )  # fmt: skip

    def __init__(
        self,
        door: Door,
        journal: Journal,
        index: NameIndex,
        agenda: Agenda,
        blobs: Blobs,
        settings: Settings,
        folder: Path,
    ) -> None:
        self.door = door
        self.journal = journal
        self.index = index
        self.agenda = agenda
        self.blobs = blobs
        self.folder = folder  # the vault's own, where nothing else is to be put
        self._settings = settings
        self.home: Home = settings.home
        self.heads: Memo[Head] = Memo(decode_head, _HEADS_REMEMBERED)
        self.settings_memo: Memo[Settings] = Memo(decode_settings, 1)
        self.notices = Notices()
        door.deliver = self.notices.deliver
        self.generators: dict[str, Maker] = {}  # by name, what the application registered

    def settings(self, records: Records) -> Settings:
        """Return the settings as this transaction sees them; another process may have changed them."""
        settings = records.remembered(VAULT, SETTINGS_KEY, self.settings_memo)
        assert settings is not None, "a vault is created together with its settings"
        if settings is not self._settings:
            self._settings, self.home = settings, settings.home
        return settings

    @contextmanager
    def batch(self) -> Iterator[None]:
        """As `Door.batch`; if it is undone, objects get the URLs back that they had before it."""
        home = self.home
        try:
            with self.door.batch():
                yield
        except BaseException:
            self.home = home
            raise

    def close(self) -> None:
        """Forget names, heads and settings."""
        self.notices.close()
        self.generators.clear()
        self.heads.clear()
        self.settings_memo.clear()
        self.index.clear()


def encode_settings(settings: Settings) -> bytes:
    """Return the settings record's plaintext: a map by name, so that later settings can be added."""
    packed: bytes = msgpack.packb(settings._asdict())
    return packed


def decode_settings(plaintext: bytes) -> Settings:
    """Return the settings that `plaintext` encodes, leaving aside those this version does not know."""
    stored: dict[str, Any] = msgpack.unpackb(plaintext)
    return Settings(**{name: value for name, value in stored.items() if name in Settings._fields})
