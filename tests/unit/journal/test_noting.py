"""The note beside the store: a data file put back to an older state is refused, and nothing else ever is."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from localvault.errors import Tampered
from localvault.journal.noting import NOTE_NAME, Note
from localvault.store.protocol import WriteTxn
from tests.support.journals import Bench, fields, mutate


def put_back(bench: Bench, saved: Path) -> Bench:
    """The vault with its data file replaced by an older one, opened again."""
    bench.store.close()
    shutil.copy(saved, bench.folder / "data.mdb")
    return Bench(bench.folder, create=False)


def save(bench: Bench, name: str = "saved") -> Path:
    """A copy of the data file as it is now."""
    saved = bench.folder.parent / name
    shutil.copy(bench.folder / "data.mdb", saved)
    return saved


def life(bench: Bench, first: int, count: int = 3) -> None:
    """Some mutations and notes, from opening to closing."""
    journal = bench.journal()
    journal.recover()
    for number in range(first, first + count):
        mutate(bench, journal, number)
        journal.note(fields(number))
    journal.close()


def test_an_older_data_file_is_refused(bench: Bench) -> None:
    """Whether or not anything was pending; the hint says what to do if it was on purpose."""
    life(bench, 0)
    saved = save(bench)
    life(bench, 10)
    bench = put_back(bench, saved)
    with pytest.raises(Tampered, match="older") as raised:
        bench.journal().recover()
    assert raised.value.hint is not None
    assert NOTE_NAME in raised.value.hint
    (bench.folder / NOTE_NAME).unlink()
    life(bench, 20)
    bench.store.close()


def test_a_data_file_of_another_history_is_refused(bench: Bench) -> None:
    """As many events, but not the same ones; and with more of them, `problems` tells."""
    life(bench, 0)
    saved = save(bench)
    life(bench, 10)
    note = (bench.folder / NOTE_NAME).read_bytes()
    (bench.folder / NOTE_NAME).unlink()
    bench = put_back(bench, saved)
    life(bench, 20)
    (bench.folder / NOTE_NAME).write_bytes(note)
    with pytest.raises(Tampered):
        bench.journal().recover()
    (bench.folder / NOTE_NAME).unlink()
    life(bench, 30, 20)
    (bench.folder / NOTE_NAME).write_bytes(note)
    with bench.store.read() as txn:
        (problem,) = bench.journal().problems(txn)
    assert "note" in problem.sentence
    bench.store.close()


def test_the_same_data_file_put_back_is_not_refused(bench: Bench) -> None:
    """A copy of the present state, or a newer one than the note, is what it should be."""
    life(bench, 0)
    old_note = (bench.folder / NOTE_NAME).read_bytes()
    life(bench, 10)
    bench = put_back(bench, save(bench))
    bench.journal().recover()
    (bench.folder / NOTE_NAME).write_bytes(old_note)
    bench.journal().recover()
    with bench.store.read() as txn:
        assert list(bench.journal().problems(txn)) == []
    life(bench, 20)
    bench.store.close()


@pytest.mark.parametrize("content", [None, b"", b"\0", b"\xff" * 50, b"\0\x05short", "altered", "longer"])
def test_a_damaged_note_accuses_nobody(bench: Bench, content: bytes | str | None) -> None:
    """The vault opens and works; `note_problems` tells, and the next commit makes it good."""
    life(bench, 0)
    path = bench.folder / NOTE_NAME
    sound = path.read_bytes()
    if content is None:
        path.unlink()
    elif content == "altered":
        path.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    elif content == "longer":
        path.write_bytes(sound + b"what an older, longer note left")
    else:
        assert isinstance(content, bytes)
        path.write_bytes(content)
    journal = bench.journal()
    journal.recover()
    places = [problem.place for problem in journal.note_problems()]
    assert places == ([] if content == "longer" else [NOTE_NAME])
    journal.close()
    life(bench, 10)
    assert journal.note_problems() == []


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_note_that_is_no_file_is_not_followed(bench: Bench, kind: str) -> None:
    """Someone who can write to the folder cannot make the vault write, hang or crash elsewhere."""
    path = bench.folder / NOTE_NAME
    target = bench.folder.parent / "target"
    target.write_bytes(b"precious")
    if kind == "link":
        path.symlink_to(target)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    life(bench, 0)
    life(bench, 10)
    assert target.read_bytes() == b"precious"


def test_a_note_shorter_than_the_one_before_is_read(tmp_path: Path) -> None:
    """The size of a head goes up and down with the bits of its size; what is left of a longer one does not count."""
    note = Note(tmp_path)
    for record in (b"x" * 700, b"y" * 100, b"z" * 300):
        note.write(record)
        assert Note(tmp_path).read() == record
    note.close()


def test_a_note_is_its_owners_alone(tmp_path: Path) -> None:
    """Mode 0600 whatever the umask."""
    before = os.umask(0)
    try:
        note = Note(tmp_path)
        note.write(b"record")
        note.close()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / NOTE_NAME).stat().st_mode) == 0o600


def test_a_note_is_never_ahead_of_the_store(bench: Bench) -> None:
    """Not after a transaction that was given up, and not by one still open."""
    life(bench, 0)
    journal = bench.journal()

    def given_up(txn: WriteTxn) -> None:
        journal.append(txn, fields(99), b"")
        journal._settled = 0.0
        journal.committed()
        raise KeyError("given up")

    with pytest.raises(KeyError):
        bench.store.transact(given_up)
    journal._settled = 0.0
    journal.committed()
    bench.journal().recover()
    journal.close()
    assert bench.journal().head().size == 6


def test_notes_are_written_now_and_then(bench: Bench) -> None:
    """Not at every commit of a burst, which would cost more than it proves; and always at the end."""
    journal = bench.journal()
    mutate(bench, journal, 0)
    first = (bench.folder / NOTE_NAME).read_bytes()
    journal._settled += 3600
    mutate(bench, journal, 1)
    assert (bench.folder / NOTE_NAME).read_bytes() == first
    journal.close()
    assert (bench.folder / NOTE_NAME).read_bytes() != first


def test_a_copy_has_a_note_from_its_first_day(bench: Bench, tmp_path: Path) -> None:
    """So a still older copy in its place is refused; and the note is not ahead of what was copied."""
    life(bench, 0)
    older = save(bench)
    life(bench, 10)
    journal = bench.journal()
    with journal.copying(tmp_path / "copy"):
        bench.store.backup(tmp_path / "copy")
        mutate(bench, journal, 99)
    copy = Bench(tmp_path / "copy", create=False)
    copy.journal().recover()
    with copy.store.read() as txn:
        assert list(copy.journal().problems(txn)) == []
    copy = put_back(copy, older)
    with pytest.raises(Tampered):
        copy.journal().recover()
    copy.store.close()


def test_a_new_vault_has_a_note_from_its_first_day(bench: Bench) -> None:
    """Even if it is killed before it is used."""
    bench.store.transact(lambda txn: bench.journal().append(txn, fields(), b""))
    bench.journal().recover()
    assert (bench.folder / NOTE_NAME).exists()
