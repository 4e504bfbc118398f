"""A data key as it is held: where its bytes stand, what is made from them, and what it asks before every use.

Relies on the door for the state of the key that wrapped it. Promises: the bytes are in locked memory, wiped by `close`
and when the vault is closed; a forked child has none; nothing is used before the vault, as it is at that moment, was
asked whether the version that wrapped the data key still allows it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from localvault.calls import Call
from localvault.errors import DecryptionFailed, KeyNotFound, VaultClosed
from localvault.lifecycle.ground import Ground
from localvault.lifecycle.loaded import LoadedKeys
from localvault.model.hidden import Hidden
from localvault.native.face import XaesKey
from localvault.native.memory import Locked, Wipeable
from localvault.operations import KEY_UNWRAP, KEY_WRAP, Operation
from localvault.records import Records
from localvault.sealing import datakey, token
from localvault.sealing.derived import DerivedKey

T = TypeVar("T")


class Origin:
    """The version of a key by which data keys were wrapped."""

    __slots__ = ("_ground", "_keys", "_name", "_target", "_version_id")

    def __init__(self, ground: Ground, keys: LoadedKeys, name: str, target: str, version_id: bytes) -> None:
        self._ground = ground
        self._keys = keys
        self._name = name
        self._target = target
        self._version_id = version_id

    @property
    def folder(self) -> Path:
        """The vault's own folder, where no file is to be put."""
        return self._ground.folder

    def allow(self, row: Operation, operation: str) -> None:
        """Return if the version may do `operation` now; no event unless it may not.

        Raises:
            AccessDenied: the principal may not.
            KeyNotFound, KeyDisabled, KeyExpired, KeyNotYetValid, KeyOperationForbidden: the version may not.
        """
        self._ground.door.allow(row, self._target, self._check, operation)

    def read(self, row: Operation, operation: str, work: Callable[[], T]) -> T:
        """Return `work()` as an operation of its own, if the version may do `operation`.

        Raises:
            AccessDenied, KeyNotFound, KeyDisabled, KeyExpired, KeyNotYetValid, KeyOperationForbidden: as for `allow`.
        """

        def body(call: Call, records: Records) -> T:
            self._check(call, records, operation)
            return work()

        return self._ground.door.read(row, self._target, body)

    def hold(self, holder: Wipeable) -> None:
        """Have `holder` wiped when the vault is closed."""
        self._keys.hold(holder)

    def _check(self, call: Call, records: Records, operation: str) -> None:
        call.version = self._version_id
        if self._keys.of_token(records, self._name, self._version_id, operation, call.now) is None:
            raise KeyNotFound(f"key {self._name} has no version {self._version_id.hex()} any more")


class HeldKey(Hidden):
    """A data key without its verbs."""

    __slots__ = ("__weakref__", "_files", "_id", "_memory", "_origin", "_place", "_tokens", "wrapped")

    wrapped: bytes
    """The data key as it is to be kept beside the data: names the version of the key that opens it."""

    def __init__(self, origin: Origin, wrapped: bytes, memory: Locked, place: tuple[int, int]) -> None:
        """`memory` is where it stands, at `place` (beginning and size in bytes), perhaps beside others."""
        self.wrapped = wrapped
        self._origin = origin
        self._memory: Locked | None = memory
        self._place = place
        self._id: bytes | None = None
        self._tokens: DerivedKey | None = None
        self._files: DerivedKey | None = None

    @property
    def size(self) -> int:
        """Its size in bits: 128, 192 or 256."""
        return self._place[1] * 8

    @property
    def id(self) -> str:
        """What its tokens and files name it by, 32 hex digits: the same however often it is wrapped again.

        Raises:
            VaultClosed: it has been closed.
        """
        self._secret()
        return self._own_id().hex()

    def close(self) -> None:
        """Overwrite it; more calls do nothing."""
        memory, self._memory = self._memory, None
        for ready in (self._tokens, self._files):
            if ready is not None:
                ready.wipe()
        if memory is not None:
            memory.wipe_part(*self._place)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _secret(self) -> memoryview:
        if self._memory is None:
            raise VaultClosed("the data key has been closed", hint="open_data_key opens it again")
        at, size = self._place
        # Through `view`, each time: in a forked child the memory reads as zeros, and this raises instead.
        return self._memory.view()[at : at + size]

    def _own_id(self) -> bytes:
        if self._id is None:
            self._id = datakey.data_id(self._secret())
        return self._id

    def _may_seal(self) -> None:
        self._secret()  # what was closed says so first
        self._origin.allow(KEY_WRAP, "wrapKey")

    def _may_open(self) -> None:
        self._secret()
        self._origin.allow(KEY_UNWRAP, "unwrapKey")

    def _sealing(self) -> tuple[XaesKey, bytes]:
        """Return the key for tokens and what they begin with, if it may seal."""
        self._may_seal()
        return self._token_key(), token.prefix(self._own_id())

    def _opening(self) -> Callable[[bytes], XaesKey]:
        """Return what finds the key of a token by the id in it, if it may open."""
        self._may_open()
        own, key = self._own_id(), self._token_key()

        def find(key_id: bytes) -> XaesKey:
            if key_id != own:
                raise DecryptionFailed("the token names another data key, or a version of a key")
            return key

        return find

    def _token_key(self) -> XaesKey:
        # Two threads that meet here make two of the same key: no harm done, and what is dropped wipes itself.
        if self._tokens is None:
            self._tokens = self._made(datakey.tokens_key(self._secret()))
        return self._tokens.key

    def _file_key(self) -> XaesKey:
        if self._files is None:
            self._files = self._made(datakey.files_key(self._secret()))
        return self._files.key

    def _find_file_key(self, key_id: bytes) -> XaesKey:
        if key_id != self._own_id():
            raise DecryptionFailed("the file names another data key, or a version of a key")
        return self._file_key()

    def _made(self, memory: Locked) -> DerivedKey:
        ready = DerivedKey(memory)
        self._origin.hold(ready)
        return ready
