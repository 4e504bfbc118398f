"""Events as they are stored: entries, several to a run, a run to a record.

Relies on msgpack and on `leaf` for the fields. Promises: an entry keeps the bytes the spool had, so folding packs
nothing twice; a run of ordinary events fits a record that needs no page of its own.

    run   = [entry, …]                                  at most RUN_BYTES, unless one entry alone is longer
    entry = [fields, process, salts, writes or nil]     fields as in `leaf`, details as JSON text

The rejected alternative, a record for each event, seals and puts once an event: a third more time to fold, 48 bytes
more to keep.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple, cast

import msgpack

from localvault.journal.leaf import Fields, text_of
from localvault.model.event import Event

RUN_BYTES = 1700  # with the seal around it, a little below where the store begins to cut values in pieces
FIELDS_BYTES = 16_384  # the longest fields; what is longer is a caller's mistake and is told in short
_FEW, _SHORT, _REMEMBERED = (
    2,
    200,
    256,
)  # items and characters of details worth remembering, and how many of them
_CLIPPED = 1024  # characters kept of each text then

_packer = msgpack.Packer(autoreset=True)
pack = _packer.pack


class Entry(NamedTuple):
    """One event as it was written, with what its leaf was made from."""

    sequence: int
    fields: Fields
    process: str
    salts: bytes
    writes: bytes | None

    def event(self) -> Event:
        """Return the event for people and programs."""
        time, operation, principal, target, version, result, code, duration, correlation, count, details = (
            self.fields
        )
        return Event(
            self.sequence,
            time,
            operation,
            principal,
            target,
            version,
            result,
            code,
            duration,
            correlation,
            self.process,
            count,
            json.loads(details) if isinstance(details, str) else details,
        )


def unpack(packed: bytes) -> object:
    """Return what msgpack unpacks from these bytes, arrays as tuples.

    Raises:
        ValueError: it is not msgpack, or deeper than Python goes.
    """
    # msgpack's own errors are ValueErrors but for these two.
    try:
        return msgpack.unpackb(packed, use_list=False, strict_map_key=False)
    except (msgpack.UnpackException, RecursionError) as error:
        raise ValueError("not msgpack") from error


def with_text(fields: Fields) -> Fields:
    """Return the fields with details as JSON text.

    Raises:
        TypeError, ValueError: something in details that JSON does not have.
    """
    details = fields[10]
    return (*fields[:10], _text(details)) if isinstance(details, dict) else fields


_texts: dict[tuple[tuple[str, str], ...], str] = {}


def _text(details: dict[str, Any]) -> str:
    """Return `text_of(details)`, remembered for the few small ones that every other operation tells."""
    if len(details) > _FEW:
        return text_of(details)
    items = tuple(details.items())
    for name, value in items:
        # Text alone: 1, 1.0 and True are equal and have texts of their own.
        if type(name) is not str or type(value) is not str:
            return text_of(details)
    text = _texts.get(items)
    if text is None:
        text = text_of(details)
        if len(text) <= _SHORT:
            if len(_texts) >= _REMEMBERED:
                _texts.clear()
            _texts[items] = text
    return text


def pack_fields(fields: Fields) -> bytes:
    """Return the fields packed, whatever a caller put into their texts: clipped if too long, lone surrogates escaped.

    A hostile name is told in the event of the failure it causes, and must neither lose that event nor fill the disk.

    Raises:
        TypeError, ValueError, OverflowError: a field of another type, or a number beyond 64 bits.
    """
    try:
        packed: bytes = pack(fields)
    except UnicodeEncodeError:
        packed = b""
    if 0 < len(packed) <= FIELDS_BYTES:
        return packed
    told = tuple(_clip(value) if isinstance(value, str) else value for value in fields[:10])
    return cast("bytes", pack((*told, '{"clipped":true}')))


def _clip(text: str) -> str:
    sound = text[:_CLIPPED].encode("utf-8", "backslashreplace").decode()
    return sound if len(text) <= _CLIPPED else sound[:_CLIPPED] + "…"


def unpack_fields(packed: bytes) -> Fields:
    """Return the fields that `pack_fields` made.

    Raises:
        ValueError: they are not of this form.
    """
    return _checked(unpack(packed))


def pack_entry(packed_fields: bytes, packed_process: bytes, salts: bytes, writes: bytes | None) -> bytes:
    """Return an entry: an array of four, the first two given as they are packed already."""
    return b"\x94" + packed_fields + packed_process + cast("bytes", pack(salts) + pack(writes))


def pack_run(entries: list[bytes]) -> bytes:
    """Return the run of these entries."""
    return run_of(len(entries), b"".join(entries))


def run_of(count: int, entries: bytes) -> bytes:
    """Return the run of `count` entries that stand one after another."""
    head: bytes = _packer.pack_array_header(count)
    return head + entries


def unpack_run(last: int, plaintext: bytes) -> Iterator[Entry]:
    """Yield the entries of the run whose last event is `last`.

    Raises:
        ValueError: it is not a run.
    """
    run = unpack(plaintext)
    if not isinstance(run, tuple) or not 0 < len(run) <= last + 1:
        raise ValueError("not a run of events")
    for sequence, entry in enumerate(run, last + 1 - len(run)):
        fields, process, salts, writes = entry
        yield Entry(sequence, _checked(fields), process, salts, writes)


# Every run of types that fields can have: four of them may be nil.
_TYPES = frozenset(
    (int, str, str, str, version, str, code, int, correlation, int, details)
    for version, code, correlation, details in product((str, type(None)), repeat=4)
)


def _checked(fields: object) -> Fields:
    # Authenticated bytes only get here, so this guards against a version that writes something else.
    if type(fields) is tuple and tuple(map(type, fields)) in _TYPES:
        return cast("Fields", fields)
    raise ValueError("not the fields of an event")
