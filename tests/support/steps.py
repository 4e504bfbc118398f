"""A child process stopped before one of its steps: a system call that changes something on disk.

By Linux's ptrace, which sees every call, the engine's own among them. Where the system does not allow it (`traceable`
says so), by standing in for Python's own calls and the commits of the store: the steps are fewer then, and coarser.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

from localvault.store.writing import LmdbWriteTxn
from tests.support.children import PATIENCE, Act, Child, Say, run

_TRACEME, _SYSCALL, _SETOPTIONS, _SYSCALL_INFO = 0, 24, 0x4200, 0x420E
_OPTIONS = 0x1 | 0x8 | 0x00100000  # mark stops at system calls, follow threads, kill with the tracer
_ALL_KINDS = 0x40000000  # __WALL: threads too
_SYSCALL_STOP = signal.SIGTRAP | 0x80
_ENTRY = 1
# By machine: numbers of the calls that change files, and of those that open them (with where their flags stand).
_NUMBERS = {
    "x86_64": (
        {1, 18, 20, 26, 40, 74, 75, 76, 77, 82, 83, 84, 85, 86, 87, 88, 90, 91}
        | {258, 263, 264, 265, 266, 268, 277, 285, 296, 316, 326, 328},
        {2: 1, 257: 2},
    ),
    "aarch64": (
        {34, 35, 36, 37, 38, 45, 46, 47, 52, 53, 64, 66, 68, 70, 71, 82, 83, 84, 227, 276, 285, 287},
        {56: 2},
    ),
}


class _Info(ctypes.Structure):
    """What PTRACE_GET_SYSCALL_INFO tells at the entry to a call."""

    _fields_ = (
        ("op", ctypes.c_uint8),
        ("pad", ctypes.c_uint8 * 3),
        ("arch", ctypes.c_uint32),
        ("places", ctypes.c_uint64 * 2),
        ("number", ctypes.c_uint64),
        ("arguments", ctypes.c_uint64 * 6),
        ("more", ctypes.c_uint64 * 4),
    )


@cache
def _function() -> Any:
    call = ctypes.CDLL(None).ptrace
    call.restype, call.argtypes = ctypes.c_long, (ctypes.c_long, ctypes.c_long) + (ctypes.c_void_p,) * 2
    return call


def _ptrace(request: int, pid: int, address: int = 0, data: int = 0) -> int:
    return int(_function()(request, pid, address, data))


def _be_traced() -> None:
    os.setpgid(0, 0)  # threads included, so that nobody else's children are waited for
    if _ptrace(_TRACEME, 0) != 0:
        os._exit(3)
    os.kill(os.getpid(), signal.SIGSTOP)


def _is_step(thread: int) -> bool:
    """Whether the thread, stopped at a system call, is about to make one that changes something on disk."""
    info = _Info()
    _ptrace(_SYSCALL_INFO, thread, ctypes.sizeof(info), ctypes.addressof(info))
    if info.op != _ENTRY:
        return False
    changing, opening = _NUMBERS[platform.machine()]
    flags_at = opening.get(info.number)
    if flags_at is not None:
        return bool(info.arguments[flags_at] & os.O_CREAT)
    return info.number in changing


class _Traced:
    """A traced child and its threads."""

    def __init__(self, act: Act) -> None:
        self.child = Child(act, first=_be_traced)
        self.pid = self.child.pid
        self.others: set[int] = set()
        _pid, status = os.waitpid(self.pid, os.WUNTRACED)
        self.traced = os.WIFSTOPPED(status)
        if self.traced:
            _ptrace(_SETOPTIONS, self.pid, 0, _OPTIONS)
            _ptrace(_SYSCALL, self.pid)

    def run_to(self, step: int) -> int:
        """Run until its `step`-th step is about to be made, or to its end; returns how many were made before."""
        made = 0
        while True:
            # Only looked at first: the child's own end is for `Child.ended` to take.
            seen = os.waitid(os.P_PGID, self.pid, os.WEXITED | os.WSTOPPED | os.WNOWAIT | _ALL_KINDS)
            assert seen is not None, "waiting without WNOHANG"
            if seen.si_pid == self.pid and seen.si_code != os.CLD_TRAPPED:
                return made
            thread, status = os.waitpid(seen.si_pid, _ALL_KINDS)
            if not os.WIFSTOPPED(status):
                self.others.discard(thread)
                continue
            if thread != self.pid:
                self.others.add(thread)
            number = os.WSTOPSIG(status)
            if number == _SYSCALL_STOP and _is_step(thread):
                if made == step:
                    return made
                made += 1
            passed_on = 0 if number in (_SYSCALL_STOP, signal.SIGTRAP, signal.SIGSTOP) else number
            _ptrace(_SYSCALL, thread, 0, passed_on)

    def kill(self) -> None:
        """Kill it where it is: the call it was about to make is not made."""
        self.child.kill()
        for thread in self.others:
            try:
                while os.WIFSTOPPED(os.waitpid(thread, _ALL_KINDS)[1]):
                    pass
            except ChildProcessError:
                continue


@cache
def traceable() -> bool:
    """Whether children can be traced here."""
    if sys.platform != "linux" or platform.machine() not in _NUMBERS:
        return False
    traced = _Traced(lambda say: say("one step"))
    if not traced.traced:
        traced.child.close()
        return False
    made = traced.run_to(1 << 30)
    traced.child.ended()
    return made == 1


_CALLS = ("write", "pwrite", "fsync", "fdatasync", "ftruncate", "link", "unlink", "rename", "mkdir", "rmdir")
_CALLS_ON_MODES = ("chmod", "fchmod")
Call = Callable[[], Any]


def stand_in(at: int, instead: Callable[[Call], Any]) -> list[int]:
    """From now on count this process's own calls that change something on disk, and do `instead(call)` for the `at`-th.

    For forked children only: nothing undoes it. Returns the list that the count is kept in.
    """
    made = [0]

    def around(real: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            if real is _open and not arguments[1] & os.O_CREAT:
                return real(*arguments, **options)
            made[0] += 1
            if made[0] - 1 == at:
                return instead(lambda: real(*arguments, **options))
            return real(*arguments, **options)

        return counted

    for name in (*_CALLS, *_CALLS_ON_MODES, "open"):
        setattr(os, name, around(getattr(os, name)))
    return made


_open = os.open


def _kill_at(step: int) -> list[int]:
    """The stand-in for tracing: this process kills itself before the step; commits of the store count as steps.

    Returns the list that the count is kept in.
    """
    made = stand_in(step, lambda call: os.kill(os.getpid(), signal.SIGKILL))
    commit = LmdbWriteTxn._commit

    def counted(txn: LmdbWriteTxn) -> None:
        made[0] += 1
        if made[0] - 1 == step:
            os.kill(os.getpid(), signal.SIGKILL)
        commit(txn)

    LmdbWriteTxn._commit = counted
    return made


def killed_before(act: Act, step: int) -> tuple[bool, list[Any]]:
    """Run `act(say)` in a child and kill it before its `step`-th step (from 0).

    Returns whether it got there, and what it said; one that ended before must have ended well.
    """
    if traceable():
        traced = _Traced(act)
        traced.run_to(step)
        if not _has_ended(traced.pid):
            traced.kill()
        code, heard = traced.child.ended()
    else:

        def first() -> None:
            _kill_at(step)

        code, heard = Child(act, first=first).ended(hang=PATIENCE)
    assert code in (0, -signal.SIGKILL), f"it ended with {code} before step {step}; it had said {heard[-3:]}"
    return code != 0, heard


def steps_of(act: Act) -> int:
    """Run `act(say)` in a child to its end; returns how many steps it took."""
    if not traceable():
        return _counted(act)
    traced = _Traced(act)
    made = traced.run_to(1 << 30)
    code, heard = traced.child.ended()
    assert code == 0, f"the child ended with {code}; it had said {heard[-3:]}"
    return made


def _counted(act: Act) -> int:
    """The number of steps where nothing can be traced."""

    def counting(say: Say) -> None:
        made = _kill_at(-1)
        act(say)
        say(made[0])

    return int(run(counting)[-1])


def _has_ended(pid: int) -> bool:
    found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return found is not None
