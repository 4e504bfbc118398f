"""Text from a vault on its way to a terminal or a line of output.

Relies on nothing. Promises: what `visible` returns is one line without control characters, so that no tag, name or
message can move a cursor, clear a screen, start a line of its own or turn the reading direction round.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime

# Cc: control characters; Cf: invisible ones such as direction marks; Zl, Zp: line ends; Cs: half pairs no UTF-8 has.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def visible(text: str) -> str:
    """Return `text` with every control character and every other invisible one as an escape such as `\\x1b`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(c) if unicodedata.category(c) in _UNSEEN else c for c in text)


def is_plain(text: str) -> bool:
    """Whether `text` can go to a terminal as it is: nothing invisible in it but ends of lines and tabs."""
    return not any(unicodedata.category(c) in _UNSEEN and c not in "\n\t" for c in text)


def moment(time: datetime | None) -> str:
    """Return a time for people, in UTC and whole seconds; nothing for none."""
    return "" if time is None else time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def day(time: datetime | None) -> str:
    """Return the day of a time, in UTC, where the hour would only take room; nothing for none."""
    return moment(time).partition("T")[0]


def pairs(tags: Mapping[str, str]) -> str:
    """Return tags as `a=b, c=d`, by name."""
    return ", ".join(f"{name}={value}" for name, value in sorted(tags.items()))


def yes(flag: bool) -> str:
    """Return a flag for people."""
    return "yes" if flag else "no"


def _escape(character: str) -> str:
    return character.encode("unicode-escape").decode("ascii")
