"""The documentation was printed by the program: every session it shows runs and prints what is shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.markdown import blocks, problems

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
RUNNING = [page for page in PAGES if any(blocks(page.read_text(encoding="utf-8")))]


def test_there_are_sessions_to_run() -> None:
    """The pages a newcomer reads first are among those that run."""
    assert {page.name for page in RUNNING} >= {"README.md", "model.md", "cli.md"}


@pytest.mark.parametrize("page", RUNNING, ids=lambda page: page.name)
def test_a_page_shows_what_the_program_prints(page: Path, tmp_path: Path) -> None:
    """Every command and every line of Python, in order."""
    assert problems(page, tmp_path) == []


def test_the_picture_of_a_report_was_drawn_by_the_program(tmp_path: Path) -> None:
    """Byte for byte what the session on the page beside it draws."""
    assert problems(ROOT / "docs" / "report.md", tmp_path) == []
    assert (tmp_path / "report.svg").read_bytes() == (ROOT / "docs" / "report.svg").read_bytes()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """A relative link names a file that is there."""
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_commands_a_contributor_is_told_of_exist() -> None:
    """Every `make` target that README.md names is in the Makefile, and every file it sends a reader to is there."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)`", page))
    assert named >= {"demo", "test", "check", "bench"}
    assert named <= targets
    source = page.split("**Reading the source.**")[1].split("\n\n")[0]
    files = re.findall(r"`([a-z_/]+(?:\.py|/))`", source)
    assert len(files) > 4
    for name in files:
        assert (ROOT / "localvault" / name.removeprefix("localvault/")).exists(), name


@pytest.mark.parametrize(
    ("page", "told"),
    [
        ("```console\n$ echo a b c\na … c\n```\n", 0),
        ("```console\n$ printf 'a\\nb\\nc'\na\n…\nc\n```\n", 0),
        ("```console\n$ printf 'a\\nb\\nc'\na…c\n```\n", 1),
        ("```console\n$ echo a\nb\n```\n", 1),
        ("```console\n$ false\n```\n", 1),
        ("```console\n$ false\n$ echo $?\n1\n```\n", 0),
        ("```console\n$ localvault --no-such\n…\n…\n```\n", 1),
        ("```console\n$ export A=1; mkdir b; cd b\n$ echo $A; pwd\n1\n…/b\n```\n", 0),
        ("```pycon\n>>> 'abc'\n'a…'\n\n```\n", 0),
        ("```pycon\n>>> print('a', 'c', sep=chr(10))\na…c\n\n```\n", 1),
    ],
)
def test_a_page_that_shows_something_else_is_noticed(page: str, told: int, tmp_path: Path) -> None:
    """`…` stays within a line, a failure is not shown by mistake, and a session goes on from command to command."""
    path = tmp_path / "page.md"
    path.write_text(page, encoding="utf-8")
    assert len(problems(path, tmp_path)) == told
