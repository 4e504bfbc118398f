"""What a process may have of a machine: its affinity, and the quotas of the control groups around it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from localvault.errors import BadParameter
from localvault.native import processors
from localvault.native.processors import MOST_BY_DEFAULT, VARIABLE, quotas, threads_by_default


def quotas_of(folder: Path, membership: str, files: dict[str, str]) -> list[int]:
    """The quotas found where the files of the control groups hold this."""
    (folder / "membership").write_text(membership, encoding="ascii")
    for name, content in files.items():
        (folder / "groups" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "groups" / name).write_text(content, encoding="ascii")
    return list(quotas(folder / "membership", folder / "groups"))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("max 100000\n", []),
        ("200000 100000\n", [2]),
        ("150000 100000\n", [2]),
        ("100000 100000\n", [1]),
        ("10000 100000\n", [1]),
        ("1600000 50000\n", [32]),
        ("200000 0\n", []),
        ("200000\n", []),
        ("200000 100000 1\n", []),
        ("-1 100000\n", []),
        ("", []),
        ("two processors\n", []),
    ],
)
def test_a_quota_is_rounded_up_to_processors(tmp_path: Path, content: str, found: list[int]) -> None:
    """What is no quota limits nothing."""
    assert quotas_of(tmp_path, "0::/app\n", {"app/cpu.max": content}) == found


def test_groups_further_out_limit_as_well(tmp_path: Path) -> None:
    """From the process's own group up to the root."""
    files = {"a/b/cpu.max": "max 100000", "a/cpu.max": "300000 100000", "cpu.max": "500000 100000"}
    assert quotas_of(tmp_path, "0::/a/b\n", files) == [3, 5]


def test_of_a_group_that_cannot_be_seen_the_outer_ones_count(tmp_path: Path) -> None:
    """In a container the path is the machine's and the files are the container's."""
    assert quotas_of(tmp_path, "0::/machine/of/others\n", {"cpu.max": "400000 100000"}) == [4]


def test_the_older_kind_has_two_files(tmp_path: Path) -> None:
    """Among the groups of all controllers, the processor's."""
    membership = "7:memory:/app\n3:cpu,cpuacct:/app\n1:name=systemd:/app\n0::/\n"
    files = {"cpu/app/cpu.cfs_quota_us": "250000\n", "cpu/app/cpu.cfs_period_us": "100000\n"}
    assert quotas_of(tmp_path, membership, files) == [3]
    assert quotas_of(tmp_path, membership, {"cpu/app/cpu.cfs_quota_us": "-1\n"}) == []


def test_a_system_without_control_groups_limits_nothing(tmp_path: Path) -> None:
    """Nothing to be read is nothing said."""
    assert list(quotas(tmp_path / "no", tmp_path / "nothing")) == []
    assert quotas_of(tmp_path, "nonsense\n\n:\n::\n", {}) == []


@pytest.mark.parametrize(
    ("affinity", "given", "threads"),
    [(4, [], 4), (64, [], MOST_BY_DEFAULT), (64, [3, 5], 3), (2, [3], 2), (4, [0], 1), (1, [], 1)],
)
def test_the_least_of_all_counts(
    monkeypatch: pytest.MonkeyPatch, affinity: int, given: list[int], threads: int
) -> None:
    """Affinity, quotas and what a guest may take; never less than one."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(processors, "processors", lambda: affinity)
    monkeypatch.setattr(processors, "quotas", lambda: iter(given))
    assert threads_by_default(64) == threads


def test_a_system_without_affinity_has_all_its_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one, if it does not tell how many."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert processors.processors() == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert processors.processors() == 1


@pytest.mark.parametrize(("said", "threads"), [("1", 1), ("64", 64), ("9", 9)])
def test_the_variable_comes_first(monkeypatch: pytest.MonkeyPatch, said: str, threads: int) -> None:
    """Also where it is more than would be used without it."""
    monkeypatch.setenv(VARIABLE, said)
    assert threads_by_default(64) == threads


def test_an_empty_variable_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an unset one."""
    monkeypatch.delenv(VARIABLE, raising=False)
    usual = threads_by_default(64)
    monkeypatch.setenv(VARIABLE, "")
    assert threads_by_default(64) == usual


@pytest.mark.parametrize("said", ["0", "65", "-1", "1.5", " 2", "02", "0000000641", "٣", "all", "9" * 5000])
def test_a_variable_that_is_no_number_of_threads(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    """The error names the variable and what it may hold."""
    monkeypatch.setenv(VARIABLE, said)
    with pytest.raises(BadParameter, match="LOCALVAULT_THREADS is not a whole number from 1 to 64") as caught:
        threads_by_default(64)
    assert caught.value.hint
