"""Forked child processes that say what they have done and may be killed at any instruction.

What a child said stands in a file that outlives it, so a kill loses nothing that was said and a child never waits for
a reader.
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
import traceback
from collections.abc import Callable
from typing import Any

Say = Callable[[Any], None]
Act = Callable[[Say], None]

PATIENCE = 120  # s a child may take before it counts as hanging


class Child:
    """A child that runs `act(say)` and ends; `say` takes whatever JSON can carry."""

    def __init__(self, act: Act, *, first: Callable[[], None] | None = None) -> None:
        """`first` runs in the child before all else, with nothing caught: to be traced, to be limited."""
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  closed by `ended`, after the child's end
        self.pid = os.fork()
        if self.pid == 0:
            _run(act, self._log.fileno(), first)

    def kill(self) -> None:
        """Kill it (SIGKILL), wherever it is."""
        os.kill(self.pid, signal.SIGKILL)

    def heard(self) -> list[Any]:
        """What it has said so far."""
        content = os.pread(self._log.fileno(), os.fstat(self._log.fileno()).st_size, 0)
        return [json.loads(line) for line in content.splitlines(keepends=True) if line.endswith(b"\n")]

    def wait_for_word(self) -> None:
        """Wait until it has said something, or ended."""
        while not self.heard() and not os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            time.sleep(0.0005)

    def ended(self, *, hang: float = PATIENCE) -> tuple[int, list[Any]]:
        """Wait for its end; returns the signal that ended it (negative) or its exit code, and what it said.

        A child that is not done after `hang` seconds is killed, and the test that waits for it fails.
        """
        deadline = time.monotonic() + hang
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status), self.close()
            if time.monotonic() > deadline:
                self.kill()
                os.waitpid(self.pid, 0)
                raise AssertionError(f"the child hangs; it had said {self.close()[-3:]}")
            time.sleep(0.0005)

    def close(self) -> list[Any]:
        """Let go of what it said, and return it."""
        heard = self.heard()
        self._log.close()
        return heard


def run(act: Act, *, hang: float = PATIENCE) -> list[Any]:
    """Run `act(say)` in a child to its end; returns what it said, and fails if it failed."""
    code, heard = Child(act).ended(hang=hang)
    assert code == 0, f"the child ended with {code}; it had said {heard[-3:]}"
    return heard


def _run(act: Act, log: int, first: Callable[[], None] | None) -> None:
    status = 1
    try:
        if first is not None:
            first()
        act(lambda thing: _say(log, thing))
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


_write = os.write  # what a test may replace to count calls must not count this


def _say(log: int, thing: Any) -> None:
    _write(log, json.dumps(thing).encode() + b"\n")
