"""The command line, as people see it: every transcript runs and prints what it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.transcript import run

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))


def test_there_are_transcripts() -> None:
    """An empty folder would pass everything below."""
    assert len(TRANSCRIPTS) >= 10


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_transcript_is_what_happens(path: Path, tmp_path: Path) -> None:
    """Commands, output and exit codes, in order."""
    assert run(path, tmp_path) == []
