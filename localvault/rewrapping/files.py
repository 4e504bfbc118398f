"""Folders of a caller's: of files that are one token each, and of sealed files.

Relies on POSIX. Promises: a file is the old one until it is the new one, whole, with the old one's mode and owner;
links are neither followed nor touched; what is not for us is left alone.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from time import monotonic
from typing import BinaryIO, Final, NoReturn

from localvault.crypto.client import Crypto
from localvault.crypto.rows import version_in_use
from localvault.errors import BadParameter, Conflict, DecryptionFailed, NewerFormat
from localvault.rewrapping.store import Failure, Progress, Rewrapped, Tell, TokenRow
from localvault.sealing.filehead import HEADER_SIZE, MAGIC, parse
from localvault.store.faults import told
from localvault.store.files import FILE_MODE, SCRATCH, sync_folder

Context = bytes | Callable[[str], bytes]
"""The context of all files, or what tells it by a file's path below the folder."""
_BATCH: Final = 256  # files whose tokens are in memory together
_LARGEST: Final = 64 << 20  # bytes of a token in a file; what is larger should be a sealed file
_CUT: Final = 1024


class TokenFiles:
    """A folder, and the folders in it, of files that are one token or wrapped data key each."""

    def __init__(self, folder: str | os.PathLike[str], *, pattern: str = "*", context: Context = b"") -> None:
        """Nothing is read yet.

        Args:
            folder: where the files are.
            pattern: which files: a name with `*` and `?`, such as `*.token`.
            context: bytes, the context of all; or a function that tells it by the path below the folder, with `/`.

        Raises:
            BadParameter: there is no such folder.
        """
        self._folder = _checked(folder)
        self._pattern = pattern
        self._context = context
        self._names: list[str] = []
        self.name = f"folder {self._folder} {pattern}"

    def count(self) -> int:
        """Return how many files there are."""
        return sum(1 for _ in _names(self._folder, self._pattern))

    def read(self, after: str | None, limit: int) -> list[TokenRow]:
        """Return the first files behind the path `after`, or from the beginning; at most 256 of them."""
        if after is None or not self._names:
            self._names = sorted(_names(self._folder, self._pattern))
        start = 0 if after is None else bisect_right(self._names, after)
        rows: list[TokenRow] = []
        while not rows and start < len(self._names):
            part = self._names[start : start + min(limit, _BATCH)]
            rows = [row for row in map(self._row, part) if row.token]
            start += len(part)
        return rows

    def write(self, changes: Sequence[tuple[TokenRow, bytes]]) -> list[TokenRow]:
        """Put each new token in the place of the old one; returns the files that have another one by now.

        Where another program puts a file there in the very instant between the last look and the change, it is lost.
        """
        left = []
        for row, token in changes:
            path = self._folder / row.key
            now = self._row(row.key)
            if now.token == row.token:
                _replace(path, token)
            else:
                left.append(now)
        for folder in {(self._folder / row.key).parent for row, _ in changes}:
            with told(folder):
                sync_folder(folder)
        return left

    def _row(self, name: str) -> TokenRow:
        """Return the file of that name; its token is empty if it is gone."""
        context = self._context(name) if callable(self._context) else self._context
        path = self._folder / name
        with told(path):
            token = _content(path)
        return TokenRow(name, token, context)


def rewrap_files(
    crypto: Crypto,
    folder: str | os.PathLike[str],
    *,
    pattern: str = "*",
    context: Context = b"",
    progress: Tell | None = None,
) -> Rewrapped:
    """Move all sealed files in a folder, and in the folders in it, to the current version of a key.

    Each file is the old one until it is the new one, so a run that is killed is finished by the next: files at the
    current version are told by their first bytes. What is no sealed file is left alone and not counted.

    Args:
        crypto: the key's verbs, `vault.crypto(name)`; those of one version move everything to that one.
        folder: where the files are.
        pattern: which files: a name with `*` and `?`, such as `*.sealed`.
        context: bytes, the context of all; or a function that tells it by the path below the folder, with `/`.
        progress: called after each file; what it raises ends the run.

    Raises:
        BadParameter: there is no such folder, or not an oct key.
        StoreFull: no space; the files are as they were, or moved.
        VaultError: the operating system does not let a file be changed.
        KeyNotFound, KeyDisabled, KeyExpired, KeyNotYetValid, KeyOperationForbidden: the key, or a version that a file
            names, may not; what was moved before stays moved.
    """
    return _Files(crypto, _checked(folder), pattern, context, progress).run()


class _Files:
    """One run over a folder of sealed files."""

    def __init__(
        self, crypto: Crypto, folder: Path, pattern: str, context: Context, progress: Tell | None
    ) -> None:
        self._crypto = crypto
        self._folder = folder
        self._pattern = pattern
        self._context = context
        self._progress = progress
        self._began = monotonic()
        self._done = self._rewrapped = self._current = self._conflicts = 0
        self._failed: dict[str, Failure] = {}
        self._versions = [version_in_use(crypto)]

    def run(self) -> Rewrapped:
        """Go through the files until all were seen under one version."""
        while True:
            version, first = self._versions[-1], len(self._versions) == 1
            self._failed.clear()
            names = sorted(_names(self._folder, self._pattern))
            for done, name in enumerate(names, 1):
                self._move(name, first=first)
                self._done += 1
                self._tell(done, len(names))
            if self._version() == version:  # looked at once more, for the reason the walker gives
                break
        versions = tuple(each.hex() for each in self._versions)
        failed = tuple(self._failed.values())
        return Rewrapped(self._rewrapped, self._current, self._conflicts, failed, versions)

    def _move(self, name: str, *, first: bool) -> None:
        path = self._folder / name
        version = self._version()
        beginning = _beginning(path)
        if not beginning.startswith(MAGIC):
            return
        try:
            if parse(beginning).version_id == version:
                self._current += first
                return
            context = self._context(name) if callable(self._context) else self._context
            self._crypto.rewrap_file(path, context=context)
            self._rewrapped += 1
        except (DecryptionFailed, NewerFormat, Conflict) as error:
            self._conflicts += isinstance(error, Conflict)
            self._failed[name] = Failure(name, error.code)

    def _version(self) -> bytes:
        """Return the version in use now, and note it if it is another one."""
        version = version_in_use(self._crypto)
        if self._versions[-1] != version:
            self._versions.append(version)
        return version

    def _tell(self, done: int, total: int) -> None:
        if self._progress is not None:
            seconds = monotonic() - self._began
            failed = len(self._failed)
            self._progress(Progress(done, total, self._rewrapped, failed, seconds, self._done))


def _checked(folder: str | os.PathLike[str]) -> Path:
    path = Path(folder)
    if not path.is_dir():
        raise BadParameter(f"there is no folder {path}")
    return path


def _names(folder: Path, pattern: str) -> Iterator[str]:
    """Yield the paths, below the folder and with `/`, of the files in it; links and half-made files are left out."""
    for place, _, files in os.walk(folder, onerror=_refuse):
        for name in files:
            path = Path(place, name)
            if not fnmatchcase(name, pattern) or name.startswith(SCRATCH):
                continue
            with suppress(FileNotFoundError):
                if stat.S_ISREG(path.lstat().st_mode):
                    yield path.relative_to(folder).as_posix()


def _refuse(error: OSError) -> NoReturn:
    # Passed over in silence, a folder that cannot be read would be taken for done.
    raise BadParameter(f"{error.filename} cannot be read: {error.strerror}") from None


def _opened(path: Path) -> BinaryIO:
    """Open a file; what has become a link meanwhile, to what is not in the folder, or a pipe, counts as gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise FileNotFoundError from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError
    return os.fdopen(descriptor, "rb")


def _content(path: Path) -> bytes:
    """Return what is in a file, nothing if it is gone."""
    try:
        with _opened(path) as file:
            content = file.read(_LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return b""
    # Of what is too large to be a token, the beginning: it fails, and is told of.
    return content if len(content) <= _LARGEST else content[:_CUT]


def _beginning(path: Path) -> bytes:
    try:
        with _opened(path) as file:
            return file.read(HEADER_SIZE)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise BadParameter(f"{path} cannot be read: {error.strerror}") from None


def _replace(path: Path, content: bytes) -> None:
    """Put a file in the place of the one at `path`, with its mode and owner."""
    fresh = path.with_name(f"{SCRATCH}{secrets.token_hex(8)}")
    with told(path):
        status = path.lstat()
        descriptor = os.open(
            fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE
        )
        try:
            with os.fdopen(descriptor, "wb") as file:
                own = os.fstat(descriptor)
                if (status.st_uid, status.st_gid) != (own.st_uid, own.st_gid):
                    os.fchown(descriptor, status.st_uid, status.st_gid)
                os.fchmod(
                    descriptor, stat.S_IMODE(status.st_mode)
                )  # after the owner, whose change clears bits
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            fresh.replace(path)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
