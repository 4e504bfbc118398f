"""What a person or a machine holds to open a slot: a passphrase, a key file's secret, a recovery key.

Relies on locked memory. Promises: the secret is in locked memory from the first moment this room sees it, and nothing
shows it. The `str` or `bytes` a passphrase came in is the caller's and cannot be wiped from here.
"""

from __future__ import annotations

import unicodedata
from typing import Final, final

from localvault.errors import BadParameter, UnlockFailed
from localvault.model.hidden import Hidden
from localvault.native.memory import Locked
from localvault.sealing import armour
from localvault.sealing.hkdf import KEY_SIZE

PASSPHRASE: Final = 1
KEYFILE: Final = 2
RECOVERY: Final = 3
KIND_NAMES: Final = {PASSPHRASE: "passphrase", KEYFILE: "keyfile", RECOVERY: "recovery"}

PASSPHRASE_MAX: Final = 4096  # bytes of UTF-8
_RECOVERY_LABEL = b"localvault recovery key v1"


@final
class Credential(Hidden):
    """A secret and the kind of slot it opens."""

    __slots__ = ("kind", "secret")

    def __init__(self, kind: int, secret: Locked) -> None:
        """Takes `secret` over: a passphrase of any length, or 32 random bytes."""
        self.kind = kind
        self.secret = secret

    @property
    def kind_name(self) -> str:
        """ "passphrase", "keyfile" or "recovery"."""
        return KIND_NAMES[self.kind]

    def wipe(self) -> None:
        """Forgets the secret."""
        self.secret.wipe()


def passphrase(value: str | bytes) -> Credential:
    """A passphrase of 1 to 4096 bytes.

    Text is brought into Unicode's normal form C and encoded in UTF-8, as RFC 8265 section 4.2 has it for passwords:
    "é" is the same from every keyboard and operating system. Bytes are taken as they are. Nothing is trimmed.

    Raises:
        BadParameter: empty, too long, or text with half of a surrogate pair.
    """
    # `normalize` returns the very same object where the text is in its normal form already.
    secret = _encoded(unicodedata.normalize("NFC", value)) if isinstance(value, str) else Locked.of(value)
    if not 1 <= len(secret) <= PASSPHRASE_MAX:
        secret.wipe()
        if not value:
            raise BadParameter("a passphrase cannot be empty")
        raise BadParameter(
            f"a passphrase has at most {PASSPHRASE_MAX} bytes", hint="use a key file for anything longer"
        )
    return Credential(PASSPHRASE, secret)


def keyfile_secret(secret: Locked) -> Credential:
    """The secret of a key file, 32 bytes."""
    return Credential(KEYFILE, secret)


def new_recovery_key() -> tuple[Credential, str]:
    """A new recovery key of 256 random bits, and the text to show once: 14 groups of 4 characters."""
    credential = Credential(RECOVERY, Locked.random(KEY_SIZE))
    return credential, armour.grouped(armour.encode(credential.secret, _RECOVERY_LABEL))


def recovery_key(text: str) -> Credential:
    """The recovery key that was shown as `text`, however it was typed in.

    Raises:
        UnlockFailed: mistyped; the sentence says how.
    """
    try:
        return Credential(RECOVERY, armour.decode(text, _RECOVERY_LABEL))
    except armour.Misspelt as error:
        raise UnlockFailed(
            f"the recovery key is mistyped: {error}", hint="compare it with what you noted"
        ) from None


def _encoded(text: str) -> Locked:
    """UTF-8 in locked memory, character by character: no bytes object ever holds more than one of them."""
    try:
        size = sum(len(character.encode()) for character in text)
        secret = Locked.zero(size)
        window, at = secret.view(), 0
        for character in text:
            encoded = character.encode()
            window[at : at + len(encoded)] = encoded
            at += len(encoded)
    except UnicodeEncodeError:
        raise BadParameter(
            "the passphrase holds half of a surrogate pair, which UTF-8 cannot carry"
        ) from None
    return secret
