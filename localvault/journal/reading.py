"""Lists the events of the journal that someone wants to see.

Relies on `entry` for the runs. Promises: events come in the order of their sequence, or the last first, those that
there were when it began; no transaction is held between two pages, so a slow reader keeps no old pages alive.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from itertools import islice
from typing import NamedTuple

from localvault.errors import Tampered
from localvault.journal.entry import Entry, unpack_run
from localvault.journal.head import JOURNAL, count
from localvault.model.event import SUCCESS, Event
from localvault.sealing.record import RecordSealer
from localvault.store.protocol import Store

_PAGE = 64  # runs read in one transaction


class Wanted(NamedTuple):
    """What an event must be to be listed; None asks for nothing."""

    operation: str | None = None
    principal: str | None = None
    target: str | None = None
    result: str | None = None
    since: int | None = None
    until: int | None = None

    def fits(self, entry: Entry) -> bool:
        """Return whether the event is all of what is asked for."""
        time, operation, principal, target, _version, result = entry.fields[:6]
        return (
            (self.operation is None or operation == self.operation)
            and (self.principal is None or principal == self.principal)
            and (self.target is None or _below(target, self.target))
            and (self.result is None or result == self.result)
            and (self.since is None or time >= self.since)
            and (self.until is None or time < self.until)
        )


def _below(target: str, scope: str) -> bool:
    # An event has the name as it was asked for, and names compare without case: who reads `DB` has read `db`.
    return f"{target}/".lower().startswith(scope.rstrip("/").lower() + "/")


def read_events(
    store: Store, sealer: RecordSealer, wanted: Wanted, limit: int | None, *, reverse: bool
) -> Iterator[Event]:
    """Yield at most `limit` events that are wanted.

    Raises:
        Tampered: when it comes to an event that is missing or not what was written.
    """
    with store.read() as txn:
        size = count(txn)
    left = size if limit is None else limit
    at = size - 1 if reverse else 0
    while 0 <= at < size and left > 0:
        for entry in _page(store, sealer, at, reverse=reverse):
            if entry.sequence != at:
                raise Tampered(f"event {at} of the journal is missing")
            at += -1 if reverse else 1
            if left > 0 and at <= size and wanted.fits(entry):
                left -= 1
                yield entry.event()


def last_times(store: Store, sealer: RecordSealer, operations: Set[str], enough: int) -> dict[str, int]:
    """Return when (µs) each target last saw one of `operations` succeed, by its path in lower case.

    Reads backwards, and no further than to the `enough`th target.

    Raises:
        Tampered: when it comes to an event that is not what was written.
    """
    times: dict[str, int] = {}
    with store.read() as txn:
        at = count(txn) - 1
    while at >= 0 and len(times) < enough:
        page = _page(store, sealer, at, reverse=True)
        for entry in page:
            time, operation, _principal, target, _version, result = entry.fields[:6]
            if operation in operations and result == SUCCESS:
                times.setdefault(target.lower(), time)
        at = page[-1].sequence - 1
    return times


def _page(store: Store, sealer: RecordSealer, at: int, *, reverse: bool) -> list[Entry]:
    """Return the entries of the run that holds event `at`, and of those next to it."""
    page: list[Entry] = []
    with store.read() as txn:
        for key, record in islice(txn.scan(JOURNAL, start=at.to_bytes(8), reverse=reverse), _PAGE):
            run = _read_run(sealer, key, record)
            page += reversed(run) if reverse else run
    if not page:
        raise Tampered(f"event {at} of the journal is missing")
    return page


def _read_run(sealer: RecordSealer, key: bytes, record: bytes) -> list[Entry]:
    last = int.from_bytes(key)
    try:
        return list(unpack_run(last, sealer.open(JOURNAL, key, record)))
    except (Tampered, ValueError, TypeError):
        raise Tampered(f"the journal was altered at event {last} or just before it") from None
