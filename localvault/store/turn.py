"""Whose turn it is to do what one process at a time does for a vault: a lock on a file of its own in the folder.

Relies on `flock`. Promises: at most one open vault has the turn, whichever process or thread asks; it ends with the
process that has it, however that ends, and is not kept alive by a child that was forked off.

The file is empty and stays when the turn ends: removing it would let a third process lock a new one while a second
still waits for the old.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from weakref import WeakSet

from localvault.store.faults import told
from localvault.store.files import FILE_MODE

TURN_FILE = "agenda.lock"


class Turn:
    """The turn as one open vault has it or has not; what is done in it may be done by several of its users at once."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / TURN_FILE
        self._descriptor: int | None = None
        self._users: set[int] = set()
        self._lock = threading.Lock()
        _all.add(self)

    def take(self, user: object) -> bool:
        """Take the turn for `user`, or keep it; False, without waiting, while another open vault has it.

        Raises:
            StoreFull, VaultError: the operating system does not let the file be made or locked.
        """
        with self._lock, told(self._path):
            if not (self._users and self._is_there()):
                self._users.clear()
                if not self._locked():
                    return False
            self._users.add(id(user))
            return True

    def give(self, user: object) -> None:
        """Let the next one have it, once none of the users here needs it; a no-op for who has not taken it."""
        with self._lock:
            self._users.discard(id(user))
            if not self._users:
                self._close()

    def forget(self) -> None:
        """In a forked child: let go of the file without ending the turn, which is the parent's."""
        self._lock = threading.Lock()
        self._users.clear()
        self._close()

    def _locked(self) -> bool:
        while True:
            self._close()
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self._descriptor = descriptor = os.open(self._path, flags, FILE_MODE)
            os.fchmod(descriptor, FILE_MODE)
            try:
                # It belongs to the open file, not to the process: two vaults of one process are kept apart as well.
                flock(descriptor, LOCK_EX | LOCK_NB)
            except BlockingIOError:
                self._close()
                return False
            if self._is_there():
                return True

    def _is_there(self) -> bool:
        """Whether the file we have open is still the one that others find."""
        assert self._descriptor is not None, "the file was opened before"
        own = os.fstat(self._descriptor)
        try:
            found = self._path.lstat()
        except FileNotFoundError:
            return False
        return (own.st_dev, own.st_ino) == (found.st_dev, found.st_ino)

    def _close(self) -> None:
        # Closing is what ends the lock; unlocking would end it for the parent of a forked child, too.
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with suppress(OSError):
                os.close(descriptor)


_all: WeakSet[Turn] = WeakSet()


def _forget_all() -> None:
    for turn in list(_all):
        turn.forget()


os.register_at_fork(after_in_child=_forget_all)
