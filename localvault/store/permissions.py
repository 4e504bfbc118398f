"""Refuses a vault that somebody else could change.

Relies on POSIX owners and modes. Promises: whoever passes `check_folder` has a folder in which only its owner and root
can write. Readable by others is no reason to refuse: everything in it is sealed.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from localvault.errors import InsecureFolder, NotAVault

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def check_folder(folder: Path) -> None:
    """Check `folder` and every file directly in it.

    Raises:
        NotAVault: it is not there or not a folder.
        InsecureFolder: group or others may write to one of them, or another user than this one or root owns it.
    """
    try:
        status = folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise NotAVault(f"there is no vault at {folder}") from None
    if not stat.S_ISDIR(status.st_mode):
        raise NotAVault(f"{folder} is not a folder, so there is no vault in it")
    _check(str(folder), status)
    with os.scandir(folder) as entries:
        for entry in entries:
            # The link is looked at, not what it leads to: a file elsewhere is under somebody else's rules.
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISLNK(status.st_mode):
                raise InsecureFolder(
                    f"{entry.path} is a link out of the vault", hint="put the file itself in its place"
                )
            _check(entry.path, status)


def _check(path: str, status: os.stat_result) -> None:
    if status.st_uid not in (0, os.geteuid()):
        raise InsecureFolder(
            f"{path} belongs to another user, who could change it",
            hint=f"chown it to yourself: chown -R $USER {path}",
        )
    if status.st_mode & _OTHERS_WRITE:
        raise InsecureFolder(f"other users could write to {path}", hint=f"chmod -R go-w {path}")
