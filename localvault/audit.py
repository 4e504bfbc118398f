"""The journal as callers see it: reading events, and proving that none was changed, removed or moved.

Relies on the journal and on the door: reading the journal is itself an operation with an event. Promises: events come
in order; `verify` recomputes everything from the events themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from localvault.door import Door
from localvault.journal.journal import Journal
from localvault.model.clock import from_datetime
from localvault.model.event import Event, TreeHead
from localvault.operations import AUDIT_READ, AUDIT_VERIFY


class Audit:
    """The journal of one vault (`vault.audit`)."""

    def __init__(self, door: Door, journal: Journal) -> None:
        self._door = door
        self._journal = journal

    def events(
        self,
        operation: str | None = None,
        principal: str | None = None,
        *,
        target: str | None = None,
        result: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> Iterator[Event]:
        """Yield events in the order of the journal, the newest first if `reverse`; every filter given must fit.

        Args:
            operation: a name from the operation table, such as `SecretGet`.
            principal: who did it.
            target: the path it was done to, such as `/secrets/db`, or one above it.
            result: `Success`, `Failure` or `Denied`.
            since: at or after this time; aware datetime.
            until: before this time; aware datetime.
            limit: at most so many.
            reverse: the newest first.

        Raises:
            BadParameter: a time without a zone.
            Tampered: an event is not what the vault wrote (when iterated).
        """
        first, last = from_datetime(since, "since"), from_datetime(until, "until")
        self._door.note(AUDIT_READ, "/journal")
        return self._journal.events(
            operation=operation,
            principal=principal,
            target=target,
            result=result,
            since=first,
            until=last,
            limit=limit,
            reverse=reverse,
        )

    def verify(self) -> TreeHead:
        """Recompute the journal's tree from its events; returns its size and root.

        Keep the root elsewhere (on paper, in another vault): it proves later that this journal was not put back.

        Raises:
            Tampered: an event was changed, removed, moved or added; the sentence names the first.
        """
        with self._door.preparing(AUDIT_VERIFY, "/journal"):
            head = self._journal.verify()
        self._door.note(AUDIT_VERIFY, "/journal")
        return head
