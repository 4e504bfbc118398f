"""Rotation policies: when an object gets a new version by itself, how long that lives, when its end is announced.

Source: Key Vault's key rotation policy, names as in the Azure SDK's `KeyRotationPolicy`; its JSON form is that of the
REST interface, times in seconds since 1970. Relies on `durations`. Promises: a policy never changes; what a
constructor took has the form of one; whether it keeps a vault's rules is for `check` to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from localvault.errors import BadParameter
from localvault.model.clock import DAY, LATEST, MICROSECONDS, to_datetime
from localvault.model.durations import duration_text, parse

ROTATE: Final = "Rotate"
NOTIFY: Final = "Notify"
_ACTIONS = {name.lower(): name for name in (ROTATE, NOTIFY)}
# What holds for an object without a policy, and for one whose policy does not say: Key Vault's default.
NOTIFY_BEFORE = "P30D"


class LifetimeAction:
    """One thing to be done in the life of a version: `Rotate` it, or `Notify` that it is near its expiry."""

    __slots__ = ("_action", "_time_after_create", "_time_before_expiry")

    def __init__(
        self,
        action: str,
        time_after_create: str | timedelta | None = None,
        time_before_expiry: str | timedelta | None = None,
    ) -> None:
        """Say when, by one of the two times: ISO 8601 durations such as `P90D`, or a `timedelta`.

        Raises:
            BadParameter: no such action, not exactly one time, or a `Notify` that is not before the expiry.
        """
        given: object = action  # whatever a caller without types handed in
        name = _ACTIONS.get(given.lower()) if isinstance(given, str) else None
        if name is None:
            raise BadParameter("an action of a rotation policy is 'Rotate' or 'Notify'")
        if (time_after_create is None) == (time_before_expiry is None):
            raise BadParameter(f"{name} has one time: time_after_create or time_before_expiry")
        if name == NOTIFY and time_before_expiry is None:
            raise BadParameter("Notify tells of an expiry, so its time is a time_before_expiry")
        self._action = name
        self._time_after_create = _optional(time_after_create, "time_after_create")
        self._time_before_expiry = _optional(time_before_expiry, "time_before_expiry")

    @property
    def action(self) -> str:
        """`Rotate` or `Notify`."""
        return self._action

    @property
    def time_after_create(self) -> str | None:
        """How long after the version was made, as an ISO 8601 duration."""
        return self._time_after_create

    @property
    def time_before_expiry(self) -> str | None:
        """How long before the version expires, as an ISO 8601 duration."""
        return self._time_before_expiry

    def to_dict(self) -> dict[str, Any]:
        """Return the action in Key Vault's JSON form."""
        after, before = self._time_after_create, self._time_before_expiry
        trigger = {"timeBeforeExpiry": before} if after is None else {"timeAfterCreate": after}
        return {"trigger": trigger, "action": {"type": self._action}}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LifetimeAction) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((self._action, self._time_after_create, self._time_before_expiry))

    def __repr__(self) -> str:
        after, before = self._time_after_create, self._time_before_expiry
        when = f"time_before_expiry={before!r}" if after is None else f"time_after_create={after!r}"
        return f"LifetimeAction({self._action!r}, {when})"


class RotationPolicy:
    """When an object is rotated, and how long its new versions live; equal to another one that asks for the same."""

    __slots__ = ("_created", "_expires_in", "_id", "_lifetime_actions", "_updated")

    def __init__(
        self,
        expires_in: str | timedelta | None = None,
        lifetime_actions: Iterable[LifetimeAction] = (),
    ) -> None:
        """Make a policy to be set; its `id` and the times it was set are the vault's to tell.

        Args:
            expires_in: how long new versions live: an ISO 8601 duration such as `P1Y`, or a `timedelta`.
            lifetime_actions: at most one `Rotate` and one `Notify`.

        Raises:
            BadParameter: something that is no duration or no action, or two actions of one kind.
        """
        self._expires_in = _optional(expires_in, "expires_in")
        self._lifetime_actions = _checked(lifetime_actions)
        self._id: str | None = None
        self._created: datetime | None = None
        self._updated: datetime | None = None

    def told(
        self, url: str | None, created_on: datetime | None, updated_on: datetime | None
    ) -> RotationPolicy:
        """Return the same policy as one that was read: with its URL, and when it was first and last set."""
        told = RotationPolicy(self._expires_in, self._lifetime_actions)
        told._id, told._created, told._updated = url, created_on, updated_on
        return told

    @property
    def expires_in(self) -> str | None:
        """How long new versions live, as an ISO 8601 duration; None leaves them the lifetime of the one before."""
        return self._expires_in

    @property
    def lifetime_actions(self) -> tuple[LifetimeAction, ...]:
        """What is done when, at most one `Rotate` and one `Notify`."""
        return self._lifetime_actions

    @property
    def id(self) -> str | None:
        """The URL of the policy; None while it is only meant to be set."""
        return self._id

    @property
    def created_on(self) -> datetime | None:
        """When the object first got a policy (UTC)."""
        return self._created

    @property
    def updated_on(self) -> datetime | None:
        """When the policy was last set (UTC)."""
        return self._updated

    @property
    def is_empty(self) -> bool:
        """Whether it asks for nothing."""
        return self._expires_in is None and not self._lifetime_actions

    def action(self, name: str) -> LifetimeAction | None:
        """Return the action of that name (`Rotate`, `Notify`), or None."""
        return next((each for each in self._lifetime_actions if each.action == name), None)

    def to_dict(self) -> dict[str, Any]:
        """Return the policy in Key Vault's JSON form: `id`, `lifetimeActions`, `attributes` (times in seconds)."""
        attributes = {
            "expiryTime": self._expires_in,
            "created": _seconds(self._created),
            "updated": _seconds(self._updated),
        }
        document: dict[str, Any] = {} if self._id is None else {"id": self._id}
        document["lifetimeActions"] = [each.to_dict() for each in self._lifetime_actions]
        document["attributes"] = {name: value for name, value in attributes.items() if value is not None}
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> RotationPolicy:
        """Return the policy that Key Vault's JSON form describes.

        Raises:
            BadParameter: not of that form; a member it does not have is refused, for it may be a misspelt one.
        """
        members = _members(document, "a rotation policy", "id", "lifetimeActions", "attributes")
        attributes = _members(members["attributes"], "attributes", "expiryTime", "created", "updated")
        actions = members["lifetimeActions"]
        if not isinstance(actions, list | tuple | None):
            raise BadParameter("lifetimeActions is a list")
        if not isinstance(members["id"], str | None):
            raise BadParameter("id is a URL")
        policy = cls(attributes["expiryTime"], [_action_of(each) for each in actions or ()])
        created, updated = (_moment(attributes[name], name) for name in ("created", "updated"))
        return policy.told(members["id"], created, updated)

    def _asks(self) -> tuple[object, ...]:
        return self._expires_in, frozenset(self._lifetime_actions)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RotationPolicy) and self._asks() == other._asks()

    def __hash__(self) -> int:
        return hash(self._asks())

    def __repr__(self) -> str:
        return f"RotationPolicy({self._expires_in!r}, {list(self._lifetime_actions)!r})"


def check(policy: RotationPolicy, *, rotation_minimum_days: int, expiry_minimum_days: int) -> None:
    """Return if a vault with these minimum intervals (days) may have the policy.

    Raises:
        BadParameter: a time is shorter than they allow, a rotation before an expiry nobody sets, or a policy whose
            new versions would be due at once.
    """
    least = rotation_minimum_days * DAY
    life = None if policy.expires_in is None else parse(policy.expires_in)
    if life is not None and life.shortest < expiry_minimum_days * DAY:
        raise BadParameter(
            f"expires_in {life.text} may be less than the {expiry_minimum_days} days a version lives at least",
            hint="the vault's setting expiry_minimum_days lowers that",
        )
    for each in policy.lifetime_actions:
        after, before = each.time_after_create, each.time_before_expiry
        text = after if before is None else before
        assert text is not None, "an action has one of the two times"
        span = parse(text)
        if span.shortest < least:
            raise BadParameter(
                f"{each.action}: {text} may be less than the {rotation_minimum_days} days there are at least from a "
                "version's creation and before its expiry",
                hint="the vault's setting rotation_minimum_days lowers that",
            )
        if life is None:
            if each.action == ROTATE and before is not None:
                raise BadParameter(
                    "a rotation before the expiry needs expires_in: else the new version has none",
                    hint="set expires_in, or rotate at a time_after_create",
                )
            continue
        # The other end of the interval. A second at least, whatever the settings say: a version that is due for
        # rotation when it is made would be rotated for ever.
        room = life.shortest - span.longest
        if room < max(least if each.action == ROTATE else 0, 0 if before is None else MICROSECONDS):
            raise BadParameter(
                f"{each.action}: {text} leaves too little of a life of {life.text}",
                hint=f"leave {rotation_minimum_days} days of it at least, or lengthen expires_in",
            )


def _optional(given: object, what: str) -> str | None:
    return None if given is None else duration_text(given, what)


def _checked(actions: object) -> tuple[LifetimeAction, ...]:
    given = tuple(actions) if isinstance(actions, Iterable) else (None,)
    if not all(isinstance(each, LifetimeAction) for each in given):
        raise BadParameter("lifetime_actions are LifetimeAction objects")
    if len({each.action for each in given}) < len(given):
        raise BadParameter("a rotation policy has at most one Rotate and one Notify")
    return given


def _members(document: object, what: str, *names: str) -> dict[str, Any]:
    """Return the members of a JSON object by name, None for what is not there."""
    if document is None:
        return dict.fromkeys(names)
    if not isinstance(document, Mapping):
        raise BadParameter(f"{what} is a JSON object")
    if not document.keys() <= set(names):
        raise BadParameter(f"{what} has no other members than {', '.join(names)}")
    return {name: document.get(name) for name in names}


def _action_of(document: object) -> LifetimeAction:
    members = _members(document, "an action", "trigger", "action")
    trigger = _members(members["trigger"], "a trigger", "timeAfterCreate", "timeBeforeExpiry")
    kind = _members(members["action"], "the action of a trigger", "type")
    return LifetimeAction(kind["type"], trigger["timeAfterCreate"], trigger["timeBeforeExpiry"])


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


def _moment(seconds: object, what: str) -> datetime | None:
    if seconds is None:
        return None
    if (
        not isinstance(seconds, int)
        or isinstance(seconds, bool)
        or not 0 <= seconds <= LATEST // MICROSECONDS
    ):
        raise BadParameter(f"{what} is a time in whole seconds since 1970")
    return to_datetime(seconds * MICROSECONDS)
