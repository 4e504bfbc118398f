"""Collects what a report tells: one walk over heads, version ids and, for last uses, the journal's end.

Relies on the schedule for what is to come and on version ids for when versions were made. Promises: no version's record
is opened, so a report costs one opened record an object; the journal is read backwards, and no further than it takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

from localvault import operations as ops
from localvault.agenda import ROTATE
from localvault.calls import Call
from localvault.lifecycle.ground import Ground
from localvault.lifecycle.head import Head, decode_head
from localvault.lifecycle.kinds import KINDS, Kind
from localvault.lifecycle.objects import KEY_BYTES
from localvault.lifecycle.schedule import rotation_due, schedule
from localvault.model import attributes as attr
from localvault.model.clock import to_datetime
from localvault.model.ids import made_on
from localvault.model.report import VERSIONS_DRAWN, Report, ReportRow
from localvault.records import OBJECTS, VERSIONS, Records

USES = frozenset(
    operation.name
    for operation in (
        ops.SECRET_GET, ops.KEY_ENCRYPT, ops.KEY_DECRYPT, ops.KEY_WRAP, ops.KEY_UNWRAP, ops.KEY_SIGN, ops.KEY_VERIFY,
        ops.KEY_SEAL, ops.KEY_OPEN, ops.KEY_REWRAP, ops.DATA_KEY_REWRAP,
    )
)  # fmt: skip
"""The operations that count as a use of a key or secret."""


def report(ground: Ground) -> Report:
    """Return the report of one vault as it is now.

    Raises:
        VaultClosed, Damaged, Tampered: as for everything that looks into the vault.
    """
    with ground.door.apart(ops.AGE_REPORT, "/") as work:
        objects = work.look(lambda call, records: _count(records))
        uses = ground.journal.last_times(USES, objects)
        made = work.look(lambda call, records: _made(call, records, ground, uses))
        work.tell()
    return made


def _count(records: Records) -> int:
    """Return how many objects there are that are not deleted."""
    return sum(1 for kind in KINDS.values() for _ in records.txn.scan(OBJECTS, kind.byte, keys_only=True))


def _made(call: Call, records: Records, ground: Ground, uses: dict[str, int]) -> Report:
    """Return the report of one snapshot; `uses`: when each object was last used (µs), by lower-case target."""
    name, rows = ground.settings(records).name, []
    for kind in KINDS.values():
        made = _versions(records, kind)
        for key, plaintext in records.scan(OBJECTS, kind.byte):
            head = decode_head(plaintext)
            target = f"/{kind.collection}/{head.name}".lower()
            rows.append(_row(call.now, ground, kind, key, head, made[key], uses.get(target)))
    call.count = len(rows)
    return Report(name, call.now, rows)


def _versions(records: Records, kind: Kind) -> dict[bytes, tuple[int, int, tuple[int, ...]]]:
    """Return, by object: how many versions it has, when the first was made, and when the latest ones were."""
    found = {}
    keys: Iterator[bytes] = (key for key, _nothing in records.txn.scan(VERSIONS, kind.byte, keys_only=True))
    for key, group in groupby(keys, itemgetter(slice(0, KEY_BYTES))):
        ids = [version_key[KEY_BYTES:] for version_key in group]
        found[key] = len(ids), made_on(ids[0]), tuple(map(made_on, ids[-VERSIONS_DRAWN:]))
    return found


def _row(
    now: int,
    ground: Ground,
    kind: Kind,
    key: bytes,
    head: Head,
    made: tuple[int, int, tuple[int, ...]],
    used: int | None,
) -> ReportRow:
    count, first, latest = made
    # The id tells when a version was made also after a restore, and where only its millisecond matters.
    renewed = head.attributes[attr.CREATED]
    expires_on = head.attributes[attr.EXPIRES_ON]
    rotation = next((due.time for due in schedule(key, head) if due.action == ROTATE), None)
    overdue = "expired" if _past(expires_on, now) else "rotation" if _past(rotation_due(head), now) else None
    return ReportRow(
        kind.noun,
        head.name,
        f"{ground.home.url}/{kind.collection}/{head.name}",
        bool(head.attributes[attr.ENABLED]),
        count,
        to_datetime(first),
        to_datetime(renewed),
        # A clock that was set back makes nothing younger than new.
        to_datetime(max(now, renewed)) - to_datetime(renewed),
        None if expires_on is None else to_datetime(expires_on),
        None if rotation is None else to_datetime(rotation),
        None if used is None else to_datetime(used),
        overdue,
        tuple(map(to_datetime, latest)),
    )


def _past(moment: int | None, now: int) -> bool:
    return moment is not None and moment <= now
