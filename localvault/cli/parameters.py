"""What an argument may look like where it is more than text: moments, tags, variables, algorithms.

Relies on click, which calls these with the text and shows what they say. Promises: a moment without a time zone is
refused, because guessing one would move an expiry by hours.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any, Protocol, TypeVar

import click

from localvault.cli.options import FILE
from localvault.operations import OPERATIONS

F = TypeVar("F", bound=Callable[..., Any])


class Decorator(Protocol):
    """What adds options to a command's function and leaves its type alone."""

    def __call__(self, function: F, /) -> F:
        """Return `function` with the options added."""


_RELATIVE = re.compile(r"([+-])([0-9]{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str) -> datetime:
    """Return `2027-01-31T12:00:00Z`, `2027-01-31T12:00+02:00`, or from now on `+90d` or `-12h`, as an aware time."""
    if found := _RELATIVE.fullmatch(text):
        sign, number, unit = found.groups()
        return datetime.now(UTC) + timedelta(**{_UNITS[unit]: int(sign + number)})
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no moment; 2027-01-31T12:00:00Z or +90d (s, m, h, d, w) would be"
        ) from None
    if time.tzinfo is None:
        raise click.BadParameter(f"{text!r} has no time zone; add Z or an offset such as +02:00")
    return time


def operation(text: str) -> str:
    """Return the name of an operation in the table: what is misspelt would be found in no event, and nobody told."""
    if text in OPERATIONS:
        return text
    folded = {name.casefold(): name for name in OPERATIONS}
    like = get_close_matches(text.casefold(), folded, n=1)
    hint = f"; {folded[like[0]]} is" if like else ""
    raise click.BadParameter(f"{text!r} is not an operation{hint}")


def tag(text: str) -> tuple[str, str]:
    """Return `name=value` as name and value."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise click.BadParameter(f"{text!r} is not name=value")
    return name, value


def properties(*, content_type: bool, tags_help: str = "A tag; may be repeated.") -> Decorator:
    """Return a decorator that adds the options for the properties of a version."""
    found = [
        click.option("--tag", "tags", type=tag, multiple=True, metavar="NAME=VALUE", help=tags_help),
        click.option("--enabled/--disabled", default=None, help="Whether the version may be used."),
        click.option("--not-before", type=moment, metavar="MOMENT", help="From when it is to be used."),
        click.option("--expires-on", type=moment, metavar="MOMENT", help="Until when it is to be used."),
    ]
    if content_type:
        found.insert(0, click.option("--content-type", metavar="TEXT", help="What the value is."))
    return in_order(*found)


def of_new(properties: dict[str, Any]) -> dict[str, Any]:
    """Return what the options of `properties` said, as `set`, `create` and `import_` take it."""
    return properties | {"tags": dict(properties["tags"]), "enabled": properties["enabled"] is not False}


def of_update(properties: dict[str, Any], clear: tuple[str, ...]) -> dict[str, Any]:
    """Return what `update` is to change: the options that were given, and None for what is to be cleared."""
    found = properties | {"tags": dict(properties["tags"])}
    found = {name: value for name, value in found.items() if value not in (None, (), {})}
    for name in (option.replace("-", "_") for option in clear):
        if name in found:
            raise click.UsageError(f"{name.replace('_', '-')} is both given and cleared")
        found[name] = None
    return found


def version(what: str = "The version (32 hex digits); the current one unless given.") -> Decorator:
    """Return a decorator that adds --version."""
    return click.option("--version", metavar="HEX", help=what)


def out(what: str) -> Decorator:
    """Return a decorator that adds --out."""
    help_text = f"Write {what} to this new file (- for standard output)."
    return click.option("--out", type=FILE, metavar="FILE", help=help_text)


def cleared(*names: str) -> Decorator:
    """Return a decorator that adds --clear, which takes properties away."""
    return click.option(
        "--clear", type=click.Choice(names), multiple=True, help="Take this away; may be repeated."
    )


def in_order(*decorators: Decorator) -> Decorator:
    """Return one decorator that does what these do, written one below the other."""

    def decorate(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate
