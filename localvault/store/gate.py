"""Keeps transactions out while the map of an open data file moves.

Relies on the interpreter running one thread at a time: a transaction puts itself into `inside` and then calls `begin`;
who closes the gate replaces `begin` and then waits for `inside` to be empty, so one of the two always sees the other.
Promises: no transaction of this process is open while `move` acts; a transaction pays one entry of a set for that, and
no lock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from threading import get_ident
from typing import Any, NoReturn, Protocol

from localvault.errors import StoreBusy, VaultError

_PATIENCE = 10.0  # s to wait for open transactions
_PAUSE = 0.0002  # s between looks


class Inside(Protocol):
    """What stands in `inside`: an open transaction, and the thread that opened it."""

    @property
    def thread(self) -> int:
        """The opener's `threading.get_ident()`."""

    def detach(self, instead: Callable[..., NoReturn]) -> Any:
        """Let go of the engine's transaction and return it; every use calls `instead` from now on."""


class Closed(Exception):
    """Raised by `begin` while the gate is closed."""


class Gate:
    """The way to a transaction of one environment."""

    __slots__ = ("_begin", "_lock", "begin", "inside")

    def __init__(self, begin: Callable[..., Any]) -> None:
        self._begin = begin
        self._lock = threading.Lock()
        self.begin = begin
        self.inside: set[Inside] = set()

    @property
    def is_open(self) -> bool:
        """Whether nobody waits for the transactions inside to end."""
        return self.begin is self._begin

    def move(self, act: Callable[[], None]) -> None:
        """Run `act` while no transaction is open, keeping new ones waiting.

        Raises:
            StoreBusy: this thread has one open itself, or another thread did not end its own within 10 s.
            VaultError: the gate was stopped.
        """
        with self._lock:
            if not self.is_open:
                self.begin()
            self.begin = _closed
            try:
                self._wait()
                act()
            finally:
                if self.begin is _closed:
                    self.begin = self._begin

    def begin_late(self, newcomer: Inside, **options: Any) -> Any:
        """Call `begin` for a newcomer that found the gate closed, once it is open again."""
        while True:
            self.inside.discard(newcomer)
            # Whoever moves the map waits for every transaction of this thread, so waiting for it in turn would never
            # end. The one open already keeps the map where it is.
            if any(other.thread == newcomer.thread for other in self._others()):
                self.inside.add(newcomer)
                return self._begin(**options)
            with self._lock:
                self.inside.add(newcomer)
            try:
                return self.begin(**options)
            except Closed:
                continue

    def stop(self, error: type[VaultError], message: str) -> None:
        """Let nobody in any more: `begin` raises `error(message)` from now on."""

        def refuse(*_arguments: Any, **_options: Any) -> NoReturn:
            raise error(message)

        self.begin = refuse

    def wait_until_empty(self) -> None:
        """Wait for the transactions of other threads to end, 10 s at most."""
        try:
            self._wait()
        except StoreBusy:
            return

    def _wait(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        own = get_ident()
        while others := self._others():
            if any(other.thread == own for other in others):
                raise StoreBusy(
                    "the vault's file must grow, and this thread reads from it meanwhile",
                    hint="end the read before writing",
                )
            if time.monotonic() > deadline:
                raise StoreBusy("the vault's file must grow, and a read in another thread does not end")
            time.sleep(_PAUSE)

    def _others(self) -> list[Inside]:
        return list(self.inside)


def _closed(*_arguments: Any, **_options: Any) -> NoReturn:
    raise Closed
