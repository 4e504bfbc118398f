"""What a program learns from the exit code: one table, from classes of errors to numbers.

Relies on `errors`. Promises: every error of localvault has a number other than 0, the most specific row counts, and
docs/cli.md has this very table (a test compares them).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from localvault import errors


class Exit(NamedTuple):
    """One row: the number, what it means, and which errors end with it."""

    code: int
    meaning: str
    errors: tuple[type[Exception], ...] = ()


DONE: Final = 0
UNEXPECTED: Final = 1
USAGE: Final = 2
DAMAGED: Final = 7
UNOPENED: Final = 9
UNWELL: Final = 11
OVERDUE: Final = 13
CANNOT_START: Final = 126
NO_PROGRAM: Final = 127
INTERRUPTED: Final = 130  # 128 + SIGINT, as shells have it
PIPE_CLOSED: Final = 141  # 128 + SIGPIPE

EXITS: Final = (
    Exit(DONE, "done"),
    Exit(UNEXPECTED, "something nobody foresaw", (errors.LocalVaultError,)),
    Exit(USAGE, "the command line, a value or a file given there cannot be used", (errors.BadParameter,)),
    Exit(3, "there is no such object, version or deleted object", (errors.NotFound,)),
    Exit(4, "the object's state does not allow it: the name is taken or deleted", (errors.Conflict,)),
    Exit(5, "refused: disabled, outside its dates, not permitted, purge-protected", (errors.Forbidden,)),
    Exit(
        6,
        "the vault or a backup does not unlock: wrong passphrase, key file or recovery key",
        (errors.UnlockFailed,),
    ),
    Exit(DAMAGED, "damaged or tampered with; `check` found problems", (errors.Damaged, errors.Tampered)),
    Exit(
        8,
        "no space, too busy, or the journal cannot be written: nothing was changed, try again later",
        (errors.StoreFull, errors.StoreBusy, errors.JournalUnavailable),
    ),
    Exit(
        UNOPENED,
        "a signature does not fit, or a ciphertext or token does not open",
        (errors.InvalidSignature, errors.DecryptionFailed),
    ),
    Exit(
        10,
        "there is no usable vault at the path: none, another one, a newer format, insecure or read-only",
        (errors.VaultError,),
    ),
    Exit(UNWELL, "`doctor` found that something is not as it should be"),
    Exit(12, "a secret's generator made no value; the secret is as it was", (errors.GeneratorFailed,)),
    Exit(OVERDUE, "`report --overdue` found something overdue"),
    Exit(CANNOT_START, "`run` found the program and could not start it"),
    Exit(NO_PROGRAM, "`run` did not find the program"),
    Exit(INTERRUPTED, "interrupted from the keyboard"),
    Exit(PIPE_CLOSED, "whoever read the output stopped reading"),
)
_OF: Final = {error: row.code for row in EXITS for error in row.errors}


def exit_code(error: Exception) -> int:
    """Return the exit code of `error`: that of the nearest of its classes in the table."""
    return next((_OF[cls] for cls in type(error).__mro__ if cls in _OF), UNEXPECTED)
