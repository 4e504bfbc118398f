"""`localvault doctor` ends with a number of its own where something is not as it should be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localvault.cli.main import main
from localvault.native import features
from localvault.native.levels import FAILED, Level


def run(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """The exit code of the command and what it wrote."""
    with pytest.raises(SystemExit) as end:
        main([*arguments, "doctor"])
    assert isinstance(end.value.code, int | None)
    return end.value.code or 0, capfd.readouterr().out


def no_lock() -> Any:
    """A report of memory of which a part can be swapped out."""
    return features.MemoryReport(
        handles=1, regions=2, bytes=8, bytes_locked=4, not_dumped=True, wiped_on_fork=True
    )


@pytest.mark.parametrize(
    ("name", "instead", "told"),
    [
        ("levels", lambda: [Level(0, "avx2", FAILED)], "avx2 failed its self-test"),
        ("memory", no_lock, "could be locked"),
    ],
)
def test_a_problem_is_told_and_ends_with_11(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: str, instead: Any, told: str
) -> None:
    """A level that computes wrongly, memory that cannot be locked: in words, in JSON and as exit code."""
    monkeypatch.setattr(features, name, instead)
    code, out = run(capfd)
    assert code == 11
    assert told in out.splitlines()[-1]
    code, out = run(capfd, "--json")
    assert code == 11
    (problem,) = json.loads(out)["problems"]
    assert told in problem


def test_where_all_is_well_it_ends_with_0(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """And the last line has nothing to say."""
    monkeypatch.setattr(features, "memory", lambda: no_lock() | {"bytes_locked": 8})
    assert run(capfd)[0] == 0
    assert run(capfd)[1].splitlines()[-1].split() == ["problems"]
