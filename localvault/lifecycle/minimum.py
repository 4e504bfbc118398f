"""Where a key's retired versions end: its version policy as the head record keeps it, resolved to one version id.

Relies on the order of version ids. Promises: which versions are retired is one comparison, whatever the policy and
however many versions there are; a new version moves the border in as little time with ten thousand as with two.

In `head.settings["minimum_open"]`, a map:

    lowest   id (16 bytes) of the oldest version that opens; empty where the policy has no minimum
    minus    how many versions before the current one open, or nil for a minimum that does not move
    newer    with `minus`: how many versions are newer than `lowest`
    keep     how many of the newest versions are never trimmed
    marks    [[time (µs), id], …]: since that time, or longer, the versions before that id have been retired

The rejected alternative, to count back from the current version at each use, costs every use what only a rotation has
to pay; and to keep the last ids in the head makes every head as long as the policy says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from localvault.model.clock import DAY
from localvault.model.ids import ID_BYTES, made_on
from localvault.model.settings import RETENTION_MAX
from localvault.model.version_policy import MINUS_MAX, VersionPolicy

SETTING = "minimum_open"
NO_MINIMUM = b""  # sorts before every id
_NEAR = 4 * DAY  # µs: two marks as near as that become one, so there are never more than some twenty

State = dict[str, Any]
Settings = dict[str, Any] | None
Marks = list[list[Any]]


def lowest(settings: Settings) -> bytes:
    """Return the id of the oldest version that opens; empty if every one does."""
    if settings is None or SETTING not in settings:
        return NO_MINIMUM
    found: bytes = settings[SETTING]["lowest"]
    return found


def policy_of(settings: Settings) -> VersionPolicy:
    """Return the policy as it was set."""
    if settings is None or SETTING not in settings:
        return VersionPolicy()
    state = settings[SETTING]
    if state["minus"] is not None:
        return VersionPolicy(latest_minus=state["minus"], keep=state["keep"])
    return VersionPolicy(minimum_open=state["lowest"].hex() or None, keep=state["keep"])


def with_policy(
    settings: Settings, policy: VersionPolicy, lowest_id: bytes, newer: int, now: int
) -> Settings:
    """Return the settings of a head that is given `policy`, which at `now` (µs) comes down to these two."""
    rest = {name: value for name, value in (settings or {}).items() if name != SETTING}
    if policy != VersionPolicy():
        marks = [] if settings is None or SETTING not in settings else settings[SETTING]["marks"]
        rest[SETTING] = {
            "lowest": lowest_id,
            "minus": policy.latest_minus,
            "newer": newer,
            "keep": policy.keep,
            "marks": _marked(marks, lowest_id, now),
        }
    return rest or None


def moved(settings: Settings, later: Iterator[bytes], new: bytes, now: int) -> Settings:
    """Return the settings of a head whose key gets the version `new` at `now` (µs).

    `later`: the ids in the store that come after the oldest version that opens, in order; asked for one at most.
    """
    if settings is None or SETTING not in settings or settings[SETTING]["minus"] is None:
        return settings
    state = settings[SETTING]
    if state["newer"] < state["minus"]:
        return settings | {SETTING: state | {"newer": state["newer"] + 1}}
    lowest_id = next(later, new)
    marks = _marked(state["marks"], lowest_id, now)
    return settings | {SETTING: state | {"lowest": lowest_id, "marks": marks}}


def retired_since(settings: Settings, moment: int) -> bytes:
    """Return the id before which every version has been retired since `moment` (µs) or longer; empty if none has."""
    marks = [] if settings is None or SETTING not in settings else settings[SETTING]["marks"]
    found: list[bytes] = [border for since, border in marks if since <= moment]
    return max(found, default=NO_MINIMUM)


def _marked(marks: Marks, border: bytes, now: int) -> Marks:
    """Return the marks of a key whose border is `border` from `now` (µs) on."""
    if border == NO_MINIMUM:
        return []
    # A border set back brings versions into use again, and takes back what was told of them.
    kept = [[since, min(mark, border)] for since, mark in marks]
    kept = [mark for at, mark in enumerate(kept) if not at or kept[at - 1][1] < mark[1]]
    if kept and kept[-1][1] == border:
        return kept
    # A clock set back makes nothing older than it is: nothing was retired before the version was made that took over.
    now = max(now, made_on(border), *(since for since, _ in kept[-1:]))
    if len(kept) > 1 and kept[-1][0] - kept[-2][0] < _NEAR:
        kept.pop()  # what it told of is told a little later by the one that comes now
    # Retention is 90 days at most: of what is older, the newest mark tells all there is to know.
    old = sum(since <= now - RETENTION_MAX * DAY for since, _ in kept)
    return [*kept[max(0, old - 1) :], [now, border]]


def is_whole(settings: Settings, ids: set[bytes], current: bytes) -> bool:
    """Whether a policy that came in a backup, beside these versions, is such as `with_policy` makes it.

    One that has another form would break each use of the key. And it holds for versions in the order of their ids
    alone, which is the order of every key that was made and not put together by somebody.
    """
    if settings is None or SETTING not in settings:
        return True
    state = settings[SETTING]
    if not isinstance(state, dict) or set(state) != {"lowest", "minus", "newer", "keep", "marks"}:
        return False
    lowest_id, minus = state["lowest"], state["minus"]
    if not isinstance(lowest_id, bytes):
        return False
    newer = 0 if minus is None else sum(each > lowest_id for each in ids)
    return (
        max(ids) == current
        and (lowest_id in ids or (lowest_id == NO_MINIMUM and minus is None))
        and (minus is None or _is_number(minus, newer))
        and (type(state["newer"]), state["newer"]) == (int, newer)
        and _is_number(state["keep"], 1)
        and isinstance(state["marks"], list)
        and all(_is_mark(mark) for mark in state["marks"])
    )


def _is_number(number: object, least: int) -> bool:
    return type(number) is int and least <= number <= MINUS_MAX


def _is_mark(mark: object) -> bool:
    return (
        isinstance(mark, list)
        and len(mark) == 2
        and type(mark[0]) is int
        and isinstance(mark[1], bytes)
        and len(mark[1]) == ID_BYTES
    )
