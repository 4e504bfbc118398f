"""Sealed files: for what is larger than memory, with one oct key.

Relies on `sealing.filestream`. Promises: every call is one authorised and journalled operation that holds no
transaction while it works; a target is there when its event is, complete, or it is not there at all; no plaintext
leaves before the end of the file was authenticated.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from localvault.calls import Apart, Call
from localvault.crypto.source import Place, Readable, Source, reading
from localvault.crypto.target import Outgoing, Target, Writable, new_file
from localvault.crypto.use import KeyUse
from localvault.errors import BadParameter, Conflict, DecryptionFailed
from localvault.native.face import XaesKey
from localvault.operations import KEY_OPEN, KEY_REWRAP, KEY_SEAL, Operation
from localvault.records import Records
from localvault.sealing.filehead import HEADER_SIZE, FileHeader, parse
from localvault.sealing.filestream import open_stream, rewrap_stream, seal_stream

Progress = Callable[[int, int | None], None]
_PROGRESS_EVERY = 0.25  # s


class FileVerbs(KeyUse):
    """Seal and open files with one oct key."""

    def seal_file(
        self,
        source: Place | Readable,
        target: Place | Writable,
        *,
        context: bytes = b"",
        progress: Progress | None = None,
        replace: bool = False,
    ) -> int:
        """Seal a file of any length into one that opens under any later version of the key; returns its bytes.

        Memory stays at a few MiB. The sealed file is 63 bytes longer, and 16 more for every further 64 KiB.

        Args:
            source: a path, or a binary file object such as a pipe, which is read to its end.
            target: the path of a new file (mode 0600) that is there once it is complete, or a binary file object; from
                one that was not written to the end nothing opens.
            context: authenticated but not stored; `open_file` needs the same. A few bytes: every chunk goes over them.
            progress: called with the bytes of `source` that are done and how many there are (None for a file object),
                at most four times a second and at the end. What it raises ends the call, and leaves no target.
            replace: put the new file in the place of one at `target`; a link there is replaced, not followed.

        Raises:
            BadParameter: not an oct key; the source cannot be read, has no end, or changed meanwhile; there is
                something at `target`, no folder for it, or it is the source or in the vault's own folder.
            StoreFull: no space; there is no target.
            VaultError: the operating system does not let it be written; there is no target.
            KeyNotFound, KeyDisabled, KeyExpired, KeyNotYetValid, KeyOperationForbidden: the key may not.
        """

        def find(call: Call, records: Records) -> tuple[bytes, XaesKey]:
            _, version_id, loaded = self._keys.find(call, records, self._name, self._version, "encrypt")
            return version_id, loaded.files

        def work(apart: Apart, told: dict[str, Any]) -> None:
            version_id, key = apart.look(find)
            with reading(source) as plain, writing(target, self._ground.folder, replace=replace) as sealed:
                seal_to(key, FileHeader.new(version_id), context, plain, sealed, progress, told)
                _hand_out(apart, sealed)

        return self._file_operation(KEY_SEAL, work)

    def open_file(
        self,
        source: Place | Readable,
        target: Place,
        *,
        context: bytes = b"",
        progress: Progress | None = None,
        replace: bool = False,
    ) -> int:
        """Open a sealed file under the version of the key it names, into a new file; returns how many bytes that has.

        The target cannot be a file object: it would hand out the beginning of a file before its end is known to be
        authentic, or there at all. Other arguments are as for `seal_file`.

        Raises:
            DecryptionFailed: not a sealed file of this key, another context, altered, cut short or added to.
            NewerFormat: sealed by a newer localvault.
            BadParameter, StoreFull, VaultError: as for `seal_file`.
            KeyNotFound, KeyDisabled, KeyOperationForbidden: the version may not.
        """
        check_target(target)

        def work(apart: Apart, told: dict[str, Any]) -> None:
            # What has no such key says so before it reads, which from a pipe may take a while.
            apart.look(lambda call, records: self._keys.require(records, self._name))
            with reading(source) as sealed, writing(target, self._ground.folder, replace=replace) as plain:

                def find(version_id: bytes) -> XaesKey:
                    return apart.look(self._finding(version_id))

                open_to(find, context, sealed, plain, progress, told)
                _hand_out(apart, plain)

        return self._file_operation(KEY_OPEN, work)

    def rewrap_file(self, path: Place, *, context: bytes = b"", progress: Progress | None = None) -> int:
        """Move a sealed file to the current version, in its place; returns how many bytes of content it has.

        The file at `path` is the old one until it is the new one, whole and with the old one's mode and owner; the
        plaintext is in memory only, 1 MiB at a time. A file that somebody writes to meanwhile, or puts in its place, is
        left as it is then; only where that happens in the very instant of the change does it go unnoticed.

        Args:
            path: the file; through links, which stay.
            context: the one it was sealed with; it stays.
            progress: as for `seal_file`.

        Raises:
            Conflict: somebody changed the file meanwhile, and it is as they left it.
            DecryptionFailed, NewerFormat: as for `open_file`.
            BadParameter, StoreFull, VaultError: as for `seal_file`.
            KeyNotFound, KeyDisabled, KeyExpired, KeyNotYetValid, KeyOperationForbidden: a version may not.
        """
        place = Path(os.path.realpath(path))

        def find(call: Call, records: Records) -> tuple[bytes, XaesKey]:
            _, version_id, loaded = self._keys.find(call, records, self._name, self._version, "encrypt")
            return version_id, loaded.files

        def work(apart: Apart, told: dict[str, Any]) -> None:
            version_id, new_key = apart.look(find)
            with (
                reading(place) as sealed,
                new_file(place, replace=True, outside=self._ground.folder) as moved,
            ):
                meter = Meter(sealed, progress)
                header = meter.header()
                key = apart.look(self._finding(header.version_id))
                apart.call.version = version_id  # the one in use, as for tokens
                new_header = FileHeader.new(version_id, header.chunk_log2)
                told["bytes"] = rewrap_stream(
                    key, header, new_key, new_header, context, meter.read, moved.write
                )
                meter.end()
                moved.be_like(sealed.status)
                moved.complete()
                if moved.identity != sealed.identity or sealed.is_changed():
                    raise Conflict(f"{place} was changed while it was rewrapped", hint="rewrap it again")
                apart.tell()
                moved.appear()

        return self._file_operation(KEY_REWRAP, work)

    def _file_operation(self, operation: Operation, work: Callable[[Apart, dict[str, Any]], None]) -> int:
        """Run `work` as one operation whose event tells, also of a failure, how many bytes of content it had done."""
        with self._ground.door.apart(operation, self._target) as apart:
            told: dict[str, Any] = {"form": "file", "bytes": 0}
            apart.call.details = told
            work(apart, told)
        done: int = told["bytes"]
        return done

    def _finding(self, version_id: bytes) -> Callable[[Call, Records], XaesKey]:
        """Return what finds the key of the version that a header names."""

        def find(call: Call, records: Records) -> XaesKey:
            loaded = self._keys.of_token(records, self._name, version_id, "decrypt", call.now)
            if loaded is None:
                raise DecryptionFailed("the file names a version this key does not have")
            call.version = version_id
            return loaded.files

        return find


def seal_to(
    key: XaesKey,
    header: FileHeader,
    context: bytes,
    plain: Source,
    sealed: Target,
    progress: Progress | None,
    told: dict[str, Any],
) -> None:
    """Seal all of a source into a target that is yet to be completed; `told["bytes"]` counts the content.

    Raises:
        BadParameter: the source is the target, cannot be read, has no end, or changed meanwhile.
        StoreFull, VaultError: the target cannot be written.
    """
    _refuse_same(plain, sealed)

    def read(window: memoryview) -> int:
        size = meter.read(window)
        told["bytes"] += size
        return size

    meter = Meter(plain, progress)
    seal_stream(key, header, context, read, sealed.write)
    meter.end()
    plain.check_unchanged()


def open_to(
    find: Callable[[bytes], XaesKey],
    context: bytes,
    sealed: Source,
    plain: Target,
    progress: Progress | None,
    told: dict[str, Any],
) -> None:
    """Open a sealed file into a target that is yet to be completed; `find` has the key that its header names.

    Raises:
        DecryptionFailed, NewerFormat: it does not open.
        BadParameter, StoreFull, VaultError: as for `seal_to`.
    """
    _refuse_same(sealed, plain)
    meter = Meter(sealed, progress)
    header = meter.header()
    key = find(header.version_id)

    def write(window: memoryview) -> None:
        plain.write(window)
        told["bytes"] += len(window)

    open_stream(key, header, context, meter.read, write)
    meter.end()


@contextmanager
def writing(target: Place | Writable, outside: Path, *, replace: bool) -> Iterator[Target]:
    """Yield what writes to `target`: a new file, not in the folder `outside`, or what the caller has open.

    Raises:
        BadParameter, StoreFull, VaultError: as for `new_file`.
    """
    if not isinstance(target, str | os.PathLike):
        yield Outgoing(target)
        return
    with new_file(target, replace=replace, outside=outside) as file:
        yield file


def check_target(target: object) -> None:
    """Refuse what a file must not be opened into."""
    if not isinstance(target, str | os.PathLike):
        raise TypeError("a file is opened into a path, so that nothing of it is out before all is authentic")


class Meter:
    """Reads from a source and tells the caller how far it has come."""

    def __init__(self, source: Source, progress: Progress | None) -> None:
        self._source = source
        self._progress = progress
        self._done = 0
        self._due = monotonic() + _PROGRESS_EVERY

    def read(self, window: memoryview) -> int:
        """Fill the window, and tell how far that is when it is time to."""
        size = self._source.read(window)
        self._done += size
        if self._progress is not None and monotonic() >= self._due:
            self._due = monotonic() + _PROGRESS_EVERY
            self._progress(self._done, self._source.total)
        return size

    def header(self) -> FileHeader:
        """Read the header of a sealed file.

        Raises:
            DecryptionFailed, NewerFormat: it is none.
        """
        beginning = bytearray(HEADER_SIZE)
        return parse(bytes(beginning[: self.read(memoryview(beginning))]))

    def end(self) -> None:
        """Tell that all is done."""
        if self._progress is not None:
            self._progress(self._done, self._source.total)


def _refuse_same(source: Source, target: Target) -> None:
    # Through a shell, `… a - >> a` would read what it writes and never end.
    if source.identity is not None and source.identity == target.identity:
        raise BadParameter("source and target are the same file", hint="name another target")


def _hand_out(apart: Apart, target: Target) -> None:
    """Have the target on disk, journalled, and only then under its name."""
    target.complete()
    apart.tell()
    target.appear()
