"""Sealing and opening files that are cut off by a kill or a full disk, or are larger than memory should be."""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from localvault import StoreFull, Vault, VaultError
from tests.support import life
from tests.support.children import Child, Say, run
from tests.support.full import Ballast, small_disk
from tests.support.sealing import put

MIB = 1 << 20
CONTENT = bytes(range(256)) * (MIB // 256)
LARGE = 300 * MIB
KILLS = 60


@pytest.fixture
def path(memory: Path) -> Path:
    """A vault with a key `data`, closed."""
    with life.create(memory / "vault") as vault:
        vault.keys.create("data", "oct")
    return memory / "vault"


def again(path: Path, folder: Path, verb: str, say: Say) -> None:
    """Do it over and over, in turn to a new file and in the place of one, saying what is complete."""
    with life.reopen(path) as vault:
        act = getattr(vault.crypto("data"), verb)
        source = folder / ("content" if verb == "seal_file" else "sealed")
        number = 0
        say("begun")
        while True:
            act(source, folder / f"new {number}")
            say(number)
            act(source, folder / "kept", replace=True)
            number += 1


@pytest.mark.parametrize("verb", ["seal_file", "open_file"])
def test_a_kill_at_any_moment_leaves_no_part_of_a_target(path: Path, memory: Path, verb: str) -> None:
    """Every file that is there opens, or is the whole content; what was acknowledged is there; nothing else is."""
    folder = memory / "files"
    folder.mkdir()
    put(folder / "content", CONTENT * 3)
    with life.reopen(path) as vault:
        vault.crypto("data").seal_file(folder / "content", folder / "sealed")
    dice, made, cut_off = random.Random(4), 0, 0
    for _ in range(KILLS):
        kept = folder / "kept"
        if not kept.exists():
            kept.hardlink_to(folder / ("sealed" if verb == "seal_file" else "content"))
        child = Child(partial(again, path, folder, verb))
        child.wait_for_word()
        time.sleep(dice.uniform(0, 0.03))
        child.kill()
        code, heard = child.ended()
        assert code == -9
        there = {int(each.name.split()[1]) for each in folder.glob("new *")}
        assert there >= set(heard[1:])
        # A complete file may have been about to take the place of another.
        hidden = list(folder.glob(".new.*"))
        assert {each.name for each in {*folder.iterdir()} - {*hidden}} == {"content", "sealed", "kept"} | {
            f"new {number}" for number in there
        }
        made, cut_off = made + len(there), cut_off + (not there)
        with life.reopen(path) as vault:
            for each in [*folder.glob("new *"), *hidden, kept]:
                assert_whole(vault, each, sealed=verb == "seal_file")
                each.unlink()
            assert vault.check() == []
    assert made > 0
    assert cut_off > 0


def assert_whole(vault: Vault, file: Path, *, sealed: bool) -> None:
    """Fail unless it is the content, sealed or not."""
    if sealed:
        vault.crypto("data").open_file(file, file.with_name("opened"))
        file = file.with_name("opened")
    whole = file.read_bytes() == CONTENT * 3
    if sealed:
        file.unlink()
    assert whole


def test_a_killed_process_tells_what_it_had_done(path: Path, memory: Path) -> None:
    """Each file that appeared has its event; no event tells of a file it did not come to."""
    (memory / "files").mkdir()
    put(memory / "files" / "content", CONTENT)
    child = Child(partial(again, path, memory / "files", "seal_file"))
    child.wait_for_word()
    time.sleep(0.1)
    child.kill()
    child.ended()
    appeared = len(list((memory / "files").glob("new *")))
    with life.reopen(path) as vault:
        events = [event for event in vault.audit.events("KeySeal") if event.result == "Success"]
    # One in two is of a new file, and the last may be of one that did not appear any more.
    assert 2 * appeared - 1 <= len(events) <= 2 * appeared + 1
    assert {event.details["bytes"] for event in events if event.details} == {MIB}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    with small_disk(tmp_path / "disk", 8 * MIB) as folder:
        if folder is None:
            pytest.skip("no file system can be mounted here: that takes root and the right to mount")
        yield folder


@pytest.mark.parametrize("room", [0, 4096, 65_536, MIB, 3 * MIB - 4096])
def test_a_full_disk_leaves_nothing(path: Path, memory: Path, disk: Path, room: int) -> None:
    """`StoreFull`, no target, what was to be replaced as it was, and the room free again."""
    source, sealed = put(memory / "content", CONTENT * 3), memory / "sealed"
    ballast = Ballast(disk)
    put(disk / "kept", b"as it was")
    with life.reopen(path) as vault:
        crypto = vault.crypto("data")
        crypto.seal_file(source, sealed)
        ballast.fill()
        if room:
            ballast.lighten(room)
        for target, replace in ((disk / "new", False), (disk / "kept", True)):
            for act, of in ((crypto.seal_file, source), (crypto.open_file, sealed)):
                with pytest.raises(StoreFull) as full:
                    act(of, target, replace=replace)
                assert full.value.hint
        with (disk / "stream").open("wb", buffering=0) as stream, pytest.raises(StoreFull):
            crypto.seal_file(source, stream)
        (disk / "stream").unlink()
        assert {each.name for each in disk.iterdir()} == {"ballast", "kept"}
        assert (disk / "kept").read_bytes() == b"as it was"
        ballast.lighten()
        assert crypto.seal_file(source, disk / "new") == 3 * MIB


def test_files_that_may_not_grow(path: Path, memory: Path) -> None:
    """A limit on how large files may become is a full disk."""

    def act(say: Say) -> None:
        with life.reopen(path) as vault:
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MIB, hard))
            try:
                vault.crypto("data").seal_file(memory / "content", memory / "new")
                error = ""
            except VaultError as failed:
                error = type(failed).__name__
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            say(error)

    put(memory / "content", CONTENT * 3)
    assert run(act) == ["StoreFull"]
    assert not (memory / "new").exists()


def test_memory_stays_what_it_is(path: Path, memory: Path, tmp_path: Path) -> None:
    """A file of 300 MiB needs no more than one of 4: some MiB, in Python's heap and beside it."""
    for name, size in (("small", 4 * MIB), ("large", LARGE)):
        with (tmp_path / name).open("wb") as file:
            file.truncate(size)  # no block of it is on the disk

    def act(say: Say) -> None:
        import tracemalloc

        with life.reopen(path) as vault:
            crypto = vault.crypto("data")
            tracemalloc.start()
            for name in ("small", "large"):
                crypto.seal_file(tmp_path / name, tmp_path / f"{name}.sealed")
                crypto.open_file(tmp_path / f"{name}.sealed", tmp_path / f"{name}.opened")
                say(
                    [
                        tracemalloc.get_traced_memory()[1],
                        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10,
                    ]
                )

    (small_heap, small_rss), (large_heap, large_rss) = run(act)
    assert (tmp_path / "large.opened").stat().st_size == LARGE
    assert large_heap < small_heap + MIB < 6 * MIB
    assert large_rss < small_rss + 8 * MIB
