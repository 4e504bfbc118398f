"""The one command of the benchmark: `make bench`, or `python bench/run.py [--quick] [--only NAME] [--folder PATH]`.

Relies on the `bench` extra. Runs every measurement, prints the table of goals, and writes README.md's results,
results.json and chart.svg. It says what it found and judges no build: the exit status is 0 whatever the verdicts are.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).parent
sys.path[0] = str(
    HERE.parent
)  # this file is run as a script; what it imports is called `bench.…` in the suites too

from bench import machine, report, singles  # noqa: E402
from bench.figures import Figure  # noqa: E402
from bench.measures import reads, size, start, writes  # noqa: E402
from bench.setting import Setting  # noqa: E402

MANY, MANY_QUICK = 1_000_000, 100_000
PATIENCE_QUICK = 0.3
# Starting up comes first: the benchmark's own process is still small then, and quick to fork.
MEASURES: dict[str, Callable[[Setting], Iterator[Figure]]] = {
    "start": start.measure,
    "writes": writes.measure,
    "reads": reads.measure,
    "size": size.measure,
}


def main() -> None:
    """Run what the command line asks for."""
    options = _options()
    complete = not (options.quick or options.only)
    with tempfile.TemporaryDirectory(prefix="localvault-bench-", dir=options.folder) as name:
        folder = Path(name)
        setting = Setting(
            folder, MANY_QUICK if options.quick else MANY, PATIENCE_QUICK if options.quick else 1.0
        )
        _warn(options, folder)
        figures = [figure for key in options.only or MEASURES for figure in MEASURES[key](setting)]
        report.show(figures)
        if complete:
            setting.say("single operations")
            about = machine.describe(folder) | setting.versions
            report.write(figures, about, "make bench", singles.run(folder))
    print(
        "README.md, results.json and chart.svg were written."
        if complete
        else "Nothing was written: not a full run."
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measures localvault against its goals and its peers.")
    parser.add_argument(
        "--quick", action="store_true", help=f"{MANY_QUICK:,} secrets instead of {MANY:,}, fewer rounds"
    )
    parser.add_argument(
        "--only", action="append", choices=MEASURES, help="run this part alone; may be repeated"
    )
    parser.add_argument(
        "--folder", type=Path, help="where to work: a folder on the disk that is to be measured"
    )
    return parser.parse_args()


def _warn(options: argparse.Namespace, folder: Path) -> None:
    if options.quick:
        print(f"Quick run: {MANY_QUICK:,} secrets stand for {MANY:,}, and rounds are few.")
    if machine.in_memory(folder):
        print("The folder is in memory: a sync costs nothing there. Use --folder to name one on a disk.")


if __name__ == "__main__":
    main()
