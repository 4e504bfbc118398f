"""Tokens: self-describing ciphertexts that outlive rotations.

Relies on `native` for many at once. Promises: every call, of one or of many, is one authorised and journalled
operation; a token opens under the version it names and with the context it was sealed with, or not at all.

`format (1) | suite (1) | key version (16) | nonce (24) | ciphertext | tag (16)`, sealed with XAES-256-GCM, the caller's
`context` authenticated beside it (docs/format.md, "Tokens").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import overload

from localvault.crypto.use import KeyUse
from localvault.door import Call
from localvault.errors import DecryptionFailed
from localvault.model.packed import Packed
from localvault.native import face
from localvault.native.face import XaesKey
from localvault.operations import KEY_OPEN, KEY_REWRAP, KEY_SEAL
from localvault.records import Records
from localvault.sealing import token

Items = Packed | Iterable[bytes]


class TokenVerbs(KeyUse):
    """Seal, open and rewrap with one oct key."""

    def seal(self, plaintext: bytes, context: bytes = b"") -> bytes:
        """Seal a message into a token, 58 bytes longer, that opens under any later version of the key.

        Args:
            plaintext: up to 2 GiB.
            context: authenticated but not stored; `open` needs the same (a column's name, a row's key).

        Raises:
            BadParameter: not an oct key.
            KeyNotFound, KeyDisabled, KeyExpired, KeyNotYetValid, KeyOperationForbidden: the key may not.
        """
        return bytes(self.seal_many(Packed.of((plaintext,)), context).data)

    def open(self, token: bytes, context: bytes = b"") -> bytes:
        """Open a token under the version of the key it names.

        Raises:
            DecryptionFailed: not a token of this key, another context, or altered.
            NewerFormat: a token made by a newer localvault.
            BadParameter: not an oct key.
            KeyNotFound, KeyDisabled, KeyOperationForbidden: the version may not.
        """
        return bytes(self.open_many(Packed.of((token,)), context).data)

    def rewrap(self, token: bytes, context: bytes = b"") -> bytes:
        """Seal a token's plaintext again under the current version, without showing it to the caller.

        Raises:
            BadParameter, DecryptionFailed, NewerFormat: as for `open`.
            KeyNotFound, KeyDisabled, KeyExpired, KeyNotYetValid, KeyOperationForbidden: a version may not.
        """
        return bytes(self.rewrap_many(Packed.of((token,)), context).data)

    @overload
    def seal_many(self, items: Packed, context: bytes = b"") -> Packed: ...
    @overload
    def seal_many(self, items: Iterable[bytes], context: bytes = b"") -> list[bytes]: ...
    def seal_many(self, items: Items, context: bytes = b"") -> Packed | list[bytes]:
        """Seal many messages as one operation: `Packed` in, `Packed` out; anything else in, a list out.

        Raises:
            BadParameter, KeyNotFound, KeyDisabled, KeyExpired, KeyNotYetValid, KeyOperationForbidden: as for `seal`.
        """

        def body(call: Call, records: Records, packed: Packed) -> Packed:
            _, version_id, loaded = self._keys.find(call, records, self._name, self._version, "encrypt")
            call.count = len(packed)
            return face.seal_many(loaded.seals, token.prefix(version_id), packed, context)

        return _same_form(items, lambda packed: self._ground.door.read(KEY_SEAL, self._target, body, packed))

    @overload
    def open_many(self, tokens: Packed, context: bytes = b"") -> Packed: ...
    @overload
    def open_many(self, tokens: Iterable[bytes], context: bytes = b"") -> list[bytes]: ...
    def open_many(self, tokens: Items, context: bytes = b"") -> Packed | list[bytes]:
        """Open many tokens, of whatever versions, as one operation: all of them, or an error.

        Raises:
            DecryptionFailed, NewerFormat, BadParameter, KeyNotFound, KeyDisabled, KeyOperationForbidden: as for `open`.
        """

        def body(call: Call, records: Records, packed: Packed) -> Packed:
            call.count = len(packed)
            keys = self._keys_of_tokens(call, records)
            opened, failed = face.open_many(keys, token.PREFIX_LEN, token.KEY_ID, packed, context)
            _refuse_failed(failed, packed)
            return opened

        return _same_form(tokens, lambda packed: self._ground.door.read(KEY_OPEN, self._target, body, packed))

    @overload
    def rewrap_many(self, tokens: Packed, context: bytes = b"") -> Packed: ...
    @overload
    def rewrap_many(self, tokens: Iterable[bytes], context: bytes = b"") -> list[bytes]: ...
    def rewrap_many(self, tokens: Items, context: bytes = b"") -> Packed | list[bytes]:
        """Move many tokens to the current version as one operation: all of them, or an error.

        The plaintext stays in locked memory of the native core and never becomes a Python object.

        Raises:
            BadParameter, DecryptionFailed, NewerFormat: as for `rewrap`.
            KeyNotFound, KeyDisabled, KeyExpired, KeyNotYetValid, KeyOperationForbidden: likewise.
        """

        def body(call: Call, records: Records, packed: Packed) -> Packed:
            _, version_id, loaded = self._keys.find(call, records, self._name, self._version, "encrypt")
            call.count = len(packed)
            keys = self._keys_of_tokens(call, records)
            moved, failed = face.rewrap_many(
                keys, token.PREFIX_LEN, token.KEY_ID, loaded.seals, token.prefix(version_id), packed, context
            )
            _refuse_failed(failed, packed)
            return moved

        return _same_form(
            tokens, lambda packed: self._ground.door.read(KEY_REWRAP, self._target, body, packed)
        )

    def _keys_of_tokens(self, call: Call, records: Records) -> Callable[[bytes], XaesKey]:
        """Return what finds the key of a version id; all in this call's one snapshot.

        Raises:
            BadParameter, KeyNotFound: no such key, which a call without tokens is told too.
        """
        self._keys.require(records, self._name)

        def find(version_id: bytes) -> XaesKey:
            loaded = self._keys.of_token(records, self._name, version_id, "decrypt", call.now)
            if loaded is None:
                raise DecryptionFailed("the token names a version this key does not have")
            return loaded.seals

        return find


def _same_form(items: Items, work: Callable[[Packed], Packed]) -> Packed | list[bytes]:
    return work(items) if isinstance(items, Packed) else work(Packed.of(items)).to_list()


def _refuse_failed(failed: list[int], tokens: Packed) -> None:
    if not failed:
        return
    # A token of a newer format fails like any other; only it deserves another sentence.
    token.parse(bytes(tokens[failed[0]]))
    raise DecryptionFailed(
        f"{len(failed)} of {len(tokens)} tokens do not open, the first is number {failed[0]}"
    )
