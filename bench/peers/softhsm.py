"""The peer for using a key: SoftHSM2 encrypting a message through `python-pkcs11`.

Relies on `libsofthsm2.so`, a system package: `ensure` installs it with apt-get where that is there and we are root,
and otherwise says what to do. What makes it a fair peer:

- The AES-256 key is a token object, as it would be in use; generated on the token, in a token of its own in the
  benchmark's folder, with a configuration of its own: no token of this machine is touched. (`softhsm2-util` makes it:
  python-pkcs11 has no call for that.)
- Against reading a secret: AES-CBC with an IV that is already there, the quickest mode that is not ECB. GCM, which is
  slower there, stands against our own GCM alone; the nonces, which it asks the caller for, are there already.
- One session, logged in once. The timed loop stands here, inline.

It encrypts only: no name is looked up, nothing is read from the disk, nothing is journalled.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from bench.peers import PeerMissing

PLACES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)
HOW_TO_INSTALL = "Debian: apt-get install softhsm2, Fedora: dnf install softhsm, macOS: brew install softhsm"
_PIN = "benchmark"  # of a token that lives as long as the run
_APT = ("apt-get", "--quiet", "--quiet", "--no-install-recommends", "--yes")


def ensure() -> Path:
    """Return the library's path, installing it first where we can.

    Raises:
        PeerMissing: it is not there and could not be installed.
    """
    found = _find()
    if found is None and shutil.which("apt-get") and os.geteuid() == 0:
        print("SoftHSM2 is missing: installing Debian's package softhsm2 …", flush=True)
        _install() or (_apt("update") and _install())
        found = _find()
    if found is None:
        raise PeerMissing(f"SoftHSM2 is not installed ({HOW_TO_INSTALL})")
    return found


def _find() -> Path | None:
    if shutil.which("softhsm2-util") is None:
        return None
    return next((Path(place) for place in PLACES if Path(place).exists()), None)


def _install() -> bool:
    return _apt("install", "softhsm2")


def _apt(*arguments: str) -> bool:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run((*_APT, *arguments), env=environment, check=False, stdout=subprocess.DEVNULL)
    return done.returncode == 0


class SoftHsm:
    """One token with one AES-256 key, in `folder`."""

    def __init__(self, folder: Path, library: Path) -> None:
        configuration = folder / "softhsm2.conf"
        tokens = folder / "tokens"
        tokens.mkdir(parents=True)
        configuration.write_text(
            f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n"
        )
        os.environ["SOFTHSM2_CONF"] = str(configuration)
        _util("--init-token", "--free", "--label", "bench", "--pin", _PIN, "--so-pin", _PIN)
        # The module reads its configuration when it is loaded, so not before this point.
        import pkcs11

        self._library = pkcs11.lib(str(library))
        self._session = self._library.get_token(token_label="bench").open(user_pin=_PIN, rw=True)
        self._key = self._session.generate_key(pkcs11.KeyType.AES, 256, label="bench", store=True)
        self._mechanism, self._gcm = pkcs11.Mechanism.AES_CBC, pkcs11.Mechanism.AES_GCM
        self._parameters = pkcs11.GCMParams
        self._iv = os.urandom(16)

    def encrypt(self, plaintext: bytes) -> bytes:
        """Return `plaintext`, a multiple of 16 bytes, encrypted."""
        return self._key.encrypt(plaintext, mechanism=self._mechanism, mechanism_param=self._iv)

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Return what `encrypt` was given."""
        return self._key.decrypt(ciphertext, mechanism=self._mechanism, mechanism_param=self._iv)

    def time_encrypts(self, plaintexts: Sequence[bytes]) -> float:
        """Encrypt every one of `plaintexts` and return the seconds for one."""
        encrypt, mechanism, iv = self._key.encrypt, self._mechanism, self._iv
        started = perf_counter()
        for plaintext in plaintexts:
            encrypt(plaintext, mechanism=mechanism, mechanism_param=iv)
        return (perf_counter() - started) / len(plaintexts)

    def seal_gcm(self, plaintext: bytes, nonce: bytes) -> bytes:
        """Return `plaintext` sealed with AES-256-GCM: ciphertext and tag."""
        return self._key.encrypt(plaintext, mechanism=self._gcm, mechanism_param=self._parameters(nonce))

    def open_gcm(self, sealed: bytes, nonce: bytes) -> bytes:
        """Return what `seal_gcm` was given."""
        return self._key.decrypt(sealed, mechanism=self._gcm, mechanism_param=self._parameters(nonce))

    def time_seals(self, plaintext: bytes, nonces: Sequence[bytes]) -> float:
        """Seal `plaintext` with AES-256-GCM under every nonce and return the seconds for one."""
        encrypt, mechanism = self._key.encrypt, self._gcm
        prepared = [self._parameters(nonce) for nonce in nonces]
        started = perf_counter()
        for parameters in prepared:
            encrypt(plaintext, mechanism=mechanism, mechanism_param=parameters)
        return (perf_counter() - started) / len(nonces)

    def versions(self) -> str:
        """Say which SoftHSM answered."""
        return f"SoftHSM {_util('--version').strip()}"

    def close(self) -> None:
        """Log out."""
        self._session.close()


def _util(*arguments: str) -> str:
    return subprocess.run(("softhsm2-util", *arguments), check=True, capture_output=True, text=True).stdout
