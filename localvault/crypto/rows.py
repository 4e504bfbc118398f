"""Rows of a caller's store moved to the version in use: tokens and wrapped data keys, each with a context of its own.

Relies on the verbs of tokens and data keys. Promises: the tokens of a call are one authorised and journalled operation,
its data keys another; a row that does not open costs the others nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from localvault.calls import Call
from localvault.crypto.client import Crypto
from localvault.crypto.envelopes import FORM
from localvault.operations import DATA_KEY_REWRAP, KEY_REWRAP, Operation
from localvault.records import Records
from localvault.sealing import datakey

Move = Callable[[Call, Records, list[bytes], bytes | list[bytes]], tuple[list[bytes], list[int]]]
_WORTHWHILE = 16  # rows of one context that are quicker moved together than one by one


class Sealed(Protocol):
    """A row."""

    @property
    def token(self) -> bytes:
        """A token or wrapped data key."""

    @property
    def context(self) -> bytes:
        """The context it was sealed with."""


def version_in_use(crypto: Crypto) -> bytes:
    """Return the id (16 bytes) of the version that `crypto` seals with, as the vault is now; no event of its own.

    Raises:
        KeyNotFound, BadParameter: no such key.
    """
    found: list[bytes] = []

    def body(call: Call, records: Records) -> None:
        found.append(crypto._keys.version_in_use(records, crypto._name, crypto._version))

    crypto._ground.door.allow(KEY_REWRAP, crypto._target, body)
    return found[0]


def rewrap_rows(crypto: Crypto, rows: Sequence[Sealed]) -> list[bytes]:
    """Return each row's token or data key under the version in use, empty where it does not open.

    Raises:
        KeyNotFound, KeyDisabled, KeyExpired, KeyNotYetValid, KeyOperationForbidden: a version may not.
    """
    moved = [b""] * len(rows)
    tokens: list[int] = []
    data_keys: list[int] = []
    for index, row in enumerate(rows):
        (data_keys if datakey.is_wrapped(row.token) else tokens).append(index)
    if tokens:
        _rewrap(crypto, KEY_REWRAP, crypto._move_list, rows, tokens, moved, None)
    if data_keys:
        _rewrap(crypto, DATA_KEY_REWRAP, crypto._move_data_keys, rows, data_keys, moved, FORM)
    return moved


def _rewrap(
    crypto: Crypto,
    operation: Operation,
    move: Move,
    rows: Sequence[Sealed],
    indexes: list[int],
    moved: list[bytes],
    details: dict[str, Any] | None,
) -> None:
    """Move the rows of one kind, as one operation, to their places in `moved`."""
    groups = _alike(rows, indexes)

    def body(call: Call, records: Records) -> None:
        call.count, call.details = len(indexes), details
        failed = 0
        for context, alike in groups:
            made, wrong = move(call, records, [rows[index].token for index in alike], context)
            failed += len(wrong)
            for index, item in zip(alike, made, strict=True):
                moved[index] = item
        if failed:
            call.details = (details or {}) | {"failed": failed}

    crypto._ground.door.read(operation, crypto._target, body)


def _alike(rows: Sequence[Sealed], indexes: list[int]) -> list[tuple[bytes | list[bytes], list[int]]]:
    """Return the rows by their context; where few have the same, all together, each with its own."""
    by_context: dict[bytes, list[int]] = defaultdict(list)
    for index in indexes:
        by_context[rows[index].context].append(index)
    if len(by_context) > 1 and len(indexes) < _WORTHWHILE * len(by_context):
        return [([rows[index].context for index in indexes], indexes)]
    return list(by_context.items())
