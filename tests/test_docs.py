"""The documentation was printed by the program: every session it shows runs and prints what is shown."""

from __future__ import annotations

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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """A relative link names a file that is there."""
    import re

    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
