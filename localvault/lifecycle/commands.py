"""Running a program that makes a secret's value.

Relies on POSIX process groups. Promises: no shell sees the arguments; the program inherits no passphrase of the
vault, no open file and no standard input; what it writes to standard error goes nowhere, and what it writes to
standard output comes back or is dropped, but is in no error; a program that is too slow or writes too much is killed,
and with it what it has started.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import IO

from localvault.errors import GeneratorFailed

_READ = 1 << 16
# What unlocks a vault on the command line; no program it starts has any use for it.
_NOT_INHERITED = ("LOCALVAULT_PASSPHRASE", "LOCALVAULT_NEW_PASSPHRASE")


def run(arguments: Sequence[str], *, timeout: float, limit: int) -> bytes:
    """Return what a program writes to standard output, less the end of its last line.

    Args:
        arguments: the program and its arguments.
        timeout: seconds it may take.
        limit: bytes it may write.

    Raises:
        GeneratorFailed: it cannot be started, fails, takes too long, or writes nothing or too much.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    try:
        program = subprocess.Popen(
            list(arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # a group of its own, to be killed as one
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it cannot be written down"
        raise GeneratorFailed(f"the command cannot be started: {reason}") from None
    assert program.stdout is not None, "a pipe was asked for"
    with program.stdout as output:
        try:
            deadline = time.monotonic() + timeout
            data = _read(output, deadline, limit + 1)  # the end of the line is not part of the value
            code = program.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise _too_slow() from None
        finally:
            _end(program)
    if code != 0:
        raise GeneratorFailed(f"the command failed: it ended with {code}")
    data = data.removesuffix(b"\n")
    if not data:
        raise GeneratorFailed("the command wrote no value")
    return data


def _read(output: IO[bytes], deadline: float, most: int) -> bytes:
    descriptor, size = output.fileno(), 0
    parts: list[bytes] = []
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while selector.select(max(0.0, deadline - time.monotonic())):
            part = os.read(descriptor, _READ)
            if not part:
                return b"".join(parts)
            parts.append(part)
            size += len(part)
            if size > most:
                raise GeneratorFailed("the command wrote more than a value may have")
    raise _too_slow()


def _end(program: subprocess.Popen[bytes]) -> None:
    if program.returncode is None:
        # Nobody has asked for its end, so its number, which is its group's, is nobody else's even if it has ended.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()


def _too_slow() -> GeneratorFailed:
    return GeneratorFailed("the command took too long and was killed")
