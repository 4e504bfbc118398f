"""A program makes a value, or an error of ours; what else it writes is nowhere, and nothing of it is left running."""

from __future__ import annotations

import os
import sys
import time
import traceback
from pathlib import Path

import pytest

from localvault import GeneratorFailed
from localvault.lifecycle.commands import run

MARKER = "marker-of-a-secret"


def python(code: str) -> list[str]:
    """A command that runs some Python."""
    return [sys.executable, "-c", code]


@pytest.mark.parametrize(
    ("written", "value"),
    [("abc\n", b"abc"), ("abc", b"abc"), ("abc\n\n", b"abc\n"), (" a\tb \n", b" a\tb "), ("x\r\n", b"x\r")],
)
def test_the_value_is_what_it_writes(written: str, value: bytes) -> None:
    """Less one end of line at its end."""
    assert run(["printf", "%s", written], timeout=60, limit=100) == value


def test_no_shell_sees_the_arguments() -> None:
    """They arrive as they are."""
    assert run(["printf", "%s", "$(id); `id` > x | * \\"], timeout=60, limit=100) == b"$(id); `id` > x | * \\"


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ([f"no-such-{MARKER}"], "cannot be started"),
        (["/"], "cannot be started"),
        (python(f"import sys; sys.stderr.write('{MARKER}'); print('{MARKER}'); sys.exit(3)"), "ended with 3"),
        (python(f"import os; print('{MARKER}', flush=True); os.kill(os.getpid(), 9)"), "ended with -9"),
        (["true"], "no value"),
        (["echo"], "no value"),
        (["yes", MARKER], "more than"),
        (["printf", "%s", "x" * 102], "more than"),
    ],
)
def test_what_fails_is_one_error_and_tells_nothing(
    command: list[str], says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither its name nor its output, on either stream, is in the error, its cause, or on our own streams."""
    with pytest.raises(GeneratorFailed, match=says) as failed:
        run(command, timeout=60, limit=100)
    shown = "".join(traceback.format_exception(failed.value, chain=True))
    assert MARKER not in str(failed.value)
    assert MARKER not in shown.replace(repr(command), "").split("GeneratorFailed:")[-1]
    assert capfd.readouterr() == ("", "")


def test_exactly_the_limit_is_taken() -> None:
    """With its end of line, which is no part of it."""
    assert len(run(["printf", "%s\\n", "x" * 100], timeout=60, limit=100)) == 100


@pytest.mark.parametrize("closes", [False, True], ids=["still writing", "silent"])
def test_a_slow_one_is_killed_with_what_it_started(tmp_path: Path, closes: bool) -> None:
    """Also if it has closed its output, or ended and left somebody else with it."""
    note = tmp_path / "pid"
    rest = "exec 1>&-; wait" if closes else "exit 0"
    with pytest.raises(GeneratorFailed, match="too long"):
        run(["sh", "-c", f"sleep 600 & echo $! > {note}; {rest}"], timeout=1, limit=100)
    pid = int(note.read_text())
    deadline = time.monotonic() + 60
    while _lives(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_it_inherits_nothing_of_the_vault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No passphrase in its environment, nothing to read, no open file; the rest of the environment is there."""
    monkeypatch.setenv("LOCALVAULT_PASSPHRASE", MARKER)
    monkeypatch.setenv("LOCALVAULT_NEW_PASSPHRASE", MARKER)
    monkeypatch.setenv("KEPT", "yes")
    assert run(["sh", "-c", 'env | grep -c marker-of; echo "$KEPT"; cat'], timeout=60, limit=100) == b"0\nyes"
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        seen = run(
            python("import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))"), timeout=60, limit=100
        )
        assert str(file.fileno()) not in seen.decode().strip("[]").split(", ")[3:]
