"""One word per concept: what has a word in docs/model.md is never called by another one.

Source code (and with it help texts and messages) and documentation are searched for the synonyms people reach for. A
word that is right in one place, because it is somebody else's name, stands in `RIGHT` with that place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PLACES = ("localvault/**/*.py", "csrc/**/*.[ch]", "docs/*.md", "README.md", "SECURITY.md", "CHANGELOG.md")

# Our word → what it is not called. A space stands for a space, a hyphen, an end of line or nothing, a hyphen for the
# same but nothing.
BANNED = {
    "vault": ("key store", "secret store", "db file", "database file", "vault file", "safe deposit"),
    "folder": ("directory", "directories"),
    "secret": ("secret entry", "secret item", "vault entry", "vault item", "password entry"),
    "passphrase": ("password", "passwords", "pass-phrase", "master password", "pass code"),
    "master key": ("root key", "vault key", "master secret"),
    "scope": ("name space", "name spaces"),
    "scope key": ("DEK", "KEK", "data encryption key", "key encryption key"),
    "slot": ("key slot", "unlock method", "unlocker"),
    "version": ("revision", "revisions", "generation of a key"),
    "deleted": ("trash", "recycle bin", "tombstone"),
    "principal": ("actor", "service account", "user account"),
    "event": ("log entry", "log entries", "log line", "log record", "audit record", "audit entry"),
    "journal": ("audit log", "audit trail", "event log", "ledger"),
    "agenda": ("scheduler", "job queue", "to do list"),
    "token": ("ciphertext blob", "encrypted blob", "sealed blob", "cipher blob"),
    "open": ("unseal", "unsealed", "unseals"),
}  # fmt: skip

# Where it is the right word: a place (or any, as "") and the words around it, as a pattern.
RIGHT = (
    # PEM, DER and PKCS#8 have passwords, and so has what RFC 8265 and OWASP write about.
    ("localvault/algorithms/", "password"),
    ("localvault/keys.py", "password"),
    ("localvault/cli/key.py", "password"),
    ("docs/cli.md", "--password|has a password"),
    ("localvault/cli/inputs.py", "passphrase, password or recovery key"),
    # A password is what a secret often is, and generators make them.
    ("localvault/model/generator.py", "passwords?"),
    ("localvault/lifecycle/passwords.py", "passwords?"),
    ("localvault/lifecycle/generators.py", '"password"|passwords import'),
    ("localvault/lifecycle/generating.py", "Generator.password"),
    ("localvault/cli/generator.py", "password"),
    ("docs/agenda.md", "Generator.password|rules of a password"),
    ("docs/cli.md", "makes a password|a password of|Every password"),
    ("localvault/sealing/credentials.py", "RFC 8265 section 4.2 has it for passwords"),
    ("", "OWASP Password Storage Cheat Sheet"),
    # A secret's name, and a variable's.
    ("", "db[-_]password"),
    # Names of the operating system and of standards.
    ("", "O_DIRECTORY|NotADirectoryError|Base Directory"),
    ("localvault/algorithms/material.py", "DEK-Info"),
    ("localvault/operations.py", "Key Vault's audit log"),
    # What azure-storage-blob calls the object it wraps keys with.
    ("localvault/integrations/azure_blob.py", "KeyEncryptionKey|key_encryption_key"),
    ("docs/azure-blob.md", "KeyEncryptionKey|key_encryption_key"),
)


def _pattern(phrase: str) -> re.Pattern[str]:
    words = phrase.replace("-", r"[\s-]").replace(" ", r"[\s-]?")
    return re.compile(rf"(?<![A-Za-z]){words}(?![A-Za-z])", re.IGNORECASE)


PATTERNS = [(word, phrase, _pattern(phrase)) for word, phrases in BANNED.items() for phrase in phrases]
ALLOWED = [(place, re.compile(around, re.IGNORECASE)) for place, around in RIGHT]


def _files() -> Iterator[tuple[str, str]]:
    """Every file that is searched, and its text, with comments that go on from line to line as one."""
    for place in PLACES:
        found = sorted(ROOT.glob(place))
        assert found, f"{place} matches nothing"
        for path in found:
            text = path.read_text(encoding="utf-8")
            yield str(path.relative_to(ROOT)), re.sub(r"\n\s*(?:#|//|\*)\s", "\n", text)


FILES = dict(_files())


def _offences(name: str, text: str) -> list[str]:
    right = [
        found.span()
        for place, around in ALLOWED
        if name.startswith(place)
        for found in around.finditer(text)
    ]  # fmt: skip
    return [
        f"{name}:{text.count(chr(10), 0, found.start()) + 1}: {found[0]!r} is called {word!r} here"
        for word, _, pattern in PATTERNS
        for found in pattern.finditer(text)
        if not any(start <= found.start() and found.end() <= end for start, end in right)
    ]


@pytest.mark.parametrize("name", FILES)
def test_nothing_has_a_second_word(name: str) -> None:
    """A file says vault, secret, passphrase, event, journal, token…, and none of their synonyms."""
    assert _offences(name, FILES[name]) == []


@pytest.mark.parametrize("phrase", [phrase for _, phrase, _ in PATTERNS])
def test_every_synonym_would_be_found(phrase: str) -> None:
    """However it is written: in capitals, with a hyphen, over an end of line or in one word."""
    for between in ("-", " ", "\n"):
        for written in (phrase.replace(" ", between), phrase.replace("-", between).upper()):
            assert _offences("a file", f"the {written}, here"), written
    assert _offences("a file", f"the {phrase.replace(' ', '')}, here")
    assert _offences("a file", f"other{phrase.replace(' ', '')}s of it") == []


@pytest.mark.parametrize(("place", "around"), RIGHT)
def test_every_exception_is_needed(place: str, around: str) -> None:
    """An exception that excuses nothing any more goes."""
    pattern = re.compile(around, re.IGNORECASE)
    assert any(name.startswith(place) and pattern.search(text) for name, text in FILES.items())


def test_our_own_words_are_in_the_table_of_words() -> None:
    """What is recommended is a word of docs/model.md, or stands in it."""
    page = FILES["docs/model.md"].lower()
    assert [word for word in BANNED if word not in page] == []
