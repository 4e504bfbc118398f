"""Which level a process uses: what is asked for or an error, else the best that passed, else `cryptography`."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from localvault.errors import BadParameter
from localvault.native import levels
from localvault.native.core import lib
from localvault.native.levels import OFF, VARIABLE, choose
from tests.support.natives import WAYS, run_with

USABLE = [level for level in levels.levels() if level.usable]
needs_level = pytest.mark.skipif(not USABLE, reason="this processor has no level")


class Core:
    """The core on a processor of our choosing: a status for each level, `LV_OK` for those not named."""

    def __init__(self, **states: int) -> None:
        self._states = states

    def __getattr__(self, name: str) -> Any:
        return getattr(lib, name)

    def lv_level_name(self, number: int) -> Any:
        """The names of an x86 build."""
        return lib.lv_level_name(number)

    def lv_level_status(self, number: int) -> int:
        """What was given, or the best."""
        name = levels.ffi.string(lib.lv_level_name(number)).decode()  # type: ignore[union-attr]
        return self._states.get(name, lib.LV_OK)


@pytest.fixture
def core(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a processor in the place of this one."""

    def put(**states: int) -> list[str]:
        monkeypatch.setattr(levels, "lib", Core(**states))
        return [level.name for level in levels.levels()]

    return put


def test_the_names_of_all_levels_are_known() -> None:
    """Every level of this build has a name and one of three states, and numbers count from the best."""
    found = levels.levels()
    assert [level.number for level in found] == list(range(len(found)))
    assert {level.name for level in found} <= {"avx512", "avx2", "aesni", "arm64"}
    assert {level.state for level in found} <= {
        "usable",
        "not on this processor",
        "failed its self-test",
    }


@needs_level
@pytest.mark.parametrize("level", USABLE, ids=lambda level: level.name)
def test_a_forced_level_is_used(level: levels.Level) -> None:
    """Whether or not there is a better one."""
    assert choose(level.name) == level


@needs_level
@pytest.mark.parametrize("wanted", [None, ""])
def test_unforced_it_is_the_best(wanted: str | None) -> None:
    """An empty variable is none."""
    assert choose(wanted) == USABLE[0]


def test_off_is_cryptography() -> None:
    """Whatever the processor can."""
    assert choose(OFF) is None


@pytest.mark.parametrize("wanted", ["avx1024", "AVX2", "auto", "avx2 ", "none"])
def test_an_unknown_level_is_an_error_that_names_the_known(wanted: str) -> None:
    """So that a slip of the pen does not mean something slow, or something untested."""
    with pytest.raises(BadParameter, match="no such level") as error:
        choose(wanted)
    assert error.value.hint is not None
    for level in levels.levels():
        assert level.name in error.value.hint
    assert OFF in error.value.hint


@needs_level
def test_a_level_this_processor_does_not_have_is_an_error(core: Any) -> None:
    """Forced, it is never replaced by another."""
    best = core()[0]
    core(**{best: lib.LV_NO_LEVEL})
    with pytest.raises(BadParameter, match="not on this processor"):
        choose(best)


@needs_level
def test_a_failed_self_test_falls_to_the_next_level_down(core: Any) -> None:
    """One after another, at last to `cryptography`; forced, it is an error."""
    names = core()
    failing: dict[str, int] = {}
    for name, below in zip(names, [*names[1:], None], strict=True):
        failing[name] = lib.LV_WRONG
        core(**failing)
        found = choose(None)
        assert (found.name if found else None) == below
        with pytest.raises(BadParameter, match="failed its self-test"):
            choose(name)


@needs_level
def test_another_interpreter_gets_cryptography(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results are written into bytes in place, which only CPython's allow; a forced level is an error there."""
    monkeypatch.setattr(levels, "sys", SimpleNamespace(implementation=SimpleNamespace(name="pypy")))
    assert choose(None) is None
    assert choose(OFF) is None
    with pytest.raises(BadParameter, match="CPython"):
        choose(USABLE[0].name)


SHOW = """
from localvault.native import face, levels
print(face.XaesKey.__module__, levels.CHOSEN.name if levels.CHOSEN else None)
"""


@pytest.mark.parametrize("way", WAYS)
def test_the_variable_chooses_for_the_whole_process(way: str) -> None:
    """And the face is that level's, or `cryptography`'s."""
    module, name = run_with(way, SHOW).split()
    assert (module, name) == (
        ("localvault.native.fallback", "None") if way == OFF else ("localvault.native.xaes", way)
    )


def test_a_wrong_variable_ends_the_import() -> None:
    """With the sentence, and before anything was sealed."""
    program = (
        "import localvault.errors\n"
        "try:\n    import localvault.native.face\n"
        "except localvault.errors.BadParameter as error:\n    print(error.message)\n"
    )
    assert run_with("avx1024", program) == f"{VARIABLE}=avx1024: this build has no such level\n"


# Each level in a process of its own: what one makes, all others open.

CROSS = """
import json, sys
from localvault.model.packed import Packed
from localvault.native import face, lists
from localvault.native.memory import Locked

given = json.loads(sys.stdin.read())
old, new = (face.XaesKey(Locked.of(letter * 32)) for letter in (b"o", b"n"))
gcm = {size: face.GcmKey(Locked.of(b"g" * size)) for size in (16, 24, 32)}
OLD, NEW, AT = b"\\1\\1" + b"o" * 16, b"\\1\\1" + b"n" * 16, slice(2, 18)
keys = {OLD[AT]: old, NEW[AT]: new}.__getitem__
sizes = [*range(0, 70), 127, 128, 129, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025, 4096, 4111, 17000, 70001]
items = [bytes((size + i) % 256 for i in range(size)) for size in sizes]
made = {"single": [], "gcm": []}
for item in items:
    nonce = len(item).to_bytes(24)
    made["single"].append(old.seal(nonce, item, b"aad" * (len(item) % 9)).hex())
    for key in gcm.values():
        made["gcm"].append(key.seal(nonce[12:], item, b"a" * (len(item) % 33)).hex())
batch = old.batch()
made["batch"] = [(nonce + sealed).hex() for nonce, sealed in (batch.seal(item, b"aad") for item in items)]
made["many"] = [token.hex() for token in face.seal_many(old, OLD, Packed.of(items), b"context").to_list()]
made["lists"] = [token.hex() for token in lists.seal_list(old, OLD, items, b"context")]
for name in ("many", "lists"):
    tokens = [bytes.fromhex(token) for token in made[name]]
    moved, failed = face.rewrap_many(keys, 18, AT, new, NEW, Packed.of(tokens), b"context")
    assert not failed
    made["rewrapped " + name] = [token.hex() for token in moved.to_list()]

for theirs in given:
    for item, sealed in zip(items, theirs["single"], strict=True):
        assert old.open(len(item).to_bytes(24), bytes.fromhex(sealed), b"aad" * (len(item) % 9)) == item
    for sealed, item in zip(theirs["batch"], items, strict=True):
        sealed = bytes.fromhex(sealed)
        assert old.open(sealed[:24], sealed[24:], b"aad") == item
    pairs = iter(theirs["gcm"])
    for item in items:
        for key in gcm.values():
            opened = key.open(len(item).to_bytes(24)[12:], bytes.fromhex(next(pairs)), b"a" * (len(item) % 33))
            assert opened == item
    for name in ("many", "lists", "rewrapped many", "rewrapped lists"):
        tokens = [bytes.fromhex(token) for token in theirs[name]]
        plain, failed = face.open_many(keys, 18, AT, Packed.of(tokens), b"context")
        assert (plain.to_list(), failed) == (items, [])
        tokens[3] = tokens[3][:-1] + bytes([tokens[3][-1] ^ 1])
        plain, failed = lists.open_list(keys, 18, AT, tokens, b"context")
        assert (plain[3], failed) == (b"", [3])
        moved, failed = lists.rewrap_list(keys, 18, AT, old, OLD, tokens, b"context")
        assert failed == [3]
        moved[3] = made["many"][3] and bytes.fromhex(made["many"][3])
        assert face.open_many(keys, 18, AT, Packed.of(moved), b"context")[0].to_list() == items
print(json.dumps(made))
"""


def test_what_one_level_makes_all_others_open() -> None:
    """One by one, in batches, in bulk, as lists, moved to another key; the same bytes where the nonce is given."""
    made = {way: json.loads(run_with(way, CROSS, "[]")) for way in WAYS}
    assert len(made) == len(USABLE) + 1
    for name in ("single", "gcm"):
        assert len({json.dumps(each[name]) for each in made.values()}) == 1
    everything = json.dumps(list(made.values()))
    for way in WAYS:
        run_with(way, CROSS, everything)


# CPython before 3.12.7 crashes when it collects, in one cycle, a memoryview and a window that C has on it.
CYCLES = """
import gc, sys
from localvault.errors import DecryptionFailed, BadParameter
from localvault.model.packed import Packed
from localvault.native import face
from localvault.native.memory import Locked
from localvault.native.target import callers_target

key, gcm = face.XaesKey(Locked.of(bytes(32))), face.GcmKey(Locked.of(bytes(32)))
PREFIX = b"\\1\\1" + bytes(16)


def refuse(_key_id):
    raise BadParameter("ends the call")


def keep(use):
    # A cycle that holds the exception, and with it every frame it went through.
    try:
        use()
    except (DecryptionFailed, BadParameter, ValueError) as error:
        cycle = [error]
        cycle.append(cycle)
        return
    raise AssertionError("it should have failed")


def view(size):
    # Nobody has it but the call: it is collected with the frames.
    return memoryview(bytearray(size))


def tokens():
    return Packed(memoryview(bytearray(PREFIX + bytes(100))), memoryview(bytearray(bytes(8) + b"v" + bytes(7))))


for turn in range(20):
    keep(lambda: key.open(bytes(24), view(100), b""))
    keep(lambda: key.open(bytes(24), view(16), b""))
    keep(lambda: key.open_into(bytes(24), view(100), b"", view(84)))
    keep(lambda: key.open_into(bytes(24), view(100), b"", view(1)))
    keep(lambda: gcm.open(bytes(12), view(100)))
    keep(lambda: gcm.open(bytes(12), view(16)))
    keep(lambda: face.open_many(refuse, 18, slice(2, 18), tokens(), b"", view(300)))
    keep(lambda: face.rewrap_many(refuse, 18, slice(2, 18), key, PREFIX, tokens(), b"", view(300)))
    keep(lambda: face.seal_many(key, PREFIX, tokens(), b"", view(5)))
    keep(lambda: Packed(view(3), memoryview(bytearray(bytes(8) + b"v" + bytes(7)))))
    keep(lambda: callers_target(view(3), 3, tokens()) and refuse(b""))
    gc.collect()
print("alive")
"""


@pytest.mark.parametrize("way", WAYS)
def test_an_error_kept_in_a_cycle_does_no_harm(way: str) -> None:
    """Errors of calls on memoryviews may be kept, with all their frames, and collected whenever Python likes."""
    assert run_with(way, CYCLES) == "alive\n"


def test_the_interpreter_is_the_one_the_levels_are_for() -> None:
    """These tests run what users run."""
    assert sys.implementation.name == "cpython"
