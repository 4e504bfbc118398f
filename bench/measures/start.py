"""What `import localvault` costs: a whole process that imports it against one that does nothing.

Relies on the interpreter that runs the benchmark. Both processes are started the same way (`python -I -c …`: isolated,
so that neither the user's environment nor the current folder has a part in it) and site-packages are set up in both.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from time import perf_counter

from bench.figures import Figure, slower
from bench.setting import Setting
from bench.timing import compare

_ROUNDS = 60
_GOAL = 30 / 12  # 30 ms in all where a bare interpreter takes 12


def measure(setting: Setting) -> Iterator[Figure]:
    """Yield the figures for starting up."""
    setting.say("import")
    rounds = setting.rounds(_ROUNDS)
    compared = compare(lambda: _run("import localvault"), lambda: _run("pass"), rounds)
    note = f"`-X importtime`: {_import_time('import localvault'):.1f} ms in the import itself"
    yield slower(
        "`import localvault`, against a bare interpreter", _GOAL, compared, "process", "process", note
    )
    ready = "import localvault; localvault.open"
    compared = compare(lambda: _run(ready), lambda: _run("pass"), rounds)
    note = f"every module that `open` needs; `-X importtime`: {_import_time(ready):.1f} ms"
    yield slower("the same, ready to open a vault", None, compared, "process", "process", note)


def _run(code: str) -> float:
    started = perf_counter()
    subprocess.run([sys.executable, "-I", "-c", code], check=True)
    return perf_counter() - started


def _import_time(code: str) -> float:
    """Return the milliseconds, by the interpreter's own count, that the modules took which a bare one does not load."""
    bare = _modules("pass")
    return sum(spent for name, spent in _modules(code).items() if name not in bare) / 1000


def _modules(code: str) -> dict[str, int]:
    command = [sys.executable, "-I", "-X", "importtime", "-c", code]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stderr.splitlines()
    # A line: `import time: self [us] | cumulative | module`; the times a module itself took add up.
    rows = [line.removeprefix("import time:").split("|") for line in lines if line.startswith("import time:")]
    return {name.strip(): int(spent) for spent, _, name in rows if spent.strip().isdigit()}
