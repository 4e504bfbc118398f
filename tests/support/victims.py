"""Child processes that work on a vault's folder, say what they have done, and are killed."""

from __future__ import annotations

import os
import select
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from localvault.journal.journal import Journal
from tests.support.journals import Bench

Acknowledge = Callable[[int], None]
Work = Callable[[Bench, Journal, Acknowledge], None]

_SIZE = 4


class Victim:
    """A child that runs `work` on the journal in `folder`; each number it acknowledged can be read here."""

    def __init__(self, folder: Path, work: Work) -> None:
        self.process_id, self._reader = _forked(folder, work)

    @property
    def process(self) -> str:
        """What its events say of where they happened."""
        return f"{self.process_id}@victim"

    def wait_for_first(self) -> None:
        """Wait until it has acknowledged something, or ended."""
        select.select([self._reader], [], [], 30)

    def has_failed(self) -> bool:
        """Whether it has ended with an error."""
        ended = os.waitid(os.P_PID, self.process_id, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return ended is not None and ended.si_status != 0

    def kill(self) -> list[int]:
        """Kill it (SIGKILL), wherever it is; returns what it had acknowledged."""
        os.kill(self.process_id, signal.SIGKILL)
        return self.end()

    def end(self) -> list[int]:
        """Wait for its end; returns what it had acknowledged."""
        with os.fdopen(self._reader, "rb") as pipe:
            received = pipe.read()
        _pid, status = os.waitpid(self.process_id, 0)
        assert not (os.WIFEXITED(status) and os.WEXITSTATUS(status)), "the victim failed before it was killed"
        whole = len(received) // _SIZE * _SIZE
        return [int.from_bytes(received[at : at + _SIZE]) for at in range(0, whole, _SIZE)]


def _forked(folder: Path, work: Work) -> tuple[int, int]:
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        return child, reader
    status = 1
    try:
        os.close(reader)
        bench = Bench(folder, create=False)
        work(bench, bench.journal(f"{os.getpid()}@victim"), lambda number: _say(writer, number))
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _say(writer: int, number: int) -> None:
    os.write(writer, number.to_bytes(_SIZE))


@contextmanager
def opened(folder: Path) -> Iterator[tuple[Bench, Journal]]:
    """The journal as whoever comes next opens it."""
    bench = Bench(folder, create=False)
    journal = bench.journal("0@survivor")
    journal.recover()
    yield bench, journal
    journal.close()
    bench.store.close()


def told_by(journal: Journal) -> dict[str, list[int]]:
    """The numbers of the events there are, by process, in the journal's order."""
    told: dict[str, list[int]] = {}
    for event in journal.events():
        told.setdefault(event.process, []).append(event.duration_us)
    return told


def pause(seconds: float) -> None:
    """Wait without the rounding of short sleeps."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass
