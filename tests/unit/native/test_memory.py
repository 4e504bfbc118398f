"""Locked memory as Python sees it: locked, wiped, not shown, dead in a child."""

from __future__ import annotations

import copy
import gc
import pickle
import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import VaultClosed, VaultForked
from localvault.native.core import ffi
from localvault.native.features import memory
from localvault.native.memory import Locked, equal, wipe
from tests.support.forking import in_child

MARKER = b"marker-of-a-secret-value-in-test"


def address_of(view: memoryview) -> int:
    """Where the bytes lie."""
    return int(ffi.cast("uintptr_t", ffi.from_buffer(view)))


def flags_of_mapping(address: int) -> set[str]:
    """The kernel's flags for the mapping an address lies in, proc(5)."""
    wanted = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        first, _space, rest = line.partition(" ")
        start, dash, end = first.partition("-")
        if dash and not first.endswith(":"):
            wanted = int(start, 16) <= address < int(end, 16)
        elif wanted and first == "VmFlags:":
            return set(rest.split())
    return set()


@given(st.binary(max_size=5000))
def test_what_goes_in_comes_out(data: bytes) -> None:
    """`of` holds a copy of the bytes, which it can be compared with."""
    locked = Locked.of(data)
    assert len(locked) == len(data)
    assert bytes(locked.view()) == data
    assert locked.equals(data)
    assert locked.equals(bytearray(data))
    assert locked.equals(Locked.of(data))
    assert not locked.equals(data + b"x")


def test_of_copies() -> None:
    """A later change of the source changes nothing, and the source is left as it is."""
    source = bytearray(MARKER)
    locked = Locked.of(source)
    assert source == MARKER
    source[0] ^= 1
    assert locked.equals(MARKER)


def test_a_view_writes_the_bytes_themselves() -> None:
    """`zero` starts as zeros and is filled through the window."""
    locked = Locked.zero(4)
    assert bytes(locked.view()) == bytes(4)
    locked.view()[1:3] = b"ab"
    assert locked.equals(b"\0ab\0")


def test_random_bytes_differ() -> None:
    """Two draws of 32 bytes are neither equal nor zero."""
    a, b = Locked.random(32), Locked.random(32)
    assert not a.equals(b)
    assert not a.equals(bytes(32))


@pytest.mark.parametrize("size", [32, 100_000])
def test_wiping_zeroes_the_bytes_at_once_and_every_use_raises(size: int) -> None:
    """Also for windows that were open before; a second `wipe` does nothing."""
    locked = Locked.random(size)
    window = locked.view()
    locked.wipe()
    locked.wipe()
    assert bytes(window) == bytes(size)
    with pytest.raises(VaultClosed):
        locked.view()
    with pytest.raises(VaultClosed):
        locked.equals(b"")


def test_a_part_can_be_wiped() -> None:
    """The rest stays; once all was wiped, or in a child, there is nothing to do."""
    locked = Locked.of(b"0123456789")
    locked.wipe_part(3, 4)
    assert bytes(locked.view()) == b"012\0\0\0\x00789"
    assert in_child(lambda: locked.wipe_part(0, 10)) == "None"
    assert bytes(locked.view()[:3]) == b"012"
    locked.wipe()
    locked.wipe_part(0, 10)


def test_a_window_on_wiped_bytes_never_shows_another_key() -> None:
    """The cell is not given to another handle while somebody can still look at it."""
    locked = Locked.random(32)
    window = locked.view()
    locked.wipe()
    del locked
    others = [Locked.of(b"\xff" * 32) for _ in range(2000)]
    assert bytes(window) == bytes(32)
    window[:] = b"\xaa" * 32
    assert all(other.equals(b"\xff" * 32) for other in others)


def test_what_is_dropped_is_given_back() -> None:
    """No handle outlives its last window."""
    gc.collect()
    before = memory()["handles"]
    window = Locked.random(32).view()
    assert memory()["handles"] == before + 1
    del window
    assert memory()["handles"] == before


def test_thousands_of_keys_take_few_locked_pages() -> None:
    """5000 keys of 32 bytes lie in less than 300 KiB, so small memory-lock limits suffice."""
    before = memory()
    keys = [Locked.random(32) for _ in range(5000)]
    assert memory()["bytes"] - before["bytes"] < 300_000
    assert len({address_of(key.view()) for key in keys}) == 5000


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("size", [32, 100_000])
def test_the_kernel_confirms_what_is_promised(size: int) -> None:
    """The mapping is locked, left out of core dumps and wiped on fork, as far as the limits allow."""
    locked = Locked.random(size)
    flags = flags_of_mapping(address_of(locked.view()))
    assert {"dd", "wf"} <= flags
    assert ("lo" in flags) == locked.locked


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the superuser is above the limit elsewhere")
def test_without_anything_left_to_lock_it_works_and_says_so() -> None:
    """`locked` is False where RLIMIT_MEMLOCK is 0; nothing else changes."""
    program = (
        "import os, resource; resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))\n"
        "from localvault.native.memory import Locked\n"
        "os.geteuid() == 0 and (os.setgid(65534), os.setuid(65534))\n"
        "made = Locked.of(b'abc'); print(made.locked, made.equals(b'abc'))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(lambda locked: locked.view(), id="view"),
        pytest.param(lambda locked: locked.equals(MARKER), id="equals"),
        pytest.param(lambda locked: Locked.of(b"x").equals(locked), id="equals another"),
    ],
)
def test_a_child_is_refused_what_the_parent_made(use: Callable[[Locked], object]) -> None:
    """`VaultForked`, whatever is asked; the parent goes on."""
    locked = Locked.of(MARKER)
    assert in_child(lambda: use(locked)) == VaultForked.__name__
    assert locked.equals(MARKER)


def test_a_window_inherited_by_a_child_shows_zeros() -> None:
    """The bytes themselves do not exist in the child."""
    window = Locked.of(MARKER).view()
    assert in_child(lambda: bytes(window)) == repr(bytes(len(MARKER)))
    assert bytes(window) == MARKER


def test_a_child_makes_and_drops_its_own() -> None:
    """Dropping inherited handles and making new ones works as in any process."""
    inherited = [Locked.of(MARKER), Locked.random(100_000)]

    def live() -> object:
        inherited[0].wipe()
        inherited.clear()
        return Locked.of(MARKER).equals(MARKER), memory()["handles"]

    assert in_child(live) == "(True, 0)"


@pytest.mark.parametrize(
    "reveal",
    [
        pytest.param(repr, id="repr"),
        pytest.param(str, id="str"),
        pytest.param(lambda locked: f"{locked} {locked!r} {locked!s} {locked:>40}", id="format"),
        pytest.param(lambda locked: str(dir(locked)), id="dir"),
    ],
)
def test_it_shows_nothing(reveal: Callable[[Locked], str]) -> None:
    """However it is turned into text."""
    assert MARKER.decode() not in reveal(Locked.of(MARKER))


@pytest.mark.parametrize(
    "escape",
    [
        pytest.param(pickle.dumps, id="pickle"),
        pytest.param(copy.copy, id="copy"),
        pytest.param(copy.deepcopy, id="deepcopy"),
        pytest.param(hash, id="hash"),
        pytest.param(vars, id="vars"),
        pytest.param(bytes, id="bytes"),
        pytest.param(memoryview, id="memoryview"),
        pytest.param(list, id="list"),
        pytest.param(lambda locked: locked == locked, id="=="),
        pytest.param(lambda locked: locked != MARKER, id="!="),
        pytest.param(lambda _locked: Locked(), id="constructor"),
    ],
)
def test_it_leaves_by_no_side_door(escape: Callable[[Locked], object]) -> None:
    """Only `view` hands the bytes out; comparison by `==` would not take constant time."""
    with pytest.raises(TypeError):
        escape(Locked.of(MARKER))


@pytest.mark.parametrize("make", [Locked.zero, Locked.random])
def test_impossible_sizes_are_refused(make: Callable[[int], Locked]) -> None:
    """Negative: `ValueError`; more than there can be: `MemoryError`."""
    with pytest.raises(ValueError, match="negative"):
        make(-1)
    with pytest.raises(MemoryError):
        make(1 << 60)


@given(st.binary(max_size=200), st.binary(max_size=200), st.data())
def test_equal_is_equality(a: bytes, b: bytes, data: st.DataObject) -> None:
    """For any two byte strings, and for two that differ in one bit."""
    assert equal(a, b) == (a == b)
    assert equal(a, bytearray(a))
    if a:
        flipped = bytearray(a)
        flipped[data.draw(st.integers(0, len(a) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        assert not equal(a, flipped)


@given(st.binary(max_size=200))
def test_wipe_zeroes_a_writable_buffer(data: bytes) -> None:
    """All of it, in place."""
    buffer = bytearray(data)
    wipe(buffer)
    assert buffer == bytes(len(data))


def test_wipe_refuses_what_it_cannot_write() -> None:
    """A `bytes` is shared by whoever has it; pretending to wipe it would be worse than an error."""
    with pytest.raises((BufferError, TypeError)):
        wipe(b"abc")


def test_threads_make_and_drop_handles_at_once() -> None:
    """Each keeps its own bytes."""
    failures: list[int] = []

    def work(seed: int) -> None:
        pattern = bytes([seed]) * 48
        held = [Locked.of(pattern) for _ in range(50)]
        for turn in range(300):
            held[turn % 50] = Locked.of(pattern)
            if not held[(turn * 7) % 50].equals(pattern):
                failures.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_the_limit_reported_is_the_systems() -> None:
    """`mlock_limit` is None or the soft RLIMIT_MEMLOCK."""
    from localvault.native.features import mlock_limit

    soft, _hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    assert mlock_limit() == (None if soft == resource.RLIM_INFINITY else soft)
