"""Bulk sealing in a process of its own, which uses another level of the core: `python bench/worker.py`.

Relies on `sealing`. Reads the size of records from each line of its input, does one round on a batch of them, and
answers with a line: the seconds for one record. `levels` starts it.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parent.parent)

import localvault  # noqa: E402
from bench import batch  # noqa: E402
from bench.sealing import Sealer  # noqa: E402
from bench.timing import Round, steady  # noqa: E402


def main() -> None:
    """Answer until the input ends."""
    localvault.threads(1)
    sealer, rounds = Sealer(), dict[int, Round]()
    for line in sys.stdin:
        size = int(line)
        if size not in rounds:
            records = batch.of_size(size)
            rounds[size] = steady(sealer.packed(records), len(records))
        print(repr(rounds[size]()), flush=True)


if __name__ == "__main__":
    main()
