"""The one command of the benchmark: `make bench`, or `python bench/run.py` with the options below.

Relies on the `bench` extra. Runs every measurement, prints the table of goals, and writes README.md's results,
results.json and the charts. It says what it found and judges no build: the exit status is 0 whatever the verdicts are.
Only with `--gate` it judges: 1 if a ratio of the core is worse than the stored one, 2 if none is stored.
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

from bench import gate, machine, report, singles  # noqa: E402
from bench.figures import Figure  # noqa: E402
from bench.measures import lifecycle, native, parquet, reads, size, start, throughput, writes  # noqa: E402
from bench.setting import Setting  # noqa: E402

MANY, MANY_QUICK = 1_000_000, 100_000
PATIENCE_QUICK = 0.3
# Starting up comes first: the benchmark's own process is still small then, and quick to fork.
MEASURES: dict[str, Callable[[Setting], Iterator[Figure]]] = {
    "start": start.measure,
    "writes": writes.measure,
    "reads": reads.measure,
    "size": size.measure,
    "lifecycle": lifecycle.measure,
    "native": native.measure,
    "parquet": parquet.measure,
}


def main() -> int:
    """Run what the command line asks for, and return the exit status."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="localvault-bench-", dir=options.folder) as name:
        folder = Path(name)
        setting = Setting(
            folder, MANY_QUICK if options.quick else MANY, PATIENCE_QUICK if options.quick else 1.0
        )
        _warn(options, folder)
        status = _run(options, setting)
        setting.close()
    return status


def _run(options: argparse.Namespace, setting: Setting) -> int:
    if options.gate:
        return gate.check(setting)
    if options.store:
        return gate.store(setting)
    parts = {key: list(MEASURES[key](setting)) for key in options.only or MEASURES}
    report.show([figure for figures in parts.values() for figure in figures])
    if options.quick or options.only:
        print("Nothing was written: not a full run.")
    else:
        _write(setting, parts)
        print("README.md, results.json and the charts were written.")
    return 0


def _write(setting: Setting, parts: dict[str, list[Figure]]) -> None:
    setting.say("throughput")
    curves = throughput.measure(setting)
    setting.say("single operations")
    about = machine.describe(setting.folder) | setting.versions
    report.write(report.Results(parts, curves, singles.run(setting.folder), about), "make bench")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measures localvault against its goals and its peers.")
    parser.add_argument(
        "--quick", action="store_true", help=f"{MANY_QUICK:,} secrets instead of {MANY:,}, fewer rounds"
    )
    parser.add_argument(
        "--only", action="append", choices=MEASURES, help="run this part alone; may be repeated"
    )
    parser.add_argument(
        "--gate", action="store_true", help="compare the core's ratios with the stored ones, and nothing else"
    )
    parser.add_argument("--store", action="store_true", help="measure the core's ratios and store them")
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
    sys.exit(main())
