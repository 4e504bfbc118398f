"""XAES-256-GCM (C2SP) and AES-GCM, served by `cryptography` on any machine.

Relies on OpenSSL through `cryptography` and on locked memory. Promises: the contracts that face.py states;
derived keys are written into locked memory and never become Python objects. OpenSSL keeps the expanded keys
in its own heap, which it wipes when a context is freed: those contexts are what a core dump of an unlocked
process could show.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import NoReturn, Protocol, TypeAlias, final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.backends.openssl import backend
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from localvault.errors import BadParameter, DecryptionFailed
from localvault.model.hidden import Hidden
from localvault.native.memory import Locked, forks, refusal, wipe, wipe_in_children

# What `cryptography` takes without a copy.
Buffer: TypeAlias = bytes | bytearray | memoryview

KEY_SIZE = 32
NONCE_SIZE = 24
TAG_SIZE = 16
GCM_KEY_SIZES = (16, 24, 32)
GCM_NONCE_SIZE = 12
DERIVING = 12  # bytes of the nonce that derive the AES-GCM key; the other 12 are AES-GCM's own nonce
CACHED_KEYS = 64  # derived keys remembered; OpenSSL's context of one takes a few KiB
DIGEST_SIZE = 16
COUNTER = 4  # bytes at the end of a batch's nonces
BATCHES_A_KEY = 4096  # batches that share a derived key, see XaesBatch

# C2SP XAES-256-GCM: M1 = 00 01 'X' 00 || N[:12] and M2 = 00 02 'X' 00 || N[:12], here side by side as one
# number whose two copies of N[:12] are still to be added.
_MESSAGES = (0x00015800 << 224) | (0x00025800 << 96)
_TWO_BLOCKS = (1 << 128) + 1  # times a block = that block twice
_REDUCTION = 0b10000111  # of GF(2^128), NIST SP 800-38B section 5.3

_from_bytes = int.from_bytes  # looked up once, for the hot path
TOO_LONG = "a plaintext can have no more than 2 GiB; cut it up"
UNAUTHENTIC = "the ciphertext does not open: wrong key, wrong context or altered bytes"


def openssl_version() -> str:
    """The OpenSSL that `cryptography` carries."""
    return str(backend.openssl_version_text())


class _Gcm(Protocol):
    def encrypt(self, nonce: Buffer, data: Buffer, associated_data: Buffer | None) -> bytes: ...
    def encrypt_into(
        self, nonce: Buffer, data: Buffer, associated_data: Buffer | None, buf: Buffer
    ) -> int: ...
    def decrypt(self, nonce: Buffer, data: Buffer, associated_data: Buffer | None) -> bytes: ...
    def decrypt_into(
        self, nonce: Buffer, data: Buffer, associated_data: Buffer | None, buf: Buffer
    ) -> int: ...


class _Workspaces(Protocol):
    def pop(self) -> _Workspace: ...
    def append(self, workspace: _Workspace, /) -> None: ...


# What one derivation at a time needs: AES under the key, where it writes, and the derived key within that.
_Workspace: TypeAlias = tuple[Callable[[bytes, memoryview], int], memoryview, memoryview]


@final
class _Gone:
    """Stands where a cipher was, after a wipe or a fork, so that the hot paths need no check of their own."""

    def __init__(self, made_after: int) -> None:
        self._made_after = made_after

    def _refuse(self, *_arguments: object) -> NoReturn:
        raise refusal(self._made_after)

    pop = append = encrypt = encrypt_into = decrypt = decrypt_into = _refuse


@final
class GcmKey(Hidden):
    """An AES-GCM key of 128, 192 or 256 bits (NIST SP 800-38D): nonces of 96 bits, tags of 128.

    The caller answers for the nonces: two plaintexts under one give both away, and let anyone forge. `key` stays the
    caller's to wipe, and may be wiped at once. May be used by several threads at once.
    """

    __slots__ = ("__weakref__", "_forks", "_gcm")

    def __init__(self, key: Locked) -> None:
        if len(key) not in GCM_KEY_SIZES:
            raise BadParameter(f"an AES-GCM key has 16, 24 or 32 bytes, not {len(key)}")
        self._forks = forks()
        self._gcm: _Gcm = AESGCM(key.view())
        wipe_in_children(self)

    def seal(self, nonce: bytes, plaintext: Buffer, aad: bytes = b"") -> bytes:
        """Ciphertext and tag, 16 bytes longer than `plaintext`.

        Raises `BadParameter` for a nonce that has not 12 bytes or a plaintext above 2 GiB, `VaultClosed` and
        `VaultForked`.
        """
        if len(nonce) != GCM_NONCE_SIZE:
            raise BadParameter(f"the nonce has {GCM_NONCE_SIZE} bytes, not {len(nonce)}")
        try:
            return self._gcm.encrypt(nonce, plaintext, aad)
        except OverflowError:
            raise BadParameter(TOO_LONG) from None

    def open(self, nonce: bytes, sealed: Buffer, aad: bytes = b"") -> bytes:
        """The plaintext of what `seal` made.

        Raises `DecryptionFailed` if anything differs, `BadParameter` for a nonce of another length, `VaultClosed` and
        `VaultForked`.
        """
        if len(nonce) != GCM_NONCE_SIZE:
            raise BadParameter(f"the nonce has {GCM_NONCE_SIZE} bytes, not {len(nonce)}")
        try:
            return self._gcm.decrypt(nonce, sealed, aad)
        except InvalidTag:
            raise DecryptionFailed(UNAUTHENTIC) from None

    def wipe(self) -> None:
        """Forgets the key; every later use raises `VaultClosed`."""
        self._gcm = _Gone(self._forks)


@final
class XaesKey(Hidden):
    """A 256-bit key for XAES-256-GCM, as specified at c2sp.org/XAES-256-GCM.

    The nonce has 192 bits, so a random one may be drawn for every record: 2^80 of them collide with a chance
    of 2^-32. Its first 96 bits derive an AES-256-GCM key, its last 96 are that key's nonce. `key` stays the
    caller's to wipe. May be used by several threads at once. It does not commit to the key: see the module
    `face`.
    """

    __slots__ = ("__weakref__", "_derived", "_forks", "_key", "_mask", "_shared", "_workspaces")

    def __init__(self, key: Locked) -> None:
        if len(key) != KEY_SIZE:
            raise BadParameter(f"an XAES-256-GCM key has {KEY_SIZE} bytes, not {len(key)}")
        self._forks = forks()
        self._key = key
        self._derived: dict[bytes, _Gcm] = {}
        self._shared: _Shared | None = None
        workspace = self._new_workspace()
        self._workspaces: _Workspaces = [workspace]
        self._mask = _MESSAGES ^ (_subkey(workspace) * _TWO_BLOCKS)
        wipe_in_children(self)

    def _new_workspace(self) -> _Workspace:
        # ECB is the bare AES that the specification is written in; no message is encrypted with it.
        aes = Cipher(algorithms.AES(self._key.view()), modes.ECB()).encryptor()  # noqa: S305
        # A derived key stays in its workspace until the next one: locked memory, as for the key itself.
        output = Locked.zero(KEY_SIZE + 15).view()  # update_into asks for room for a block more, less a byte
        return aes.update_into, output, output[:KEY_SIZE]

    def _derive(self, half: bytes) -> _Gcm:
        """The AES-256-GCM key for the nonces that begin with these 12 bytes, remembered."""
        blocks = ((_from_bytes(half) * _TWO_BLOCKS) ^ self._mask).to_bytes(KEY_SIZE)
        remembered, workspaces = self._derived, self._workspaces
        # A workspace belongs to one thread at a time, or it could read another's derived key. Taking one from
        # a list and putting it back is atomic and a third of a lock's price; when another thread is in
        # between, make one more.
        try:
            workspace = workspaces.pop()
        except IndexError:
            workspace = self._new_workspace()
        update_into, output, derived_key = workspace
        update_into(blocks, output)
        derived = AESGCM(derived_key)
        workspaces.append(workspace)
        # A hot record is read without deriving; CACHED_KEYS bounds what OpenSSL's heap holds of them.
        # Dropping all is quicker than choosing one, and costs a key in steady use one derivation in 64.
        if len(remembered) >= CACHED_KEYS:
            remembered.clear()
        remembered[half] = derived
        return derived

    def seal(self, nonce: bytes, plaintext: Buffer, aad: bytes) -> bytes:
        """Ciphertext and tag, 16 bytes longer than `plaintext`.

        `nonce` is 24 bytes and must be drawn at random for each call: two plaintexts under one nonce give
        both away. Raises `BadParameter` for another length or a plaintext above 2 GiB, `VaultClosed` and
        `VaultForked`.
        """
        if len(nonce) != NONCE_SIZE:
            raise BadParameter(f"an XAES-256-GCM nonce has {NONCE_SIZE} bytes, not {len(nonce)}")
        half = nonce[:DERIVING]
        derived = self._derived.get(half) or self._derive(half)
        try:
            return derived.encrypt(nonce[DERIVING:], plaintext, aad)
        except OverflowError:
            raise BadParameter(TOO_LONG) from None

    def seal_into(self, nonce: bytes, plaintext: Buffer, aad: bytes, out: memoryview) -> None:
        """As `seal`, into `out`, which is 16 bytes longer than `plaintext`."""
        if len(nonce) != NONCE_SIZE:
            raise BadParameter(f"an XAES-256-GCM nonce has {NONCE_SIZE} bytes, not {len(nonce)}")
        half = nonce[:DERIVING]
        derived = self._derived.get(half) or self._derive(half)
        try:
            derived.encrypt_into(nonce[DERIVING:], plaintext, aad, out)
        except OverflowError:
            raise BadParameter(TOO_LONG) from None

    def open(self, nonce: bytes, sealed: Buffer, aad: bytes) -> bytes:
        """The plaintext of what `seal` made.

        Raises `DecryptionFailed` if key, nonce, `aad` or any bit of `sealed` differ, `BadParameter` for a
        nonce of another length, `VaultClosed` and `VaultForked`.
        """
        if len(nonce) != NONCE_SIZE:
            raise BadParameter(f"an XAES-256-GCM nonce has {NONCE_SIZE} bytes, not {len(nonce)}")
        half = nonce[:DERIVING]
        derived = self._derived.get(half) or self._derive(half)
        try:
            return derived.decrypt(nonce[DERIVING:], sealed, aad)
        except InvalidTag:
            raise DecryptionFailed(UNAUTHENTIC) from None

    def open_into(self, nonce: bytes, sealed: Buffer, aad: bytes, out: memoryview) -> None:
        """As `open`, into `out`, which is 16 bytes shorter than `sealed`; on failure it is wiped."""
        if len(nonce) != NONCE_SIZE:
            raise BadParameter(f"an XAES-256-GCM nonce has {NONCE_SIZE} bytes, not {len(nonce)}")
        half = nonce[:DERIVING]
        derived = self._derived.get(half) or self._derive(half)
        try:
            derived.decrypt_into(nonce[DERIVING:], sealed, aad, out)
        except InvalidTag:
            # Deciphered before the tag was known to be wrong; nobody may see it.
            wipe(out)
            raise DecryptionFailed(UNAUTHENTIC) from None

    def batch(self) -> XaesBatch:
        """Seals many records quicker: one derived key, one call for randomness."""
        shared = self._shared
        # Two threads that meet here may use one key a few times more than said, or make one too many: no harm done.
        if shared is None or shared.uses_left <= 0:
            half = os.urandom(DERIVING)
            shared = self._shared = _Shared(half, self._derive(half), self._forks)
            wipe_in_children(shared)
        shared.uses_left -= 1
        return XaesBatch(shared)

    def wipe(self) -> None:
        """Forgets what was made from the key; every later use raises `VaultClosed`."""
        # In this order: whoever took the old dictionary before now puts a derived key where nobody looks.
        self._workspaces = _Gone(self._forks)
        self._derived = {}
        self._shared = None


@final
class _Shared:
    """A derived key and the 96 bits of nonce that derive it, for many batches."""

    __slots__ = ("__weakref__", "_forks", "gcm", "half", "uses_left")

    def __init__(self, half: bytes, gcm: _Gcm, made_after: int) -> None:
        self.half = half
        self.gcm = gcm
        self.uses_left = BATCHES_A_KEY
        self._forks = made_after

    def wipe(self) -> None:
        """Let no batch seal any more. Above all in a child: it and its parent would count on from the same numbers."""
        self.gcm = _Gone(self._forks)


def check_keyed(keys: Sequence[bytes], items: Sequence[bytes]) -> None:
    """Raises `ValueError` unless there is a key for each item: the core reads as many of the one as of the other."""
    if len(keys) != len(items):
        raise ValueError(f"{len(keys)} keys and {len(items)} items do not pair up")


@final
class XaesBatch(Hidden):
    """Seals many records under one derived key and a counter; what it makes opens with `XaesKey.open`.

    Nonce: 96 random bits that derive the key, 64 more random bits, 32 bits of counter. Within a batch no nonce comes
    twice because the counter only rises; beyond 2^32 records it raises `OverflowError`. Up to 4,096 batches share a
    derived key, so two of them share nonces only with a chance of 2^-41, below the 2^-32 that NIST SP 800-38D section 8
    asks for of each key. Every batch draws its 64 bits from the operating system, so that a virtual machine resumed
    twice repeats nothing once its kernel has fresh randomness; what writes a lot derives once in 4,096 transactions,
    and what reads it derives as seldom. May be used by several threads at once.

    The rejected alternatives: a key for each batch, whose derivation costs a small write more than sealing does; and
    one batch for the life of a process, which a resumed copy of the machine would count on from.
    """

    __slots__ = ("_next", "_shared", "head")

    def __init__(self, shared: _Shared) -> None:
        self.head = shared.half + os.urandom(NONCE_SIZE - DERIVING - COUNTER)
        self._shared = shared
        self._next = itertools.count().__next__

    def seal(self, plaintext: Buffer, aad: bytes) -> tuple[bytes, bytes]:
        """The nonce (24 bytes), and ciphertext and tag (16 bytes longer than `plaintext`).

        Raises `BadParameter` for a plaintext above 2 GiB, `VaultClosed` and `VaultForked`.
        """
        nonce = self.head + self._next().to_bytes(COUNTER)
        try:
            return nonce, self._shared.gcm.encrypt(nonce[DERIVING:], plaintext, aad)
        except OverflowError:
            raise BadParameter(TOO_LONG) from None

    def seal_keyed(
        self, header: bytes, start: bytes, keys: Sequence[bytes], plaintexts: Sequence[bytes]
    ) -> tuple[list[bytes], list[bytes]]:
        """Many records, each `header | nonce | ciphertext | tag` with associated data `start | its key`; and the first
        16 bytes of each one's SHA-256.

        Raises `BadParameter` for a plaintext above 2 GiB, `VaultClosed` and `VaultForked`.
        """
        records = []
        for key, plaintext in zip(keys, plaintexts, strict=True):
            nonce, sealed = self.seal(plaintext, start + key)
            records.append(header + nonce + sealed)
        return records, [sha256(record).digest()[:DIGEST_SIZE] for record in records]

    def seal_into(self, plaintext: Buffer, aad: bytes, out: memoryview) -> None:
        """Nonce, ciphertext and tag into `out`, which is 40 bytes longer than the plaintext."""
        nonce = self.head + self._next().to_bytes(COUNTER)
        out[:NONCE_SIZE] = nonce
        try:
            self._shared.gcm.encrypt_into(nonce[DERIVING:], plaintext, aad, out[NONCE_SIZE:])
        except OverflowError:
            raise BadParameter(TOO_LONG) from None

    def wipe(self) -> None:
        """Lets go of the derived key; every later use raises `VaultClosed`."""
        self._shared = _Shared(b"", _Gone(forks()), forks())


def _subkey(workspace: _Workspace) -> int:
    """K1 of CMAC, NIST SP 800-38B section 6.1.

    It may be a Python integer because it need not be secret here: every message is one whole block, so CMAC
    is AES on distinct inputs, and K1 only says which ones.
    """
    update_into, output, _derived_key = workspace
    update_into(bytes(16), output)
    block = int.from_bytes(output[:16])
    return ((block << 1) & ((1 << 128) - 1)) ^ (_REDUCTION if block >> 127 else 0)
