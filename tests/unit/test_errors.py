"""The error tree is the one its module draws."""

from __future__ import annotations

import inspect
import re

import pytest

import localvault
from localvault import errors


def drawn() -> dict[str, str]:
    """Return each class of the drawing with the class it hangs under."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"    ([│ ├└─]*)([A-Z]\w+)", line):
            depth = len(match[1]) // 4
            path[depth:] = [match[2]]
            parents[match[2]] = path[depth - 1] if depth else "LocalVaultError"
    return parents


def test_the_drawing_is_the_tree() -> None:
    """Every class is drawn under its parent, and nothing is drawn that does not exist."""
    classes = {
        name: cls
        for name, cls in inspect.getmembers(errors, inspect.isclass)
        if issubclass(cls, errors.LocalVaultError)
    }
    assert len(classes) > 30
    assert {
        name: cls.__bases__[0].__name__ for name, cls in classes.items() if name != "LocalVaultError"
    } == {name: parent for name, parent in drawn().items() if name != "LocalVaultError"}


def test_every_error_is_public_and_has_a_code_of_its_own_or_its_parents() -> None:
    """A caller can catch every error by its public name and map it by its code."""
    for name in drawn():
        assert getattr(localvault, name) is getattr(errors, name)
        assert getattr(errors, name).code


@pytest.mark.parametrize("hint", [None, "do this"])
def test_an_error_keeps_sentence_and_hint_apart(hint: str | None) -> None:
    """The message holds the sentence alone; the hint stands beside it."""
    error = errors.BadParameter("a sentence", hint=hint)
    assert (error.message, str(error), error.hint) == ("a sentence", "a sentence", hint)
