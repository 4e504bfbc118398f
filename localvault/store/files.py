"""Folders and files that only their owner can touch, and that are there after a power cut.

Relies on POSIX. Promises: what these functions make has mode 0700 or 0600 whatever the umask, and its name is on disk
when they return.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localvault.errors import VaultExists

FOLDER_MODE = 0o700
FILE_MODE = 0o600
SCRATCH = ".new."  # what the names of unfinished things begin with; a killed process may leave some behind


def make_folder(folder: Path) -> bool:
    """Make `folder` (its parent must be there) or take over an empty one; returns whether it was made.

    Raises:
        VaultExists: there is something in it, or it is not a folder.
        OSError: it cannot be made; nothing of it is left.
    """
    try:
        folder.mkdir(FOLDER_MODE)
    except FileExistsError:
        if not folder.is_dir() or not all(path.name.startswith(SCRATCH) for path in folder.iterdir()):
            raise VaultExists(
                f"there is something at {folder} already", hint="choose a path where there is nothing yet"
            ) from None
        folder.chmod(FOLDER_MODE)
        return False
    try:
        folder.chmod(FOLDER_MODE)
        sync_folder(folder.parent)
    except BaseException:
        folder.rmdir()
        raise
    return True


def make_file(path: Path, content: bytes = b"") -> None:
    """Make the file `path` with `content`, and put both its bytes and its name on disk.

    Raises:
        FileExistsError: there is one.
        OSError: it cannot be made; nothing of it is left.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    try:
        os.fchmod(descriptor, FILE_MODE)
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    except BaseException:
        path.unlink()
        raise
    finally:
        os.close(descriptor)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Put the names in `folder` on disk.

    Raises:
        OSError: the disk failed.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_scratch(folder: Path) -> None:
    """Remove every unfinished thing in `folder`, whoever began it."""
    for path in folder.glob(f"{SCRATCH}*"):
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def scratch_folder(near: Path) -> Iterator[Path]:
    """Make a folder in `near` for the `with` block, with a hidden name.

    It may have been renamed when the block ends; otherwise it is removed with what is in it, as far as that can be
    done: what the block did stands either way.
    """
    folder = near / f"{SCRATCH}{secrets.token_hex(8)}"
    make_folder(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
