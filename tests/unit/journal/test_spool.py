"""The spool: an event is in the file when `append` returns, or not at all when it raises."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from localvault.errors import JournalUnavailable, VaultClosed
from localvault.journal import spool as spool_module
from localvault.journal.entry import unpack_fields
from localvault.journal.frames import Mark, Reading, SpoolFile, SpoolKeys, id_of
from localvault.journal.leaf import Fields
from localvault.journal.spool import PENDING_BYTES, ROTATE_BYTES, Spool, this_process
from localvault.native.memory import Locked
from tests.support.forking import in_child
from tests.support.journals import fields

ROOT = b"r" * 32


def keys() -> SpoolKeys:
    """The keys of these tests."""
    return SpoolKeys(Locked.of(ROOT))


def make(folder: Path, process: str = "1@test", *, durable: bool = False) -> Spool:
    """A spool in the folder."""
    return Spool(folder, keys(), process, durable=durable)


def found(folder: Path) -> list[tuple[str, list[Fields]]]:
    """For each spool in the folder, the first begun first: its process, and the events in it."""
    result = []
    for path in folder.glob("*.lvs"):
        spool_id = id_of(path.name)
        assert spool_id is not None
        file = SpoolFile.open(folder, spool_id, keys())
        assert file is not None
        begin = file.begin()
        assert begin is not None
        reading = Reading(file, begin.first, file.size())
        result.append((begin, [unpack_fields(frame) for frame in reading.frames(1 << 60)]))
        assert not reading.flawed
        file.close()
    return [(begin.process, events) for begin, events in sorted(result, key=lambda spool: spool[0])]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder."""
    tmp_path.chmod(0o700)
    return tmp_path


@pytest.mark.parametrize("durable", [False, True])
def test_what_is_appended_is_in_the_file(folder: Path, durable: bool) -> None:
    """At once, in order, with the process it came from, whether or not the disk is waited for."""
    spool = make(folder, "42@boot", durable=durable)
    for number in range(20):
        spool.append(fields(number, version="0" * 32))
        assert found(folder) == [("42@boot", [fields(at, version="0" * 32) for at in range(number + 1)])]


def test_no_file_before_the_first_event(folder: Path) -> None:
    """Opening a vault and doing nothing leaves nothing."""
    spool = make(folder)
    assert list(folder.iterdir()) == []
    assert not spool.waiting
    spool.close()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("umask", [0, 0o077, 0o777])
def test_a_spool_is_its_owners_alone(folder: Path, umask: int) -> None:
    """Mode 0600 whatever the umask."""
    before = os.umask(umask)
    try:
        make(folder).append(fields())
    finally:
        os.umask(before)
    (path,) = folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_readable_is_in_a_spool(folder: Path) -> None:
    """Neither names nor operations nor the process."""
    make(folder, "process-marker").append(fields(operation="OperationMarker", target="/secrets/name-marker"))
    (path,) = folder.iterdir()
    content = path.read_bytes() + path.name.encode()
    for marker in (b"process-marker", b"OperationMarker", b"name-marker", b"owner"):
        assert marker not in content


def test_threads_do_not_mix_their_frames(folder: Path) -> None:
    """Every event of every thread is there once, each thread's in its order."""
    spool = make(folder)

    def work(number: int) -> None:
        for at in range(300):
            spool.append(fields(number * 1000 + at))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ((_process, events),) = found(folder)
    numbers = [event[7] for event in events]
    assert sorted(numbers) == sorted(number * 1000 + at for number in range(4) for at in range(300))
    for number in range(4):
        assert [at for at in numbers if at // 1000 == number] == [number * 1000 + at for at in range(300)]


def test_a_failed_write_leaves_no_event_and_no_nonce_serves_twice(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The frame is taken back, the file takes no more, and the next event begins a new file under another key."""
    spool = make(folder)
    spool.append(fields(1))
    real = os.write

    def short(descriptor: int, data: bytes) -> int:
        return real(descriptor, data[: len(data) // 2])

    monkeypatch.setattr(spool_module.os, "write", short)
    with pytest.raises(JournalUnavailable) as raised:
        spool.append(fields(2))
    assert raised.value.hint
    monkeypatch.undo()
    assert found(folder) == [("1@test", [fields(1)])]
    spool.append(fields(3))
    assert found(folder) == [("1@test", [fields(1)]), ("1@test", [fields(3)])]
    assert [end.number for _file, end in spool.files()] == [2, 2]


def test_an_error_of_the_disk_withholds_the_event(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `durable`, an event the disk did not take is taken back though it was written."""
    spool = make(folder, durable=True)
    spool.append(fields(1))

    def fails(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(spool_module.os, "fdatasync", fails)
    with pytest.raises(JournalUnavailable):
        spool.append(fields(2))
    assert found(folder) == [("1@test", [fields(1)])]


@pytest.mark.parametrize("step", ["open", "write", "fchmod", "flock"])
def test_a_spool_that_cannot_be_made_is_an_error_and_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Whichever step fails; and it works again when the cause is gone."""
    spool = make(folder)

    def fails(*_arguments: object, **_options: object) -> int:
        raise OSError(28, "No space left on device")

    if step == "flock":
        monkeypatch.setattr("localvault.journal.frames.flock", fails)
    else:
        monkeypatch.setattr(spool_module.os, step, fails)
    with pytest.raises(JournalUnavailable):
        spool.append(fields(1))
    monkeypatch.undo()
    assert list(folder.iterdir()) == []
    spool.append(fields(2))
    assert found(folder) == [("1@test", [fields(2)])]


def test_a_folder_that_is_gone_is_an_error(folder: Path) -> None:
    """Not a crash, and not an event lost silently."""
    with pytest.raises(JournalUnavailable):
        make(folder / "gone").append(fields())


def test_a_mistaken_field_is_no_event(folder: Path) -> None:
    """A field of another type raises, and what follows is as if nothing had happened."""
    spool = make(folder)
    spool.append(fields(1))
    wrong: Fields = (*fields(2)[:3], object(), *fields(2)[4:])
    for mistaken in (wrong, (*fields(2)[:10], {"a": b"bytes"})):
        with pytest.raises(TypeError):
            spool.append(mistaken)
    spool.append(fields(3))
    assert found(folder) == [("1@test", [fields(1), fields(3)])]


def test_hostile_names_are_told_in_short(folder: Path) -> None:
    """Lone surrogates are escaped and endless names are clipped; the event is there all the same."""
    spool = make(folder)
    spool.append(fields(1, target="/secrets/\ud800"))
    spool.append(fields(2, target="/secrets/" + "x" * 1_000_000))
    ((_process, events),) = found(folder)
    assert events[0][3] == "/secrets/\\ud800"
    assert events[1][3].startswith("/secrets/xxx")
    assert events[1][10] == '{"clipped":true}'
    assert sum(path.stat().st_size for path in folder.iterdir()) < 4000


def test_a_child_writes_nothing_into_its_parents_spool(folder: Path) -> None:
    """It gets `VaultForked`, and the parent goes on as before."""
    spool = make(folder)
    spool.append(fields(1))
    assert in_child(lambda: spool.append(fields(2))) == "VaultForked"
    spool.append(fields(3))
    assert found(folder) == [("1@test", [fields(1), fields(3)])]
    unused = make(folder)
    assert in_child(lambda: unused.append(fields(4))) == "VaultForked"


def test_a_child_does_not_keep_its_parents_lock(folder: Path) -> None:
    """When the parent is gone its spool can be taken for dead, though a child of it lives on."""
    code = f"""
import os, sys, time
from pathlib import Path
from localvault.journal.frames import SpoolKeys
from localvault.journal.spool import Spool
from localvault.native.memory import Locked
spool = Spool(Path({str(folder)!r}), SpoolKeys(Locked.of({ROOT!r})), "parent")
spool.append({fields(1)!r})
if os.fork() == 0:
    sys.stdout.write("child\\n"); sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)
os._exit(0)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "child\n"
        parent.wait(timeout=30)
        (path,) = folder.iterdir()
        spool_id = id_of(path.name)
        assert spool_id is not None
        file = SpoolFile.open(folder, spool_id, keys())
        assert file is not None
        assert file.dead()
        file.close()


def test_a_living_spool_is_locked(folder: Path) -> None:
    """Also against another vault of the same process."""
    spool = make(folder)
    spool.append(fields(1))
    (path,) = folder.iterdir()
    spool_id = id_of(path.name)
    assert spool_id is not None
    file = SpoolFile.open(folder, spool_id, keys())
    assert file is not None
    assert not file.dead()
    spool.close()
    assert file.dead()
    file.close()


def test_a_spool_is_removed_when_all_of_it_is_folded(folder: Path) -> None:
    """On closing; what is not in the journal yet is left for whoever comes next."""
    spool = make(folder)
    spool.append(fields(1))
    ((file, end),) = spool.files()
    spool.settle({file.spool_id: Mark(end)})
    assert not spool.waiting
    assert len(list(folder.iterdir())) == 1
    spool.append(fields(2))
    assert spool.waiting
    left = make(folder)
    left.append(fields(3))
    left.close()
    ((file, end),) = spool.files()
    spool.settle({file.spool_id: Mark(end)})
    spool.close()
    assert found(folder) == [("1@test", [fields(3)])]


def test_files_of_one_process_tell_their_order(folder: Path) -> None:
    """Also when the clock stands still or goes back."""
    moments = iter([50, 50, 20, 90])
    spool = Spool(folder, keys(), "1@test", clock=lambda: next(moments))
    begun = []
    for number in range(4):
        spool.append(fields(number))
        (file, _end) = spool.files()[-1]
        begin = file.begin()
        assert begin is not None
        begun.append(begin.begun)
        spool.retire(file)
    assert begun == [50, 51, 52, 90]


def test_a_long_spool_that_is_folded_makes_room(folder: Path) -> None:
    """The file does not grow for ever: the next event begins a new one."""
    spool = make(folder)
    while not spool.files() or spool.files()[0][1].offset <= ROTATE_BYTES:
        spool.append(fields(1, target="/secrets/" + "x" * 900))
    ((file, end),) = spool.files()
    spool.settle({file.spool_id: Mark(end)})
    assert list(folder.iterdir()) == []
    spool.append(fields(2))
    assert found(folder) == [("1@test", [fields(2)])]


def test_a_flawed_spool_is_set_aside(folder: Path) -> None:
    """It is kept under another name, and the next event begins a new file."""
    spool = make(folder)
    spool.append(fields(1))
    ((file, _end),) = spool.files()
    spool.settle({file.spool_id: Mark(flawed=True)})
    (path,) = folder.iterdir()
    assert path.suffix == ".bad"
    spool.append(fields(2))
    assert found(folder) == [("1@test", [fields(2)])]


def test_append_asks_for_folding_in_time(folder: Path) -> None:
    """After half a megabyte of waiting events, again after as much when it is put off, and not before."""
    spool = make(folder)

    def until_due() -> int:
        written = 0
        while not spool.append(fields(target="/secrets/" + "x" * 900)):
            written += 1
        return written

    first = until_due()
    assert abs(first * 1000 - PENDING_BYTES) < PENDING_BYTES // 10
    spool.postpone()
    assert abs(until_due() - first) < 5
    ((file, end),) = spool.files()
    spool.settle({file.spool_id: Mark(end)})
    assert abs(until_due() - first) < 5


def test_a_closed_spool_takes_nothing(folder: Path) -> None:
    """And its keys are wiped."""
    spool = make(folder)
    spool.append(fields(1))
    spool.close()
    with pytest.raises(VaultClosed):
        spool.append(fields(2))
    with pytest.raises(VaultClosed):
        spool.keys.key(bytes(16))
    spool.close()
    assert found(folder) == [("1@test", [fields(1)])]


def test_another_process_cleaning_up_does_no_harm(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a file must have a name from the start: if it vanishes, or is locked by another, another is made."""
    monkeypatch.setattr(spool_module, "_NAMELESS", os.O_DIRECTORY)
    spool = make(folder)
    real = os.fchmod
    removed = []

    def vanishes(descriptor: int, mode: int) -> None:
        real(descriptor, mode)
        if len(removed) < 3:
            (path,) = folder.glob("*.new")
            path.unlink()
            removed.append(path)

    monkeypatch.setattr(spool_module.os, "fchmod", vanishes)
    spool.append(fields(1))
    assert len(removed) == 3
    assert found(folder) == [("1@test", [fields(1)])]
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("nameless", [True, False])
def test_a_new_file_is_locked_before_anybody_can_find_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, nameless: bool
) -> None:
    """And is whole when it has its name; where files cannot be without one, it has another until then."""
    if not nameless:
        monkeypatch.setattr(spool_module, "_NAMELESS", os.O_DIRECTORY)
    seen: list[list[str]] = []
    real = os.write

    def looking(descriptor: int, data: bytes) -> int:
        seen.append([path.suffix for path in folder.iterdir()])
        return real(descriptor, data)

    monkeypatch.setattr(spool_module.os, "write", looking)
    spool = make(folder)
    spool.append(fields(1))
    assert seen == [[] if nameless and sys.platform == "linux" else [".new"], [".lvs"]]
    (path,) = folder.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert found(folder) == [("1@test", [fields(1)])]
    descriptor = os.open(path, os.O_RDONLY)
    assert not SpoolFile.lock(descriptor)
    os.close(descriptor)


def test_descriptors_do_not_leak(folder: Path) -> None:
    """Making and closing spools leaves no file open."""
    before = len(list(Path("/dev/fd").iterdir()))
    for number in range(20):
        spool = make(folder)
        spool.append(fields(number))
        spool.close()
    assert len(list(Path("/dev/fd").iterdir())) == before


def test_a_process_has_a_name() -> None:
    """Its number, and which start of the machine it belongs to."""
    number, _at, boot = this_process().partition("@")
    assert int(number) == os.getpid()
    assert boot
    assert in_child(this_process) != repr(this_process())


def test_a_file_size_limit_is_an_error_not_a_signal(folder: Path) -> None:
    """The process lives, the event is refused, and what was there stays."""

    def limited() -> str:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        spool = make(folder, "limited")
        written = 0
        try:
            for number in range(10_000):
                spool.append(fields(number, target="/secrets/" + "x" * 300))
                written += 1
        except JournalUnavailable:
            return str(written)
        return "no error"

    written = int(in_child(limited).strip("'"))
    assert written > 5
    ((_process, events),) = found(folder)
    assert [event[7] for event in events] == list(range(written))
