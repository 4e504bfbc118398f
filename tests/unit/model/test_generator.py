"""A generator is within its limits, is plain data, and comes back from that as it was; anything else is refused."""

from __future__ import annotations

import json
import string
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localvault import BadParameter, Generator
from localvault.model.generator import classes_of

MADE = {
    "password": Generator.password(),
    "a PIN": Generator.password(6, lower=False, upper=False, symbols=""),
    "bytes": Generator.bytes(16),
    "base64url": Generator.base64url(1 << 20),
    "hex": Generator.hex(32),
    "named": Generator.named("app"),
    "command": Generator.command(["pwgen", "-s", "32"], timeout=5),
}


@pytest.mark.parametrize("generator", MADE.values(), ids=MADE.keys())
def test_it_comes_back_from_plain_data(generator: Generator) -> None:
    """Through JSON, equal and with an equal hash; what was taken out of it is not its own."""
    again = Generator.from_dict(json.loads(json.dumps(generator.to_dict())))
    assert again == generator
    assert hash(again) == hash(generator)
    assert repr(again) == repr(generator)
    assert repr(generator).startswith(f"Generator.{generator.kind}(")
    taken = again.to_dict()
    taken.get("arguments", []).append("more")
    taken["kind"] = "other"
    assert again == generator


def test_different_ones_are_not_equal() -> None:
    """Nor is a generator its own data."""
    assert len(set(MADE.values())) == len(MADE)
    assert Generator.hex(16) != Generator.hex(16).to_dict()


REFUSED: dict[str, Callable[[], Any]] = {
    "a short password": lambda: Generator.password(5),
    "a long password": lambda: Generator.password(257),
    "half a character": lambda: Generator.password(8.5),
    "a length that is a flag": lambda: Generator.password(True),
    "no classes": lambda: Generator.password(lower=False, upper=False, digits=False, symbols=""),
    "one character": lambda: Generator.password(lower=False, upper=False, digits=False, symbols="!"),
    "a class all excluded": lambda: Generator.password(exclude=string.digits),
    "more of each than fit": lambda: Generator.password(32, at_least=9),
    "less than none of each": lambda: Generator.password(at_least=-1),
    "a letter for a symbol": lambda: Generator.password(symbols="!a"),
    "a blank for a symbol": lambda: Generator.password(symbols=" "),
    "an umlaut for a symbol": lambda: Generator.password(symbols="ä"),
    "symbols that are no text": lambda: Generator.password(symbols=None),
    "a flag that is none": lambda: Generator.password(lower=1),
    "an endless exclusion": lambda: Generator.password(exclude="x" * 257),
    "few bytes": lambda: Generator.bytes(15),
    "many bytes": lambda: Generator.hex((1 << 20) + 1),
    "bytes in words": lambda: Generator.base64url("16"),
    "no name": lambda: Generator.named(""),
    "a name with a path": lambda: Generator.named("../x"),
    "a name that is none": lambda: Generator.named(5),
    "a command line": lambda: Generator.command("rm -rf /"),
    "no command": lambda: Generator.command([]),
    "an empty program": lambda: Generator.command(["", "x"]),
    "a zero byte": lambda: Generator.command(["x", "\0"]),
    "half a pair": lambda: Generator.command(["x", "\ud800"]),
    "bytes for an argument": lambda: Generator.command([b"x"]),
    "many arguments": lambda: Generator.command(["x"] * 65),
    "a long argument": lambda: Generator.command(["x" * 4097]),
    "no time": lambda: Generator.command(["x"], timeout=0),
    "no number": lambda: Generator.command(["x"], timeout=float("nan")),
    "too much time": lambda: Generator.command(["x"], timeout=3601),
    "time in words": lambda: Generator.command(["x"], timeout="5"),
    "time that is a flag": lambda: Generator.command(["x"], timeout=True),
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_out_of_range_is_refused(make: Callable[[], Any]) -> None:
    """When it is made, not when a value is needed in the night."""
    with pytest.raises(BadParameter):
        make()


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | st.integers(), inner),
    max_leaves=8,
)
KINDS = sorted({generator.kind for generator in MADE.values()})
PARTS = sorted({part for generator in MADE.values() for part in generator.to_dict()})


@settings(max_examples=50)
@given(ANYTHING | st.dictionaries(st.sampled_from(PARTS), ANYTHING | st.sampled_from(KINDS), max_size=5))
def test_whatever_is_stored_is_a_generator_or_is_refused(data: Any) -> None:
    """A backup may come from anybody: what is read is within the limits, and every other thing is one error of ours."""
    try:
        found = Generator.from_dict(data)
    except BadParameter:
        return
    assert Generator.from_dict(found.to_dict()) == found


@pytest.mark.parametrize("kind", KINDS)
def test_every_part_is_checked_when_it_is_read(kind: str) -> None:
    """A part of another type, one too many, or one of another name makes it none."""
    whole = next(generator for generator in MADE.values() if generator.kind == kind).to_dict()
    for part in whole:
        for other in (None, {}, b"", [[]], -1):
            with pytest.raises(BadParameter):
                Generator.from_dict(whole | {part: other})
    with pytest.raises(BadParameter):
        Generator.from_dict(whole | {"more": 1})


def test_a_symbol_given_twice_is_no_likelier() -> None:
    """And what is excluded is in no class."""
    rules = Generator.password(symbols="!!?", exclude="ab!01").to_dict()
    lower, upper, digits, symbols = classes_of(rules)
    assert (lower, symbols) == (string.ascii_lowercase[2:], "?")
    assert (upper, digits) == (string.ascii_uppercase, "23456789")
