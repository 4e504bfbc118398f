"""One run of the agenda: doing what is due in parts, each in one transaction, each thing with an event of its own.

Relies on `rotation`, `deletion` and the schedule. Promises: an entry counts only if its object's schedule still has it,
and a notice only if it is still entered, once the transaction is open; the same transaction takes it off; what is stale
is dropped; a rotation that fails is told, changes nothing but when it is due again, and stands in nobody's way.

What takes long, making keys, is done before the transaction. Purges need no event each: one tells them all, by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import NamedTuple

from localvault.agenda import EXPIRED, NEAR_EXPIRY, PURGE, ROTATE, Due
from localvault.calls import Call, Look
from localvault.errors import (
    BadParameter,
    Damaged,
    LocalVaultError,
    NewerFormat,
    StoreBusy,
    Tampered,
    VaultError,
)
from localvault.lifecycle import deletion, rotation
from localvault.lifecycle.clockwatch import ClockWatch
from localvault.lifecycle.ground import Ground
from localvault.lifecycle.head import Head
from localvault.lifecycle.many import Turn, renew_each
from localvault.lifecycle.notices import note
from localvault.lifecycle.objects import Objects, deleted_key
from localvault.lifecycle.rotation import Fresh, Plan
from localvault.lifecycle.schedule import schedule
from localvault.model.attributes import ENABLED
from localvault.operations import AGENDA_RUN
from localvault.records import AGENDA, OBJECTS, Mutation, Records

ACTIONS = {PURGE: "purge", ROTATE: "rotate", NEAR_EXPIRY: "near-expiry", EXPIRED: "expired"}
_HAPPENINGS = {NEAR_EXPIRY: "NearExpiry", EXPIRED: "Expired"}  # in the types of notices
_AGENDA = bytes((AGENDA,))
_TRIES = 3  # of a transaction that met another process's at an unfortunate moment
_SLOW_AT_ONCE = 16  # versions that take long to make: a kill must not undo the work of minutes
Planned = dict[Due, Plan | Exception | None]
"""What is due and can be read: with what is to be made for a rotation, or why nothing can be."""
Ready = dict[Due, Fresh | Exception | None]
"""What is due and can be read: with the version made for a rotation, or why there is none."""


class _SortedOut(NamedTuple):
    """What becomes of the entries of a part; `done` is all of them that are done, with the objects' names."""

    done: list[tuple[Due, str]]
    rotations: list[tuple[Due, Turn]]
    notices: list[tuple[Due, Head]]
    purges: list[tuple[Due, Head]]
    failed: list[tuple[Due, Head, Exception]]
    stale: list[Due]


class Running:
    """One run, as of one moment (µs)."""

    def __init__(
        self,
        ground: Ground,
        objects: Mapping[bytes, Objects],
        moment: int,
        clock: ClockWatch,
        *,
        commands: bool,
    ) -> None:
        self._ground = ground
        self._door = ground.door
        self._objects = objects
        self._moment = moment
        self._clock = clock
        self._commands = commands
        self.unread: VaultError | None = None
        """Why an object could not be read; its entry stays, and everything else is done."""

    def do(self, part: list[Due], *, until: int | None = None) -> list[tuple[Due, str]]:
        """Do a part of what was found due; returns what was done, with the object's name.

        `until`, given with the last part, is the time (µs) up to which that was all.
        """
        done = []
        with self._door.preparing(AGENDA_RUN, "/") as look:
            pieces = list(_pieces(look(partial(self._plan, part))))
            for piece in pieces:
                done += self._do(look, piece, until if piece is pieces[-1] else None)
        return done

    def _do(self, look: Look, piece: Planned, until: int | None) -> list[tuple[Due, str]]:
        ready: Ready = {}
        try:
            for due, plan in piece.items():
                ready[due] = _made(plan) if isinstance(plan, Plan) else plan
            return self._transact(look, ready, until)
        finally:
            for fresh in ready.values():
                if isinstance(fresh, Fresh):
                    fresh.wipe()

    def _plan(self, part: list[Due], call: Call, records: Records) -> Planned:
        planned: Planned = {}
        for due in part:
            try:
                head, key = self._head(records, due), due.kind + due.name_id
                plan = None
                if due.action == ROTATE and head is not None:
                    objects = self._objects[due.kind]
                    plan = rotation.plan(records, objects, key, head, commands=self._commands)
                planned[due] = plan
            except (Damaged, Tampered, NewerFormat) as error:
                self.unread = error
            except LocalVaultError as error:
                planned[due] = error
        return planned

    def _head(self, records: Records, due: Due) -> Head | None:
        """Return the head of the object an entry is of, in the state the entry is for."""
        key = due.kind + due.name_id
        place = deleted_key(key) if due.action == PURGE else key
        return records.remembered(OBJECTS, place, self._ground.heads)

    def _transact(self, look: Look, ready: Ready, until: int | None) -> list[tuple[Due, str]]:
        for _again in range(_TRIES - 1):
            try:
                return self._once(look, ready, until)
            except StoreBusy:
                continue
        return self._once(look, ready, until)

    def _once(self, look: Look, ready: Ready, until: int | None) -> list[tuple[Due, str]]:
        with self._door.together():
            sorted_out = look(partial(self._sort_out, ready))
            for due, head, error in sorted_out.failed:
                self._tell_failure(due, head, error)
            for kind in self._objects:
                self._rotate(kind, [found for found in sorted_out.rotations if found[0].kind == kind])
                for action in (NEAR_EXPIRY, EXPIRED):
                    notices = [(due, head) for due, head in sorted_out.notices if due[1::2] == (kind, action)]
                    self._tell(kind, action, notices)
            self._door.write(AGENDA_RUN, "/", self._finish, sorted_out, until)
        return sorted_out.done

    def _sort_out(self, ready: Ready, call: Call, records: Records) -> _SortedOut:
        """Say what becomes of each entry, in the order in which they fell due."""
        found = _SortedOut([], [], [], [], [], [])
        rotated: set[tuple[bytes, bytes]] = set()
        for due, fresh in ready.items():
            head, key = self._head(records, due), due.kind + due.name_id
            entries = () if head is None else schedule(key, head)
            if head is None or due not in entries or due[1:3] in rotated:
                # Of an object that is rotated, the old version's notices go with its rotation.
                found.stale.append(due)
                continue
            is_notice = due.action in (NEAR_EXPIRY, EXPIRED)
            if is_notice and not self._ground.agenda.has(records, due):
                continue  # another process has told it: the head says the same before and after that
            if due.action == ROTATE:
                error = self._obstacle(due, head, fresh)
                if error is not None:
                    found.failed.append((due, head, error))
                    continue
                assert isinstance(fresh, Fresh), "else it were an obstacle"
                rotated.add(due[1:3])
                found.rotations.append((due, Turn(key, head, entries, fresh)))
            elif due.action == PURGE:
                found.purges.append((due, head))
            else:
                found.notices.append((due, head))
            found.done.append((due, head.name))
        return found

    def _obstacle(self, due: Due, head: Head, fresh: Fresh | Exception | None) -> Exception | None:
        """Return why an object that is due for rotation cannot be rotated, or None."""
        kind = self._objects[due.kind].kind
        if not head.attributes[ENABLED]:
            # A new version would be enabled: what somebody has switched off would come back by itself.
            return kind.disabled(f"operation rotate is not allowed on a disabled {kind.noun}: {head.name}")
        if isinstance(fresh, Fresh):
            try:
                rotation.require_same(head, fresh)
            except LocalVaultError as error:
                return error
            return None
        return fresh or BadParameter(f"{kind.noun} {head.name} was changed while it was being rotated")

    def _tell_failure(self, due: Due, head: Head, error: Exception) -> None:
        """Journal a rotation that failed: the door tells of an operation that raises, whatever it raises."""

        def fail(call: Call, mutation: Mutation) -> None:
            call.version = head.current
            raise error

        try:
            self._door.write(self._objects[due.kind].kind.rotate_if_due, self._target(due, head), fail)
        except Exception as raised:
            if raised is not error:
                raise

    def _rotate(self, kind: bytes, found: list[tuple[Due, Turn]]) -> None:
        if found:
            objects, turns = self._objects[kind], [turn for _, turn in found]
            targets = [self._target(due, turn.head) for due, turn in found]
            self._door.write_each(objects.kind.rotate_if_due, targets, renew_each, objects, turns)

    def _tell(self, kind: bytes, action: bytes, found: list[tuple[Due, Head]]) -> None:
        if found:
            told = self._objects[kind].kind
            operation = told.near_expiry if action == NEAR_EXPIRY else told.expired
            targets = [self._target(due, head) for due, head in found]
            self._door.write_each(operation, targets, self._take_off, found)

    def _take_off(
        self, calls: list[Call], mutation: Mutation, found: list[tuple[Due, Head]]
    ) -> list[list[bytes]]:
        for call, (due, head) in zip(calls, found, strict=True):
            call.version = head.current
            self._ground.agenda.remove(mutation, due)
            note(call, self._ground, self._objects[due.kind].kind, _HAPPENINGS[due.action], head)
        return [[_AGENDA + self._ground.agenda.key(due)] for due, _ in found]

    def _target(self, due: Due, head: Head) -> str:
        return self._objects[due.kind].target(head.name)

    def _finish(self, call: Call, mutation: Mutation, found: _SortedOut, until: int | None) -> None:
        agenda = self._ground.agenda
        for due, head in found.purges:
            deletion.remove(call, mutation, self._objects[due.kind], due.kind + due.name_id, head)
        for due in found.stale:
            agenda.remove(mutation, due)
        for due, head, _ in found.failed:
            key, objects = due.kind + due.name_id, self._objects[due.kind]
            objects.put_head(mutation, key, rotation.postponed(head, self._moment), head)
            note(call, self._ground, objects.kind, "RotationFailed", head)
        if found.notices:
            agenda.tell(mutation, max(due.time for due, _ in found.notices))
        if until is not None:
            # Somebody may have entered something earlier since what is due was read; it must stay in sight.
            gone = {*found.stale, *(due for due, *_ in (*found.purges, *found.failed))}
            left = [due.time for due in agenda.due(mutation, until) if due not in gone]
            agenda.done_before(mutation, min(left, default=until))
        self._clock.keep(call, mutation)
        call.count = len(found.done)
        if found.purges:
            # The names go into the event's sealed part: a purge by the agenda is told as fully as one by hand.
            call.details = {"done": [f"purge {self._target(due, head)}" for due, head in found.purges]}


def _pieces(planned: Planned) -> Iterator[Planned]:
    """Yield what is planned, one piece at least, in pieces with few versions that take long to make."""
    piece: Planned = {}
    slow = 0
    for due, plan in planned.items():
        if isinstance(plan, Plan) and plan.takes_long:
            slow += 1
            if slow > _SLOW_AT_ONCE:
                yield piece
                piece, slow = {}, 1
        piece[due] = plan
    yield piece


def _made(plan: Plan) -> Fresh | Exception:
    try:
        return rotation.make(plan)
    except (
        Exception
    ) as error:  # a generator is the application's code: whatever it raises is this object's failure
        return error
