"""A data key: what encrypts data itself, wrapped under a key of the vault and used without asking for that key again.

Relies on `held` for its bytes and the state of the key that wrapped it, and on `native` for sealing. Promises: no data
goes through the vault and none of it is journalled, but every use looks first whether the key that wrapped it still
allows it, in the vault as it is then: disabled, deleted or purged by any process, it stops all of them at their next
call. The data key's bytes leave locked memory by `export` alone.

What it makes are tokens and sealed files like those of a key of the vault (docs/format.md, sections 5 and 10), which
name the data key where those name a version.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, overload

from localvault.crypto.batches import Items, Outcome, into, open_all, seal_all, taken
from localvault.crypto.files import Progress, check_target, open_to, seal_to, writing
from localvault.crypto.held import HeldKey
from localvault.crypto.source import Place, Readable, reading
from localvault.crypto.target import Writable
from localvault.errors import DecryptionFailed
from localvault.model.key_access import KeyAccess
from localvault.model.packed import Packed
from localvault.operations import DATA_KEY_EXPORT
from localvault.sealing import token as form
from localvault.sealing.filehead import FileHeader

if TYPE_CHECKING:
    from typing_extensions import Buffer

_NOT_OPENED = "the token does not open: another data key, another context or altered bytes"


class DataKey(HeldKey):
    """A key for data, made by `crypto.data_key()` or opened by `crypto.open_data_key(wrapped)`; a context manager.

    It opens while the version that wrapped it may unwrap, and seals while that may wrap. Several threads may share it.
    Whatever it is asked may end with `VaultClosed` after `close()`, or after that of the vault.
    """

    __slots__ = ()

    def seal(self, plaintext: bytes, context: bytes = b"") -> bytes:
        """Seal a message into a token, 58 bytes longer, that this data key opens.

        Args:
            plaintext: up to 2 GiB.
            context: authenticated but not stored; `open` needs the same.

        Raises:
            KeyNotFound, KeyDisabled, KeyExpired, KeyNotYetValid, KeyOperationForbidden: the key that wrapped it may
                not wrap (any more).
            AccessDenied: the principal may not wrap with it.
            VaultClosed: the data key or its vault has been closed.
        """
        key, prefix = self._sealing()
        return form.seal(key, prefix, plaintext, context)

    def open(self, token: bytes, context: bytes = b"") -> bytes:
        """Open a token that this data key sealed.

        Raises:
            DecryptionFailed: not a token of this data key, another context, or altered.
            NewerFormat: a token made by a newer localvault.
            KeyNotFound, KeyDisabled, KeyOperationForbidden: the key that wrapped it may not unwrap (any more).
            AccessDenied: the principal may not unwrap with it.
            VaultClosed: the data key or its vault has been closed.
        """
        sealed = bytes(token)
        find = self._opening()
        try:
            return form.open_with(find(form.parse(sealed)), sealed, context)
        except DecryptionFailed:
            raise DecryptionFailed(_NOT_OPENED) from None

    @overload
    def seal_many(self, items: Packed, context: bytes = b"", *, out: Buffer | None = None) -> Packed: ...
    @overload
    def seal_many(self, items: Iterable[bytes], context: bytes = b"") -> list[bytes]: ...
    def seal_many(
        self, items: Items, context: bytes = b"", *, out: Buffer | None = None
    ) -> Packed | list[bytes]:
        """Seal many messages: `Packed` in, `Packed` out; anything else in, a list out.

        Args:
            items: the messages, each up to 2 GiB.
            context: as for `seal`, the same for all.
            out: as for `Crypto.seal_many`.

        Raises:
            BadParameter: `out` cannot be used.
            KeyNotFound, KeyDisabled, KeyExpired, KeyNotYetValid, KeyOperationForbidden: as for `seal`.
            AccessDenied, VaultClosed: as for `seal`.
        """
        given = taken(items, out)
        with into(out, given, form.OVERHEAD) as window:
            key, prefix = self._sealing()
            return seal_all(key, prefix, given, context, window)

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
        """Open many tokens: all or an error; with `failed`, those that open.

        Args:
            tokens: what this data key sealed.
            context: the one they were sealed with.
            out: as for `Crypto.open_many`.
            failed: as for `Crypto.open_many`.

        Raises:
            DecryptionFailed, NewerFormat: as for `open`; not if there is `failed`.
            BadParameter: `out` cannot be used.
            KeyNotFound, KeyDisabled, KeyOperationForbidden: as for `open`; they end the call in any case.
            AccessDenied, VaultClosed: as for `open`.
        """
        outcome, given = Outcome(failed), taken(tokens, out)
        with into(out, given) as window:
            opened, wrong = open_all(self._opening(), given, context, window)
            outcome.note(None, wrong, given, opened)
        return outcome.told(opened)

    def seal_file(
        self,
        source: Place | Readable,
        target: Place | Writable,
        *,
        context: bytes = b"",
        progress: Progress | None = None,
        replace: bool = False,
    ) -> int:
        """Seal a file of any length into one that this data key opens; returns its bytes. As `Crypto.seal_file`.

        Raises:
            BadParameter, StoreFull, VaultError: as for `Crypto.seal_file`.
            KeyNotFound, KeyDisabled, KeyExpired, KeyNotYetValid, KeyOperationForbidden: as for `seal`.
            AccessDenied, VaultClosed: as for `seal`.
        """
        self._may_seal()
        key, told = self._file_key(), {"bytes": 0}
        with reading(source) as plain, writing(target, self._origin.folder, replace=replace) as sealed:
            seal_to(key, FileHeader.new(self._own_id()), context, plain, sealed, progress, told)
            sealed.complete()
            sealed.appear()
        return told["bytes"]

    def open_file(
        self,
        source: Place | Readable,
        target: Place,
        *,
        context: bytes = b"",
        progress: Progress | None = None,
        replace: bool = False,
    ) -> int:
        """Open a sealed file into a new file; returns how many bytes that has. As `Crypto.open_file`.

        Raises:
            DecryptionFailed, NewerFormat: not a sealed file of this data key, another context, altered or cut short.
            BadParameter, StoreFull, VaultError: as for `Crypto.open_file`.
            KeyNotFound, KeyDisabled, KeyOperationForbidden: as for `open`.
            AccessDenied, VaultClosed: as for `open`.
        """
        check_target(target)
        self._may_open()
        told = {"bytes": 0}
        with reading(source) as sealed, writing(target, self._origin.folder, replace=replace) as plain:
            open_to(self._find_file_key, context, sealed, plain, progress, told)
            plain.complete()
            plain.appear()
        return told["bytes"]

    def export(self, *, access: KeyAccess) -> bytes:
        """Hand out the data key itself, for an engine that does its own encryption; journalled each time.

        What was handed out is out of the vault's hands: disabling the key stops nobody who has it.

        Args:
            access: `localvault.model.key_access.KEY_ACCESS`: whoever passes it has said that key material leaves.

        Raises:
            KeyNotFound, KeyDisabled, KeyOperationForbidden: as for `open`.
            AccessDenied: the principal may not have data keys handed out.
            VaultClosed: the data key or its vault has been closed.
        """
        if not isinstance(access, KeyAccess):
            raise TypeError("export needs localvault.model.key_access.KEY_ACCESS")
        return self._origin.read(DATA_KEY_EXPORT, "unwrapKey", lambda: bytes(self._secret()))
