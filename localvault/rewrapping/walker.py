"""Walks a caller's store of tokens or wrapped data keys and moves what is not at the key's current version.

Relies on `crypto.rows`. Promises: the store itself is the truth, so a run that was killed at any moment is finished by
the next one, and one that finds everything done changes nothing; a row that the application changed meanwhile is never
written over; where the key is rotated meanwhile, the run goes on to the new version and ends when all rows are there.

A row is known to be at the current version by the id in its first 18 bytes, which is not proof against whoever can
write to the store: such a row is left as it is, and fails when it is opened, as it would have before.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from time import monotonic
from typing import Any

from localvault.crypto.client import Crypto
from localvault.crypto.rows import rewrap_rows, version_in_use
from localvault.errors import BadParameter, Conflict, DecryptionFailed, NewerFormat
from localvault.rewrapping.checkpoint import Checkpoint, Keeper, Position, keeper_of
from localvault.rewrapping.store import Failure, Progress, Rewrapped, Tell, TokenRow, TokenStore
from localvault.sealing import datakey, token
from localvault.sealing.token import KEY_ID

_TRIES = 5  # times a row is read again that changes whenever it is written
_BATCH_MAX = 1_000_000


def rewrap(
    crypto: Crypto,
    store: TokenStore,
    *,
    batch: int = 10_000,
    progress: Tell | None = None,
    checkpoint: str | os.PathLike[str] | Keeper | None = None,
) -> Rewrapped:
    """Move all tokens and wrapped data keys in a store of the caller's to the current version of a key.

    Each batch is read, rewrapped as one operation of the vault, and written on condition that the rows are as they were
    read. A row that does not open is left as it is and told of in the result; a run that is killed is finished by the
    next.

    Args:
        crypto: the key's verbs, `vault.crypto(name)`; those of one version move everything to that one.
        store: where the rows are: `SqlTokens`, `TokenFiles`, or whatever has the methods of `TokenStore`.
        batch: how many rows are read, rewrapped and written together: 1 to 1,000,000.
        progress: called after each batch; what it raises ends the run.
        checkpoint: saves the next run the reading of what this one has done: the path of a file, which is removed at
            the end, or an object with `load()` and `save(text or None)`. For stores whose writes survive a power loss.

    Raises:
        BadParameter: a batch out of range, a checkpoint of another store, or not an oct or RSA key.
        KeyNotFound, KeyDisabled, KeyExpired, KeyNotYetValid, KeyOperationForbidden: the key, or a version that a row
            names, may not; what was moved before stays moved.
    """
    if not 1 <= batch <= _BATCH_MAX:
        raise BadParameter(f"a batch has 1 to {_BATCH_MAX} rows, not {batch}")
    return _Run(crypto, store, batch, progress, Checkpoint(keeper_of(checkpoint), store.name)).run()


class _Run:
    """One run."""

    def __init__(
        self, crypto: Crypto, store: TokenStore, batch: int, progress: Tell | None, checkpoint: Checkpoint
    ) -> None:
        self._crypto = crypto
        self._store = store
        self._batch = batch
        self._progress = progress
        self._checkpoint = checkpoint
        self._began = monotonic()
        self._total = None if progress is None else store.count()
        self._looked_at = self._rewrapped = self._current = self._conflicts = 0
        self._failed: dict[Any, Failure] = {}
        self._versions = [version_in_use(crypto)]

    def run(self) -> Rewrapped:
        """Pass over the store until a whole pass has seen one version."""
        version = self._versions[0]
        self._pass(version, self._checkpoint.load(version), first=True)
        # Looked at once more: the key may have been rotated after the last batch had looked, and before it was moved.
        while (now := self._version()) != version:
            version = now
            self._pass(version, Position(None), first=False)
        self._checkpoint.clear()
        versions = tuple(each.hex() for each in self._versions)
        failed = tuple(self._failed.values())
        return Rewrapped(self._rewrapped, self._current, self._conflicts, failed, versions)

    def _pass(self, version: bytes, position: Position, *, first: bool) -> None:
        """Go through the store once, from `position` on."""
        self._failed = {each.key: each for each in position.failed}
        after, done = position.after, position.done
        while rows := self._store.read(after, self._batch):
            self._move(rows, first=first)
            after, done = rows[-1].key, done + len(rows)
            self._looked_at += len(rows)
            # Under the version the pass began with, even if the key was rotated by now: what came before that is not at
            # the new one, so the next run must not go on from here.
            self._checkpoint.save(version, Position(after, done, tuple(self._failed.values())))
            self._tell(done)

    def _move(self, rows: Sequence[TokenRow], *, first: bool) -> None:
        """Move what is not at the current version, again and again where the application changes it meanwhile."""
        for _ in range(_TRIES):
            version = self._version()
            stale = [row for row in rows if row.token[KEY_ID] != version]
            if first:  # later passes see again what the first one moved
                self._current += len(rows) - len(stale)
            left = self._write(stale) if stale else ()
            self._conflicts += len(left)
            rows = [row for row in left if row.token]
            if not rows:
                return
        self._failed |= {row.key: Failure(row.key, Conflict.code) for row in rows}

    def _write(self, rows: list[TokenRow]) -> Sequence[TokenRow]:
        """Move rows and write them; returns those the store left alone, as they are by now."""
        moved = rewrap_rows(self._crypto, rows)
        changes = [(row, item) for row, item in zip(rows, moved, strict=True) if item]
        if len(changes) < len(rows):
            bad = [row for row, item in zip(rows, moved, strict=True) if not item]
            self._failed |= {row.key: Failure(row.key, _why(row.token)) for row in bad}
        left = self._store.write(changes) if changes else ()
        self._rewrapped += len(changes) - len(left)
        return left

    def _version(self) -> bytes:
        """Return the version in use now, and note it if it is another one."""
        version = version_in_use(self._crypto)
        if self._versions[-1] != version:
            self._versions.append(version)
        return version

    def _tell(self, done: int) -> None:
        if self._progress is None:
            return
        seconds = monotonic() - self._began
        failed = len(self._failed)
        self._progress(Progress(done, self._total, self._rewrapped, failed, seconds, self._looked_at))


def _why(sealed: bytes) -> str:
    """The code of what is wrong with a row that did not open."""
    try:
        if datakey.is_wrapped(sealed):
            datakey.parse(sealed)
        else:
            token.parse(sealed)
    except NewerFormat as error:
        return error.code
    except DecryptionFailed:
        pass
    return DecryptionFailed.code
