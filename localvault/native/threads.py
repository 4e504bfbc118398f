"""How many threads a large batch may use.

Relies on the core, whose workers start with the first large call and sleep between calls. Promises: a number takes
effect with the next call; calls that run meanwhile are not disturbed.
"""

from __future__ import annotations

from localvault.errors import BadParameter
from localvault.native.core import lib


def threads(count: int | None = None) -> int:
    """Set how many threads large batches may use, and return the number before; without a count, return the number.

    It holds for the whole process: all `…_many` calls together use no more, a call's own thread included, however many
    threads of the program call at once. 1 means that each call works alone and no thread is ever started. To begin
    with it is what the environment variable LOCALVAULT_THREADS says, or else the processors this process may use, but
    not more than 8. A child of a fork has its parent's number and starts threads of its own.

    Args:
        count: 1 to 64 threads. Where the system gives fewer, fewer work.

    Raises:
        BadParameter: `count` is not a whole number from 1 to 64.
        MemoryError: the system gave no memory to prepare for a fork; the number is what it was.
    """
    before = lib.lv_threads()
    if count is None:
        return before
    if lib.lv_threads_set(_checked(count)) != lib.LV_OK:
        raise MemoryError("no memory to prepare threads for a fork")
    return before


def _checked(count: object) -> int:
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= lib.LV_THREADS_MAX:
        raise BadParameter(f"threads must be a whole number from 1 to {lib.LV_THREADS_MAX}")
    return count
