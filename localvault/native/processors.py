"""How many threads a large call uses unless somebody says so: what this process may have of the machine.

Relies on nothing of ours but `errors`. Promises: at least 1 and at most `MOST_BY_DEFAULT`; never more than the
processors this process may run on, nor (on Linux) than the processor time its control groups are given; only
LOCALVAULT_THREADS goes beyond that. What cannot be read limits nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from localvault.errors import BadParameter

VARIABLE = "LOCALVAULT_THREADS"

MOST_BY_DEFAULT = 8
"""A few cores reach what memory can give (sealing runs at many GB/s a core), and a library is a guest in its process:
who wants more of a large machine says so."""

_GROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def threads_by_default(most: int) -> int:
    """Return what LOCALVAULT_THREADS says, from 1 to `most`; without it, what the process may have.

    Raises:
        BadParameter: the variable holds something else.
    """
    said = os.environ.get(VARIABLE)
    if not said:
        return max(1, min(MOST_BY_DEFAULT, processors(), *quotas()))
    numbers = {str(number): number for number in range(1, most + 1)}
    if said not in numbers:
        raise BadParameter(
            f"{VARIABLE} is not a whole number from 1 to {most}",
            hint="set it to how many threads a large batch may use, or unset it",
        )
    return numbers[said]


def processors() -> int:
    """Return how many processors this process may run on, where the system tells; else how many there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def quotas(membership: Path = _MEMBERSHIP, groups: Path = _GROUPS) -> Iterator[int]:
    """Yield, for each control group around this process that has a quota, the processors it amounts to, rounded up.

    Both generations are read: one file `cpu.max` with quota and period, or a file for each below `cpu`. Rounded up,
    because a call is short and a quota is counted over a period: a part of a processor too many is a pause at worst.
    """
    for line in _text(membership).splitlines():
        _number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            yield from _amounts(groups, path, ("cpu.max",))
        elif "cpu" in controllers.split(","):
            yield from _amounts(groups / "cpu", path, ("cpu.cfs_quota_us", "cpu.cfs_period_us"))


def _amounts(top: Path, path: str, files: tuple[str, ...]) -> Iterator[int]:
    """Looks at the group and at all above: each limits what is below it. In a container some are not to be seen."""
    inside = PurePosixPath(path.lstrip("/"))
    for group in (inside, *inside.parents):
        words = " ".join(_text(top / group / file) for file in files).split()
        if len(words) == 2 and all(word.isdigit() for word in words) and int(words[1]) > 0:
            yield -(-int(words[0]) // int(words[1]))


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("ascii", "replace")
    except OSError:
        return ""
