"""How many threads a large batch may use: what is said is what holds, in this process and in its children."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

import localvault
from localvault.errors import BadParameter
from localvault.native import threads as module
from localvault.native.core import lib
from localvault.native.processors import MOST_BY_DEFAULT, VARIABLE, threads_by_default
from localvault.native.threads import threads
from tests.support.forking import in_child


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = threads()
    yield
    threads(before)


def fresh(program: str, said: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program in an interpreter of its own, with or without the variable."""
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    if said is not None:
        environment[VARIABLE] = said
    return subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )


def test_a_number_holds_until_the_next_one() -> None:
    """Setting returns the number before, asking changes nothing."""
    threads(3)
    assert threads() == 3
    assert threads(7) == 3
    assert threads() == threads() == lib.lv_threads() == 7
    assert threads(count=1) == 7


def test_both_ends_are_allowed() -> None:
    """From 1 to 64."""
    threads(1)
    assert threads(64) == 1
    assert threads() == 64


@pytest.mark.parametrize("count", [0, -1, 65, 1 << 40, True, 2.0, "2", b"2"])
def test_anything_else_is_refused_and_changes_nothing(count: object) -> None:
    """Also what Python would take for a number."""
    threads(5)
    with pytest.raises(BadParameter, match="threads must be a whole number from 1 to 64"):
        threads(count)  # type: ignore[arg-type]
    assert threads() == 5


def test_without_memory_the_number_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the core cannot do is an error, not a number that does not hold."""

    class Poor:
        """A core that cannot prepare for a fork."""

        LV_OK, LV_THREADS_MAX, lv_threads = lib.LV_OK, lib.LV_THREADS_MAX, staticmethod(lib.lv_threads)

        @staticmethod
        def lv_threads_set(_count: int) -> int:
            return int(lib.LV_NO_MEMORY)

    before = threads()
    monkeypatch.setattr(module, "lib", Poor)
    with pytest.raises(MemoryError):
        threads(before + 1)
    assert threads() == before


def test_a_child_has_its_parents_number_and_its_own_from_then_on() -> None:
    """A fork changes nothing, and what the child says is not heard here."""
    threads(4)
    assert in_child(lambda: (threads(6), threads())) == "(4, 6)"
    assert threads() == 4


def test_it_is_a_public_name() -> None:
    """`localvault.threads`, as the house plan has it."""
    assert localvault.threads is threads


def test_the_default_is_what_this_process_may_use() -> None:
    """A fresh interpreter begins with it, before anything was sealed."""
    done = fresh("import localvault; print(localvault.threads())")
    assert done.stdout.strip() == str(threads_by_default(lib.LV_THREADS_MAX)), done.stderr
    assert 1 <= int(done.stdout) <= MOST_BY_DEFAULT


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity")
def test_the_default_is_bound_by_affinity() -> None:
    """A process that may run on one processor begins with one thread."""
    processor = min(os.sched_getaffinity(0))
    done = fresh(
        f"import os; os.sched_setaffinity(0, {{{processor}}}); import localvault; print(localvault.threads())"
    )
    assert done.stdout.strip() == "1", done.stderr


def test_the_variable_says_it_instead() -> None:
    """LOCALVAULT_THREADS goes beyond what is used by itself."""
    done = fresh("import localvault; print(localvault.threads())", "33")
    assert done.stdout.strip() == "33", done.stderr


def test_a_variable_that_says_nonsense_is_an_error_at_once() -> None:
    """With a sentence that names it, wherever a vault is first asked for."""
    done = fresh("import localvault; localvault.open", "many")
    assert "BadParameter: LOCALVAULT_THREADS is not a whole number from 1 to 64" in done.stderr
    assert done.returncode == 1


def test_asking_starts_no_thread() -> None:
    """Workers start with the first large call, not with the number."""
    done = fresh(
        "import localvault, os; localvault.threads(8); print(len(os.listdir('/proc/self/task')))", "8"
    )
    assert done.stdout.strip() == "1", done.stderr
