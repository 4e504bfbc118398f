"""Nothing of a vault can be read without a slot: not in its folder, and not in the memory of who has closed it.

The folder is searched for marked names, values, tags and the like in every usual form, while the vault is open and
after all that is done with one. The memory of a process that opened the vault, used its keys and closed it is searched
for those keys, as a core dump of it would be; where the system writes core files, so is one.
"""

from __future__ import annotations

import base64
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import localvault
from localvault import Vault
from localvault.door import correlation
from localvault.native.levels import OFF, VARIABLE
from localvault.native.memory import Locked
from localvault.sealing import master
from localvault.sealing.filehead import file_key
from localvault.sealing.keyfile import read_keyfile
from localvault.sealing.scopes import Scopes
from localvault.sealing.token import token_key
from localvault.testing.clock import FixedClock
from localvault.testing.profiles import CHEAPEST
from tests.support.images import files_in, keys_in, memory_of, texts_in
from tests.support.natives import WAYS
from tests.support.processes import ROOT

NAME = "Marked-Name-of-a-Secret"
GONE = "Marked-Name-of-what-is-deleted"
KEY = "Marked-Name-of-a-Key"
MISSING = "Marked-Name-that-is-not-there"
VALUE = "marked value of a secret"
LONG = "marked long value " * 400
TAG, TAGGED = "marked-name-of-a-tag", "marked value of a tag"
CONTENT = "text/x-marked-content-type"
LABEL = "marked label of a slot"
PASSPHRASE = "marked passphrase, the old one"
NEW = "marked passphrase, the new one"
REQUEST = "marked-request-identifier"
VAULT = "Marked-Name-of-the-Vault"
TEXTS = [
    NAME,
    GONE,
    KEY,
    MISSING,
    VALUE,
    LONG[:36],
    TAG,
    TAGGED,
    CONTENT,
    LABEL,
    PASSPHRASE,
    NEW,
    REQUEST,
    VAULT,
]
# Each is looked for by its halves, so that one cut in two by a page or a record is found as well.
MARKS = [half for text in TEXTS for half in (text[: len(text) // 2], text[len(text) // 2 :])]
# What the vault itself adds to records.
WORDS = ["2031-02-03", "/secrets/M", "VaultCreate", "retention_days", "max_value_bytes", "purge_protection"]


@pytest.fixture(autouse=True)
def no_request() -> Iterator[None]:
    """The request that events name is over with the test."""
    token = correlation.set(None)
    yield
    correlation.reset(token)


def fill(vault: Vault) -> None:
    """Leave marks everywhere a caller's text may go."""
    correlation.set(REQUEST)
    day = datetime(2031, 2, 3, tzinfo=UTC)
    vault.secrets.set(NAME, VALUE, content_type=CONTENT, tags={TAG: TAGGED}, expires_on=day)
    vault.secrets.set_many({GONE: VALUE, NAME: LONG}, tags={TAG: TAGGED}, content_type=CONTENT)
    vault.keys.create(KEY, "oct", tags={TAG: TAGGED}, not_before=day)
    vault.keys.create(KEY + "-EC", "EC", tags={TAG: TAGGED})
    vault.slots.add_recovery_key(label=LABEL)
    with suppress(localvault.NotFound):
        vault.secrets.get(MISSING)
    with vault.batch():
        vault.secrets.set(GONE, VALUE)
    for _ in range(30):
        vault.secrets.get(NAME)


def assert_nothing(folder: Path) -> None:
    """No file below `folder` shows a mark, or a word that only stands in what is sealed."""
    contents = files_in(folder)
    assert sum(map(len, contents.values())) > 20_000
    assert texts_in(contents, [*MARKS, *WORDS]) == []


def test_what_is_searched_for_would_be_found(tmp_path: Path) -> None:
    """A mark in any of its forms is found, wherever in a file it begins."""
    encoded = [
        VALUE.encode(),
        VALUE.upper().encode(),
        VALUE.encode("utf-16-le"),
        VALUE.encode().hex().encode(),
        *(base64.b64encode(bytes(shift) + VALUE.encode() + b"...") for shift in range(3)),
    ]
    for content in encoded:
        for before in (b"", b"\x91\xa5", b"abc"):
            (tmp_path / "file").write_bytes(before + content + b"\0\1\2")
            assert texts_in(files_in(tmp_path), [VALUE]), content


def test_the_folder_shows_nothing(tmp_path: Path) -> None:
    """Open with events in its spool, closed, after deleting, purging, a new passphrase, backups and compaction."""
    clock = FixedClock()
    options = {"kdf": CHEAPEST, "allow_weak": True, "clock": clock}
    vault = localvault.create(tmp_path / "a", passphrase=PASSPHRASE, name=VAULT, **options)
    fill(vault)
    assert list((tmp_path / "a").glob("spool-*"))
    assert_nothing(tmp_path)
    vault.secrets.delete(GONE)
    (tmp_path / "blob").write_bytes(vault.secrets.backup(NAME))
    assert_nothing(tmp_path)
    vault.close()
    assert_nothing(tmp_path)
    with localvault.open(tmp_path / "a", passphrase=PASSPHRASE, allow_weak=True, clock=clock) as vault:
        vault.secrets.purge(GONE)
        vault.keys.delete(KEY)
        vault.slots.change_passphrase(PASSPHRASE, NEW)
        vault.backup(tmp_path / "b")
        vault.compact(tmp_path / "c")
        vault.keys.recover(KEY)
        vault.audit.verify()
        assert vault.check() == []
        assert_nothing(tmp_path)
    assert_nothing(tmp_path)


# Memory

LABELS = [
    master.INDEX,
    master.JOURNAL_SIGNING,
    master.SCOPE_ROOT,
    master.SLOTS,
    master.SLOT_ATTRIBUTES,
    master.TRANSFER,
]
USE = """
import hashlib, io, os, sys
import localvault
from localvault.native.memory import wipe_bytes

path, keyfile, close, end = sys.argv[1:]
if keyfile:
    vault = localvault.open(path, keyfile=keyfile)
else:
    passphrase = os.read(0, 100)
    vault = localvault.open(path, passphrase=passphrase, allow_weak=True)
    wipe_bytes(passphrase)  # the caller's own copy, which localvault cannot know that nobody needs
digest = hashlib.sha256(b"a document").digest()
for key in vault.keys.list():
    crypto = vault.crypto(key.name)
    if key.kty == "oct":
        assert crypto.open(crypto.seal(b"a line")) == b"a line"
        assert crypto.open_many(crypto.seal_many([b"one", b"two"])) == [b"one", b"two"]
        crypto.rewrap_many([crypto.seal(b"a line")])
        sealed = io.BytesIO()
        crypto.seal_file(io.BytesIO(b"a line"), sealed)
        sealed.seek(0)
        crypto.open_file(sealed, f"{path} {key.name}")
        crypto.encrypt("A256GCM", b"a line")
        crypto.wrap_key("A256KW", bytes(32))
        crypto.sign("HS256", digest)
    elif key.kty == "RSA":
        crypto.sign("PS256", digest)
        crypto.decrypt("RSA-OAEP-256", crypto.encrypt("RSA-OAEP-256", b"a line").ciphertext)
    else:
        crypto.sign("ES256" if key.kty == "EC" else "EdDSA", digest)
if close:
    for key in vault.keys.list():
        vault.keys.get(key.name)
        list(vault.keys.versions(key.name))
        vault.keys.update(key.name, tags={"a": "b"})
        vault.keys.backup(key.name)
        vault.keys.delete(key.name)
        vault.keys.recover(key.name)
        if key.kty != "RSA":
            vault.keys.rotate(key.name)
    assert vault.check() == []
    vault.close()
print("ready", flush=True)
sys.stdin.read()
if end:
    os.abort()
"""


class Known:
    """A vault with imported keys, made here, and every secret number a process that uses it may hold."""

    def __init__(self, folder: Path) -> None:
        self.path, self.keyfile = folder / "vault", folder / "key"
        self._copies = 0
        self.keys: dict[str, bytes] = {}
        """The numbers of the keys in the vault."""
        with localvault.create(self.path, keyfile=self.keyfile, allow_weak=True) as vault:
            vault.slots.add_passphrase(PASSPHRASE, kdf=CHEAPEST)
            for number in range(6):
                self._import(vault, number)
            self.roots = _roots(vault)
        self.roots["secret of the key file"] = bytes(read_keyfile(self.keyfile).secret.view())
        self.roots["passphrase"] = PASSPHRASE.encode()
        self.roots["text of the key file"] = self.keyfile.read_bytes().split()[1]

    def copy(self) -> Path:
        """The vault as it was made, in a folder of its own."""
        self._copies += 1
        return Path(shutil.copytree(self.path, self.path.with_name(f"copy {self._copies}")))

    def _import(self, vault: Vault, number: int) -> None:
        raw = os.urandom(32)
        self.keys |= {
            f"oct {number}": raw,
            f"token key {number}": bytes(token_key(Locked.of(raw)).view()),
            f"file key {number}": bytes(file_key(Locked.of(raw).view()).view()),
        }
        vault.keys.import_(
            f"oct-{number}", {"kty": "oct", "k": base64.urlsafe_b64encode(raw).decode().rstrip("=")}
        )
        curve, okp = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()
        self.keys[f"EC {number}"] = curve.private_numbers().private_value.to_bytes(32)
        self.keys[f"OKP {number}"] = okp.private_bytes_raw()
        for name, key in ((f"ec-{number}", curve), (f"okp-{number}", okp)):
            vault.keys.import_(name, key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
        if number < 2:
            big = rsa.generate_private_key(65537, 2048)
            numbers = big.private_numbers()
            for name in ("d", "p", "q", "dmp1", "dmq1", "iqmp"):
                value = getattr(numbers, name)
                self.keys[f"RSA {number} {name}"] = value.to_bytes((value.bit_length() + 7) // 8)
            vault.keys.import_(
                f"rsa-{number}", big.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
            )


def _roots(vault: Vault) -> dict[str, bytes]:
    """The vault's own keys."""
    key = vault._parts.master
    scopes = Scopes(key, vault._parts.vault_id)
    found = {"master key": bytes(key.key.view())}
    found |= {
        f"scope {path}": bytes(scopes.scope_key(path).view())
        for path in ("/", "/keys", "/secrets", "/journal")
    }
    return found | {label: bytes(key.derive(label).view()) for label in LABELS}


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Known:
    """The vault, made once."""
    return Known(tmp_path_factory.mktemp("known"))


@pytest.fixture
def linux() -> None:
    """What the tests of memory need."""
    if sys.platform != "linux":
        pytest.skip("the memory of another process is read through /proc")


def image_of(known: Known, by: str = "key file", *, close: bool, way: str = "") -> dict[str, bytes]:
    """The memory of a process that has opened the vault, done all verbs with its keys, and closed it or not."""
    with started(known, by, close=close, way=way) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        image = memory_of(process.pid)
        process.communicate()
    assert process.returncode == 0
    assert sum(map(len, image.values())) > 4 << 20
    return image


def started(
    known: Known, by: str, *, close: bool, core_in: Path | None = None, way: str = ""
) -> subprocess.Popen[bytes]:
    """A process that does `USE`; with `core_in` it ends in a core dump there."""
    keyfile = str(known.keyfile) if by == "key file" else ""
    arguments = [str(known.copy()), keyfile, "close" if close else "", "abort" if core_in else ""]
    process = subprocess.Popen(
        [sys.executable, "-c", USE, *arguments],
        cwd=core_in or ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | ({VARIABLE: way} if way else {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if core_in else None,
    )
    if by == "passphrase":
        assert process.stdin is not None
        process.stdin.write(PASSPHRASE.encode())
        process.stdin.flush()
    return process


@pytest.mark.usefixtures("linux")
@pytest.mark.parametrize("by", ["key file", "passphrase"])
def test_memory_after_closing(known: Known, by: str) -> None:
    """No key of the vault, of any kind, and nothing that unlocks it, is left in what a core dump would hold."""
    assert keys_in(image_of(known, by, close=True), known.keys | known.roots) == []


@pytest.mark.usefixtures("linux")
def test_a_core_dump_after_closing(known: Known, tmp_path: Path) -> None:
    """The core file that the system writes has none of it either."""
    if not Path("/proc/sys/kernel/core_pattern").read_text().startswith("core"):
        pytest.skip("core files are not written to a process's own folder here")
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    try:
        with started(known, "key file", close=True, core_in=tmp_path) as process:
            process.communicate()
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)
    assert process.returncode == -signal.SIGABRT
    cores = {path.name: path.read_bytes() for path in tmp_path.glob("core*")}
    if not cores:
        pytest.skip("this process may not leave core files")
    assert sum(map(len, cores.values())) > 4 << 20
    assert keys_in(cores, known.keys | known.roots) == []


SYMMETRIC = ("oct", "token key", "file key", "scope /")


@pytest.mark.usefixtures("linux")
@pytest.mark.parametrize("way", WAYS)
def test_memory_while_open(known: Known, way: str) -> None:
    """The master key and what unlocks it is not even there while it is in use, nor what the core works with."""
    image = image_of(known, close=False, way=way)
    scopes = {name: key for name, key in known.roots.items() if name.startswith("scope /")}
    others = {name: key for name, key in known.roots.items() if name not in scopes}
    assert keys_in(image, others) == []
    # What OpenSSL works with is, so the search finds what is there; SECURITY.md tells of it.
    found = keys_in(image, known.keys | scopes)
    for name in [*known.keys, *scopes]:
        seen = any(each.startswith(f"{name}, ") for each in found)
        if name.startswith(SYMMETRIC):
            assert seen == (way == OFF), name
        elif not name.startswith("EC"):
            assert seen, name
