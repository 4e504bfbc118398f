"""Envelope encryption: data keys made, opened and moved under one key, one or many at a time.

Relies on `wrapping`. Promises: every call, of one or of many, is one authorised and journalled operation; what the data
keys then do is none, and is refused when the key that wrapped them is (see `DataKey`).
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable
from typing import Final, overload

from localvault.calls import Call
from localvault.crypto.batches import Given, Items, Outcome, taken
from localvault.crypto.datakey import DataKey
from localvault.crypto.held import Origin
from localvault.crypto.use import KeyUse
from localvault.crypto.wrapping import Find, Opened, move, open_all, wrap, xaes_keys
from localvault.errors import BadParameter, DecryptionFailed
from localvault.lifecycle.loaded import Loaded
from localvault.model.packed import Packed
from localvault.native import face, lists
from localvault.native.memory import Locked
from localvault.operations import DATA_KEY_REWRAP, KEY_UNWRAP, KEY_WRAP
from localvault.records import Records
from localvault.sealing import datakey
from localvault.sealing.token import KEY_ID, PREFIX_LEN

FORM: Final[dict[str, object]] = {"form": "data key"}


class EnvelopeVerbs(KeyUse):
    """Make, open and move data keys with one oct or RSA key."""

    def data_key(self, *, size: int = 256, context: bytes = b"", algorithm: str | None = None) -> DataKey:
        """Make a key for data: to be used here and now, and kept wrapped (`.wrapped`) beside the data.

        Args:
            size: bits: 128, 192 or 256.
            context: authenticated but not kept; `open_data_key` needs the same (a tenant's name, a file's path).
            algorithm: an oct key seals the data key (`XAES-256-GCM`) unless told to wrap it (`A{128,192,256}KW`, by its
                own size); an RSA key encrypts it by `RSA-OAEP-256` or, if told so, `RSA-OAEP`. All but the first
                are the verbs' own too: who may `unwrap_key` gets such a data key's bytes out of its wrapped form, with
                neither context nor `export`, as another implementation is to be able to.

        Raises:
            BadParameter: no such size, an algorithm the key does not have, or not a name a key can have.
            KeyNotFound, KeyDisabled, KeyExpired, KeyNotYetValid, KeyOperationForbidden: the key may not wrap.
        """
        return self.data_keys(1, size=size, context=context, algorithm=algorithm)[0]

    def data_keys(
        self, count: int, *, size: int = 256, context: bytes = b"", algorithm: str | None = None
    ) -> list[DataKey]:
        """Make many data keys as one operation. Arguments as for `data_key`.

        Raises:
            BadParameter: a negative count, or as for `data_key`.
            KeyNotFound, KeyDisabled, KeyExpired, KeyNotYetValid, KeyOperationForbidden: the key may not wrap.
        """

        def body(call: Call, records: Records) -> list[DataKey]:
            _, version_id, loaded = self._keys.find(call, records, self._name, self._version, "wrapKey")
            call.count, call.details = count, FORM | {"algorithm": algorithm}
            if count < 0 or size not in datakey.SIZES:
                raise BadParameter(
                    f"a data key has {', '.join(map(str, datakey.SIZES))} bits, and there are 0 or more of them"
                )
            suite = datakey.suite_of(algorithm, loaded.material.kty, loaded.material.size)
            if algorithm is None:
                call.details["algorithm"] = datakey.algorithm_of(suite, loaded.material.size)
            return self._made(version_id, loaded, suite, count, size // 8, context)

        return self._ground.door.read(KEY_WRAP, self._target, body)

    def open_data_key(self, wrapped: bytes, context: bytes = b"") -> DataKey:
        """Open a wrapped data key under the version of the key it names.

        Raises:
            DecryptionFailed: not a data key of this key, another context, or altered.
            NewerFormat: wrapped by a newer localvault.
            KeyNotFound, KeyDisabled, KeyOperationForbidden: the version may not unwrap.
            BadParameter: not a name a key can have.
        """
        return self.open_data_keys((wrapped,), context)[0]

    @overload
    def open_data_keys(
        self, wrapped_keys: Items, context: bytes = b"", *, failed: None = None
    ) -> list[DataKey]: ...
    @overload
    def open_data_keys(
        self, wrapped_keys: Items, context: bytes = b"", *, failed: list[int]
    ) -> list[DataKey | None]: ...
    def open_data_keys(
        self, wrapped_keys: Items, context: bytes = b"", *, failed: list[int] | None = None
    ) -> list[DataKey] | list[DataKey | None]:
        """Open many data keys, of whatever versions, as one operation: all or an error; with `failed`, those that open.

        Args:
            wrapped_keys: what data keys had as `.wrapped`.
            context: the one they were made with.
            failed: a list to which the index of every data key that does not open is added; None stands in its place.

        Raises:
            DecryptionFailed, NewerFormat: as for `open_data_key`; not if there is `failed`.
            KeyNotFound, KeyDisabled, KeyOperationForbidden: as for `open_data_key`; they end the call in any case.
            BadParameter: not a name a key can have.
        """
        packed = wrapped_keys if isinstance(wrapped_keys, Packed) else Packed.of(wrapped_keys)
        outcome = Outcome(failed)

        def body(call: Call, records: Records) -> list[DataKey | None]:
            call.count, call.details = len(packed), dict(FORM)
            opened = open_all(self._versions(call, records, "unwrapKey"), packed, context)
            if outcome.is_error(call, opened.wrong):
                opened.memory.wipe()
                raise _not_opened(packed, opened.wrong)
            return self._handles(packed, opened)

        return outcome.told(self._ground.door.read(KEY_UNWRAP, self._target, body))

    @overload
    def rewrap_data_keys(
        self, wrapped_keys: Packed, context: bytes = b"", *, failed: list[int] | None = None
    ) -> Packed: ...
    @overload
    def rewrap_data_keys(
        self, wrapped_keys: Iterable[bytes], context: bytes = b"", *, failed: list[int] | None = None
    ) -> list[bytes]: ...
    def rewrap_data_keys(
        self, wrapped_keys: Items, context: bytes = b"", *, failed: list[int] | None = None
    ) -> Packed | list[bytes]:
        """Move many wrapped data keys to the current version, as one operation: all or an error; or those that open.

        The data keys stay what they are, and so does all they sealed. Each is wrapped again by the algorithm it was
        wrapped by, if the current version has that. Of those that an oct key sealed nothing becomes a Python object.

        Args:
            wrapped_keys: what data keys had as `.wrapped`; `Packed` in, `Packed` out, anything else in, a list out.
            context: the one they were made with; it stays.
            failed: as for `open_data_keys`; an empty item in place of a data key that did not open.

        Raises:
            DecryptionFailed, NewerFormat: as for `open_data_key`; not if there is `failed`.
            KeyNotFound, KeyDisabled, KeyExpired, KeyNotYetValid, KeyOperationForbidden: a version may not.
            BadParameter: not a name a key can have.
        """
        outcome = Outcome(failed)

        def body(call: Call, records: Records, given: Given) -> Given:
            call.count, call.details = len(given), dict(FORM)
            moved, wrong = self._move_keys(call, records, given, context)
            if outcome.is_error(call, wrong):
                raise _not_opened(given, wrong)
            return moved

        given = taken(wrapped_keys, None)
        return outcome.told(self._ground.door.read(DATA_KEY_REWRAP, self._target, body, given))

    def _made(
        self, version_id: bytes, loaded: Loaded, suite: int, count: int, size: int, context: bytes
    ) -> list[DataKey]:
        memory = Locked.random(count * size)
        self._keys.hold(memory)
        ends = array("q", range(0, count * size + 1, size))
        wrapped = wrap(loaded, version_id, suite, Packed.trusted(memory.view(), ends), context).to_list()
        origin = self._origin(version_id)
        return [DataKey(origin, item, memory, (at, size)) for item, at in zip(wrapped, ends, strict=False)]

    def _handles(self, wrapped: Packed, opened: Opened) -> list[DataKey | None]:
        self._keys.hold(opened.memory)
        origins: dict[bytes, Origin] = {}
        handles: list[DataKey | None] = []
        for item, place in zip(wrapped.to_list(), opened.places, strict=True):
            if not place.size:
                handles.append(None)
                continue
            version_id = item[KEY_ID]
            origin = origins.get(version_id)
            if origin is None:
                origin = origins[version_id] = self._origin(version_id)
            handles.append(DataKey(origin, item, opened.memory, place))
        return handles

    def _move_data_keys(
        self, call: Call, records: Records, wrapped: list[bytes], context: bytes | list[bytes]
    ) -> tuple[list[bytes], list[int]]:
        """Return the data keys under the version in use, empty where one did not open, and the indexes of those.

        A list of contexts has one for each.
        """
        find, target, version_id, prefix = self._moving_keys(call, records)
        keys = xaes_keys(find)
        if prefix is None:
            moved, rest = [b""] * len(wrapped), list(range(len(wrapped)))
        else:
            moved, rest = lists.rewrap_list(keys, PREFIX_LEN, KEY_ID, target.wraps, prefix, wrapped, context)
        # What the core did not open was wrapped by another algorithm, or is wrong.
        for own, alike in _by_context(rest, context).items():
            others = move(find, target, version_id, Packed.of([wrapped[index] for index in alike]), own)
            for index, item in zip(alike, others, strict=True):
                moved[index] = item
        return moved, [index for index in rest if not moved[index]]

    def _move_keys(
        self, call: Call, records: Records, wrapped: Given, context: bytes
    ) -> tuple[Given, list[int]]:
        """As `_move_data_keys`; those of a `Packed` in one buffer where the core opened all."""
        if not isinstance(wrapped, Packed):
            return self._move_data_keys(call, records, wrapped, context)
        find, target, _, prefix = self._moving_keys(call, records)
        if prefix is not None:
            moved, rest = face.rewrap_many(
                xaes_keys(find), PREFIX_LEN, KEY_ID, target.wraps, prefix, wrapped, context
            )
            if not rest:
                return moved, rest
        listed, wrong = self._move_data_keys(call, records, wrapped.to_list(), context)
        return Packed.of(listed), wrong

    def _moving_keys(self, call: Call, records: Records) -> tuple[Find, Loaded, bytes, bytes | None]:
        """Return what finds a version, the one in use, its id, and how what it seals begins, None if it cannot."""
        _, version_id, target = self._keys.find(call, records, self._name, self._version, "wrapKey")
        prefix = datakey.prefix(datakey.XAES_256_GCM, version_id) if target.material.kty == "oct" else None
        return self._versions(call, records, "unwrapKey"), target, version_id, prefix

    def _versions(self, call: Call, records: Records, operation: str) -> Find:
        """Return what finds the version with an id; all in this call's one snapshot.

        Raises:
            BadParameter, KeyNotFound: no such key, which a call without data keys is told too.
        """
        self._keys.require(records, self._name)
        return lambda version_id: self._keys.of_token(records, self._name, version_id, operation, call.now)

    def _origin(self, version_id: bytes) -> Origin:
        return Origin(self._ground, self._keys, self._name, self._target, version_id)


def _by_context(indexes: list[int], context: bytes | list[bytes]) -> dict[bytes, list[int]]:
    """Return the indexes, by the context that each has."""
    if not isinstance(context, list):
        return {context: indexes} if indexes else {}
    groups: dict[bytes, list[int]] = defaultdict(list)
    for index in indexes:
        groups[context[index]].append(index)
    return groups


def _not_opened(wrapped: Given, wrong: list[int]) -> DecryptionFailed:
    # A data key of a newer format fails like any other; only it deserves another sentence.
    datakey.parse(bytes(wrapped[wrong[0]]))
    which = f"{len(wrong)} of {len(wrapped)} data keys do not open, the first is number {wrong[0]}"
    one = "the data key does not open: another key, another context or altered bytes"
    return DecryptionFailed(one if len(wrapped) == 1 else which)
