"""Runs a static x86-64 Linux program on an emulated processor with AVX-512, IFMA, VAES and VPCLMULQDQ.

    python tools/emulated/run.py [--cpu MODEL] [--timeout S] [--env NAME=VALUE] PROGRAM [ARGS...]

Relies on the Debian packages that README.md beside it names. Promises: the program's standard output, standard error
and exit status as if it had run here, 128 + n if signal n ended it, 124 after the time-out, 130 if it was stopped, and
125 with a sentence on standard error if the rig cannot do its work.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from pathlib import Path

import kernel
import machine

TIMED_OUT = 124
RIG_FAILED = 125
STOPPED = 130


def options(words: list[str]) -> argparse.Namespace:
    """The command line; what follows PROGRAM is the program's own."""
    parser = argparse.ArgumentParser(
        description="Runs a static x86-64 Linux program on an emulated processor."
    )
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "localvault-emulated"
    parser.add_argument(
        "--cpu", default="tigerlake", metavar="MODEL", help="see `bochs --help cpu` (%(default)s)"
    )
    parser.add_argument("--timeout", type=float, default=600, metavar="S", help="seconds (%(default)s)")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="may be repeated")
    parser.add_argument(
        "--cache", type=Path, default=cache, metavar="FOLDER", help="kept kernel (%(default)s)"
    )
    parser.add_argument("program", type=Path, metavar="PROGRAM")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGS")
    return parser.parse_args(words)


def show(kind: str, content: bytes) -> None:
    """Hands on one frame of output."""
    to = sys.stdout.buffer if kind == "o" else sys.stderr.buffer
    to.write(content)
    to.flush()


def run(chosen: argparse.Namespace) -> int:
    """Runs the program; its exit status. Raises RigError, TimeoutError, OSError."""
    machine.check_packages()
    chosen.cache.mkdir(parents=True, exist_ok=True)
    strings = [str(chosen.program), *chosen.arguments], chosen.env
    status = RIG_FAILED
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        machine.prepare(folder, chosen.cache, chosen.cpu, chosen.program.read_bytes(), strings)
        for kind, content in machine.frames(folder, chosen.timeout):
            if kind in ("o", "e"):
                show(kind, content)
            elif kind == "x":
                status = content[0]
            else:
                print(f"emulated: ended by {signal.Signals(content[0]).name}", file=sys.stderr)
                status = 128 + content[0]
    return status


def main(words: list[str]) -> int:
    """Exit status of the program, or TIMED_OUT, RIG_FAILED, STOPPED."""
    chosen = options(words)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that both ways to stop it tidy up
    try:
        return run(chosen)
    except TimeoutError:
        print(f"emulated: not finished after {chosen.timeout:g} seconds", file=sys.stderr)
        return TIMED_OUT
    except KeyboardInterrupt:
        return STOPPED
    except (kernel.RigError, OSError) as error:
        print(f"emulated: {error}", file=sys.stderr)
        return RIG_FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
