"""How far a run had come, kept between runs: it saves reading again what is done, and decides nothing else.

Relies on the caller's store, which is the truth. Promises: a position is used only for the very store and version it
was noted for, and only after everything before it was written; without one, or with one that cannot be read, a run
begins at the beginning.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from localvault.errors import BadParameter
from localvault.rewrapping.store import Failure

_FORMAT = 1


class Keeper(Protocol):
    """Keeps one text between runs: a file of ours, or a row of the caller's."""

    def load(self) -> str | None:
        """Return what was saved last, None if that was nothing."""

    def save(self, text: str | None) -> None:
        """Keep a text, or (None) forget it."""


class Position(NamedTuple):
    """Where a run goes on."""

    after: Any
    """The key of the last row that is done; None at the beginning."""
    done: int = 0
    failed: tuple[Failure, ...] = ()
    """What was not moved up to there, and would not be seen again."""


class Checkpoint:
    """The position of a run, in a keeper if there is one."""

    def __init__(self, keeper: Keeper | None, store: str) -> None:
        self._keeper = keeper
        self._store = store

    def load(self, version: bytes) -> Position:
        """Return where to go on, if everything up to there was moved to `version`.

        Raises:
            BadParameter: it is of another store.
        """
        text = None if self._keeper is None else self._keeper.load()
        if text is None:
            return Position(None)
        try:
            found = json.loads(text)
            form, store, moved_to = found["format"], found["store"], found["version"]
            position = Position(
                _key_of(found["after"]),
                int(found["done"]),
                tuple(Failure(_key_of(key), str(code)) for key, code in found["failed"]),
            )
        except (ValueError, TypeError, KeyError):
            return Position(None)
        if store != self._store:
            raise BadParameter(
                f"the checkpoint is of another store, {str(store)[:80]!r}",
                hint="give each store one of its own",
            )
        return position if (form, moved_to) == (_FORMAT, version.hex()) else Position(None)

    def save(self, version: bytes, position: Position) -> None:
        """Note that everything up to `position` is at `version` or among what failed.

        Raises:
            BadParameter: keys of a type that has no place in a checkpoint.
        """
        if self._keeper is None:
            return
        failed = [[_json_of(each.key), each.code] for each in position.failed]
        found = {"format": _FORMAT, "store": self._store, "version": version.hex()}
        found |= {"after": _json_of(position.after), "done": position.done, "failed": failed}
        self._keeper.save(json.dumps(found))

    def clear(self) -> None:
        """Forget it: all is done."""
        if self._keeper is not None:
            self._keeper.save(None)


class FileKeeper:
    """Keeps the text in a file, which is there whole or as it was."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> str | None:
        """Return the text, None if there is no file.

        Raises:
            BadParameter: it cannot be read.
        """
        try:
            return self._path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BadParameter(f"the checkpoint {self._path} cannot be read: {error.strerror}") from None

    def save(self, text: str | None) -> None:
        """Put the text in the place of what was there, or remove the file.

        Raises:
            BadParameter: it cannot be written.
        """
        try:
            if text is None:
                self._path.unlink(missing_ok=True)
                return
            # Not waited for until it is on disk: an older one is as good.
            fresh = self._path.with_name(f".new.{secrets.token_hex(8)}")
            try:
                fresh.write_text(text, encoding="utf-8")
                fresh.replace(self._path)
            except BaseException:
                fresh.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise BadParameter(f"the checkpoint {self._path} cannot be written: {error.strerror}") from None


def keeper_of(given: str | os.PathLike[str] | Keeper | None) -> Keeper | None:
    """Return what keeps the text: a path stands for the file there."""
    return FileKeeper(Path(given)) if isinstance(given, str | os.PathLike) else given


def _json_of(key: Any) -> Any:
    if isinstance(key, bytes):
        return {"bytes": key.hex()}
    if key is None or isinstance(key, int | float | str):
        return key
    raise BadParameter(
        f"a checkpoint cannot keep keys of the type {type(key).__name__}", hint="leave the checkpoint out"
    )


def _key_of(found: Any) -> Any:
    return bytes.fromhex(found["bytes"]) if isinstance(found, dict) else found
