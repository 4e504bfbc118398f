"""Tokens: self-describing ciphertexts that outlive rotations.

Relies on `native` for many at once. Promises: every call, of one or of many, is one authorised and journalled
operation; a token opens under the version it names and with the context it was sealed with, or not at all; whatever
ends a call, nothing it made is left in a buffer of the caller's.

`format (1) | suite (1) | key version (16) | nonce (24) | ciphertext | tag (16)`, sealed with XAES-256-GCM, the caller's
`context` authenticated beside it (docs/format.md, "Tokens").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, overload

from localvault.calls import Call
from localvault.crypto.batches import Given, Items, Outcome, into, open_all, seal_all, taken
from localvault.crypto.use import KeyUse
from localvault.errors import DecryptionFailed
from localvault.model.packed import Packed
from localvault.native import face, lists
from localvault.native.face import XaesKey
from localvault.operations import KEY_OPEN, KEY_REWRAP, KEY_SEAL
from localvault.records import Records
from localvault.sealing import token
from localvault.sealing.token import open_with, parse

if TYPE_CHECKING:
    from typing_extensions import Buffer

TOKEN_OVERHEAD: Final = token.OVERHEAD
"""How many bytes a token is longer than what is sealed in it: 58."""


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

        def body(call: Call, records: Records) -> bytes:
            _, version_id, loaded = self._keys.find(call, records, self._name, self._version, "encrypt")
            return token.seal(loaded.seals, token.prefix(version_id), plaintext, context)

        return self._ground.door.read(KEY_SEAL, self._target, body)

    def open(self, token: bytes, context: bytes = b"") -> bytes:
        """Open a token under the version of the key it names.

        Raises:
            DecryptionFailed: not a token of this key, another context, or altered.
            NewerFormat: a token made by a newer localvault.
            BadParameter: not an oct key.
            KeyNotFound, KeyDisabled, KeyOperationForbidden: the version may not.
        """
        sealed = bytes(token)

        def body(call: Call, records: Records) -> bytes:
            keys, version_id = self._keys_of_tokens(call, records), parse(sealed)
            try:
                return open_with(keys(version_id), sealed, context)
            except DecryptionFailed:
                # One sentence, whether the version is another or the tag: which it is concerns nobody outside.
                raise DecryptionFailed(
                    "the token does not open: another key, another context or altered bytes"
                ) from None

        return self._ground.door.read(KEY_OPEN, self._target, body)

    def rewrap(self, token: bytes, context: bytes = b"") -> bytes:
        """Seal a token's plaintext again under the current version, without showing it to the caller.

        Raises:
            BadParameter, DecryptionFailed, NewerFormat: as for `open`.
            KeyNotFound, KeyDisabled, KeyExpired, KeyNotYetValid, KeyOperationForbidden: a version may not.
        """
        return bytes(self.rewrap_many(Packed.of((token,)), context).data)

    @overload
    def seal_many(self, items: Packed, context: bytes = b"", *, out: Buffer | None = None) -> Packed: ...
    @overload
    def seal_many(self, items: Iterable[bytes], context: bytes = b"") -> list[bytes]: ...
    def seal_many(
        self, items: Items, context: bytes = b"", *, out: Buffer | None = None
    ) -> Packed | list[bytes]:
        """Seal many messages as one operation: `Packed` in, `Packed` out; anything else in, a list out.

        Args:
            items: the messages, each up to 2 GiB.
            context: as for `seal`, the same for all.
            out: for a `Packed`: where the tokens are to stand, `items.nbytes + len(items) * TOKEN_OVERHEAD` bytes or
                more, apart from the memory of `items`. If the call fails, those bytes are zeros.

        Raises:
            BadParameter: `out` cannot be used, or as for `seal`.
            KeyNotFound, KeyDisabled, KeyExpired, KeyNotYetValid, KeyOperationForbidden: as for `seal`.
        """

        def body(call: Call, records: Records, given: Given) -> Given:
            _, version_id, loaded = self._keys.find(call, records, self._name, self._version, "encrypt")
            call.count = len(given)
            return seal_all(loaded.seals, token.prefix(version_id), given, context, window)

        given = taken(items, out)
        with into(out, given, TOKEN_OVERHEAD) as window:
            return self._ground.door.read(KEY_SEAL, self._target, body, given)

    @overload
    def open_many(
        self,
        tokens: Packed,
        context: bytes = b"",
        *,
        out: Buffer | None = None,
        failed: list[int] | None = None,
    ) -> Packed: ...
    @overload
    def open_many(
        self, tokens: Iterable[bytes], context: bytes = b"", *, failed: list[int] | None = None
    ) -> list[bytes]: ...
    def open_many(
        self,
        tokens: Items,
        context: bytes = b"",
        *,
        out: Buffer | None = None,
        failed: list[int] | None = None,
    ) -> Packed | list[bytes]:
        """Open many tokens, of whatever versions, as one operation: all or an error; with `failed`, those that open.

        Args:
            tokens: what `seal` or `seal_many` made.
            context: the one they were sealed with.
            out: for a `Packed`: where the messages are to stand, `tokens.nbytes` bytes or more, apart from the memory
                of `tokens`. If the call fails, those bytes are zeros.
            failed: a list to which the index of every token that does not open is added; its item is empty then, and
                the others are returned. A token of a newer format is one of them. The event is a success whose details
                say how many failed.

        Raises:
            DecryptionFailed, NewerFormat: as for `open`; not if there is `failed`.
            BadParameter: `out` cannot be used, or as for `open`.
            KeyNotFound, KeyDisabled, KeyOperationForbidden: as for `open`; they end the call in any case.
        """
        outcome = Outcome(failed)

        def body(call: Call, records: Records, given: Given) -> Given:
            call.count = len(given)
            opened, wrong = open_all(self._keys_of_tokens(call, records), given, context, window)
            outcome.note(call, wrong, given, opened)
            return opened

        given = taken(tokens, out)
        with into(out, given) as window:
            return outcome.told(self._ground.door.read(KEY_OPEN, self._target, body, given))

    @overload
    def rewrap_many(
        self,
        tokens: Packed,
        context: bytes = b"",
        *,
        out: Buffer | None = None,
        failed: list[int] | None = None,
    ) -> Packed: ...
    @overload
    def rewrap_many(
        self, tokens: Iterable[bytes], context: bytes = b"", *, failed: list[int] | None = None
    ) -> list[bytes]: ...
    def rewrap_many(
        self,
        tokens: Items,
        context: bytes = b"",
        *,
        out: Buffer | None = None,
        failed: list[int] | None = None,
    ) -> Packed | list[bytes]:
        """Move many tokens to the current version as one operation: all or an error; with `failed`, those that open.

        The plaintext stays in locked memory of the native core and never becomes a Python object.

        Args:
            tokens: what `seal` or `seal_many` made.
            context: the one they were sealed with; it stays.
            out: for a `Packed`: where the new tokens are to stand, `tokens.nbytes` bytes or more, as for `open_many`.
            failed: as for `open_many`; an empty item in place of a token that did not open.

        Raises:
            BadParameter: `out` cannot be used, or as for `rewrap`.
            DecryptionFailed, NewerFormat: as for `rewrap`; not if there is `failed`.
            KeyNotFound, KeyDisabled, KeyExpired, KeyNotYetValid, KeyOperationForbidden: as for `rewrap`.
        """
        outcome = Outcome(failed)

        def body(call: Call, records: Records, given: Given) -> Given:
            call.count = len(given)
            moved, wrong = self._move(call, records, given, context, window)
            outcome.note(call, wrong, given, moved)
            return moved

        given = taken(tokens, out)
        with into(out, given) as window:
            return outcome.told(self._ground.door.read(KEY_REWRAP, self._target, body, given))

    def _move(
        self, call: Call, records: Records, tokens: Given, context: bytes, window: memoryview | None
    ) -> tuple[Given, list[int]]:
        if not isinstance(tokens, Packed):
            return self._move_list(call, records, tokens, context)
        keys, key, prefix = self._moving(call, records)
        return face.rewrap_many(keys, token.PREFIX_LEN, token.KEY_ID, key, prefix, tokens, context, window)

    def _move_list(
        self, call: Call, records: Records, tokens: list[bytes], context: bytes | list[bytes]
    ) -> tuple[list[bytes], list[int]]:
        """Return the tokens under the version in use, empty where one did not open, and the indexes of those.

        A list of contexts has one for each.
        """
        keys, key, prefix = self._moving(call, records)
        return lists.rewrap_list(keys, token.PREFIX_LEN, token.KEY_ID, key, prefix, tokens, context)

    def _moving(self, call: Call, records: Records) -> tuple[Callable[[bytes], XaesKey], XaesKey, bytes]:
        """Return what finds the key of a token, the key it is moved to, and how it begins then."""
        _, version_id, loaded = self._keys.find(call, records, self._name, self._version, "encrypt")
        return self._keys_of_tokens(call, records), loaded.seals, token.prefix(version_id)

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
