"""One measurement in a process of its own: `python bench/probe.py open|list|rotate PATH KEYFILE [PAGE]`, prints JSON.

Relies on the public face of localvault. `open` times opening in a process that never opened a vault; the imports are
done before, because starting up is a figure of its own. `list` lists every name, `rotate` gives the vault a new master
key, and both watch this process's own memory: only anonymous pages (`RssAnon` on Linux), because pages of the data file
that are in memory are the system's cache.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import localvault

_STATUS = Path("/proc/self/status")


def main() -> None:
    """Run the measurement that the command line names."""
    verb, path, keyfile, *rest = sys.argv[1:]
    print(json.dumps(_VERBS[verb](path, keyfile, *map(int, rest))))


def _open(path: str, keyfile: str) -> dict[str, float]:
    opening = localvault.open  # loads everything that opening needs
    started = perf_counter()
    vault = opening(path, keyfile=keyfile)
    seconds = perf_counter() - started
    vault.close()
    return {"seconds": seconds}


def _list(path: str, keyfile: str, page_size: int) -> dict[str, float]:
    with localvault.open(path, keyfile=keyfile) as vault:
        before = peak = own_memory()
        names = 0
        started = perf_counter()
        for page in vault.secrets.list(page_size=page_size).by_page():
            for item in page:
                names += bool(item.name)
            peak = max(peak, own_memory())
        seconds = perf_counter() - started
    return {"seconds": seconds, "names": names, "bytes": peak - before}


def _rotate(path: str, keyfile: str) -> dict[str, float]:
    peak = 0

    def look(done: int, total: int) -> None:
        nonlocal peak
        peak = max(peak, own_memory())

    with localvault.open(path, keyfile=keyfile) as vault:
        started = perf_counter()
        rotation = vault.rotate_master_key(progress=look)
        seconds = perf_counter() - started
    return {"seconds": seconds, "records": rotation.records, "bytes": peak}


_VERBS: dict[str, Callable[..., dict[str, float]]] = {"open": _open, "list": _list, "rotate": _rotate}


def own_memory() -> int:
    """Return this process's anonymous memory in bytes, 0 where the system does not say."""
    if not _STATUS.exists():
        return 0
    found = re.search(r"^RssAnon:\s+(\d+) kB", _STATUS.read_text(), re.MULTILINE)
    return int(found.group(1)) * 1024 if found else 0


if __name__ == "__main__":
    main()
