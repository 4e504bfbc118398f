"""Doing what is due, again and again, in one process at a time.

Relies on `run_due` for the doing, on `store.turn` for who does it. Promises: of all runners on a vault, in however many
processes, one works and the others stand by; when it stops or dies, another takes over at its next look. A round that
fails is in the journal like every failed operation, and is tried again after a pause that grows; the runner ends only
when it is told to, or with the vault. An idle round looks, writes nothing and journals nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

from localvault.calls import Call
from localvault.errors import BadParameter, LocalVaultError, VaultClosed, VaultForked
from localvault.lifecycle.clockwatch import ClockWatch
from localvault.lifecycle.ground import Ground
from localvault.lifecycle.notices import log
from localvault.model.clock import MICROSECONDS
from localvault.native.memory import forks
from localvault.operations import AGENDA_LIST
from localvault.records import Records
from localvault.store.turn import Turn

if TYPE_CHECKING:
    from localvault.lifecycle.due import Entry

Wait = Callable[[float], object]
"""Waits for so many seconds; what it returns is true if it is time to stop."""
Failed = Callable[[Exception], object]

INTERVAL = 60.0  # s
INTERVAL_MIN, INTERVAL_MAX = 0.01, 86_400.0
_AHEAD = 60 * MICROSECONDS  # how far ahead it looks for what falls due before the next round
_SHORTEST = 0.05  # s; a clock that stands still must not make it run in circles
_LONGEST_PAUSE = 900.0  # s, after rounds that failed
_DOUBLINGS = 20  # of the pause; with these it has reached the longest from any interval
_PATIENCE = 10.0  # s to wait for a round that goes on when it is told to stop


class _Look(NamedTuple):
    """Whether anything is due, and in how many seconds the next thing is, if that is within the next minute."""

    due: bool
    ahead: float | None


class RunDue(Protocol):
    """What a round calls."""

    def __call__(self, now: datetime | None = None, *, commands: bool = False) -> list[Entry]:
        """Do everything that is due; see `AgendaVerbs.run_due`."""


class Runner:
    """Does what is due in one open vault; a context manager, and `stop` ends it."""

    def __init__(
        self,
        ground: Ground,
        run_due: RunDue,
        turn: Turn,
        clock: ClockWatch,
        *,
        interval: float,
        commands: bool,
        wait: Wait | None = None,
    ) -> None:
        """`wait` is for tests, which do not sleep, and for who waits for signals as well.

        Raises:
            BadParameter: an interval that is not 0.01 to 86,400 seconds.
        """
        if type(interval) not in (int, float) or not INTERVAL_MIN <= interval <= INTERVAL_MAX:
            raise BadParameter(f"an interval is {INTERVAL_MIN} to {INTERVAL_MAX:.0f} seconds")
        self._ground = ground
        self._run_due = run_due
        self._turn = turn
        self._clock = clock
        self._interval = interval
        self._commands = commands
        self._stopping = threading.Event()
        self._wait: Wait = self._stopping.wait if wait is None else wait
        self._thread: threading.Thread | None = None
        self._forks = forks()
        self._begun = False
        self._looked: _Look | None = None
        self.last_error: BaseException | None = None
        """Why the last round failed, or None if it did not."""
        self.working = False
        """Whether this is the one that works; otherwise it stands by."""

    @property
    def running(self) -> bool:
        """Whether it goes on in the background; never so in a child that was forked off."""
        thread = self._thread
        return thread is not None and self._forks == forks() and thread.is_alive()

    def step(self, now: datetime | None = None) -> list[Entry]:
        """Do one round at `now` (the vault's clock unless given), unless another process works; returns what was done.

        Raises:
            LocalVaultError: whatever `run_due` raises.
        """
        self._looked = None
        self.working = self._turn.take(self)
        if not self.working:
            return []
        # The first round is a whole one: it also does what an index of times does not tell.
        if now is None and self._begun:
            self._looked = self._look()
            if not self._looked.due:
                return []
            self._looked = None  # doing it changes what is ahead
        done = self._run_due(now, commands=self._commands)
        self._begun = True
        return done

    def entries(self, failed: Failed | None = None) -> Iterator[Entry]:
        """Do round after round in this thread and yield what each did, until it is told to stop or the vault is closed.

        `failed` is called with the error of each round that failed.

        Raises:
            LocalVaultError: `VaultForked`, in a forked child; any other goes to `failed`, and the next round comes.
        """
        failures = 0
        try:
            while True:
                try:
                    yield from self.step()
                    pause, failures, self.last_error = self._pause(), 0, None
                except VaultClosed:
                    return
                except VaultForked:
                    raise
                except Exception as error:
                    failures = min(failures + 1, _DOUBLINGS)
                    pause = min(self._interval * 2**failures, max(self._interval, _LONGEST_PAUSE))
                    self._tell(error, failed)
                if self._wait(pause) or self._stopping.is_set():
                    return
        finally:
            self.working = False
            self._turn.give(self)

    def start(self) -> Self:
        """Go on in a thread of its own, which does not keep the program from ending; returns itself."""
        self._thread = threading.Thread(target=self._run, name="localvault agenda", daemon=True)
        self._thread.start()
        return self

    def stop(self, timeout: float = _PATIENCE) -> None:
        """End it: no round begins any more, and one that goes on is waited for, `timeout` seconds at most."""
        if self._forks != forks():
            return  # the thread is the parent's, and so may be a lock in the event
        self._stopping.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            for _entry in self.entries():
                pass
        except BaseException as error:
            self._tell(error, None)

    def _pause(self) -> float:
        """Return how many seconds there are until the next round."""
        ahead = (self._looked or self._look()).ahead if self.working else None
        return self._interval if ahead is None else min(self._interval, max(ahead, _SHORTEST))

    def _look(self) -> _Look:
        self._clock.look()
        with self._ground.door.preparing(AGENDA_LIST, "/") as look:
            return look(self._due)

    def _due(self, call: Call, records: Records) -> _Look:
        times = [due.time for due in self._ground.agenda.due(records, call.now + _AHEAD)]
        ahead = min((time for time in times if time > call.now), default=None)
        due = bool(times) and times[0] <= call.now
        return _Look(due, None if ahead is None else (ahead - call.now) / MICROSECONDS)

    def _tell(self, error: BaseException, failed: Failed | None) -> None:
        self.last_error = error
        log(
            "a round of the agenda failed: %s",
            error.code if isinstance(error, LocalVaultError) else type(error).__name__,
        )
        if failed is not None and isinstance(error, Exception):
            failed(error)
