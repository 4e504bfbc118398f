"""A type built on `Hidden` lets nothing out but by the attribute that names it."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from localvault.model.hidden import Hidden


class Bearer(Hidden):
    """Carries a marker."""

    __slots__ = ("held",)

    def __init__(self, held: str) -> None:
        self.held = held


class Heir(Bearer):
    """Carries another one."""

    __slots__ = ("more",)

    def __init__(self, held: str) -> None:
        super().__init__(held)
        self.more = held


bearing = pytest.mark.parametrize("bearer", [Bearer("marker"), Heir("marker")], ids=["a type", "its heir"])


@bearing
@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        ascii,
        format,
        lambda b: f"{b!r:^99}",
        lambda b: f"{b:>99}",
        lambda b: str.__mod__("%s %r", (b, b)),
    ],
)
def test_no_text_shows_it(bearer: Bearer, show: Callable[[object], str]) -> None:
    """The type is told, and that the rest is not."""
    assert f"{type(bearer).__name__}: not shown" in show(bearer)
    assert "marker" not in show(bearer)


ESCAPES: dict[str, Callable[[Any], object]] = {
    **{f"pickle {protocol}": lambda b, p=protocol: pickle.dumps(b, p) for protocol in range(6)},
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "deepcopy of a list": lambda b: copy.deepcopy([b]),
    "reduce": lambda b: b.__reduce_ex__(4),
    "vars": vars,
    "dict": dict,
    "hash": hash,
    "a set": lambda b: {b},
    "asdict": dataclasses.asdict,
    "replace": lambda b: dataclasses.replace(b),
    "json": json.dumps,
    "bytes": bytes,
    "iter": iter,
}


@bearing
@pytest.mark.parametrize("escape", ESCAPES.values(), ids=ESCAPES)
def test_no_general_function_takes_it_apart(bearer: Bearer, escape: Callable[[Any], object]) -> None:
    """Pickle, copy, dictionaries, hashes: a `TypeError` that does not tell it either."""
    with pytest.raises(TypeError) as refused:
        escape(bearer)
    assert "marker" not in str(refused.value)


def test_the_attribute_that_names_it_gives_it() -> None:
    """What it is for."""
    assert Bearer("marker").held == "marker"
