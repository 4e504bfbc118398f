"""The command line on a terminal: a child with a pseudo-terminal of its own, and what a person does at it.

Relies on `shell` for being the command line. What is typed and what is seen are in order; nothing waits but for output.
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.shell import become

PATIENCE = 20  # s for something to be seen; more is hanging
CTRL_C, CTRL_D = "\x03", "\x04"
_MOMENT = 0.02  # s between looks at whether the child has ended


class Terminal:
    """`localvault` with these arguments at a terminal; a context manager that leaves no process behind."""

    def __init__(
        self,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        *,
        stdout: Path | None = None,
        stderr: Path | None = None,
    ) -> None:
        """`stdout` and `stderr` are files that these streams go to instead of the terminal."""
        self._master, self._slave = os.openpty()
        self.before = termios.tcgetattr(self._slave)
        self.seen = ""
        self._looked = 0
        self.pid = os.fork()
        if self.pid == 0:
            os.login_tty(os.dup(self._slave))
            signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background ignore it
            for number, file in ((1, stdout), (2, stderr)):
                if file is not None:
                    os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), number)
            become(["--allow-weak", *arguments], folder, {"TERM": "xterm-256color", **environment})

    @property
    def is_as_before(self) -> bool:
        """Whether all the terminal's settings, echo among them, are what they were before the command."""
        return termios.tcgetattr(self._slave) == self.before

    @property
    def echoes(self) -> bool:
        """Whether what is typed now is shown by the terminal."""
        flags = termios.tcgetattr(self._slave)[3]
        assert isinstance(flags, int)
        return bool(flags & termios.ECHO)

    def see(self, text: str) -> None:
        """Wait until `text` is seen, after whatever was seen by the last call."""
        deadline = time.monotonic() + PATIENCE
        while (at := self.seen.find(text, self._looked)) < 0:
            assert time.monotonic() < deadline, f"{text!r} is not there; seen: {self.seen[-2000:]!r}"
            if not self._read():
                assert not self._has_ended() or self._read(), f"ended without {text!r}: {self.seen[-2000:]!r}"
        self._looked = at + len(text)

    def type(self, text: str) -> None:
        """Type `text`, as keys do: Enter is `\\r`. Nobody types before the program waits for it.

        A Ctrl-C between Python's last look at signals and its reading would be heard only after the next key.
        """
        deadline = time.monotonic() + PATIENCE
        while not _sleeps(self.pid):
            assert time.monotonic() < deadline, f"it never waits; seen: {self.seen[-2000:]!r}"
            self._read()
        os.write(self._master, text.encode())

    def answer(self, question: str, text: str) -> None:
        """Wait for a question that is asked without an echo, and type the answer."""
        self.see_asked(question)
        self.type(f"{text}\r")

    def see_asked(self, question: str) -> None:
        """Wait for a question whose answer will not be shown."""
        self.see(question)
        deadline = time.monotonic() + PATIENCE
        while self.echoes:
            assert time.monotonic() < deadline, f"{question!r} is asked with an echo"
            self._read()

    def end(self) -> int:
        """Wait for the child's end and for all it wrote; returns its exit code."""
        deadline = time.monotonic() + PATIENCE
        while not self._has_ended():
            assert time.monotonic() < deadline, f"it hangs; seen: {self.seen[-2000:]!r}"
            self._read()
        while self._read():
            pass
        status = os.waitpid(self.pid, 0)[1]
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def close(self) -> None:
        """End the child if it has not ended, and let go of the terminal."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0
        os.close(self._master)
        os.close(self._slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self) -> bool:
        if not select.select([self._master], [], [], _MOMENT)[0]:
            return False
        self.seen += os.read(self._master, 65536).decode("utf-8", "backslashreplace")
        return True

    def _has_ended(self) -> bool:
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _sleeps(pid: int) -> bool:
    """Whether a process waits for something, and does not run or wait for its turn."""
    status = Path(f"/proc/{pid}/stat")
    if status.exists():
        return status.read_text().rpartition(")")[2].split()[0] == "S"
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return done.stdout.startswith("S")


_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_COLOUR = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|9[0-7]|4[0-8])[;m]")


def coloured(text: str) -> bool:
    """Whether there is a colour in what a terminal was sent; bold and the like are none."""
    return _COLOUR.search(text) is not None


def unstyled(text: str) -> str:
    """What a terminal was sent, without colours and other styles."""
    return _STYLE.sub("", text)
