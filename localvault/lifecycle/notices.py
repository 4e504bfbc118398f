"""Subscribers in this process: who wants to be told of what, and telling them once it is committed.

Relies on `Call`, which carries the notices of one operation to the door, and on the door to hand them over after the
commit. Promises: a notice is given exactly for what this open vault committed: after the commit, in the thread that did
it, in the order of the commits of that thread; what was undone or run again gives none. A subscriber that raises harms
nobody: the failure goes to the logger `localvault`, by the names of its class and of the notice alone, because nobody
has checked what its text holds. No lock of the vault is held meanwhile, so a subscriber may use the vault or wait for
a lock of its own.

The rejected alternative, a thread of its own for delivery, would lose what it had not delivered when the process ends,
and make every subscriber one that shares its data between threads.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from localvault.calls import Call
from localvault.errors import BadParameter, VaultClosed
from localvault.lifecycle.head import Head
from localvault.lifecycle.kinds import Kind
from localvault.model import attributes as attr
from localvault.model.clock import to_datetime
from localvault.model.ids import next_id
from localvault.model.notice import CLOCK_SET_BACK, EVERY_TYPE, TYPES, Notice, fields, vault_name
from localvault.native.memory import forks, refusal

if TYPE_CHECKING:
    from localvault.lifecycle.ground import Ground

Subscriber = Callable[[Notice], object]
LOGGER = "localvault"
_CLOSED = -1


class Subscription:
    """One subscriber to one type; a context manager, and `cancel` ends it."""

    __slots__ = ("_notices", "subscriber", "type")

    def __init__(self, notices: Notices, type_: str, subscriber: Subscriber) -> None:
        self._notices: Notices | None = notices
        self.type = type_
        self.subscriber = subscriber

    @property
    def active(self) -> bool:
        """Whether the subscriber is still told."""
        return self._notices is not None

    def cancel(self) -> None:
        """Tell the subscriber nothing more, not even what is waiting to be told; more calls do nothing."""
        notices, self._notices = self._notices, None
        if notices is not None:
            notices.remove(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()


class Notices:
    """The subscribers of one open vault."""

    __slots__ = ("_forks", "_lock", "_waiting", "subscribed")

    def __init__(self) -> None:
        self._forks = forks()
        self._lock = threading.Lock()
        self._waiting = threading.local()
        self.subscribed: dict[str, tuple[Subscription, ...]] = {}
        """By type; replaced as a whole at each change, so that reading it needs no lock. Nearly always empty."""

    def on(self, type_: str, subscriber: Subscriber) -> Subscription:
        """Tell `subscriber` of every notice of a type, or of every one for `*`.

        Raises:
            BadParameter: no such type, or something that cannot be called.
            VaultClosed, VaultForked: this vault commits nothing any more.
        """
        if self._forks == _CLOSED:
            raise VaultClosed("the vault is closed")
        if self._forks != forks():
            raise refusal(self._forks)
        if type_ != EVERY_TYPE and type_ not in TYPES:
            raise BadParameter(
                f"there is no notice of the type {str(type_)[:60]!r}",
                hint=f"there are: {', '.join(TYPES)}, *",
            )
        if not callable(subscriber):
            raise BadParameter(
                f"a subscriber is called with each notice; {type(subscriber).__name__} cannot be"
            )
        subscription = Subscription(self, type_, subscriber)
        with self._lock:
            self.subscribed = self.subscribed | {type_: (*self.subscribed.get(type_, ()), subscription)}
        return subscription

    def remove(self, subscription: Subscription) -> None:
        """Take a subscription out; a no-op if it is not there."""
        with self._lock:
            left = {
                type_: tuple(each for each in those if each is not subscription)
                for type_, those in self.subscribed.items()
            }
            self.subscribed = {type_: those for type_, those in left.items() if those}

    def wants(self, type_: str) -> bool:
        """Whether anybody is subscribed to a type."""
        subscribed = self.subscribed
        return type_ in subscribed or EVERY_TYPE in subscribed

    def deliver(self, notices: Iterable[Notice]) -> None:
        """Tell everybody what was committed.

        What a subscriber commits meanwhile waits until this has been told to all, so that everybody hears of
        everything in the same order.
        """
        waiting: deque[Notice] | None = getattr(self._waiting, "queue", None)
        if waiting is not None:
            waiting.extend(notices)
            return
        self._waiting.queue = waiting = deque(notices)
        try:
            while waiting:
                self._tell(waiting.popleft())
        finally:
            self._waiting.queue = None

    def close(self) -> None:
        """Let go of every subscriber."""
        with self._lock:
            self._forks = _CLOSED
            self.subscribed = {}

    def _tell(self, notice: Notice) -> None:
        subscribed = self.subscribed
        for subscription in (*subscribed.get(notice.type, ()), *subscribed.get(EVERY_TYPE, ())):
            # A subscriber that forks goes on in the child, which has committed nothing.
            if not subscription.active or self._forks != forks():
                continue
            try:
                # Its own copy of what can be changed, so that none can change what the next one is told.
                subscription.subscriber(notice._replace(data=dict(notice.data)))
            except Exception as error:
                log("a subscriber failed on a notice %s: %s", notice.type, type(error).__name__)


def note(call: Call, ground: Ground, kind: Kind, happening: str, head: Head) -> None:
    """Give notice, once `call` is committed, of what happened to the object `head`: `NewVersionCreated`, `Deleted`…"""
    notices = ground.notices
    if notices.subscribed:  # which is false, and all that this costs, where nobody is subscribed
        type_ = kind.noun.capitalize() + happening
        if notices.wants(type_):
            _add(call, ground, type_, head.name, _of_object(ground, kind, head))


def note_clock(call: Call, ground: Ground, back_from: str, to: str) -> None:
    """Give notice, once `call` is committed, that the clock was set back; times in ISO 8601."""
    if ground.notices.wants(CLOCK_SET_BACK):
        url = ground.home.url
        name = vault_name(url)
        data = fields(url, "Vault", name) | {"From": back_from, "To": to}
        _add(call, ground, CLOCK_SET_BACK, name, data)


def _of_object(ground: Ground, kind: Kind, head: Head) -> dict[str, Any]:
    version = head.current.hex()
    return fields(
        ground.home.url,
        kind.noun.capitalize(),
        head.name,
        path=f"/{kind.collection}/{head.name}/{version}",
        version=version,
        not_before=head.attributes[attr.NOT_BEFORE],
        expires_on=head.attributes[attr.EXPIRES_ON],
    )


def _add(call: Call, ground: Ground, type_: str, subject: str, data: dict[str, Any]) -> None:
    digits = next_id(call.now).hex()
    unique = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    notice = Notice(type_, unique, to_datetime(call.now), subject, ground.home.url, data)
    if call.notices is None:
        call.notices = []
    call.notices.append(notice)


def log(message: str, *arguments: str) -> None:
    """Tell the application's log, under the name `localvault`, of a failure that nobody is there to catch.

    The arguments are names: of types, of classes of errors. What an error says is not among them, since nobody has
    checked what it holds.
    """
    import logging  # not loaded by a vault that never needs it

    with suppress(Exception):  # a handler that raises does no harm either
        logging.getLogger(LOGGER).error(message, *arguments)
